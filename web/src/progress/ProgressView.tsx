"use client";

import Link from "next/link";
import type { Progress } from "@/generated/api";
import { achievementTitle } from "@/components/achievement";
import { Icon } from "@/components/icons";
import { levelClass } from "@/components/level";
import { isKey, TUTORS_LANGUAGE, useDates, useTranslate } from "@/i18n";

/** What is known of a student: for the student, and for the teacher. */
export function ProgressView({ progress, own }: { progress: Progress; own: boolean }) {
  const t = useTranslate();
  const topics = progress.modules.flatMap((module) => module.topics);
  const level = `level.${progress.skill_level}`;
  const stats: [string, string | number][] = [
    [t("progress.mastered"), topics.filter((topic) => topic.mastered).length],
    [t("progress.begun"), topics.filter((topic) => topic.mastery !== null && !topic.mastered).length],
    [t("progress.questions"), progress.total_queries],
    [t("progress.level"), isKey(level) ? t(level) : progress.skill_level],
  ];
  return (
    <>
      <dl className="stats">
        {stats.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
      </dl>
      <section className="card" aria-labelledby="modules">
        <h2 id="modules">{t("progress.modules")}</h2>
        {progress.modules.map((module) => (
          <div className="module-row" key={module.module}>
            <strong className="small" lang={TUTORS_LANGUAGE}>{module.title}</strong>
            <ul className="module-cells">
              {module.topics.map(({ topic, title, mastery }) => (
                <li key={topic} className={levelClass(mastery)} title={`${title}: ${mastery === null ? t("progress.unseen") : `${mastery} %`}`}>
                  <span className="visually-hidden">{title}: {mastery === null ? t("progress.unseen") : null}</span>{mastery !== null && `${mastery} %`}
                </li>
              ))}
            </ul>
            <span className="small muted">{module.mastery} %</span>
          </div>
        ))}
        <Legend />
      </section>
      <div className="columns">
        <section className="card" aria-labelledby="curve">
          <h2 id="curve">{t("progress.curve")}</h2>
          {progress.curve.length > 1 ? <Curve points={progress.curve} /> : <p className="muted">{t("progress.curve.short")}</p>}
        </section>
        <section className="card" aria-labelledby="achieved">
          <h2 id="achieved">{t("progress.achievements")}</h2>
          {progress.achievements.length === 0 && <p className="muted">{t("progress.achievements.none")}</p>}
          <ul className="achievements">
            {progress.achievements.map(({ id, text }) => <li key={id} title={text}><Icon name="star" /> {achievementTitle(id, t)}</li>)}
          </ul>
        </section>
      </div>
      <section className="card" aria-labelledby="next">
        <h2 id="next">{t("progress.next")}</h2>
        <ul className="next-list">
          {progress.next.map((next) => (
            <li key={next.topic}>
              <p><strong lang={TUTORS_LANGUAGE}>{next.title}</strong> <span className="chip">{t(`reason.${next.reason}`)}</span><br /><span className="muted" lang={TUTORS_LANGUAGE}>{next.summary}</span></p>
              {own && next.exercise_id && <Link className="button" href={`/?exercise=${encodeURIComponent(next.exercise_id)}`}>{t("progress.practise")}</Link>}
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

export function Legend() {
  const t = useTranslate();
  return (
    <p className="legend">
      <span className="level-none">{t("progress.unseen")}</span>
      {[10, 30, 50, 70, 90].map((percent) => <span key={percent} className={levelClass(percent)}>{percent} %</span>)}
    </p>
  );
}

const WIDTH = 600;
const HEIGHT = 190;

/** Mean mastery by day; the same figures follow as a table for those who do not see the curve. */
function Curve({ points }: { points: Progress["curve"] }) {
  const t = useTranslate();
  const { day } = useDates();
  const top = Math.max(10, Math.ceil(Math.max(...points.map((point) => point.mastery)) / 10) * 10);
  const first = new Date(points[0]?.date ?? 0).getTime();
  const last = new Date(points.at(-1)?.date ?? 0).getTime();
  const x = (date: string) => 34 + ((new Date(date).getTime() - first) / Math.max(1, last - first)) * (WIDTH - 46);
  const y = (percent: number) => HEIGHT - 24 - (percent / top) * (HEIGHT - 40);
  const line = points.map(({ date, mastery }) => `${x(date).toFixed(1)},${y(mastery).toFixed(1)}`).join(" L");
  return (
    <>
      <svg className="curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        {[0, top / 2, top].map((percent) => (
          <g key={percent}><line className="grid" x1={34} x2={WIDTH - 12} y1={y(percent)} y2={y(percent)} /><text x={0} y={y(percent) + 4}>{percent} %</text></g>
        ))}
        <path className="area" d={`M${x(points[0]?.date ?? "")},${y(0)} L${line} L${x(points.at(-1)?.date ?? "")},${y(0)}Z`} />
        <path className="line" d={`M${line}`} />
        {points.map(({ date, mastery }) => <circle key={date} cx={x(date)} cy={y(mastery)} r={3.5} />)}
        <text x={34} y={HEIGHT - 4}>{day(points[0]?.date ?? "")}</text>
        <text x={WIDTH - 12} y={HEIGHT - 4} textAnchor="end">{day(points.at(-1)?.date ?? "")}</text>
      </svg>
      <table className="visually-hidden">
        <caption>{t("progress.curve")}</caption>
        <tbody>{points.map(({ date, mastery }) => <tr key={date}><th scope="row">{day(date)}</th><td>{mastery} %</td></tr>)}</tbody>
      </table>
    </>
  );
}
