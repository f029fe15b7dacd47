"use client";

import { useEffect, useState } from "react";
import { get, post } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import { connection } from "@/api/socket";
import type { DeadLetter } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { isKey, type Translate, TUTORS_LANGUAGE, useDates, useTranslate } from "@/i18n";
import { agentName } from "@/workspace/agents";

/** Whether everything is well, and what to do when it is not. */
export default function Page() {
  const t = useTranslate();
  const { ago, when } = useDates();
  const agents = useResource("/api/operator/agents");
  const lag = useResource("/api/operator/lag");
  const budget = useResource("/api/operator/budget");
  const { reload } = agents;
  useEffect(() => {
    const socket = connection();
    socket.on("agent-status", reload);
    return () => { socket.off("agent-status", reload); };
  }, [reload]);
  const dollars = (micros: number) => `$${(micros / 1e6).toFixed(2)}`;
  return (
    <div className="page">
      <h1>{t("nav.operator")}</h1>
      <section className="card" aria-labelledby="agents">
        <h2 id="agents">{t("operator.agents")}</h2>
        <Loaded from={agents}>{({ agents: all }) => (
          <div className="table-scroll" tabIndex={0} role="group" aria-labelledby="agents"><table>
            <thead><tr>{(["agent", "status", "waiting", "answered", "failed", "p50", "p95", "last"] as const).map((key) => <th key={key} scope="col">{t(`operator.${key}`)}</th>)}</tr></thead>
            <tbody>{all.map((one) => <tr key={one.agent}><th scope="row">{agentName(one.agent, t)}</th><td><span className="chip">{t(`status.${one.status}`)}</span></td><td>{one.waiting}</td><td>{one.answered_hour}</td><td>{one.failed_hour}</td><td>{one.p50_ms ?? "–"}</td><td>{one.p95_ms ?? "–"}</td><td>{one.last_answer_at ? ago(one.last_answer_at) : "–"}</td></tr>)}</tbody>
          </table></div>
        )}</Loaded>
      </section>
      <div className="columns">
        <section className="card" aria-labelledby="lag">
          <h2 id="lag">{t("operator.lag")}</h2>
          <Loaded from={lag}>{({ groups, turns }) => (
            <>
              <p>{t("operator.turns", { received: turns.received, routed: turns.routed, oldest: turns.oldest_waiting_s ?? 0 })}</p>
              <div className="table-scroll" tabIndex={0} role="group" aria-labelledby="lag"><table><tbody>{groups.map((one) => <tr key={one.group + one.topic}><th scope="row">{one.group}<br /><span className="muted small">{one.topic}</span></th><td>{one.lag}</td></tr>)}</tbody></table></div>
            </>
          )}</Loaded>
        </section>
        <section className="card" aria-labelledby="budget">
          <h2 id="budget">{t("operator.budget")}</h2>
          <Loaded from={budget}>{({ site, today, month, by_agent, breakers, cache }) => (
            <>
              {site && <p data-testid="site-budget">{t("operator.site", { remaining: dollars(site.remaining_micros), limit: dollars(site.limit_micros), at: when(site.resets_at) })}</p>}
              <dl className="stats"><div><dt>{t("operator.today")}</dt><dd>{dollars(today.cost_micros)}</dd></div><div><dt>{t("operator.month")}</dt><dd>{dollars(month.cost_micros)}</dd></div><div><dt>{t("operator.cache")}</dt><dd>{cache.hits}</dd></div></dl>
              {by_agent.length === 0 && <p className="muted">{t("operator.budget.none")}</p>}
              <table><tbody>{by_agent.map((one) => <tr key={one.agent}><th scope="row">{agentName(one.agent, t)}</th><td>{t("operator.tokens", { n: one.input_tokens + one.output_tokens })}</td><td>{dollars(one.cost_micros)}</td></tr>)}
                {breakers.map((one) => <tr key={one.name}><th scope="row">{one.name}</th><td colSpan={2}><span className="chip">{breakerState(one.state, t)}</span></td></tr>)}</tbody></table>
            </>
          )}</Loaded>
        </section>
      </div>
      <DeadLetters />
    </div>
  );
}

function breakerState(state: string, t: Translate): string {
  const key = `breaker.${state}`;
  return isKey(key) ? t(key) : state;
}

function DeadLetters() {
  const t = useTranslate();
  const { when } = useDates();
  const [q, setQ] = useState("");
  const [open, setOpen] = useState(true);
  const [problem, setProblem] = useState<string | null>(null);
  const letters = useResource("/api/operator/dead-letters", { q, open });
  const first = letters.data;
  // The pages after a first one; they are gone when that is loaded again.
  const [loaded, setLoaded] = useState<{ first: typeof first; letters: DeadLetter[]; next: string | null }>({ first: null, letters: [], next: null });
  const older = loaded.first === first ? loaded : { first, letters: [], next: first?.next ?? null };
  const more = () => {
    get("/api/operator/dead-letters", { q, open, before: older.next }).then(
      (page) => setLoaded({ first, letters: [...older.letters, ...page.dead_letters], next: page.next }),
      (error: unknown) => setProblem(sentenceOf(error)),
    );
  };
  const replay = (id: string) => { post("/api/operator/dead-letters/{id}/replay", undefined, { id }).then(() => { setProblem(null); letters.reload(); }, (error: unknown) => setProblem(sentenceOf(error))); };
  return (
    <section className="card" aria-labelledby="letters">
      <h2 id="letters">{t("operator.letters")}</h2>
      <div className="filters"><input type="search" aria-label={t("search")} placeholder={t("search")} value={q} onChange={(event) => setQ(event.target.value)} /><label className="check"><input type="checkbox" checked={open} onChange={(event) => setOpen(event.target.checked)} /> {t("operator.open")}</label></div>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <Loaded from={letters}>{({ dead_letters: all }) => (all.length === 0 ? <p className="muted">{t("operator.none")}</p> : (
        <ul className="next-list">
          {[...all, ...older.letters].map((one) => (
            <li key={one.dead_letter_id}>
              <details><summary><code>{one.event_type}</code> → {one.destination} <span className="chip">{one.error_code ?? "–"}</span> <span className="muted small">{when(one.created_at)}</span></summary><pre tabIndex={0}>{one.error_data}{"\n"}{JSON.stringify(one.event, null, 2)}</pre>{one.student_saw && <p>{t("operator.saw")} <span lang={TUTORS_LANGUAGE}>{one.student_saw}</span></p>}</details>
              {one.replayed_at ? <span className="muted small">{t("operator.replayed")}</span> : <button type="button" className="button" onClick={() => replay(one.dead_letter_id)}>{t("operator.replay")}</button>}
            </li>
          ))}
        </ul>
      ))}</Loaded>
      {older.next && <button type="button" className="button" onClick={more}>{t("more")}</button>}
    </section>
  );
}
