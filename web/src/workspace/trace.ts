/** Recorded steps (docs/trace.md), applied one after the other. */

export type Value =
  | null
  | boolean
  | number
  | string
  | { ref: number }
  | { int: string }
  | { float: string }
  | { str: string; length: number }
  | { type: string };

export type HeapObject =
  | { kind: "list" | "tuple" | "set" | "frozenset"; type?: string; items: Value[]; length: number }
  | { kind: "dict"; type?: string; entries: { key: Value; value: Value }[]; length: number }
  | { kind: "object"; type: string; fields: { name: string; value: Value }[] }
  | { kind: "function" | "class" | "module"; name: string }
  | { kind: "value"; type: string; text: string };

export interface Step {
  event: "line" | "call" | "return" | "exception";
  line: number;
  file?: string;
  drop?: number;
  push?: { frame: number; name: string; line: number }[];
  vars?: Record<string, Record<string, Value>>;
  gone?: Record<string, string[]>;
  heap?: Record<string, HeapObject>;
  out?: { stream: string; text: string }[];
  value?: Value;
  error?: { type: string; message: string };
}

export interface Trace {
  version: number;
  file: string;
  steps: Step[];
  cut: string | null;
  outcome: string;
}

export interface Frame {
  frame: number;
  name: string;
  vars: Map<string, Value>;
}

/** What memory holds after a step. */
export interface Memory {
  step: Step;
  frames: Frame[];
  heap: Map<number, HeapObject>;
  printed: string;
}

/** The trace of a report; `null` when there is none that this player understands. */
export function parseTrace(trace: unknown): Trace | null {
  if (typeof trace !== "object" || trace === null) return null;
  const { version, steps } = trace as Partial<Trace>;
  return version === 1 && Array.isArray(steps) && steps.length > 0 ? (trace as Trace) : null;
}

/** The state after step `at`, from the start: a thousand steps take milliseconds. */
export function memoryAt(trace: Trace, at: number): Memory | null {
  let frames: Frame[] = [];
  const heap = new Map<number, HeapObject>();
  let printed = "";
  const last = trace.steps[at];
  if (!last) return null;
  for (const step of trace.steps.slice(0, at + 1)) {
    if (step.drop) frames = frames.slice(0, Math.max(0, frames.length - step.drop));
    for (const { frame, name } of step.push ?? []) frames.push({ frame, name, vars: new Map() });
    const byNumber = new Map(frames.map((frame) => [frame.frame, frame]));
    for (const [number, vars] of Object.entries(step.vars ?? {})) {
      for (const [name, value] of Object.entries(vars)) byNumber.get(Number(number))?.vars.set(name, value);
    }
    for (const [number, names] of Object.entries(step.gone ?? {})) {
      for (const name of names) byNumber.get(Number(number))?.vars.delete(name);
    }
    for (const [number, object] of Object.entries(step.heap ?? {})) heap.set(Number(number), object);
    for (const { text } of step.out ?? []) printed += text;
  }
  return { step: last, frames, heap: reachable(frames, heap, last.value), printed };
}

/** The objects that a variable leads to, in the order in which they are reached. */
function reachable(frames: Frame[], heap: Map<number, HeapObject>, returned?: Value): Map<number, HeapObject> {
  const found = new Map<number, HeapObject>();
  const visit = (value: Value | undefined) => {
    const number = refOf(value);
    const object = number === null ? undefined : heap.get(number);
    if (number === null || !object || found.has(number)) return;
    found.set(number, object);
    for (const part of partsOf(object)) visit(part);
  };
  for (const frame of frames) for (const value of frame.vars.values()) visit(value);
  visit(returned);
  return found;
}

export function refOf(value: Value | undefined): number | null {
  return typeof value === "object" && value !== null && "ref" in value ? value.ref : null;
}

function partsOf(object: HeapObject): Value[] {
  if ("items" in object) return object.items;
  if ("entries" in object) return object.entries.flatMap(({ key, value }) => [key, value]);
  if ("fields" in object) return object.fields.map(({ value }) => value);
  return [];
}

/** A simple value as Python writes it. */
export function written(value: Value): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return quoted(value);
  if ("int" in value) return value.int;
  if ("float" in value) return value.float;
  if ("str" in value) return `${quoted(value.str)}… (${value.length})`;
  if ("type" in value) return `${value.type} …`;
  return "";
}

function quoted(text: string): string {
  const escaped = text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/\t/g, "\\t");
  return escaped.includes("'") && !escaped.includes('"') ? `"${escaped}"` : `'${escaped.replace(/'/g, "\\'")}'`;
}
