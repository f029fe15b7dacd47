"use client";

import Link from "next/link";
import { useState } from "react";
import { download } from "@/api/client";
import { useResource } from "@/api/resource";
import type { Class } from "@/generated/api";
import { levelClass } from "@/components/level";
import { Loaded } from "@/components/Loaded";
import { useDates, useTranslate } from "@/i18n";
import { Legend } from "@/progress/ProgressView";
import { ClassPage } from "@/teacher/class";
import { Settings } from "@/teacher/Settings";

export default function Page() {
  const t = useTranslate();
  return <ClassPage title={t("teacher.overview")}>{(chosen, reload) => <ClassOverview key={chosen.class_id} chosen={chosen} reload={reload} />}</ClassPage>;
}

function ClassOverview({ chosen, reload }: { chosen: Class; reload: () => void }) {
  const t = useTranslate();
  const { ago } = useDates();
  const of = { id: chosen.class_id };
  const overview = useResource("/api/instructor/classes/{id}/overview", of);
  const heat = useResource("/api/instructor/classes/{id}/heatmap", of);
  const [managed, setManaged] = useState(false);
  const onChanged = () => { reload(); overview.reload(); heat.reload(); };
  return (
    <>
      <div className="row wrap">
        {chosen.join_code ? <span>{t("teacher.join")} <span className="join-code">{chosen.join_code}</span></span> : <span className="muted">{t("class.closed")}</span>}
        <button type="button" className="button" aria-expanded={managed} onClick={() => setManaged(!managed)}>{t("class.manage")}</button>
        {(["overview", "mastery", "attempts", "alerts"] as const).map((what) => (
          <button key={what} type="button" className="button" onClick={() => void download("/api/instructor/classes/{id}/export.csv", `${chosen.name}-${what}.csv`, { ...of, what })}>CSV: {t(`csv.${what}`)}</button>
        ))}
      </div>
      {managed && <Settings chosen={chosen} onChanged={onChanged} />}
      <section className="card" aria-labelledby="students">
        <h2 id="students">{t("teacher.students")}</h2>
        <Loaded from={overview}>{({ students }) => (
          <div className="table-scroll" tabIndex={0} role="group" aria-labelledby="students">
            <table>
              <thead><tr>{(["student", "seen", "overall", "turns", "runs", "solved", "alerts"] as const).map((key) => <th key={key} scope="col">{t(`column.${key}`)}</th>)}</tr></thead>
              <tbody>
                {students.map((one) => (
                  <tr key={one.student_id}>
                    <th scope="row"><Link href={`/teacher/student?id=${encodeURIComponent(one.student_id)}`}>{one.name}</Link></th>
                    <td>{one.last_seen ? ago(one.last_seen) : "–"}</td>
                    <td><span className={`chip ${levelClass(one.overall)}`}>{one.overall} %</span></td>
                    <td>{one.turns_week}</td><td>{one.runs_week}</td><td>{one.exercises_passed}</td>
                    <td>{one.open_alerts > 0 ? <Link href="/teacher/alerts">{one.open_alerts}</Link> : "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {students.length === 0 && <p className="muted">{t("teacher.empty")}</p>}
          </div>
        )}</Loaded>
      </section>
      <section className="card" aria-labelledby="heat">
        <h2 id="heat">{t("teacher.heat")}</h2>
        <Loaded from={heat}>{({ topics, students, mean }) => (topics.length === 0 ? <p className="muted">{t("teacher.heat.none")}</p> : (
          <>
            <div className="table-scroll" tabIndex={0} role="group" aria-labelledby="heat">
              <table className="heat">
                <thead><tr><td />{topics.map((topic) => <th key={topic.topic} scope="col">{topic.title}</th>)}</tr></thead>
                <tbody>
                  {[...students, { student_id: "", name: t("teacher.mean"), mastery: mean }].map((one) => (
                    <tr key={one.student_id}><th scope="row">{one.name}</th>{one.mastery.map((percent, at) => <td key={topics[at]?.topic} className={levelClass(percent)}>{percent ?? ""}</td>)}</tr>
                  ))}
                </tbody>
              </table>
            </div>
            <Legend />
          </>
        ))}</Loaded>
      </section>
    </>
  );
}
