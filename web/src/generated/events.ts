// Generated from crates/events by `cargo xtask codegen`; changes here are lost.

/** One of the six agents. The kebab-case name is also the folder, the Spin component, the Knative Service, the consumer in the inbox and the `service.name` of its telemetry. */
export type Agent = "triage" | "concepts" | "code-review" | "debug" | "exercise" | "progress";

/** An agent's activity. */
export interface AgentLogged {
  /** Who. */
  agent_name: Agent;
  /** `INFO`, `WARN` or `ERROR`. */
  log_level: string;
  /** What, in a few words for the student ("Analyzing query"). */
  message: string;
  /** The turn it is about. */
  query_id?: string | null;
  /** `processing`, `done` or `error`. */
  status: string;
}

/** An agent answered. */
export interface AgentResponded {
  /** Who answered; `code-runner` when the sandbox did. */
  agent_name: string;
  /** Who wrote it. */
  answered_by: AnsweredBy;
  /** The programs in the answer; each was run before it was shown. */
  code_examples?: Array<string>;
  /** The idea behind an error, which the concepts agent then explains (the saga of a debug answer). */
  concept?: string | null;
  /** How sure the agent is, 0 to 1. */
  confidence: number;
  /** What the answer rests on, as data (runs, findings, cards); its shape depends on the agent. */
  evidence?: unknown;
  /** How much help the answer gives, where it is graded. */
  hint_tier?: HintTier | null;
  /** The model that wrote it, when one did. */
  model?: ModelUse | null;
  /** What the turn showed about the student's knowledge. */
  observations?: Array<Observation>;
  /** From the routed query to the answer, in milliseconds. */
  processing_time_ms: number;
  /** The turn. */
  query_id: string;
  /** One sentence: what the answer rests on. */
  reasoning: string;
  /** The answer, in Markdown. */
  response_text: string;
  /** What kind of answer it is. */
  response_type: ResponseType;
  /** The turn's number among this student's turns. */
  seq: number;
  /** Topics of the curriculum that the turn touched. */
  topics?: Array<string>;
}

/** Who wrote an answer. */
export type AnsweredBy = "authored" | "anthropic" | "openai" | "cache";

/** Payload of `learnflow.code.executed.v1`. */
export interface CodeExecuted {
  /** What it did. */
  report: RunReport;
  /** The run. */
  run_id: string;
}

/** Payload of `learnflow.code.submitted.v1`. */
export interface CodeSubmitted {
  /** What to run. */
  request: RunRequest;
  /** The run. */
  run_id: string;
}

/** The parts of an explained exception. */
export interface ExplanationParts {
  /** What to try; empty when nothing is known. */
  hint: string;
  /** What this kind of error means in general. */
  what: string;
  /** Why it happened here. */
  why: string;
}

/** A student rated an answer. */
export interface FeedbackGiven {
  /** Free text. */
  comment?: string | null;
  /** Thumb up or down. */
  helpful: boolean;
  /** The turn. */
  query_id: string;
  /** 1 to 5. */
  rating?: number | null;
}

/** How much of the way to a solution an answer goes, least first. */
export type HintTier = "nudge" | "pointer" | "explanation" | "worked-part" | "full";

/** A change of mastery in one topic. */
export interface MasteryChange {
  /** Probability of mastery before, 0 to 1. */
  before: number;
  /** Probability of mastery now, 0 to 1. */
  now: number;
  /** A topic id of the curriculum. */
  topic: string;
}

/** A student's mastery of topics changed. */
export interface MasteryUpdated {
  /** Achievements reached with this change. */
  achievements?: Array<string>;
  /** The changes. */
  changes: Array<MasteryChange>;
  /** The turn that changed it, when a turn did. */
  query_id?: string | null;
}

/** The language model that wrote an answer, and what that took. */
export interface ModelUse {
  /** Price in millionths of a US dollar; 0 when the answer came from the cache. */
  cost_micros: number;
  /** Tokens read. */
  input_tokens: number;
  /** The model, as its provider names it. */
  model: string;
  /** Tokens written. */
  output_tokens: number;
  /** SHA-256 of the rendered system prompt, in hexadecimal. */
  prompt_hash: string;
}

/** One thing observed about what a student knows; folded by the learner model in `seq` order. */
export interface Observation {
  /** Whether it speaks for (`true`) or against (`false`) the student knowing the topic. */
  correct: boolean;
  /** What was seen. */
  kind: ObservationKind;
  /** A topic id of the curriculum. */
  topic: string;
}

/** What an [`Observation`] was made from, weakest first. */
export type ObservationKind = "question" | "run" | "review" | "exercise";

/** How a run ended. */
export type Outcome = "ok" | "exited" | "raised" | "syntax_error" | "timeout" | "memory_limit" | "output_limit" | "interrupted" | "crashed";

/** An exception that ended a program. */
export interface PythonError {
  /** What happened, why and what to look at, for a beginner, in plain text. */
  explanation?: string;
  /** The file that `line` is in (`main.py` unless it is another of the student's files). */
  file?: string;
  /** The innermost line of the student's own code, from 1; absent when there is none. */
  line?: number | null;
  /** `str(exception)`. */
  message: string;
  /** The same as parts. */
  parts?: ExplanationParts;
  /** The traceback, with the student's frames only. */
  traceback?: string;
  /** The class's name (`IndexError`). */
  type: string;
}

/** A query could not be answered; its event is kept as a dead letter. */
export interface QueryFailed {
  /** The dead letter, to quote to whoever runs the system. */
  dead_letter_id: string;
  /** When the last try failed. */
  failed_at: string;
  /** What the student reads. */
  message: string;
  /** The turn. */
  query_id: string;
}

/** Triage decided who answers. It carries the query, so that a specialist needs no second look-up. */
export interface QueryRouted {
  /** Calibrated probability that `target_agent` is right, 0 to 1. */
  confidence: number;
  /** The question. */
  query: QuerySubmitted;
  /** The turn: one question and its answer. */
  query_id: string;
  /** One sentence: why. */
  reasoning: string;
  /** The turn's number among this student's turns, from 1; orders what people see. */
  seq: number;
  /** Who answers. */
  target_agent: Route;
}

/** A student asked something. An HTTP caller of triage sends the same fields. */
export interface QuerySubmitted {
  /** The program that the message is about, at most [`crate::limits::CODE_BYTES`]. */
  code?: string | null;
  /** The exercise that the student is working on. */
  exercise_id?: string | null;
  /** How much help the student asks for; the course's policy may grant less. */
  hint_tier?: HintTier | null;
  /** The message, at most [`crate::limits::QUERY_TEXT_BYTES`]. */
  query_text: string;
  /** The specialist the student asked for by name; triage then only confirms it. */
  route?: Route | null;
  /** A unittest file, where the student or the exercise has one. */
  tests?: string | null;
}

/** A piece of an answer that is still being written. */
export interface ResponseDelta {
  /** Who is answering. */
  agent_name: string;
  /** Position of the piece in the answer, from 0. */
  index: number;
  /** The turn. */
  query_id: string;
  /** The text to append. */
  text: string;
}

/** What kind of answer it is. */
export type ResponseType = "explanation" | "review" | "diagnosis" | "exercise" | "grading" | "report" | "run" | "clarification" | "declined";

/** Where triage sends a message; the value of the `agent` extension attribute of a routed query. */
export type Route = "concepts" | "code-review" | "debug" | "exercise" | "progress" | "code-runner" | "out-of-scope";

/** Limits of one run. */
export interface RunLimits {
  /** WebAssembly instructions that it may execute. They are counted only when this is set, which makes the run slower and the point where it is stopped the same on every machine. */
  fuel?: number | null;
  /** Memory of the interpreter, in MiB. */
  memory_mib?: number | null;
  /** Bytes of stdout and stderr together. */
  output_bytes?: number | null;
  /** Processor time, in milliseconds. */
  timeout_ms?: number | null;
  /** Steps that are recorded when `trace` is set. */
  trace_steps?: number | null;
  /** Time on the wall clock including waiting for input, in milliseconds. */
  wall_ms?: number | null;
}

/** What a run did. */
export interface RunReport {
  /** Time the student's program took, in microseconds. */
  duration_us: number;
  /** The exception, if one ended the program. */
  error?: PythonError | null;
  /** Python's exit code: 0, what `sys.exit` was given, 1 after an exception, 124 after a timeout, 137 after another limit, 130 after an interrupt. */
  exit_code: number;
  /** WebAssembly instructions that were executed, when the limits have `fuel`. */
  fuel_used?: number | null;
  /** Largest size of the interpreter's memory, in bytes. */
  memory_bytes?: number;
  /** How it ended. */
  outcome: Outcome;
  /** What is needed to repeat the run exactly. */
  receipt?: unknown;
  /** Standard error, with the traceback as Python prints it. */
  stderr: string;
  /** Standard output. */
  stdout: string;
  /** The recorded steps, when they were asked for; docs/trace.md has the shape. */
  trace?: unknown;
}

/** A program to run and how. */
export interface RunRequest {
  /** `sys.argv[1:]`. */
  argv?: Array<string>;
  /** A frozen clock, in milliseconds since 1970 (UTC). */
  clock_ms?: number | null;
  /** The main program; it runs as `main.py` with `__name__ == "__main__"`. */
  code: string;
  /** Modules and data beside it: relative path to text. */
  files?: Record<string, string>;
  /** Limits; absent ones take the service's defaults, larger ones are cut to its maxima. */
  limits?: RunLimits;
  /** Seed of `random` and of hashing; makes the run repeatable together with `clock_ms`. */
  seed?: number | null;
  /** Standard input, all of it; reading past its end is an `EOFError`. */
  stdin?: string;
  /** Record every step, for a step player and for diagnosis. */
  trace?: boolean;
}

/** How much a student seems to be stuck. */
export type StruggleLevel = "low" | "medium" | "high";

/** A student seems to be stuck. */
export interface StudentStruggling {
  /** What was seen, in a sentence. */
  context: string;
  /** What a teacher could do. */
  recommendation: string;
  /** The runs that show it. */
  runs?: Array<string>;
  /** How much. */
  struggle_level: StruggleLevel;
  /** The topic. */
  topic: string;
  /** The turns that show it. */
  turns?: Array<string>;
}

/** The payload of each type of event. */
export interface Payloads {
  "learnflow.agent.logged.v1": AgentLogged;
  "learnflow.agent.responded.v1": AgentResponded;
  "learnflow.code.executed.v1": CodeExecuted;
  "learnflow.code.submitted.v1": CodeSubmitted;
  "learnflow.feedback.given.v1": FeedbackGiven;
  "learnflow.mastery.updated.v1": MasteryUpdated;
  "learnflow.query.failed.v1": QueryFailed;
  "learnflow.query.routed.v1": QueryRouted;
  "learnflow.query.submitted.v1": QuerySubmitted;
  "learnflow.response.delta.v1": ResponseDelta;
  "learnflow.student.struggling.v1": StudentStruggling;
}
