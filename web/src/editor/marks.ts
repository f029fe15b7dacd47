/** What is marked in a program. */

/** A place in the program and what could be better there: the evidence of a review, which no schema describes. */
export interface Finding {
  line: number;
  column?: number;
  end_line?: number;
  end_column?: number;
  rule: string;
  message: string;
  fix?: Fix | null;
}

/** Edits that mend a finding; lines and columns from 1. */
export interface Fix {
  title?: string;
  edits: { line: number; column: number; end_line: number; end_column: number; text: string }[];
}

export interface Mark {
  severity: "error" | "hint";
  /** From 1, as are all lines and columns. */
  line: number;
  column?: number;
  endLine?: number;
  endColumn?: number;
  message: string;
  /** Name of the rule, for a finding. */
  rule?: string;
  fix?: Fix | null;
}

/** The program after a fix. Edits are applied from the end, so that none moves another. */
export function fixed(code: string, fix: Fix): string {
  const starts = [0];
  for (let at = code.indexOf("\n"); at >= 0; at = code.indexOf("\n", at + 1)) starts.push(at + 1);
  const offset = (line: number, column: number) =>
    Math.min(code.length, (starts[line - 1] ?? code.length) + Math.max(0, column - 1));
  const edits = [...fix.edits].sort((a, b) => b.line - a.line || b.column - a.column);
  return edits.reduce(
    (text, edit) =>
      text.slice(0, offset(edit.line, edit.column)) + edit.text + text.slice(offset(edit.end_line, edit.end_column)),
    code,
  );
}
