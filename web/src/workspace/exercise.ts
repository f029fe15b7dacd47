/** The exercise that the student works on. */
import { create } from "zustand";
import { get } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import type { ExerciseDetail } from "@/generated/api";
import { askAgent } from "./conversation";
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
  }
}

export function closeExercise(): void {
  const { code } = useProgram.getState();
  set({ exercise: null, verdict: null, problem: null });
  load(code, null);
}

/** Hands the program in; the verdict and the hints that it unlocks follow. */
export async function handIn(): Promise<void> {
  const { exercise } = state();
  if (!exercise) return;
  set({ busy: true, problem: null, verdict: null });
  try {
    const answer = await askAgent("exercise", {
      query_text: `Check my solution of “${exercise.title}”`,
      exercise_id: exercise.exercise_id,
      code: useProgram.getState().code,
    });
    const { passed, tests_passed, tests_total } = (answer.evidence ?? {}) as unknown as Verdict;
    set({ verdict: { passed, tests_passed, tests_total, text: answer.response_text } });
    set({ exercise: await get("/api/exercises/{id}", { id: exercise.exercise_id }), busy: false });
  } catch (error) {
    set({ busy: false, problem: sentenceOf(error) });
  }
}
