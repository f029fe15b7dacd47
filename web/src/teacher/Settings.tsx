"use client";

import { type FormEvent, useState } from "react";
import { post, put, remove } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import { useSession } from "@/api/session";
import type { Class } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";

/** What a class is called, who is in it, who teaches it, and whether it takes students. */
export function Settings({ chosen, onChanged }: { chosen: Class; onChanged: () => void }) {
  const t = useTranslate();
  const own = useSession((state) => state.account?.user_id);
  const of = { id: chosen.class_id };
  const members = useResource("/api/classes/{id}/members", of);
  const [problem, setProblem] = useState<string | null>(null);
  const [sure, setSure] = useState(false);
  const attempt = (work: Promise<unknown>, done?: () => void) => {
    work.then(() => { setProblem(null); done?.(); members.reload(); onChanged(); }, (error: unknown) => setProblem(sentenceOf(error)));
  };
  const rename = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    attempt(put("/api/classes/{id}", { name: String(new FormData(event.currentTarget).get("name")) }, of));
  };
  const addTeacher = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    attempt(put("/api/classes/{id}/teachers/{user_id}", undefined, { ...of, user_id: String(new FormData(form).get("teacher")).trim() }), () => form.reset());
  };
  return (
    <section className="card form" aria-labelledby="settings">
      <h2 id="settings">{t("class.settings")}</h2>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <form className="row wrap" onSubmit={rename}>
        <input name="name" key={chosen.name} aria-label={t("class.name")} defaultValue={chosen.name} required maxLength={80} />
        <button type="submit" className="button">{t("class.rename")}</button>
      </form>
      <div className="row wrap">
        <button type="button" className="button" onClick={() => attempt(post("/api/classes/{id}/code", undefined, of))}>{chosen.join_code ? t("teacher.new-code") : t("class.open")}</button>
        {chosen.join_code && <button type="button" className="button" onClick={() => attempt(remove("/api/classes/{id}/code", of))}>{t("class.close")}</button>}
        <button type="button" className="button" onClick={() => setSure(true)}>{t("class.delete")}</button>
      </div>
      {sure && (
        <p className="problem" role="alert">{t("class.sure", { name: chosen.name })}{" "}
          <button type="button" className="danger" onClick={() => attempt(remove("/api/classes/{id}", of))}>{t("class.delete.yes")}</button>{" "}
          <button type="button" className="button" onClick={() => setSure(false)}>{t("cancel")}</button>
        </p>
      )}
      <Loaded from={members}>{({ teachers, students }) => (
        <div className="columns">
          <div>
            <h3>{t("class.teachers")}</h3>
            <ul className="plain-list" data-testid="teachers">
              {teachers.map((one) => (
                <li key={one.user_id} className="row">{one.name}
                  {one.user_id !== own && <button type="button" className="link" aria-label={t("class.remove", { name: one.name })} onClick={() => attempt(remove("/api/classes/{id}/teachers/{user_id}", { ...of, user_id: one.user_id }))}>{t("remove")}</button>}</li>
              ))}
            </ul>
            <form className="row wrap" onSubmit={addTeacher}>
              <input name="teacher" aria-label={t("class.teacher.id")} placeholder={t("class.teacher.id")} required maxLength={100} />
              <button type="submit" className="button">{t("add")}</button>
            </form>
            <p className="muted small">{t("class.teacher.where")}</p>
          </div>
          <div>
            <h3>{t("teacher.students")}</h3>
            {students.length === 0 && <p className="muted">{t("teacher.empty")}</p>}
            <ul className="plain-list" data-testid="members">
              {students.map((one) => (
                <li key={one.user_id} className="row">{one.name}
                  <button type="button" className="link" aria-label={t("class.remove", { name: one.name })} onClick={() => attempt(remove("/api/classes/{id}/members/{user_id}", { ...of, user_id: one.user_id }))}>{t("remove")}</button></li>
              ))}
            </ul>
          </div>
        </div>
      )}</Loaded>
    </section>
  );
}
