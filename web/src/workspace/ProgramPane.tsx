"use client";

import { useMemo, useState } from "react";
import { sentenceOf } from "@/api/problem";
import { Icon } from "@/components/icons";
import CodeEditor from "@/editor/CodeEditor";
import { type Finding, fixed, type Mark } from "@/editor/marks";
import { TUTORS_LANGUAGE, useTranslate } from "@/i18n";
import { answerTo, askAgent } from "./conversation";
import { edit, type Panel, run, show, showFindings, stop, useProgram } from "./program";
import { StepPlayer } from "./StepPlayer";
import { Terminal } from "./Terminal";

/** The editor with its runs, recorded steps and review. */
export function ProgramPane() {
  const t = useTranslate();
  const { code, status, report, findings, trace, step, panel } = useProgram();
  const [reviewing, setReviewing] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const error = report?.error;
  const marks = useMemo<Mark[]>(() => {
    const found: Mark[] = findings.map((finding) => ({ severity: "hint", line: finding.line, message: finding.message, rule: finding.rule, fix: finding.fix ?? null,
      ...(finding.column ? { column: finding.column } : {}), ...(finding.end_line ? { endLine: finding.end_line } : {}), ...(finding.end_column ? { endColumn: finding.end_column } : {}) }));
    if (error?.line && (!error.file || error.file === "main.py")) {
      found.push({ severity: "error", line: error.line, message: `${error.type}: ${error.explanation || error.message}` });
    }
    return found;
  }, [findings, error]);
  const currentLine = panel === "steps" && trace ? (trace.steps[step]?.line ?? null) : null;

  const review = async () => {
    setReviewing(true);
    setProblem(null);
    try {
      const answer = await answerTo(askAgent("code-review", { query_text: t("review.ask"), code }));
      const { findings = [], praise = null } = (answer.evidence ?? {}) as { findings?: Finding[]; praise?: string | null };
      showFindings(findings, praise);
    } catch (error) {
      setProblem(sentenceOf(error));
    }
    setReviewing(false);
  };
  const tabs: { panel: Panel; text: string }[] = [
    { panel: "output", text: t("run.output") },
    { panel: "steps", text: t("steps.title") },
    { panel: "review", text: findings.length ? t("review.n", { n: findings.length }) : t("review.title") },
  ];
  return (
    <section className="program" aria-label={t("program.label")}>
      <div className="toolbar">
        {status === "idle" ? (
          <button type="button" className="primary" data-testid="run-button" onClick={() => void run(false)}><Icon name="play" /> {t("run.run")}</button>
        ) : (
          <button type="button" className="danger" data-testid="stop-button" onClick={() => void stop()}><Icon name="stop" /> {t("run.stop")}</button>
        )}
        <button type="button" className="button" data-testid="steps-button" disabled={status !== "idle"} onClick={() => void run(true)}><Icon name="steps" /> {t("run.steps")}</button>
        <button type="button" className="button" data-testid="review-button" disabled={reviewing || !code.trim()} onClick={() => void review()}><Icon name="review" /> {reviewing ? t("review.busy") : t("review.do")}</button>
        <span className="muted small toolbar-hint">{t("run.keys")}</span>
      </div>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <div className="editor-place">
        <CodeEditor label={t("editor.label")} value={code} onChange={edit} marks={marks} currentLine={currentLine} onRun={() => void run(false)} testId="code-editor" />
      </div>
      <div className="panel">
        <div className="tabs" role="tablist" aria-label={t("program.panels")}>
          {tabs.map(({ panel: name, text }) => (
            <button key={name} type="button" role="tab" id={`tab-${name}`} aria-controls="panel-body" aria-selected={panel === name} onClick={() => show(name)}>{text}</button>
          ))}
        </div>
        <div className="panel-body" id="panel-body" role="tabpanel" aria-labelledby={`tab-${panel}`}>
          {panel === "output" && <Terminal />}
          {panel === "steps" && <StepPlayer />}
          {panel === "review" && <Findings />}
        </div>
      </div>
    </section>
  );
}

function Findings() {
  const t = useTranslate();
  const { code, findings, praise } = useProgram();
  return (
    <div className="pad" data-testid="findings">
      {praise && <p className="praise" lang={TUTORS_LANGUAGE}><Icon name="star" /> {praise}</p>}
      {findings.length === 0 ? <p className="muted">{praise ? t("review.clean") : t("review.empty")}</p> : (
        <ul className="findings">
          {findings.map((finding) => (
            <li key={`${finding.line}-${finding.rule}`}>
              <span className="chip">{t("run.line", { line: finding.line })}</span> <span lang={TUTORS_LANGUAGE}>{finding.message}</span> <span className="muted small">{finding.rule}</span>
              {finding.fix && <button type="button" className="button" onClick={() => finding.fix && edit(fixed(code, finding.fix))}><Icon name="wrench" /> {finding.fix.title ?? t("review.fix")}</button>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
