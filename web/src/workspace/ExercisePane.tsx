"use client";

import { useState } from "react";
import { useResource } from "@/api/resource";
import { Icon } from "@/components/icons";
import { LazyMarkdown } from "@/components/LazyMarkdown";
import { TUTORS_LANGUAGE, useDates, useTranslate } from "@/i18n";
import { closeExercise, handIn, openExercise, useWork } from "./exercise";
import { useOutbox } from "./outbox";
import { load } from "./program";

export function ExercisePane() {
  const { exercise, busy, problem } = useWork();
  return (
    <div className="exercise-pane">
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {exercise ? <Task key={exercise.exercise_id} /> : <List busy={busy} />}
    </div>
  );
}

function List({ busy }: { busy: boolean }) {
  const t = useTranslate();
  const [q, setQ] = useState("");
  const [state, setState] = useState("");
  const [difficulty, setDifficulty] = useState("");
  const { data, error } = useResource("/api/exercises", { q, state, difficulty });
  return (
    <>
      <h2>{t("exercise.all")}</h2>
      <div className="filters">
        <input type="search" aria-label={t("search")} placeholder={t("search")} value={q} onChange={(e) => setQ(e.target.value)} />
        <select aria-label={t("exercise.state")} value={state} onChange={(e) => setState(e.target.value)}>
          <option value="">{t("exercise.state")}</option>
          {(["new", "tried", "passed"] as const).map((s) => (
            <option key={s} value={s}>{t(`state.${s}`)}</option>
          ))}
        </select>
        <select aria-label={t("exercise.level")} value={difficulty} onChange={(e) => setDifficulty(e.target.value)}>
          <option value="">{t("exercise.level")}</option>
          {(["beginner", "intermediate", "advanced"] as const).map((d) => (
            <option key={d} value={d}>{t(`level.${d}`)}</option>
          ))}
        </select>
      </div>
      {error && <p className="problem">{error}</p>}
      <ul className="exercise-list">
        {data?.exercises.map((one) => (
          <li key={one.exercise_id}>
            <button type="button" disabled={busy} onClick={() => void openExercise(one.exercise_id)}>
              <span className={`state state-${one.state}`} aria-hidden="true">
                {one.state === "passed" && <Icon name="check" />}
              </span>
              <span>
                <strong lang={one.class_id ? undefined : TUTORS_LANGUAGE}>{one.title}</strong>
                <span className="muted small">
                  {t(`level.${one.difficulty}`)} · {one.topics.join(", ").replaceAll("-", " ")} · {t(`state.${one.state}`)}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {data?.exercises.length === 0 && <p className="muted">{t("exercise.none")}</p>}
    </>
  );
}

function Task() {
  const t = useTranslate();
  const { when } = useDates();
  const { exercise, verdict, busy } = useWork();
  const [opened, setOpened] = useState(0);
  const id = exercise?.exercise_id;
  const waits = useOutbox(({ messages }) => messages.some(({ query, state }) => state === "waiting" && query.route === "exercise" && query.exercise_id === id));
  if (!exercise) return null;
  // A class's own exercises are in whatever language its teacher writes.
  const lang = exercise.class_id ? undefined : TUTORS_LANGUAGE;
  return (
    <>
      <button type="button" className="link" onClick={closeExercise}>
        ← {t("exercise.all")}
      </button>
      <h2 lang={lang}>{exercise.title}</h2>
      <p className="muted small">
        {t(`level.${exercise.difficulty}`)} · {exercise.topics.join(", ").replaceAll("-", " ")}
      </p>
      <LazyMarkdown text={exercise.statement} lang={lang} />
      <div className="table-scroll">
        <table>
          <thead>
            <tr>
              <th>{exercise.tests.kind === "call" ? t("exercise.call") : t("exercise.input")}</th>
              <th>{t("exercise.gives")}</th>
            </tr>
          </thead>
          <tbody>
            {exercise.tests.shown.map(({ given, expected }) => (
              <tr key={given + expected}>
                <td><code>{given}</code></td>
                <td><code>{expected}</code></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="row wrap">
        <button type="button" className="primary" data-testid="hand-in" disabled={busy} onClick={() => void handIn()}>
          <Icon name="check" /> {busy ? t("exercise.checking") : t("exercise.hand-in")}
        </button>
        <button type="button" className="button" onClick={() => load(exercise.starter)}>{t("exercise.restart")}</button>
      </div>
      {waits && <p className="muted small" role="status" data-testid="hand-in-waits">{t("chat.waiting")}</p>}
      {verdict && (
        <div className={`verdict${verdict.passed ? " is-passed" : ""}`} role="status" data-testid="verdict">
          <p>
            <strong>{verdict.passed ? t("exercise.passed") : t("exercise.not-yet")}</strong>{" "}
            {t("exercise.tests", { passed: verdict.tests_passed, total: verdict.tests_total })}
          </p>
          <LazyMarkdown text={verdict.text} lang={TUTORS_LANGUAGE} />
        </div>
      )}
      <h3>{t("exercise.hints")}</h3>
      <ol className="hints" data-testid="hints">
        {exercise.hints.slice(0, opened).map((hint, at) => (
          <li key={hint}>
            <strong>{t("exercise.hint", { n: at + 1 })}</strong> <LazyMarkdown text={hint} lang={lang} />
          </li>
        ))}
      </ol>
      {opened < exercise.hints.length ? (
        <button type="button" className="button" data-testid="hint" onClick={() => setOpened(opened + 1)}>
          <Icon name="hint" /> {t("exercise.show-hint", { at: opened + 1, total: exercise.hints_total })}
        </button>
      ) : (
        exercise.hints.length < exercise.hints_total && <p className="muted small">{t("exercise.locked")}</p>
      )}
      {exercise.submissions.length > 0 && (
        <>
          <h3>{t("exercise.submissions")}</h3>
          <ul className="submissions">
            {exercise.submissions.map((one) => (
              <li key={one.attempt_id}>
                <span className={one.passed ? "good" : "muted"}>{one.tests_passed}/{one.tests_total}</span> {when(one.at)}{" "}
                <button type="button" className="link" onClick={() => load(one.code)}>{t("code.open")}</button>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
