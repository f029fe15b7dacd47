"use client";

import { useEffect, useState } from "react";
import { get } from "@/api/client";
import { useResource } from "@/api/resource";
import type { TimelineEvent } from "@/generated/api";
import { Loaded } from "@/components/Loaded";
import { useDates, useTranslate } from "@/i18n";
import { ProgressView } from "@/progress/ProgressView";
import { AttemptDetail, RunDetail, TurnDetail } from "@/teacher/Detail";

/** One student: what happened, and what is known. */
export default function Page() {
  const t = useTranslate();
  const { when } = useDates();
  const [id, setId] = useState<string | null>(null);
  const [older, setOlder] = useState<TimelineEvent[]>([]);
  const [next, setNext] = useState<string | null | undefined>(undefined);
  useEffect(() => setId(new URLSearchParams(location.search).get("id")), []);
  const of = { id: id ?? "" };
  const timeline = useResource(id ? "/api/instructor/students/{id}/timeline" : null, of);
  const progress = useResource(id ? "/api/instructor/students/{id}/progress" : null, of);
  const before = next === undefined ? timeline.data?.next : next;
  return (
    <div className="page">
      <h1>{timeline.data?.student.name ?? t("column.student")}</h1>
      <section className="card" aria-labelledby="timeline">
        <h2 id="timeline">{t("student.timeline")}</h2>
        <Loaded from={timeline}>{({ events }) => (events.length === 0 ? <p className="muted">{t("student.timeline.none")}</p> : (
          <ol className="timeline">
            {[...events, ...older].map((event) => (
              <li key={`${event.kind}-${event.id}`} className={`kind-${event.kind}`}>
                <details>
                  <summary>{event.title} <span className="muted small">{when(event.at)}</span></summary>
                  {event.kind === "turn" && <TurnDetail turn={event.detail} />}
                  {event.kind === "run" && <RunDetail run={event.detail} />}
                  {event.kind === "attempt" && <AttemptDetail attempt={event.detail} />}
                  {event.kind === "alert" && <p>{event.detail.context}</p>}
                </details>
              </li>
            ))}
          </ol>
        ))}</Loaded>
        {before && <button type="button" className="button" onClick={() => void get("/api/instructor/students/{id}/timeline", { ...of, before }).then((page) => { setOlder((known) => [...known, ...page.events]); setNext(page.next); }, () => setNext(null))}>{t("more")}</button>}
      </section>
      <Loaded from={progress}>{(data) => <ProgressView progress={data} own={false} />}</Loaded>
    </div>
  );
}
