"use client";

import { useState } from "react";
import { sentenceOf } from "@/api/problem";
import { Icon } from "@/components/icons";
import { LazyMarkdown } from "@/components/LazyMarkdown";
import type { Finding } from "@/editor/marks";
import type { Answer, Turn } from "@/generated/api";
import { isKey, TUTORS_LANGUAGE, useDates, useTranslate } from "@/i18n";
import { agentName } from "./agents";
import { rate, useConversation } from "./conversation";
import { openExercise } from "./exercise";
import { load, showFindings } from "./program";

/** A question and its answer. */
export function Message({ turn, newest }: { turn: Turn; newest: boolean }) {
  const t = useTranslate();
  const { when } = useDates();
  const partial = useConversation((state) => state.partial[turn.query_id]?.text);
  const agent = turn.answer?.agent_name ?? turn.routing?.target_agent ?? "triage";
  const { code, query_text } = turn.query;
  return (
    <article className="turn" aria-label={t("chat.turn", { n: turn.seq })}>
      <div className="question">
        <p>{query_text}</p>
        {code && (
          <details className="question-code">
            <summary>{t("chat.with-code", { n: code.trimEnd().split("\n").length })}</summary>
            <pre tabIndex={0}>{code}</pre>
            <button type="button" className="link" onClick={() => load(code)}>
              {t("code.open")}
            </button>
          </details>
        )}
      </div>
      <div className="answer">
        <p className="answer-who">
          <span className={`agent-dot agent-${agent}`} aria-hidden="true" />
          <strong>{agentName(agent === "out-of-scope" ? "triage" : agent, t)}</strong>
          {turn.answer?.answered_by && (
            <span className="chip" title={turn.answer.reasoning ?? undefined}>
              {by(turn.answer.answered_by, t)}
            </span>
          )}
          <time dateTime={turn.created_at} className="muted small">
            {when(turn.created_at)}
          </time>
        </p>
        {turn.answer ? (
          <div data-testid={newest ? "response-text" : undefined}>
            <LazyMarkdown text={turn.answer.response_text} lang={TUTORS_LANGUAGE} />
          </div>
        ) : turn.failure ? (
          <p className="problem" data-testid={newest ? "response-text" : undefined}>
            <span lang={TUTORS_LANGUAGE}>{turn.failure.message}</span>
            {turn.failure.dead_letter_id && <span className="muted small"> {turn.failure.dead_letter_id}</span>}
          </p>
        ) : partial ? (
          <div className="is-writing" data-testid={newest ? "response-text" : undefined} aria-busy="true">
            <LazyMarkdown text={partial} runnable={false} lang={TUTORS_LANGUAGE} />
          </div>
        ) : (
          <p className="thinking" aria-label={t("chat.thinking")}>
            <span />
            <span />
            <span />
          </p>
        )}
        {turn.answer && <Extras answer={turn.answer} code={code ?? null} />}
        {turn.follow_up && (
          <details className="follow-up" open>
            <summary>{t("chat.follow-up", { agent: agentName(turn.follow_up.agent_name, t) })}</summary>
            <LazyMarkdown text={turn.follow_up.response_text} lang={TUTORS_LANGUAGE} />
          </details>
        )}
        {turn.answer && <Thumbs turn={turn} />}
      </div>
    </article>
  );
}

function by(answeredBy: string, t: ReturnType<typeof useTranslate>): string {
  const key = `by.${answeredBy}`;
  return isKey(key) ? t(key) : answeredBy;
}

/** What can be done with an answer beyond reading it. */
function Extras({ answer, code }: { answer: Answer; code: string | null }) {
  const t = useTranslate();
  const evidence = answer.evidence ?? {};
  const exerciseId = typeof evidence.exercise_id === "string" ? evidence.exercise_id : null;
  const findings = Array.isArray(evidence.findings) ? (evidence.findings as Finding[]) : [];
  if (!exerciseId && findings.length === 0) return null;
  return (
    <div className="row wrap">
      {exerciseId && (
        <button type="button" className="button" onClick={() => void openExercise(exerciseId)}>
          <Icon name="exercise" /> {t("exercise.open")}
        </button>
      )}
      {findings.length > 0 && code && (
        <button
          type="button"
          className="button"
          onClick={() => {
            load(code);
            showFindings(findings, typeof evidence.praise === "string" ? evidence.praise : null);
          }}
        >
          <Icon name="review" /> {t("review.show", { n: findings.length })}
        </button>
      )}
    </div>
  );
}

function Thumbs({ turn }: { turn: Turn }) {
  const t = useTranslate();
  const [problem, setProblem] = useState<string | null>(null);
  const vote = (helpful: boolean) => {
    setProblem(null);
    rate(turn.query_id, helpful).catch((error: unknown) => setProblem(sentenceOf(error)));
  };
  return (
    <div className="thumbs">
      <button
        type="button"
        className="icon-button"
        aria-label={t("chat.helpful")}
        title={t("chat.helpful")}
        aria-pressed={turn.feedback?.helpful === true}
        onClick={() => vote(true)}
      >
        <Icon name="up" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t("chat.unhelpful")}
        title={t("chat.unhelpful")}
        aria-pressed={turn.feedback?.helpful === false}
        onClick={() => vote(false)}
      >
        <Icon name="down" />
      </button>
      {problem && (
        <span className="problem small" role="alert">
          {problem}
        </span>
      )}
    </div>
  );
}
