"use client";

import { type FormEvent, useEffect, useRef, useState } from "react";
import type { PythonError } from "@/generated/api";
import { isKey, TUTORS_LANGUAGE, useTranslate } from "@/i18n";
import { submit } from "./conversation";
import { useWork } from "./exercise";
import { endInput, type, useProgram } from "./program";

/** What happened and what to try; names stand in backticks there. */
function Explanation({ error }: { error: PythonError }) {
  const { why = "", hint = "", what = "" } = error.parts ?? {};
  const paragraphs = why || what ? [why || what, hint].filter(Boolean) : [error.explanation || error.message];
  return paragraphs.map((text) => (
    <p key={text} lang={TUTORS_LANGUAGE}>
      {/* Lines are broken for a terminal; here they flow. */}
      {text.replaceAll("\n", " ").split("`").map((part, at) => (at % 2 ? <code key={at}>{part}</code> : part))}
    </p>
  ));
}

/** What the program prints, and what is typed into it. */
export function Terminal() {
  const t = useTranslate();
  const { entries, status, report, problem, code } = useProgram();
  const [line, setLine] = useState("");
  const place = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    if (place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [entries, report]);
  useEffect(() => {
    if (status === "running" && code.includes("input(")) field.current?.focus();
    // Only when a run begins.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [status]);

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void type(line);
    setLine("");
  };
  const outcome = report && `outcome.${report.outcome}`;
  return (
    <div className="terminal">
      <div className="terminal-text" ref={place} role="log" aria-label={t("run.output")} data-testid="terminal" tabIndex={0}>
        {entries.length === 0 && status === "idle" && !report && !problem && <p className="muted">{t("run.empty")}</p>}
        <pre>
          {entries.map(({ stream, text }, at) => (
            <span key={at} className={`out-${stream}`}>{text}</span>
          ))}
        </pre>
        {problem && <p className="problem">{problem === "cut" ? t("run.cut") : problem}</p>}
        {report && (
          <p className="run-end">
            {outcome && isKey(outcome) ? t(outcome) : report.outcome} · {t("run.time", { ms: Math.max(1, Math.round(report.duration_us / 1000)) })}
          </p>
        )}
      </div>
      {report?.error && (
        <div className="explained" data-testid="error-explanation">
          <p>
            <strong>{report.error.type}</strong>
            {report.error.line && <> · {t("run.line", { line: report.error.line })}</>}
          </p>
          <Explanation error={report.error} />
          <button
            type="button"
            className="button"
            onClick={() => {
              submit({ query_text: t("run.why", { error: report.error?.type ?? "" }), code, route: "debug" });
              useWork.setState({ pane: "tutor", phone: "talk" });
            }}
          >
            {t("run.ask")}
          </button>
        </div>
      )}
      {status === "running" && (
        <form className="terminal-input" onSubmit={onSubmit}>
          <label htmlFor="stdin">{t("run.input")}</label>
          <input id="stdin" data-testid="stdin" ref={field} value={line} autoComplete="off" onChange={(event) => setLine(event.target.value)} />
          <button type="submit" className="button">{t("run.enter")}</button>
          <button type="button" className="button" onClick={() => void endInput()}>{t("run.eof")}</button>
        </form>
      )}
    </div>
  );
}
