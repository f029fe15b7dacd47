"use client";

import Link from "next/link";
import { useEffect, useState } from "react";
import { post } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import type { Alert, Class } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { isKey, TUTORS_LANGUAGE, useDates, useTranslate } from "@/i18n";
import { countAlerts, useAlerts } from "@/teacher/alerts";
import { TeacherPage } from "@/teacher/class";
import { AttemptDetail, RunDetail, TurnDetail } from "@/teacher/Detail";

export default function Page() {
  const t = useTranslate();
  const classes = useResource("/api/classes");
  return <TeacherPage title={t("teacher.alerts")}><Loaded from={classes}>{({ classes: all }) => <Alerts classes={all.filter((one) => one.role === "teacher")} />}</Loaded></TeacherPage>;
}

/** Whose alerts: everybody's whom one looks after, a class's, or those of the students who are in none. */
type Whose = "everybody" | "no-class" | (string & {});

/** Alerts as they come: an event only says that there is one, the list is what the gateway knows. */
function Alerts({ classes }: { classes: Class[] }) {
  const t = useTranslate();
  const [state, setState] = useState<"open" | "resolved">("open");
  const [whose, setWhose] = useState<Whose>("everybody");
  const alerts = useResource("/api/instructor/alerts", { state, ...(classes.some((one) => one.class_id === whose) ? { class_id: whose } : {}) });
  const { reload } = alerts;
  const news = useAlerts((state) => state.news);
  useEffect(reload, [news, reload]);
  return (
    <>
      <div className="row wrap">
        <select aria-label={t("alert.whose")} value={whose} onChange={(event) => setWhose(event.target.value)}>
          <option value="everybody">{t("alert.everybody")}</option>
          {classes.map((one) => <option key={one.class_id} value={one.class_id}>{one.name}</option>)}
          <option value="no-class">{t("alert.no-class")}</option>
        </select>
        <div className="row" role="group" aria-label={t("alert.which")}>
          {(["open", "resolved"] as const).map((which) => <button key={which} type="button" className="button" aria-pressed={state === which} onClick={() => setState(which)}>{t(`alert.${which}`)}</button>)}
        </div>
      </div>
      <div aria-live="polite" className="found" data-testid="alerts">
        <Loaded from={alerts}>{({ alerts: all }) => {
          const shown = whose === "no-class" ? all.filter((alert) => alert.classes.length === 0) : all;
          return shown.length === 0 ? <p className="card muted">{t("alert.none")}</p> : shown.map((alert) => <OneAlert key={alert.alert_id} alert={alert} />);
        }}</Loaded>
      </div>
    </>
  );
}

function OneAlert({ alert }: { alert: Alert }) {
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
        <span className="chip">{alert.topic_title}</span> <span className="chip">{isKey(cause) ? t(cause) : alert.cause}</span> <span className="muted small">{alert.classes.join(", ") || t("alert.no-class")} · {ago(alert.created_at)}</span>
      </header>
      <p lang={TUTORS_LANGUAGE}>{alert.context}</p>
      <p className="muted" lang={TUTORS_LANGUAGE}>{alert.recommendation}</p>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <div className="row wrap">
        <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>{t("alert.evidence")}</button>
        {!alert.resolved_at && <button type="button" className="primary" onClick={() => { post("/api/instructor/alerts/{id}/resolve", {}, { id: alert.alert_id }).then(countAlerts, (error: unknown) => setProblem(sentenceOf(error))); }}>{t("alert.resolve")}</button>}
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
