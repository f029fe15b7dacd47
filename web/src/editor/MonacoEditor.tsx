"use client";

import { useEffect, useRef } from "react";
import { useTheme } from "@/components/theme";
import { useTranslate } from "@/i18n";
import type { EditorProps } from "./CodeEditor";
import type { Mark } from "./marks";
import { monaco } from "./monaco";

/** Owner of our markers among all of a model's. */
const OWNER = "learnflow";

let models = 0;
/** The marks of each model: quick fixes are asked for by model. */
const marksOf = new Map<string, Mark[]>();
let actionsRegistered = false;

function registerActions(): void {
  if (actionsRegistered) return;
  actionsRegistered = true;
  monaco.languages.registerCodeActionProvider("python", {
    provideCodeActions(model, range) {
      const marks = marksOf.get(model.uri.toString()) ?? [];
      const here = marks.filter(
        ({ fix, line, endLine }) => fix && line <= range.endLineNumber && (endLine ?? line) >= range.startLineNumber,
      );
      return {
        actions: here.map((mark) => ({
          title: mark.fix?.title ?? mark.message,
          kind: "quickfix",
          isPreferred: true,
          edit: {
            edits: (mark.fix?.edits ?? []).map((edit) => ({
              resource: model.uri,
              versionId: undefined,
              textEdit: {
                range: new monaco.Range(edit.line, edit.column, edit.end_line, edit.end_column),
                text: edit.text,
              },
            })),
          },
        })),
        dispose: () => undefined,
      };
    },
  });
}

export default function MonacoEditor({ label, value, onChange, marks, currentLine, readOnly, onRun, testId }: EditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor>(null);
  const latest = useRef({ onChange, onRun });
  latest.current = { onChange, onRun };
  const dark = useTheme((state) => state.dark);
  const t = useTranslate();

  useEffect(() => {
    if (!place.current) return;
    registerActions();
    models += 1;
    const model = monaco.editor.createModel(value, "python", monaco.Uri.parse(`inmemory://program/${models}.py`));
    const made = monaco.editor.create(place.current, {
      model,
      ariaLabel: label,
      readOnly: readOnly ?? false,
      automaticLayout: true,
      minimap: { enabled: false },
      fontSize: 14,
      lineHeight: 22,
      fontFamily: "var(--mono)",
      scrollBeyondLastLine: false,
      padding: { top: 12, bottom: 12 },
      renderLineHighlight: "line",
      lineNumbersMinChars: 3,
      renderFinalNewline: "on",
      folding: false,
      glyphMargin: false,
      overviewRulerLanes: 0,
      overviewRulerBorder: false,
      hideCursorInOverviewRuler: true,
      scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, alwaysConsumeMouseWheel: false },
      tabSize: 4,
      insertSpaces: true,
      quickSuggestions: false,
      wordBasedSuggestions: "currentDocument",
      stickyScroll: { enabled: false },
      lightbulb: { enabled: monaco.editor.ShowLightbulbIconMode.On },
      fixedOverflowWidgets: true,
      // Tab moves the focus on when somebody says so (Ctrl+M), and Escape then Tab always does.
      tabFocusMode: false,
    });
    editor.current = made;
    const changed = made.onDidChangeModelContent(() => latest.current.onChange(model.getValue()));
    made.addCommand(monaco.KeyMod.CtrlCmd | monaco.KeyCode.Enter, () => latest.current.onRun?.());
    // Keyboard users leave the editor with Escape, then Tab.
    made.addCommand(monaco.KeyCode.Escape, () => made.updateOptions({ tabFocusMode: true }), "!suggestWidgetVisible && !findWidgetVisible");
    const blurred = made.onDidBlurEditorText(() => made.updateOptions({ tabFocusMode: false }));
    return () => {
      changed.dispose();
      blurred.dispose();
      made.dispose();
      marksOf.delete(model.uri.toString());
      model.dispose();
      editor.current = null;
    };
    // The editor is made once; what changes later is handed to it below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  useEffect(() => {
    monaco.editor.setTheme(dark ? "learnflow-dark" : "learnflow-light");
  }, [dark]);

  useEffect(() => {
    editor.current?.updateOptions({ readOnly: readOnly ?? false, ariaLabel: label });
  }, [readOnly, label]);

  useEffect(() => {
    const made = editor.current;
    if (made && made.getValue() !== value) {
      // As an edit, so that undo brings the old text back.
      const model = made.getModel();
      if (model) model.pushEditOperations([], [{ range: model.getFullModelRange(), text: value }], () => null);
    }
  }, [value]);

  useEffect(() => {
    const model = editor.current?.getModel();
    if (!model) return;
    marksOf.set(model.uri.toString(), marks);
    monaco.editor.setModelMarkers(model, OWNER, marks.filter((mark) => mark.line <= model.getLineCount()).map((mark) => marker(model, mark)));
    // The message stands beside the line as well: hovering is not for everybody.
    const beside = editor.current?.createDecorationsCollection(
      marks.filter((mark) => mark.severity === "error" && mark.line <= model.getLineCount()).map((mark) => ({
        range: new monaco.Range(mark.line, 1, mark.line, model.getLineMaxColumn(mark.line)),
        options: { isWholeLine: true, className: "line-error" },
      })),
    );
    return () => beside?.clear();
  }, [marks, value]);

  useEffect(() => {
    const model = editor.current?.getModel();
    if (!currentLine || !model || currentLine > model.getLineCount()) return;
    const line = editor.current?.createDecorationsCollection([
      {
        range: new monaco.Range(currentLine, 1, currentLine, 1),
        options: { isWholeLine: true, className: "line-current", linesDecorationsClassName: "line-current-arrow" },
      },
    ]);
    editor.current?.revealLineInCenterIfOutsideViewport(currentLine);
    return () => line?.clear();
  }, [currentLine, value]);

  return (
    <div className="monaco-place" ref={place} data-testid={testId} data-editor="monaco" aria-label={t("editor.leave")} role="group" />
  );
}

function marker(model: monaco.editor.ITextModel, mark: Mark): monaco.editor.IMarkerData {
  const line = model.getLineContent(mark.line);
  const first = line.length - line.trimStart().length + 1;
  return {
    severity: mark.severity === "error" ? monaco.MarkerSeverity.Error : monaco.MarkerSeverity.Warning,
    startLineNumber: mark.line,
    startColumn: mark.column ?? first,
    endLineNumber: mark.endLine ?? mark.line,
    endColumn: mark.endColumn ?? model.getLineMaxColumn(mark.line),
    message: mark.message,
    ...(mark.rule ? { code: mark.rule } : {}),
    source: "LearnFlow",
  };
}
