"use client";

import { useEffect, useRef, type KeyboardEvent } from "react";
import { highlighted } from "@/components/highlight";
import type { EditorProps } from "./CodeEditor";

/**
 * A text field over its own highlighted text: for phones, where Monaco is hard to use, and for everybody until Monaco
 * is there.
 */
export default function PlainEditor({ label, value, onChange, marks, currentLine, readOnly, onRun, testId }: EditorProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const lines = value.split("\n");
  const errors = new Set(marks.filter((mark) => mark.severity === "error").map((mark) => mark.line));
  const hints = new Set(marks.filter((mark) => mark.severity === "hint").map((mark) => mark.line));

  useEffect(() => {
    // The field is as high as its text, so that the page scrolls and not a small box on it.
    if (field.current) {
      field.current.style.height = "auto";
      field.current.style.height = `${field.current.scrollHeight}px`;
    }
  }, [value]);

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onRun?.();
    } else if (event.key === "Enter" && !event.shiftKey) {
      const { selectionStart, selectionEnd } = event.currentTarget;
      const line = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
      const indent = /^ */.exec(line)?.[0] ?? "";
      const deeper = line.trimEnd().endsWith(":") ? "    " : "";
      if (!indent && !deeper) return;
      event.preventDefault();
      const inserted = `\n${indent}${deeper}`;
      event.currentTarget.setRangeText(inserted, selectionStart, selectionEnd, "end");
      onChange(event.currentTarget.value);
    }
  };

  return (
    <div className="plain-editor" data-testid={testId} data-editor="plain">
      <div className="plain-lines" aria-hidden="true">
        {lines.map((_, at) => (
          // Lines have no identity but their place.
          <span
            key={at}
            className={`plain-number${errors.has(at + 1) ? " is-error" : ""}${hints.has(at + 1) ? " is-hint" : ""}${
              currentLine === at + 1 ? " is-current" : ""
            }`}
          >
            {at + 1}
          </span>
        ))}
      </div>
      <div className="plain-text">
        <pre aria-hidden="true">
          {lines.map((line, at) => (
            <span
              key={at}
              className={`plain-line${errors.has(at + 1) ? " is-error" : ""}${hints.has(at + 1) ? " is-hint" : ""}${
                currentLine === at + 1 ? " is-current" : ""
              }`}
              dangerouslySetInnerHTML={{ __html: `${highlighted(line)}\n` }}
            />
          ))}
        </pre>
        <textarea
          ref={field}
          aria-label={label}
          value={value}
          readOnly={readOnly}
          spellCheck={false}
          autoCapitalize="off"
          autoCorrect="off"
          wrap="off"
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={onKeyDown}
        />
      </div>
    </div>
  );
}
