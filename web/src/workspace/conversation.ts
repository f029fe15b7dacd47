/**
 * The conversation with the tutor: turns in the order of their numbers, what is being written, and what could not
 * be sent yet.
 */
import { create } from "zustand";
import { get, post, submitQuery } from "@/api/client";
import { randomKey } from "@/api/key";
import { Problem, sentenceOf } from "@/api/problem";
import { ask, useConnection } from "@/api/socket";
import type { AgentResponded, Answer, QuerySubmitted, RoutingDecision, Turn } from "@/generated/api";
import type { QueryFailed, ResponseDelta, Route } from "@/generated/events";

/** How many turns a page of the past has. */
const PAGE = 20;
/** After this time without an event the turn itself is asked for: the net for an event that got lost. */
const LOOK_AGAIN_MS = 6_000;
const RETRY_MS = 4_000;
const STORED = "learnflow-outbox";

/** A message on its way to triage. */
export interface Outgoing {
  key: string;
  query: QuerySubmitted;
  /** `waiting` for a connection, `refused` for good. */
  state: "sending" | "waiting" | "refused";
  problem: string | null;
}

/** What an agent does for the newest turn. */
export interface LogEntry {
  /** The turn, or the key of a message that is no turn yet. */
  of: string;
  agent: string;
  /** What the agent said, or what this page knows of it. */
  what: { kind: "analyzing" } | { kind: "routing"; to: string } | { kind: "answering" } | { kind: "answered"; ms: number | null } | { kind: "failed" } | { kind: "said"; text: string };
}

interface Conversation {
  studentId: string | null;
  turns: Turn[];
  outbox: Outgoing[];
  /** What is written so far, by turn. */
  partial: Record<string, string>;
  log: LogEntry[];
  /** `before` of the page of older turns; `null` when there are none, `undefined` before the first load. */
  older: number | null | undefined;
  problem: string | null;
}

export const useConversation = create<Conversation>(() => ({
  studentId: null,
  turns: [],
  outbox: [],
  partial: {},
  log: [],
  older: undefined,
  problem: null,
}));

const { getState: state, setState: set } = useConversation;

/** Loads a student's newest turns and whatever was left unsent on this machine. */
export async function open(studentId: string): Promise<void> {
  if (state().studentId !== studentId) {
    set({ studentId, turns: [], outbox: unsent(studentId), partial: {}, log: [], older: undefined, problem: null });
  }
  try {
    const page = await get("/api/history", { limit: PAGE });
    merge(page.turns);
    set({ older: page.next ?? null, problem: null });
    for (const turn of page.turns) if (!isFinal(turn)) watch(turn.query_id);
  } catch (error) {
    set({ problem: sentenceOf(error) });
  }
  void flush();
}

export async function loadOlder(): Promise<void> {
  const { older } = state();
  if (!older) return;
  const page = await get("/api/history", { before: older, limit: PAGE });
  merge(page.turns);
  set({ older: page.next ?? null });
}

/** Sends a message; without a connection it is kept and sent later. */
export function submit(query: QuerySubmitted): void {
  const outgoing: Outgoing = { key: randomKey(), query, state: "sending", problem: null };
  set(({ outbox }) => ({
    outbox: [...outbox, outgoing],
    log: [{ of: outgoing.key, agent: "triage", what: { kind: "analyzing" } }],
  }));
  keep();
  void send(outgoing.key);
}

/** Gives up a message that was not sent, and returns it for editing. */
export function discard(key: string): QuerySubmitted | undefined {
  const found = state().outbox.find((outgoing) => outgoing.key === key);
  set(({ outbox }) => ({ outbox: outbox.filter((outgoing) => outgoing.key !== key) }));
  keep();
  return found?.query;
}

/** Tries to send everything that waits, in order. */
export async function flush(): Promise<void> {
  for (const outgoing of state().outbox) {
    if (outgoing.state === "waiting") await send(outgoing.key);
  }
}

async function send(key: string): Promise<void> {
  const outgoing = state().outbox.find((outgoing) => outgoing.key === key);
  if (!outgoing) return;
  change(key, { state: "sending", problem: null });
  try {
    // The key makes a repeat the same turn, so a lost answer to this request does no harm.
    const accepted = await submitQuery(outgoing.query, key);
    accept(key, outgoing.query, accepted);
  } catch (error) {
    if (error instanceof Problem && error.isTemporary) {
      change(key, { state: "waiting", problem: sentenceOf(error) });
      setTimeout(() => void send(key), (error.retryAfterS ?? 0) * 1000 || RETRY_MS);
    } else {
      change(key, { state: "refused", problem: sentenceOf(error) });
    }
  }
}

function accept(key: string, query: QuerySubmitted, accepted: RoutingDecision): void {
  const { query_id, seq, target_agent, confidence, reasoning } = accepted;
  set(({ outbox, log }) => ({
    outbox: outbox.filter((outgoing) => outgoing.key !== key),
    log: log.map((entry) => (entry.of === key ? { ...entry, of: query_id } : entry)),
  }));
  keep();
  if (!state().turns.some((turn) => turn.query_id === query_id)) {
    merge([
      {
        query_id,
        seq,
        student_id: state().studentId ?? "",
        status: "routed",
        query,
        routing: { target_agent, confidence, reasoning },
        answer: null,
        follow_up: null,
        failure: null,
        feedback: null,
        created_at: new Date().toISOString(),
        answered_at: null,
        latency_ms: null,
      },
    ]);
  }
  note({ of: query_id, agent: "triage", what: { kind: "routing", to: target_agent } });
  note({ of: query_id, agent: target_agent, what: { kind: "answering" } });
  watch(query_id);
}

function change(key: string, change: Partial<Outgoing>): void {
  set(({ outbox }) => ({
    outbox: outbox.map((outgoing) => (outgoing.key === key ? { ...outgoing, ...change } : outgoing)),
  }));
}

/** Remembers what is unsent, so that closing the page loses nothing. */
function keep(): void {
  const { studentId, outbox } = state();
  if (studentId) localStorage.setItem(`${STORED}-${studentId}`, JSON.stringify(outbox));
}

function unsent(studentId: string): Outgoing[] {
  try {
    const stored = JSON.parse(localStorage.getItem(`${STORED}-${studentId}`) ?? "[]") as Outgoing[];
    return stored.map((outgoing) => ({ ...outgoing, state: "waiting" }));
  } catch {
    return [];
  }
}

/** Asks for a turn until it is final, in case its event is missed. */
function watch(queryId: string): void {
  setTimeout(async () => {
    const turn = find(queryId);
    if (!turn || isFinal(turn)) return;
    try {
      merge([await get("/api/turns/{id}", { id: queryId, wait_ms: 20_000 })]);
    } catch {
      // Away: the next look comes.
    }
    watch(queryId);
  }, LOOK_AGAIN_MS);
}

/** Gets what was missed while the connection was cut. */
export async function resume(): Promise<void> {
  const { turns, studentId } = state();
  if (!studentId) return;
  const open = turns.filter((turn) => !isFinal(turn)).map((turn) => turn.seq - 1);
  let seq = open.length ? Math.min(...open) : Math.max(0, ...turns.map((turn) => turn.seq));
  for (;;) {
    const missed = await ask<{ turns: Turn[]; more: boolean }>("since", { seq });
    merge(missed.turns);
    const last = missed.turns.at(-1);
    if (!missed.more || !last) return;
    seq = last.seq;
  }
}

export async function rate(queryId: string, helpful: boolean): Promise<void> {
  await post("/api/feedback", { query_id: queryId, helpful });
  patch(queryId, (turn) => ({ ...turn, feedback: { ...turn.feedback, query_id: queryId, helpful } }));
}

/**
 * Asks one agent by name and waits for its answer. It goes the way of every message, so that the model of what the
 * student knows hears of it; the turn joins the conversation when it is answered.
 */
export async function askAgent(route: Route, query: QuerySubmitted): Promise<Answer> {
  const { query_id } = await submitQuery({ ...query, route }, randomKey());
  for (;;) {
    const turn = await get("/api/turns/{id}", { id: query_id, wait_ms: 20_000 });
    if (!isFinal(turn)) continue;
    merge([turn]);
    if (turn.answer) return turn.answer;
    throw new Error(turn.failure?.message ?? "There is no answer.");
  }
}

// Events

export function onLog(event: { agent_name: string; message: string; query_id?: string; target_agent?: string }): void {
  const of = event.query_id;
  if (!of) return;
  if (event.target_agent) {
    note({ of, agent: "triage", what: { kind: "routing", to: event.target_agent } });
    patch(of, (turn) => (turn.status === "received" ? { ...turn, status: "routed" } : turn));
  } else if (!(event.agent_name === "triage" && event.message.startsWith("Analyzing"))) {
    note({ of, agent: event.agent_name, what: { kind: "said", text: event.message } });
  }
}

export function onDelta(event: ResponseDelta): void {
  set(({ partial }) => {
    const before = event.index === 0 ? "" : (partial[event.query_id] ?? "");
    return { partial: { ...partial, [event.query_id]: before + event.text } };
  });
}

export function onResponse(event: AgentResponded & { timestamp: string }): void {
  const known = find(event.query_id);
  if (!known) {
    // Asked somewhere else, or by another page: the turn knows the question.
    void get("/api/turns/{id}", { id: event.query_id }).then(
      (turn) => merge([turn]),
      () => undefined,
    );
    return;
  }
  if (known.answer) {
    // The explanation of the idea behind an error comes after the answer.
    if (known.answer.agent_name !== event.agent_name) patch(event.query_id, (turn) => ({ ...turn, follow_up: event }));
    return;
  }
  const ms = new Date(event.timestamp).getTime() - new Date(known.created_at).getTime();
  patch(event.query_id, (turn) => ({
    ...turn,
    status: "answered",
    answer: answerOf(event),
    answered_at: event.timestamp,
    latency_ms: Math.max(0, ms),
  }));
  note({ of: event.query_id, agent: event.agent_name, what: { kind: "answered", ms: event.processing_time_ms ?? null } });
}

export function onFailed(event: QueryFailed): void {
  patch(event.query_id, (turn) => ({
    ...turn,
    status: "failed",
    failure: { message: event.message, dead_letter_id: event.dead_letter_id },
  }));
  note({ of: event.query_id, agent: "triage", what: { kind: "failed" } });
}

// Parts

export function isFinal(turn: Turn): boolean {
  return turn.status === "answered" || turn.status === "failed";
}

/** An answer as a turn keeps it, from the event that brought it. */
function answerOf(event: AgentResponded): Answer {
  return {
    ...event,
    topics: event.topics ?? [],
    evidence: (event.evidence ?? null) as Answer["evidence"],
    hint_tier: event.hint_tier ?? null,
    model: event.model ?? null,
  };
}

function find(queryId: string): Turn | undefined {
  return state().turns.find((turn) => turn.query_id === queryId);
}

function patch(queryId: string, change: (turn: Turn) => Turn): void {
  set(({ turns }) => ({ turns: turns.map((turn) => (turn.query_id === queryId ? change(turn) : turn)) }));
}

/** Takes turns over; one that is known in a later state is kept. */
function merge(news: Turn[]): void {
  set(({ turns, partial }) => {
    const known = new Map(turns.map((turn) => [turn.query_id, turn]));
    const writing = { ...partial };
    for (const turn of news) {
      const before = known.get(turn.query_id);
      if (!before || isFinal(turn) || !isFinal(before)) {
        known.set(turn.query_id, { ...turn, follow_up: turn.follow_up ?? before?.follow_up ?? null });
      }
      if (isFinal(turn)) delete writing[turn.query_id];
    }
    return { turns: [...known.values()].sort((a, b) => a.seq - b.seq), partial: writing };
  });
}

/** Adds to the log of the newest turn; the same thing said twice (over HTTP and as an event) is one entry. */
function note(entry: LogEntry): void {
  set(({ log }) => {
    const same = (other: LogEntry) =>
      other.of === entry.of && other.agent === entry.agent && JSON.stringify(other.what) === JSON.stringify(entry.what);
    if (log.some(same)) return {};
    if (log.length > 0 && log.at(-1)?.of !== entry.of) return {};
    return { log: [...log, entry] };
  });
}

// What waits is sent as soon as there is a connection again.
if (typeof window !== "undefined") {
  window.addEventListener("online", () => void flush());
  useConnection.subscribe((now, before) => {
    if (now.connected && !before.connected) void flush();
  });
}
