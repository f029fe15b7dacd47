"use client";

import Link from "next/link";
import { useEffect, useState } from "react";
import { post } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import { ask, connection } from "@/api/socket";
import type { Alert, Class } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { isKey, useDates, useTranslate } from "@/i18n";
import { ClassPage } from "@/teacher/class";
import { AttemptDetail, RunDetail, TurnDetail } from "@/teacher/Detail";

export default function Page() {
  const t = useTranslate();
  return <ClassPage title={t("teacher.alerts")}>{(chosen) => <Alerts key={chosen.class_id} chosen={chosen} />}</ClassPage>;
}

/** Alerts as they come: an event only says that there is one, the list is what the gateway knows. */
function Alerts({ chosen }: { chosen: Class }) {
  const t = useTranslate();
  const [state, setState] = useState<"open" | "resolved">("open");
  const alerts = useResource("/api/instructor/alerts", { class_id: chosen.class_id, state });
  const { reload } = alerts;
  useEffect(() => {
    const socket = connection();
    const join = () => void ask("join-class", chosen.class_id).catch(() => ask("join-instructors")).then(reload, () => undefined);
    socket.on("connect", join);
    if (socket.connected) join();
    socket.on("student-struggle", reload);
    // A colleague may have resolved one meanwhile; there is no event for that.
    window.addEventListener("focus", reload);
    return () => { socket.off("connect", join); socket.off("student-struggle", reload); window.removeEventListener("focus", reload); };
  }, [chosen.class_id, reload]);
  return (
    <>
      <div className="row" role="group" aria-label={t("alert.which")}>
        {(["open", "resolved"] as const).map((which) => <button key={which} type="button" className="button" aria-pressed={state === which} onClick={() => setState(which)}>{t(`alert.${which}`)}</button>)}
      </div>
      <div aria-live="polite" className="found" data-testid="alerts">
        <Loaded from={alerts}>{({ alerts: all }) => (all.length === 0 ? <p className="card muted">{t("alert.none")}</p> : all.map((alert) => <OneAlert key={alert.alert_id} alert={alert} onResolved={reload} />))}</Loaded>
      </div>
    </>
  );
}

function OneAlert({ alert, onResolved }: { alert: Alert; onResolved: () => void }) {
  const t = useTranslate();
  const { ago } = useDates();
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const evidence = useResource(open ? "/api/instructor/alerts/{id}" : null, { id: alert.alert_id });
  const cause = `cause.${alert.cause}`;
  return (
    <article className={`card alert-card is-${alert.level}`} data-testid="alert">
      <header>
        <h2><Link href={`/teacher/student?id=${encodeURIComponent(alert.student_id)}`}>{alert.name}</Link></h2>
        <span className="chip">{alert.topic_title}</span> <span className="chip">{isKey(cause) ? t(cause) : alert.cause}</span> <span className="muted small">{ago(alert.created_at)}</span>
      </header>
      <p>{alert.context}</p>
      <p className="muted">{alert.recommendation}</p>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <div className="row wrap">
        <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>{t("alert.evidence")}</button>
        {!alert.resolved_at && <button type="button" className="primary" onClick={() => { post("/api/instructor/alerts/{id}/resolve", {}, { id: alert.alert_id }).then(onResolved, (error: unknown) => setProblem(sentenceOf(error))); }}>{t("alert.resolve")}</button>}
      </div>
      {open && (
        <div className="evidence" data-testid="evidence">
          <Loaded from={evidence}>{({ evidence: { turns, runs, attempts } }) => (
            <>
              {turns.map((turn) => <TurnDetail key={turn.query_id} turn={turn} />)}
              {runs.map((run) => <RunDetail key={run.run_id} run={run} />)}
              {attempts.map((attempt) => <AttemptDetail key={attempt.attempt_id} attempt={attempt} />)}
            </>
          )}</Loaded>
        </div>
      )}
    </article>
  );
}
