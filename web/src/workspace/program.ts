/** The program in the editor: its text, its runs, and what is known about its lines. */
import { create } from "zustand";
import { Problem, sentenceOf } from "@/api/problem";
import { ask, begin } from "@/api/socket";
import type { Finding } from "@/editor/marks";
import type { RunReport } from "@/generated/api";
import { say } from "@/i18n";
import { parseTrace, type Trace } from "./trace";

const STORED = "learnflow-program";
/** Pieces of output that are kept on the page. */
const MOST_ENTRIES = 5_000;

export const FIRST_PROGRAM = `# Your first program: press Run.
name = input("What is your name? ")
print("Hello, " + name + "!")
`;

export interface Entry {
  stream: "stdout" | "stderr" | "stdin" | "note";
  text: string;
}

export type Panel = "output" | "steps" | "review";

interface ProgramState {
  studentId: string | null;
  code: string;
  status: "idle" | "starting" | "running";
  runId: string | null;
  entries: Entry[];
  report: RunReport | null;
  /** Why a program could not be run, which is not the program's fault. */
  problem: string | null;
  trace: Trace | null;
  step: number;
  findings: Finding[];
  /** What was said about the whole in the review that `findings` come from. */
  praise: string | null;
  panel: Panel;
  /** The exercise that the program is for. */
  exerciseId: string | null;
}

export const useProgram = create<ProgramState>(() => ({
  studentId: null,
  code: "",
  status: "idle",
  runId: null,
  entries: [],
  report: null,
  problem: null,
  trace: null,
  step: 0,
  findings: [],
  praise: null,
  panel: "output",
  exerciseId: null,
}));

const { getState: state, setState: set } = useProgram;

/** Takes up the program that the student left. */
export function open(studentId: string): void {
  if (state().studentId === studentId) return;
  const stored = localStorage.getItem(`${STORED}-${studentId}`);
  set({ ...fresh(), studentId, code: stored ?? FIRST_PROGRAM, exerciseId: localStorage.getItem(`${STORED}-exercise-${studentId}`) });
}

/** The text was changed: what was found in the old one holds no longer. */
export function edit(code: string): void {
  const { studentId } = state();
  if (studentId) localStorage.setItem(`${STORED}-${studentId}`, code);
  set({ code, findings: [], praise: null, report: null, trace: null });
}

/** Replaces the program by another one. */
export function load(code: string, exerciseId: string | null = state().exerciseId): void {
  const { studentId } = state();
  if (studentId) {
    if (exerciseId) localStorage.setItem(`${STORED}-exercise-${studentId}`, exerciseId);
    else localStorage.removeItem(`${STORED}-exercise-${studentId}`);
  }
  set({ ...fresh(), exerciseId });
  edit(code);
}

function fresh(): Partial<ProgramState> {
  return { status: "idle", runId: null, entries: [], report: null, problem: null, trace: null, step: 0, findings: [], praise: null };
}

export function show(panel: Panel): void {
  set({ panel });
}

export function showFindings(findings: Finding[], praise: string | null): void {
  set({ findings, praise, panel: "review" });
}

export function goTo(step: number): void {
  const { trace } = state();
  if (trace) set({ step: Math.max(0, Math.min(trace.steps.length - 1, step)) });
}

/** Output that came before the run's own acknowledgement. */
let early: CodeOutput[] = [];

/** Runs the program while the student watches; with `trace` its steps are recorded as well. */
export async function run(trace: boolean): Promise<void> {
  if (state().status !== "idle") return;
  early = [];
  set({ status: "starting", entries: [], report: null, problem: null, trace: null, step: 0, panel: "output" });
  try {
    const { run_id } = await begin<{ run_id: string }>("run-code", { code: state().code, trace });
    set({ runId: run_id, status: "running" });
    for (const output of early.splice(0)) onOutput(output);
  } catch (error) {
    set({ status: "idle", problem: sentenceOf(error) });
  }
}

/** Types a line into the running program. */
export async function type(line: string): Promise<void> {
  const { runId } = state();
  if (!runId) return;
  append({ stream: "stdin", text: `${line}\n` });
  await ask("stdin", { run_id: runId, text: `${line}\n`, eof: false }).catch(complain);
}

/** Says that no more input comes. */
export async function endInput(): Promise<void> {
  const { runId } = state();
  if (runId) await ask("stdin", { run_id: runId, text: "", eof: true }).catch(complain);
}

/** Stops the program, as Ctrl-C does. */
export async function stop(): Promise<void> {
  const { runId } = state();
  if (runId) await ask("interrupt", { run_id: runId }).catch(complain);
}

function complain(error: unknown): void {
  // The program ended in the same moment: its report says so.
  if (error instanceof Problem && error.status === 404) return;
  set({ problem: sentenceOf(error) });
}

export interface CodeOutput {
  run_id: string;
  stream?: "stdout" | "stderr";
  text?: string;
  report?: RunReport;
  problem?: { detail?: string };
}

export function onOutput(output: CodeOutput): void {
  const { runId, status } = state();
  if (status === "starting") {
    early.push(output);
    return;
  }
  if (output.run_id !== runId) return;
  if (output.stream && output.text !== undefined) {
    append({ stream: output.stream, text: output.text });
  } else if (output.report) {
    finish(output.report);
  } else {
    set({ status: "idle", runId: null, problem: output.problem?.detail ?? say("problem.run") });
  }
}

function finish(report: RunReport): void {
  const trace = parseTrace(report.trace);
  set(({ entries }) => ({
    status: "idle",
    runId: null,
    report: { ...report, trace: undefined },
    // What came in pieces is complete unless output was cut off on the way.
    entries: entries.length === 0 ? whole(report) : entries,
    trace,
    step: 0,
    ...(trace ? { panel: "steps" as const } : {}),
  }));
}

function whole(report: RunReport): Entry[] {
  const entries: Entry[] = [];
  if (report.stdout) entries.push({ stream: "stdout", text: report.stdout });
  if (report.stderr) entries.push({ stream: "stderr", text: report.stderr });
  return entries;
}

/** The connection was cut: the gateway ends the programs of a socket that is gone. */
export function onCut(): void {
  if (state().status !== "idle") set({ status: "idle", runId: null, problem: "cut" });
}

function append(entry: Entry): void {
  set(({ entries }) => {
    const last = entries.at(-1);
    if (last && last.stream === entry.stream) {
      return { entries: [...entries.slice(0, -1), { ...last, text: last.text + entry.text }] };
    }
    return { entries: [...entries, entry].slice(-MOST_ENTRIES) };
  });
}
