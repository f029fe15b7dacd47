/**
 * Messages on their way to triage. They are sent one after the other, in the order in which they were written, and are
 * kept on this machine until the gateway has them: neither a cut nor a closed page loses one.
 */
import { create } from "zustand";
import { submitQuery } from "@/api/client";
import { randomKey } from "@/api/key";
import { Problem, sentenceOf } from "@/api/problem";
import { useConnection } from "@/api/socket";
import type { QuerySubmitted, RoutingDecision } from "@/generated/api";

/** How long to wait for a gateway that does not say for how long. */
const RETRY_MS = 4_000;
const STORED = "learnflow-outbox";

/** A message that the gateway does not have yet. */
export interface Outgoing {
  /** Makes a repeated request the same turn. */
  key: string;
  query: QuerySubmitted;
  /** `waiting` for a connection or its turn, `refused` until somebody takes it back. */
  state: "sending" | "waiting" | "refused";
  problem: string | null;
  /** When it is tried again, in milliseconds since 1970; `null` when that depends on the connection. */
  retryAt: number | null;
}

interface Outbox {
  studentId: string | null;
  messages: Outgoing[];
}

export const useOutbox = create<Outbox>(() => ({ studentId: null, messages: [] }));
const { getState: state, setState: set } = useOutbox;

type Accepted = (message: Outgoing, decision: RoutingDecision) => void;
let onAccepted: Accepted = () => undefined;
let sending = false;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Before this moment the gateway wants no more, whoever asks. */
let notBefore = 0;

/** Says what becomes of a message that the gateway has taken. */
export function whenAccepted(listener: Accepted): void {
  onAccepted = listener;
}

/** Takes up what a student left unsent on this machine. */
export function openOutbox(studentId: string): void {
  if (state().studentId !== studentId) {
    notBefore = 0;
    set({ studentId, messages: stored(studentId) });
  }
  void flush();
}

/** Adds a message to the end, and returns its key. */
export function enqueue(query: QuerySubmitted): string {
  const message: Outgoing = { key: randomKey(), query, state: "waiting", problem: null, retryAt: null };
  put([...state().messages, message]);
  void flush();
  return message.key;
}

/** Gives up a message that was not sent, and returns it for editing. */
export function discard(key: string): QuerySubmitted | undefined {
  const found = state().messages.find((message) => message.key === key);
  put(state().messages.filter((message) => message.key !== key));
  return found?.query;
}

/** Sends what waits, the oldest first; what cannot be sent yet holds up what was written after it. */
export async function flush(): Promise<void> {
  if (sending) return;
  sending = true;
  clearTimeout(timer);
  try {
    for (;;) {
      const next = state().messages.find((message) => message.state !== "refused");
      if (!next) return;
      const delay = notBefore > Date.now() ? notBefore - Date.now() : await attempt(next);
      if (delay === "sent" || delay === "refused") continue;
      if (delay !== "logged out") timer = setTimeout(() => void flush(), delay);
      return;
    }
  } finally {
    sending = false;
  }
}

/** Sends one message. Returns what became of it, or after how many milliseconds to try again. */
async function attempt({ key, query }: Outgoing): Promise<"sent" | "refused" | "logged out" | number> {
  const { studentId } = state();
  change(key, { state: "sending", problem: null, retryAt: null });
  try {
    const decision = await submitQuery(query, key);
    // Somebody else may have logged in meanwhile.
    if (state().studentId !== studentId) return "sent";
    const message = state().messages.find((message) => message.key === key);
    put(state().messages.filter((message) => message.key !== key));
    if (message) onAccepted(message, decision);
    return "sent";
  } catch (error) {
    const problem = sentenceOf(error);
    if (error instanceof Problem && error.status === 401) {
      // The next login opens the outbox again.
      change(key, { state: "waiting", problem });
      return "logged out";
    }
    if (!(error instanceof Problem) || !error.isTemporary) {
      change(key, { state: "refused", problem });
      return "refused";
    }
    const delay = error.retryAfterS === null ? RETRY_MS : error.retryAfterS * 1000;
    const limited = error.status === 429;
    if (limited) notBefore = Date.now() + delay;
    change(key, { state: "waiting", problem, retryAt: limited ? notBefore : null });
    return delay;
  }
}

function change(key: string, change: Partial<Outgoing>): void {
  put(state().messages.map((message) => (message.key === key ? { ...message, ...change } : message)));
}

function put(messages: Outgoing[]): void {
  set({ messages });
  const { studentId } = state();
  if (studentId) localStorage.setItem(`${STORED}-${studentId}`, JSON.stringify(messages));
}

function stored(studentId: string): Outgoing[] {
  try {
    const messages = JSON.parse(localStorage.getItem(`${STORED}-${studentId}`) ?? "[]") as Outgoing[];
    // What was refused stays so: sending it again by itself would only be refused again.
    return messages.map((message) => (message.state === "refused" ? message : { ...message, state: "waiting", retryAt: null }));
  } catch {
    return [];
  }
}

// What waits is sent as soon as there is a connection again.
if (typeof window !== "undefined") {
  window.addEventListener("online", () => void flush());
  useConnection.subscribe((now, before) => {
    if (now.connected && !before.connected) void flush();
  });
}
