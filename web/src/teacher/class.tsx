"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { type FormEvent, type ReactNode, useState } from "react";
import { create } from "zustand";
import { post } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { useResource } from "@/api/resource";
import type { Class } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";
import { joinInstructors } from "./alerts";

const useChosen = create<{ classId: string | null }>(() => ({ classId: null }));

/** The frame of the teacher's pages: which page it is, and the others. */
export function TeacherPage({ title, children }: { title: string; children: ReactNode }) {
  const t = useTranslate();
  const path = usePathname().replace(/\/$/, "");
  const pages = [["/teacher", "teacher.overview"], ["/teacher/alerts", "teacher.alerts"], ["/teacher/errors", "teacher.errors"], ["/teacher/exercises", "teacher.exercises"], ["/teacher/policy", "teacher.policy"], ["/teacher/notes", "teacher.notes"]] as const;
  return (
    <div className="page">
      <nav aria-label={t("nav.teacher")}>
        <ul className="subnav">
          {pages.map(([href, key]) => <li key={href}><Link href={href} aria-current={path === href ? "page" : undefined}>{t(key)}</Link></li>)}
        </ul>
      </nav>
      <h1>{title}</h1>
      {children}
    </div>
  );
}

/** A page about one class, and which one. */
export function ClassPage({ title, children }: { title: string; children: (chosen: Class, reload: () => void) => ReactNode }) {
  const t = useTranslate();
  const path = usePathname().replace(/\/$/, "");
  const { classId } = useChosen();
  const classes = useResource("/api/classes");
  return (
    <TeacherPage title={title}>
      <Loaded from={classes}>{({ classes: all }) => {
        const taught = all.filter((one) => one.role === "teacher");
        const chosen = taught.find((one) => one.class_id === classId) ?? taught[0];
        return (
          <>
            <div className="page-head">
              {taught.length > 1 && (
                <select aria-label={t("teacher.class")} value={chosen?.class_id} onChange={(event) => useChosen.setState({ classId: event.target.value })}>
                  {taught.map((one) => <option key={one.class_id} value={one.class_id}>{one.name}</option>)}
                </select>
              )}
              {(path === "/teacher" || !chosen) && <NewClass onMade={classes.reload} />}
            </div>
            {chosen ? children(chosen, classes.reload) : <p className="card">{t("teacher.first")}</p>}
          </>
        );
      }}</Loaded>
    </TeacherPage>
  );
}

function NewClass({ onMade }: { onMade: () => void }) {
  const t = useTranslate();
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const make = (event: FormEvent) => {
    event.preventDefault();
    post("/api/classes", { name }).then(
      (made) => { useChosen.setState({ classId: made.class_id }); setName(""); joinInstructors(); setProblem(null); onMade(); },
      (error: unknown) => setProblem(sentenceOf(error)),
    );
  };
  return (
    <form className="row" onSubmit={make}>
      {problem && <span className="problem small" role="alert">{problem}</span>}
      <input aria-label={t("teacher.new.name")} placeholder={t("teacher.new.name")} value={name} required maxLength={80} onChange={(event) => setName(event.target.value)} />
      <button type="submit" className="button">{t("teacher.new")}</button>
    </form>
  );
}
