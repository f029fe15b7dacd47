"use client";

import { type FormEvent, useEffect, useState } from "react";
import { get } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import type { History } from "@/generated/api";
import { useTranslate } from "@/i18n";
import { Message } from "@/workspace/Message";

/** Everything that one has asked, found by words. */
export default function Page() {
  const t = useTranslate();
  const [words, setWords] = useState("");
  const [q, setQ] = useState("");
  const [found, setFound] = useState<History | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    let current = true;
    get("/api/history", { q }).then(
      (page) => { if (current) { setFound(page); setProblem(null); } },
      (error: unknown) => { if (current) setProblem(sentenceOf(error)); },
    );
    return () => { current = false; };
  }, [q]);
  const more = () => {
    get("/api/history", { q, before: found?.next ?? null }).then(
      (page) => setFound((before) => ({ turns: [...(before?.turns ?? []), ...page.turns], next: page.next })),
      (error: unknown) => setProblem(sentenceOf(error)),
    );
  };
  const search = (event: FormEvent) => { event.preventDefault(); setQ(words.trim()); };
  return (
    <div className="page">
      <h1>{t("nav.history")}</h1>
      <form className="row" role="search" onSubmit={search}>
        <input type="search" aria-label={t("history.words")} placeholder={t("history.words")} value={words} onChange={(event) => setWords(event.target.value)} style={{ flex: 1 }} />
        <button type="submit" className="primary">{t("search")}</button>
      </form>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <p className="muted" role="status">{found && t(found.next ? "history.newest" : "history.found", { n: found.turns.length })}</p>
      <div className="found">
        {found?.turns.map((turn) => <Message key={turn.query_id} turn={turn} newest={false} />)}
      </div>
      {found?.next && <button type="button" className="button" onClick={more}>{t("more")}</button>}
    </div>
  );
}
