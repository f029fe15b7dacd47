"use client";

import { useState } from "react";
import { post, put, remove } from "@/api/client";
import { Problem, sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import type { Case, Class, Draft, Verification } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";
import { ClassPage } from "@/teacher/class";

const NEW: Draft = { title: "", topics: [], difficulty: "beginner", statement: "", starter: "", solution: "", hints: ["", "", ""], tests: "call", shown: [{ given: "", expected: "" }], hidden: [{ given: "", expected: "" }], wrong: [] };

export default function Page() {
  const t = useTranslate();
  return <ClassPage title={t("teacher.exercises")}>{(chosen) => <Exercises key={chosen.class_id} chosen={chosen} />}</ClassPage>;
}

/** Exercises of the class's own; each is run against its tests before it is kept. */
function Exercises({ chosen }: { chosen: Class }) {
  const t = useTranslate();
  const of = { id: chosen.class_id };
  const exercises = useResource("/api/instructor/classes/{id}/exercises", of);
  const [draft, setDraft] = useState<Draft>(NEW);
  const [id, setId] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [verification, setVerification] = useState<Verification | null>(null);
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true); setProblem(null); setVerification(null);
    try { await work(); } catch (error) {
      setProblem(sentenceOf(error));
      if (error instanceof Problem && error.document.verification) setVerification(error.document.verification as Verification);
    }
    setBusy(false);
  };
  const verify = () => attempt(async () => setVerification(await post("/api/instructor/classes/{id}/exercises/verify", draft, of)));
  const keep = () => attempt(async () => {
    if (id) await put("/api/instructor/classes/{id}/exercises/{exercise_id}", draft, { ...of, exercise_id: id });
    else await post("/api/instructor/classes/{id}/exercises", draft, of);
    setDraft(NEW); setId(null); exercises.reload();
  });
  const area = (label: string, name: "statement" | "starter" | "solution") => <label className="field">{label} <textarea value={draft[name]} required={name !== "starter"} onChange={(event) => change({ [name]: event.target.value })} /></label>;
  return (
    <>
      <Loaded from={exercises}>{({ exercises: all }) => (all.length === 0 ? <p className="card muted">{t("author.none")}</p> : (
        <ul className="card plain-list">
          {all.map((one) => { const { exercise_id, class_id: _c, verified_at: _v, updated_at: _u, ...rest } = one; return (
            <li key={exercise_id} className="row"><strong>{one.title}</strong> <span className="chip">{one.verified_at ? t("author.verified") : t("author.unverified")}</span>
              <button type="button" className="link" onClick={() => { setDraft(rest); setId(exercise_id); }}>{t("notes.edit")}</button>
              <button type="button" className="link" onClick={() => void attempt(async () => { await remove("/api/instructor/classes/{id}/exercises/{exercise_id}", { ...of, exercise_id }); exercises.reload(); })}>{t("remove")}</button></li>); })}
        </ul>
      ))}</Loaded>
      <form className="card form" onSubmit={(event) => { event.preventDefault(); void keep(); }}>
        <h2>{id ? t("notes.edit") : t("author.new")}</h2>
        <div className="two">
          <label className="field">{t("notes.title")} <input required maxLength={120} value={draft.title} onChange={(event) => change({ title: event.target.value })} /></label>
          <label className="field">{t("notes.topics")} <input required value={draft.topics.join(", ")} onChange={(event) => change({ topics: event.target.value.split(/,\s*/) })} /></label>
          <label className="field">{t("progress.level")} <select value={draft.difficulty} onChange={(event) => change({ difficulty: event.target.value as Draft["difficulty"] })}>{(["beginner", "intermediate", "advanced"] as const).map((d) => <option key={d} value={d}>{t(`level.${d}`)}</option>)}</select></label>
          <label className="field">{t("author.kind")} <select value={draft.tests} onChange={(event) => change({ tests: event.target.value as Draft["tests"] })}><option value="call">{t("author.call")}</option><option value="io">{t("author.io")}</option></select></label>
        </div>
        {area(t("author.statement"), "statement")}
        <div className="two">{area(t("author.starter"), "starter")}{area(t("author.solution"), "solution")}</div>
        <Cases label={t("author.shown")} cases={draft.shown} onChange={(shown) => change({ shown })} />
        <Cases label={t("author.hidden")} cases={draft.hidden} onChange={(hidden) => change({ hidden })} />
        {draft.hints.map((hint, at) => <label key={at} className="field">{t("exercise.hint", { n: at + 1 })} <input required value={hint} onChange={(event) => change({ hints: draft.hints.map((old, i) => (i === at ? event.target.value : old)) })} /></label>)}
        {draft.wrong.map((wrong, at) => (
          <div key={at} className="two">
            <label className="field">{t("author.wrong")} <textarea value={wrong.code} onChange={(event) => change({ wrong: draft.wrong.map((old, i) => (i === at ? { ...old, code: event.target.value } : old)) })} /></label>
            <label className="field">{t("author.misconception")} <textarea value={wrong.misconception} onChange={(event) => change({ wrong: draft.wrong.map((old, i) => (i === at ? { ...old, misconception: event.target.value } : old)) })} /></label>
          </div>
        ))}
        {draft.wrong.length < 5 && <button type="button" className="link" onClick={() => change({ wrong: [...draft.wrong, { code: "", misconception: "" }] })}>{t("author.add-wrong")}</button>}
        {problem && <p className="problem" role="alert">{problem}</p>}
        {verification && (
          <div className={`verdict${verification.verified ? " is-passed" : ""}`} role="status">
            <strong>{verification.verified ? t("author.verified") : t("author.unverified")}</strong>
            <ul>{verification.checks.map((check, at) => <li key={at}>{check.ok ? "✓" : "✗"} {check.message}{check.failed_tests.length > 0 && <ul>{check.failed_tests.map((test) => <li key={test.name}><code>{test.name}</code>: {test.message}</li>)}</ul>}</li>)}</ul>
          </div>
        )}
        <div className="row"><button type="button" className="button" disabled={busy} onClick={() => void verify()}>{t("author.verify")}</button><button type="submit" className="primary" disabled={busy}>{t("save")}</button></div>
      </form>
    </>
  );
}

function Cases({ label, cases, onChange }: { label: string; cases: Case[]; onChange: (cases: Case[]) => void }) {
  const t = useTranslate();
  return (
    <fieldset className="form">
      <legend>{label}</legend>
      {cases.map((one, at) => (
        <div key={at} className="two">
          {(["given", "expected"] as const).map((part) => <input key={part} aria-label={`${label} ${at + 1}: ${t(`author.${part}`)}`} placeholder={t(`author.${part}`)} required={part === "expected"} value={one[part]} onChange={(event) => onChange(cases.map((old, i) => (i === at ? { ...old, [part]: event.target.value } : old)))} />)}
        </div>
      ))}
      <button type="button" className="link" onClick={() => onChange([...cases, { given: "", expected: "" }])}>{t("add")}</button>
    </fieldset>
  );
}
