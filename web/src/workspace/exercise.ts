/** The exercise that the student works on. */
import { create } from "zustand";
import { get } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import type { ExerciseDetail } from "@/generated/api";
import { say } from "@/i18n";
import { answerTo, askAgent } from "./conversation";
import { useOutbox } from "./outbox";
import { load, useProgram } from "./program";

export interface Verdict {
  passed: boolean;
  tests_passed: number;
  tests_total: number;
  text: string;
}

interface Work {
  pane: "tutor" | "exercise";
  /** On a phone one pane is seen at a time. */
  phone: "talk" | "code";
  exercise: ExerciseDetail | null;
  verdict: Verdict | null;
  busy: boolean;
  problem: string | null;
}

export const useWork = create<Work>(() => ({
  pane: "tutor",
  phone: "talk",
  exercise: null,
  verdict: null,
  busy: false,
  problem: null,
}));
const { setState: set, getState: state } = useWork;

/** Opens an exercise beside the editor; its starter goes into the editor unless the student is already on it. */
export async function openExercise(id: string): Promise<void> {
  set({ pane: "exercise", phone: "talk", busy: true, problem: null, verdict: null });
  try {
    const exercise = await get("/api/exercises/{id}", { id });
    set({ exercise, busy: false });
    if (useProgram.getState().exerciseId !== id) load(exercise.submissions[0]?.code ?? exercise.starter, id);
  } catch (error) {
    set({ busy: false, problem: sentenceOf(error) });
    return;
  }
  // Handed in before the page was closed, and not sent yet.
  const waiting = useOutbox.getState().messages.find(({ query, state }) => state !== "refused" && query.route === "exercise" && query.exercise_id === id);
  if (waiting) await judge(id, waiting.key);
}

export function closeExercise(): void {
  const { code } = useProgram.getState();
  set({ exercise: null, verdict: null, problem: null, busy: false });
  load(code, null);
}

/** Hands the program in; the verdict and the hints that it unlocks follow. Without a connection it waits as a message does. */
export async function handIn(): Promise<void> {
  const { exercise } = state();
  if (!exercise) return;
  const { exercise_id, title } = exercise;
  await judge(exercise_id, askAgent("exercise", { query_text: say("exercise.ask", { title }), exercise_id, code: useProgram.getState().code }));
}

/** Waits for the verdict on what was handed in under a key. */
async function judge(id: string, key: string): Promise<void> {
  // The student may have gone on to another exercise meanwhile.
  const tell = (news: Partial<Work>) => {
    if (state().exercise?.exercise_id === id) set(news);
  };
  tell({ busy: true, problem: null, verdict: null });
  try {
    const answer = await answerTo(key);
    const { passed, tests_passed, tests_total } = (answer.evidence ?? {}) as unknown as Verdict;
    tell({ verdict: { passed, tests_passed, tests_total, text: answer.response_text } });
    tell({ exercise: await get("/api/exercises/{id}", { id }), busy: false });
  } catch (error) {
    tell({ busy: false, problem: say("exercise.not-checked", { why: sentenceOf(error) }) });
  }
}
