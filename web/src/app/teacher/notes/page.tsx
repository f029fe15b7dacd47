"use client";

import { type FormEvent, useState } from "react";
import { post, put, remove } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import type { Class, Note } from "@/generated/api";
import { LazyMarkdown } from "@/components/LazyMarkdown";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";
import { ClassPage } from "@/teacher/class";

export default function Page() {
  const t = useTranslate();
  return <ClassPage title={t("teacher.notes")}>{(chosen) => <Notes key={chosen.class_id} chosen={chosen} />}</ClassPage>;
}

/** What the course says, for the agents to go by. */
function Notes({ chosen }: { chosen: Class }) {
  const t = useTranslate();
  const of = { id: chosen.class_id };
  const notes = useResource("/api/instructor/classes/{id}/notes", of);
  const [edited, setEdited] = useState<Note | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const attempt = (work: Promise<unknown>, done?: () => void) => work.then(() => { setEdited(null); setProblem(null); done?.(); notes.reload(); }, (error: unknown) => setProblem(sentenceOf(error)));
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    const topics = String(fields.get("topics")).split(",").map((topic) => topic.trim()).filter(Boolean);
    const note = { title: String(fields.get("title")), text: String(fields.get("text")), topics };
    void attempt(edited
      ? put("/api/instructor/classes/{id}/notes/{note_id}", note, { ...of, note_id: edited.note_id })
      : post("/api/instructor/classes/{id}/notes", note, of),
    // What was written stays until it is kept.
    () => form.reset());
  };
  return (
    <>
      <p className="muted">{t("notes.what")}</p>
      <form key={edited?.note_id ?? "new"} className="card form" onSubmit={save}>
        <h2>{edited ? t("notes.edit") : t("notes.new")}</h2>
        <label className="field">{t("notes.title")} <input name="title" required maxLength={200} defaultValue={edited?.title} /></label>
        <label className="field">{t("notes.topics")} <input name="topics" defaultValue={edited?.topics.join(", ")} /></label>
        <label className="field">{t("notes.text")} <textarea name="text" required maxLength={8000} defaultValue={edited?.text} /></label>
        {problem && <p className="problem" role="alert">{problem}</p>}
        <div className="row"><button type="submit" className="primary">{t("save")}</button>{edited && <button type="button" className="button" onClick={() => setEdited(null)}>{t("cancel")}</button>}</div>
      </form>
      <Loaded from={notes}>{({ notes: all }) => (all.length === 0 ? <p className="card muted">{t("notes.none")}</p> : all.map((note) => (
        <article key={note.note_id} className="card">
          <h2>{note.title}</h2> <LazyMarkdown text={note.text} runnable={false} />
          <div className="row"><span className="muted small">{note.topics.join(", ")}</span> <button type="button" className="link" onClick={() => setEdited(note)}>{t("notes.edit")}</button> <button type="button" className="link" onClick={() => void attempt(remove("/api/instructor/classes/{id}/notes/{note_id}", { ...of, note_id: note.note_id }))}>{t("remove")}</button></div>
        </article>
      )))}</Loaded>
    </>
  );
}
