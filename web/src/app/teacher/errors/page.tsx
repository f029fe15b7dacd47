"use client";

import Link from "next/link";
import { useState } from "react";
import { useResource } from "@/api/resource";
import type { Class } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { useTranslate } from "@/i18n";
import { ClassPage } from "@/teacher/class";

export default function Page() {
  const t = useTranslate();
  return <ClassPage title={t("teacher.errors")}>{(chosen) => <Errors chosen={chosen} />}</ClassPage>;
}

function Errors({ chosen }: { chosen: Class }) {
  const t = useTranslate();
  const [days, setDays] = useState(7);
  const errors = useResource("/api/instructor/classes/{id}/errors", { id: chosen.class_id, days });
  return (
    <>
      <label className="row">{t("errors.days")} <select value={days} onChange={(event) => setDays(Number(event.target.value))}>{[1, 7, 14, 30].map((n) => <option key={n} value={n}>{n}</option>)}</select></label>
      <Loaded from={errors}>{({ errors: all }) => (all.length === 0 ? <p className="card muted">{t("errors.none")}</p> : all.map((one) => (
        <section key={one.error} className="card">
          <h2>{one.error} <span className="chip">{t("errors.count", { count: one.count, n: one.students })}</span> {one.topic_title && <span className="chip">{one.topic_title}</span>}</h2>
          <ul className="plain-list">
            {one.examples.map((example) => <li key={example.run_id}><Link href={`/teacher/student?id=${encodeURIComponent(example.student_id)}`}>{example.name}</Link>: <code>{example.message}</code>{example.line && <span className="muted"> {t("run.line", { line: example.line })}</span>}</li>)}
          </ul>
        </section>
      )))}</Loaded>
    </>
  );
}
