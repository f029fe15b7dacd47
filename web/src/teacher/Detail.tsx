"use client";

import type { Attempt, Run, Turn } from "@/generated/api";
import { LazyMarkdown } from "@/components/LazyMarkdown";
import { agentName } from "@/workspace/agents";
import { TUTORS_LANGUAGE, useDates, useTranslate } from "@/i18n";

/** A message as a teacher reads it. */
export function TurnDetail({ turn }: { turn: Turn }) {
  const t = useTranslate();
  const { when } = useDates();
  return (
    <div className="detail">
      <p><strong>{turn.query.query_text}</strong> <span className="muted small">{when(turn.created_at)}</span></p>
      {turn.query.code && <pre tabIndex={0}>{turn.query.code}</pre>}
      {turn.answer && <details><summary>{agentName(turn.answer.agent_name ?? "", t)}</summary><LazyMarkdown text={turn.answer.response_text} runnable={false} lang={TUTORS_LANGUAGE} /></details>}
    </div>
  );
}

/** A run as a teacher reads it. */
export function RunDetail({ run }: { run: Run }) {
  const t = useTranslate();
  const { when } = useDates();
  return (
    <div className="detail">
      <p><span className="chip">{t(`outcome.${run.outcome}`)}</span> {run.error && <>{run.error.type}: {run.error.message}</>} <span className="muted small">{when(run.at)}</span></p>
      <pre tabIndex={0}>{run.code}</pre>
      {(run.stdout || run.stderr) && <pre tabIndex={0}>{run.stdout}{run.stderr}</pre>}
    </div>
  );
}

/** A submission as a teacher reads it. */
export function AttemptDetail({ attempt }: { attempt: Attempt }) {
  const t = useTranslate();
  const { when } = useDates();
  return (
    <div className="detail">
      <p><span className="chip">{attempt.exercise_id}</span> {t("exercise.tests", { passed: attempt.tests_passed, total: attempt.tests_total })} <span className="muted small">{when(attempt.at)}</span></p>
      <pre tabIndex={0}>{attempt.code}</pre>
    </div>
  );
}
