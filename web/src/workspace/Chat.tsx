"use client";

import { type FormEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Icon } from "@/components/icons";
import type { Route } from "@/generated/events";
import { type Translate, useDates, useLanguage, useTranslate } from "@/i18n";
import { Activity } from "./Activity";
import { loadOlder, submit, useConversation } from "./conversation";
import { Message } from "./Message";
import { discard, type Outgoing, useOutbox } from "./outbox";
import { useProgram } from "./program";

/** Longest message, in characters; the gateway counts 16 KiB. */
const LONGEST = 8_000;

export function Chat() {
  const t = useTranslate();
  const { turns, partial, older, problem } = useConversation();
  const outbox = useOutbox((state) => state.messages);
  const [text, setText] = useState("");
  const [withCode, setWithCode] = useState(true);
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  // The newest stays in view, unless the reader has scrolled up.
  useLayoutEffect(() => {
    if (atEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [turns, outbox, partial]);
  useEffect(() => {
    const place = list.current;
    if (!place) return;
    // Markdown that comes later, or an opened block, makes the list longer.
    const follow = new ResizeObserver(() => {
      if (atEnd.current) place.scrollTop = place.scrollHeight;
    });
    for (const child of place.children) follow.observe(child);
    return () => follow.disconnect();
  }, []);

  const send = (query: string, route?: Route) => {
    const { code, exerciseId } = useProgram.getState();
    if (!query.trim()) return;
    atEnd.current = true;
    submit({
      query_text: query.trim(),
      ...(route ? { route } : {}),
      ...(withCode && code.trim() ? { code } : {}),
      ...(exerciseId ? { exercise_id: exerciseId } : {}),
    });
    setText("");
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send(text);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      send(text);
    }
  };
  const empty = turns.length === 0 && outbox.length === 0;

  return (
    <section className="chat" aria-label={t("chat.label")}>
      <div
        className="chat-list"
        ref={list}
        tabIndex={0}
        role="region"
        aria-label={t("chat.messages")}
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
          atEnd.current = scrollTop + clientHeight > scrollHeight - 80;
        }}
      >
        <div className="chat-inner">
          {older && (
            <button type="button" className="link center" onClick={() => void loadOlder()}>
              {t("chat.older")}
            </button>
          )}
          {problem && empty && <p className="problem">{problem}</p>}
          {empty && older !== undefined && <Start onPick={send} />}
          {turns.map((turn, at) => (
            <Message key={turn.query_id} turn={turn} newest={at === turns.length - 1 && outbox.length === 0} />
          ))}
          {outbox.map((outgoing) => (
            <Unsent key={outgoing.key} outgoing={outgoing} onEdit={setText} />
          ))}
        </div>
      </div>
      <div className="composer">
        <Activity />
        <form onSubmit={onSubmit}>
          <label className="visually-hidden" htmlFor="query">
            {t("chat.ask")}
          </label>
          <textarea
            id="query"
            data-testid="query-input"
            placeholder={t("chat.ask")}
            rows={2}
            maxLength={LONGEST}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
          <div className="composer-row">
            <label className="check">
              <input type="checkbox" checked={withCode} onChange={(event) => setWithCode(event.target.checked)} />
              {t("chat.attach")}
            </label>
            <button type="submit" className="primary" data-testid="submit-button" disabled={!text.trim()}>
              {t("chat.send")} <Icon name="send" />
            </button>
          </div>
        </form>
        <p className="caution">{t("chat.caution")}</p>
      </div>
    </section>
  );
}

const IDEAS = [
  ["start.explain", "concepts"],
  ["start.debug", "debug"],
  ["start.exercise", "exercise"],
  ["start.progress", "progress"],
] as const;

/** What one could begin with. */
function Start({ onPick }: { onPick: (text: string, route?: Route) => void }) {
  const t = useTranslate();
  const language = useLanguage((state) => state.language);
  return (
    <div className="start">
      <h2>{t("start.title")}</h2>
      <p>{t("start.lead")}</p>
      <ul>
        {IDEAS.map(([key, route]) => (
          <li key={key}>
            {/* Triage reads English; what is asked in another language here names its agent itself. */}
            <button type="button" onClick={() => (language === "en" ? onPick(t(key)) : onPick(t(key), route))}>
              {t(key)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** When a message that waits is sent. */
function whenSent({ retryAt }: Outgoing, t: Translate, time: (at: number) => string): string {
  return retryAt === null ? t("chat.waiting") : t("chat.later", { time: time(retryAt) });
}

/** A message that has not reached the tutor. */
function Unsent({ outgoing, onEdit }: { outgoing: Outgoing; onEdit: (text: string) => void }) {
  const t = useTranslate();
  const { time } = useDates();
  return (
    <article className="turn" aria-label={t("chat.unsent")}>
      <div className="question is-unsent">
        <p>{outgoing.query.query_text}</p>
      </div>
      {outgoing.state === "sending" ? (
        <p className="thinking" aria-label={t("chat.thinking")}>
          <span />
          <span />
          <span />
        </p>
      ) : (
        <p className={outgoing.state === "refused" ? "problem" : "muted small"} role="status" data-testid="unsent">
          {outgoing.state === "waiting" ? whenSent(outgoing, t, time) : outgoing.problem}{" "}
          <button
            type="button"
            className="link"
            onClick={() => {
              const query = discard(outgoing.key);
              if (query) onEdit(query.query_text);
            }}
          >
            {t("chat.edit")}
          </button>
        </p>
      )}
    </article>
  );
}
