/** The conversation with the tutor: turns in the order of their numbers, and what is being written. */
import { create } from "zustand";
import { get, post } from "@/api/client";
import { sentenceOf } from "@/api/problem";
import { ask } from "@/api/socket";
import type { AgentResponded, Answer, QuerySubmitted, RoutingDecision, Turn } from "@/generated/api";
import type { QueryFailed, ResponseDelta, Route } from "@/generated/events";
import { say } from "@/i18n";
import { discard, enqueue, openOutbox, type Outgoing, useOutbox, whenAccepted } from "./outbox";

/** How many turns a page of the past has. */
const PAGE = 20;
/** After this time without an event the turn itself is asked for: the net for an event that got lost. */
const LOOK_AGAIN_MS = 6_000;
/** The agent whose answers another agent may add to. */
const FOLLOWED = "debug";

/** What an agent does for the newest turn. */
export interface LogEntry {
  /** The turn, or the key of a message that is no turn yet. */
  of: string;
  agent: string;
  /** What the agent said, or what this page knows of it. */
  what: { kind: "analyzing" } | { kind: "routing"; to: string } | { kind: "answering" } | { kind: "answered"; ms: number | null } | { kind: "failed" } | { kind: "said"; text: string };
}

/** An answer while it is written. */
interface Writing {
  text: string;
  /** Number of the piece that comes next. */
  next: number;
}

interface Conversation {
  studentId: string | null;
  turns: Turn[];
  /** The turns that messages of this page have become, by the message's key. */
  accepted: Record<string, string>;
  /** What is written so far, by turn. */
  partial: Record<string, Writing>;
  log: LogEntry[];
  /** `before` of the page of older turns; `null` when there are none, `undefined` before the first load. */
  older: number | null | undefined;
  problem: string | null;
}

export const useConversation = create<Conversation>(() => ({
  studentId: null,
  turns: [],
  accepted: {},
  partial: {},
  log: [],
  older: undefined,
  problem: null,
}));

const { getState: state, setState: set } = useConversation;

/** Up to this number the gateway was asked for every turn; only what has changed since can be missing. */
let askedUpTo = 0;

/** Loads a student's newest turns, and takes up whatever was left unsent on this machine. */
export async function open(studentId: string): Promise<void> {
  if (state().studentId !== studentId) {
    askedUpTo = 0;
    loading = null;
    set({ studentId, turns: [], accepted: {}, partial: {}, log: [], older: undefined, problem: null });
  }
  openOutbox(studentId);
  await loadNewest();
}

let loading: Promise<void> | null = null;

/** Loads the newest turns, once at a time. */
function loadNewest(): Promise<void> {
  if (loading) return loading;
  const begun = newestPage().finally(() => {
    if (loading === begun) loading = null;
  });
  loading = begun;
  return begun;
}

async function newestPage(): Promise<void> {
  const { studentId } = state();
  try {
    const page = await get("/api/history", { limit: PAGE });
    // Somebody else has logged in meanwhile.
    if (state().studentId !== studentId) return;
    merge(page.turns);
    // The newest page has no gaps, and what is older is loaded page by page.
    askedUpTo = Math.max(askedUpTo, ...page.turns.map((turn) => turn.seq));
    set({ older: page.next ?? null, problem: null });
    for (const turn of page.turns) if (!isFinal(turn)) watch(turn.query_id);
  } catch (error) {
    set({ problem: sentenceOf(error) });
  }
}

export async function loadOlder(): Promise<void> {
  const { older } = state();
  if (!older) return;
  const page = await get("/api/history", { before: older, limit: PAGE });
  merge(page.turns);
  set({ older: page.next ?? null });
}

/** Sends a message; without a connection it is kept and sent later. Returns its key. */
export function submit(query: QuerySubmitted): string {
  const key = enqueue(query);
  set({ log: [{ of: key, agent: "triage", what: { kind: "analyzing" } }] });
  return key;
}

whenAccepted(({ key, query }: Outgoing, { query_id, seq, target_agent, confidence, reasoning }: RoutingDecision) => {
  set(({ accepted, log }) => ({
    accepted: { ...accepted, [key]: query_id },
    log: log.map((entry) => (entry.of === key ? { ...entry, of: query_id } : entry)),
  }));
  if (!find(query_id)) {
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
});

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
  if (!state().studentId) return;
  if (state().older === undefined) await loadNewest();
  // The load has failed; its problem is shown, and the next connection tries again.
  if (state().older === undefined) return;
  let seq = completeUpTo();
  for (;;) {
    const missed = await ask<{ turns: Turn[]; more: boolean }>("since", { seq });
    merge(missed.turns);
    const last = missed.turns.at(-1);
    if (last) {
      seq = last.seq;
      askedUpTo = Math.max(askedUpTo, seq);
    }
    if (!missed.more || !last) return;
  }
}

/** The number up to which nothing can be missing: neither a turn, nor its answer, nor what follows the answer. */
function completeUpTo(): number {
  const { turns } = state();
  const known = new Set(turns.map((turn) => turn.seq));
  while (known.has(askedUpTo + 1)) askedUpTo += 1;
  // Of older turns a page is looked after: what failed long ago may stay as it was until it is loaded again.
  const unsettled = turns.slice(-PAGE).find((turn) => !isSettled(turn));
  return Math.min(askedUpTo, unsettled ? unsettled.seq - 1 : askedUpTo);
}

/** Whether no event is to come about a turn. One that failed is answered when an operator sends its event again. */
function isSettled({ status, answer, follow_up }: Turn): boolean {
  return status === "answered" && (answer?.agent_name !== FOLLOWED || follow_up !== null);
}

export async function rate(queryId: string, helpful: boolean): Promise<void> {
  await post("/api/feedback", { query_id: queryId, helpful });
  patch(queryId, (turn) => ({ ...turn, feedback: { ...turn.feedback, query_id: queryId, helpful } }));
}

/**
 * Asks one agent by name. It goes the way of every message, so that it is not lost either, and the model of what the
 * student knows hears of it. Returns the key of the message.
 */
export function askAgent(route: Route, query: QuerySubmitted): string {
  return submit({ ...query, route });
}

/** Waits for the answer to a message, however long it has to wait for a connection. Throws when there will be none. */
export async function answerTo(key: string): Promise<Answer> {
  const refused = await untilSent(key);
  if (refused) {
    discard(key);
    throw new Error(refused.problem ?? say("problem.refused"));
  }
  const turn = await untilFinal(state().accepted[key]);
  if (turn?.answer) return turn.answer;
  throw new Error(turn?.failure?.message ?? say("problem.no-answer"));
}

/** Waits until a message has left the outbox; returns it when it was refused. */
function untilSent(key: string): Promise<Outgoing | null> {
  return new Promise((resolve) => {
    const look = () => {
      const message = useOutbox.getState().messages.find((message) => message.key === key);
      if (message && message.state !== "refused") return;
      stop();
      resolve(message ?? null);
    };
    const stop = useOutbox.subscribe(look);
    look();
  });
}

/** Waits until a turn is final; `null` when the message became none. */
function untilFinal(queryId: string | undefined): Promise<Turn | null> {
  return new Promise((resolve) => {
    const look = () => {
      const turn = queryId ? find(queryId) : undefined;
      if (turn && !isFinal(turn)) return;
      stop();
      resolve(turn ?? null);
    };
    const stop = useConversation.subscribe(look);
    look();
  });
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

export function onDelta({ query_id, index, text }: ResponseDelta): void {
  set(({ partial }) => {
    const before = partial[query_id];
    if (index === 0) return { partial: { ...partial, [query_id]: { text, next: 1 } } };
    if (!before || index < before.next) return {};
    if (index === before.next) return { partial: { ...partial, [query_id]: { text: before.text + text, next: index + 1 } } };
    // A piece was missed during a cut: better nothing than a text with a hole. The whole answer comes.
    const { [query_id]: _, ...rest } = partial;
    return { partial: rest };
  });
}

export function onResponse(event: AgentResponded & { timestamp: string }): void {
  const known = find(event.query_id);
  if (!known) {
    fetchTurn(event.query_id);
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
  if (!find(event.query_id)) {
    fetchTurn(event.query_id);
    return;
  }
  patch(event.query_id, (turn) => ({
    ...turn,
    status: "failed",
    failure: { message: event.message, dead_letter_id: event.dead_letter_id },
  }));
  note({ of: event.query_id, agent: "triage", what: { kind: "failed" } });
}

// Parts

/** Gets a turn that was asked somewhere else, or by another page: its event does not say the question. */
function fetchTurn(queryId: string): void {
  get("/api/turns/{id}", { id: queryId }).then(
    (turn) => merge([turn]),
    // The next resume brings it.
    () => undefined,
  );
}

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
