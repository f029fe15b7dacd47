// Generated from docs/api/gateway.openapi.json by `cargo xtask codegen`; changes here are lost.
import type { AgentResponded, AnsweredBy, ExplanationParts, HintTier, ModelUse, Observation, ObservationKind, Outcome, PythonError, QuerySubmitted, ResponseType, Route, RunLimits, RunReport, RunRequest, StruggleLevel } from "./events";

export type { AgentResponded, AnsweredBy, ExplanationParts, HintTier, ModelUse, Observation, ObservationKind, Outcome, PythonError, QuerySubmitted, ResponseType, Route, RunLimits, RunReport, RunRequest, StruggleLevel };

/** An account as its owner sees it. */
export interface Account {
  email: string | null;
  llm: ModelConsent;
  name: string;
  role: Role;
  /** Also the student id in events. */
  user_id: string;
}

/** Something reached. */
export interface Achievement {
  id: string;
  reached_on: string | null;
  /** A clause that follows "You". */
  text: string;
}

/** An agent in the last hour. Agents are not there between two messages: what they did stands for a heartbeat. */
export interface AgentReport {
  agent: string;
  /** Turns that it answered; of triage, that it routed. */
  answered_hour: number;
  failed_hour: number;
  last_answer_at: string | null;
  /** Median time of an answer, in milliseconds. */
  p50_ms: number | null;
  /** Time within which 95 % of the answers were given, in milliseconds. */
  p95_ms: number | null;
  /** `error`: its last turn failed, or one waits too long. */
  status: AgentStatus;
  /** Turns that wait for it. */
  waiting: number;
}

/** An agent's calls. */
export type AgentSpending = Spending & {
  agent: string;
};

export type AgentStatus = "active" | "idle" | "error";

/** Every agent, triage first. */
export interface Agents {
  agents: Array<AgentReport>;
}

/** Somebody is stuck. */
export interface Alert {
  alert_id: string;
  /** The rule that found it: `same-topic`, `same-error`, `no-progress` or `stillness`. */
  cause: string;
  /** Names of the student's classes. */
  classes: Array<string>;
  /** What was seen, in a sentence. */
  context: string;
  created_at: string;
  level: StruggleLevel;
  name: string;
  /** What was written down about it. */
  note: string | null;
  /** What to do about it. */
  recommendation: string;
  resolved_at: string | null;
  /** The name of who resolved it. */
  resolved_by: string | null;
  student_id: string;
  topic: string;
  topic_title: string;
}

/** An alert with what it rests on. */
export type AlertWithEvidence = Alert & {
  evidence: Evidence;
};

/** Alerts, newest first, at most 200. */
export interface Alerts {
  alerts: Array<Alert>;
}

/** An answer. */
export interface Answer {
  agent_name: string | null;
  answered_by: AnsweredBy | null;
  confidence: number | null;
  /** What the answer rests on; its shape depends on the agent. */
  evidence: Record<string, unknown> | null;
  hint_tier: HintTier | null;
  model: ModelUse | null;
  processing_time_ms: number | null;
  reasoning: string | null;
  /** Markdown. */
  response_text: string;
  response_type: ResponseType | null;
  topics: Array<string>;
}

/** A submission with its exercise. */
export type Attempt = Submission & {
  exercise_id: string;
};

export type AuditAction = "registered" | "logged-in" | "login-refused" | "logged-out" | "refresh-token-reused" | "account-linked" | "exported" | "erased" | "consent-decided" | "role-changed" | "dead-letter-replayed" | "class-made" | "class-renamed" | "class-deleted" | "class-joined" | "join-refused" | "code-renewed" | "code-closed" | "member-removed" | "teacher-added" | "teacher-removed" | "policy-set" | "note-made" | "note-changed" | "note-deleted" | "exercise-made" | "exercise-changed" | "exercise-deleted" | "alert-resolved";

/** Something that happened. */
export interface AuditEntry {
  action: AuditAction;
  /** Who did it; `null` when nobody was logged in, or when the account was deleted since. */
  actor: string | null;
  /** As what. */
  actor_role: string | null;
  /** The network address it came from. */
  address: string | null;
  at: string;
  audit_id: string;
  /** What else there is to know; its shape depends on the action. */
  detail: Record<string, unknown>;
  /** What or whom it was done to: the id of a user, class, note, exercise, alert or dead letter. */
  target: string | null;
}

/** A page of the audit log, newest first. */
export interface AuditLog {
  entries: Array<AuditEntry>;
  /** `before` of the next page; absent on the last one. */
  next: string | null;
}

/** An exercise of a class, for its teachers. */
export type AuthoredExercise = Draft & ({
  class_id: string;
  exercise_id: string;
  updated_at: string;
  /** When the sandbox has last seen that it does what it must. */
  verified_at: string | null;
});

/** The exercises of a class. */
export interface AuthoredExercises {
  exercises: Array<AuthoredExercise>;
}

/** The circuit breaker of a provider. */
export interface Breaker {
  failures: number;
  name: string;
  opened_at: string | null;
  /** `closed`, `open` or `half-open`. */
  state: string;
}

/** What the language model has cost. */
export interface Budget {
  breakers: Array<Breaker>;
  /** This month. */
  by_agent: Array<AgentSpending>;
  cache: Cache;
  /** Since the first of the month (UTC). */
  month: Spending;
  site: SiteBudget | null;
  today: Spending;
}

/** Answers that are kept for whoever asks the same. */
export interface Cache {
  entries: number;
  hits: number;
}

/** A test: a call and its value, or an input and its output. */
export interface Case {
  expected: string;
  given: string;
}

/** A program against all tests. */
export interface Check {
  expected: CheckedOutcome;
  /** The first tests that failed. */
  failed_tests: Array<FailedTest>;
  /** Which wrong answer, from 0. */
  index: number | null;
  /** What a teacher reads. */
  message: string;
  /** Whether it did. */
  ok: boolean;
  what: CheckedProgram;
}

export type CheckedOutcome = "pass" | "fail";

export type CheckedProgram = "solution" | "starter" | "wrong";

/** A class as one of its people sees it. */
export interface Class {
  class_id: string;
  created_at: string;
  /** What students join with; for teachers, while the class takes students. */
  join_code: string | null;
  /** Students. */
  members: number;
  name: string;
  /** What the caller is in it. */
  role: ClassRole;
}

/** Mastery of a class, student by topic. */
export interface ClassHeatmap {
  /** The class's mean by topic, in percent, over those who have begun it. */
  mean: Array<number | null>;
  students: Array<HeatRow>;
  /** Topics that something was seen of in the class, in teaching order. */
  topics: Array<TopicName>;
}

export type ClassRole = "student" | "teacher";

/** One's classes. */
export interface Classes {
  classes: Array<Class>;
}

/** What students join with. */
export interface Code {
  /** As the teacher shows it; case, spaces and dashes do not matter. */
  code: string;
}

/** An exception of Python's. */
export interface CommonError {
  /** Runs that ended with it. */
  count: number;
  /** The class's name (`IndexError`). */
  error: string;
  /** The newest ones. */
  examples: Array<ErrorExample>;
  /** Students that it happened to. */
  students: number;
  /** The topic behind it. */
  topic: string | null;
  topic_title: string | null;
}

/** The errors that a class runs into most. */
export interface CommonErrors {
  errors: Array<CommonError>;
}

/** Who logs in. */
export interface Credentials {
  email: string;
  password: string;
}

/** What was known at the end of a day. */
export interface CurvePoint {
  date: string;
  /** Topics that are mastered. */
  mastered: number;
  /** Mean over the whole curriculum, in percent. */
  mastery: number;
  /** What was observed on that day. */
  observations: number;
}

/** An event that could not be delivered. */
export interface DeadLetter {
  created_at: string;
  dead_letter_id: string;
  destination: string | null;
  /** The HTTP status of the last try; absent when there was no answer. */
  error_code: number | null;
  /** The first KiB of the last answer. */
  error_data: string | null;
  /** The CloudEvent in structured JSON, with Knative's error attributes. */
  event: Record<string, unknown>;
  event_id: string;
  event_type: string;
  query_id: string | null;
  replayed_at: string | null;
  student_id: string | null;
  /** What the student of its turn sees now: the apology, or the answer that came in the end; absent while the turn waits. */
  student_saw: string | null;
  turn_status: TurnStatus | null;
}

/** Which dead letters. */
export interface DeadLetterFilter {
  /** Older than this one: the last id of the page before. */
  before?: string | null;
  /** What could not be reached. */
  destination?: string | null;
  /** The HTTP status of the last try. */
  error_code?: number | null;
  /** Events of one type. */
  event_type?: string | null;
  /** Rows, 1 to 200; 50 when absent. */
  limit?: number | null;
  /** `true`: only those that were not replayed yet. */
  open?: boolean;
  /** Text in the type, ids, destination or error. */
  q?: string | null;
  /** Events about one student. */
  student_id?: string | null;
}

/** A page of dead letters, newest first. */
export interface DeadLetters {
  dead_letters: Array<DeadLetter>;
  /** `before` of the next page; absent on the last one. */
  next: string | null;
}

/** A decision about one's messages. */
export interface Decision {
  /** Whether one's messages and programs may go to a language model. */
  llm: boolean;
}

/** A decision that cannot be taken back. */
export interface Deletion {
  /** Must be `true`. */
  confirm: boolean;
}

/** An exercise as a teacher writes it. */
export interface Draft {
  difficulty: SkillLevel;
  /** Tests that students never see, 1 to 40. */
  hidden: Array<Case>;
  /** From a nudge to nearly the way. */
  hints: Array<string>;
  /** Tests that students see, 1 to 10. */
  shown: Array<Case>;
  /** A program that passes all tests; students never see it. */
  solution: string;
  /** What students start from; it must not pass. */
  starter: string;
  /** The task, in Markdown. */
  statement: string;
  tests: TestKind;
  /** 1 to 120 characters. */
  title: string;
  /** Topics of the curriculum, the main one first; 1 to 5. */
  topics: Array<string>;
  /** Programs that must not pass, with what whoever writes them believes; at most 5. */
  wrong: Array<WrongAnswer>;
}

/** A run that ended with the error. */
export interface ErrorExample {
  at: string;
  line: number | null;
  message: string;
  name: string;
  run_id: string;
  student_id: string;
}

/** What an alert rests on; what has expired meanwhile is missing. */
export interface Evidence {
  attempts: Array<Attempt>;
  runs: Array<Run>;
  turns: Array<Turn>;
}

/** An exercise with everything that its student may see. */
export type ExerciseDetail = ExerciseSummary & ({
  /** Those that are unlocked: the first is free, each submission gives another, as far as the course allows. */
  hints: Array<string>;
  hints_total: number;
  max_tier: HintTier | null;
  starter: string;
  /** Markdown. */
  statement: string;
  /** Newest first. */
  submissions: Array<Submission>;
  tests: ShownTests;
});

export type ExerciseState = "new" | "tried" | "passed";

/** An exercise in a list. */
export interface ExerciseSummary {
  /** Submissions so far. */
  attempts: number;
  /** Most tests that a submission has passed. */
  best_passed: number;
  /** The class that it belongs to; absent for those of the bank. */
  class_id: string | null;
  difficulty: SkillLevel;
  exercise_id: string;
  /** The module of the main topic. */
  module: string;
  state: ExerciseState;
  tests_total: number;
  title: string;
  /** Topics of the curriculum, the main one first. */
  topics: Array<string>;
}

/** The exercises that fit. */
export interface Exercises {
  exercises: Array<ExerciseSummary>;
}

/** An identity provider. */
export interface External {
  /** Where a browser goes to log in. */
  login: string;
  /** What it is called. */
  name: string;
}

/** A test that a program did not pass. */
export interface FailedTest {
  message: string;
  name: string;
}

/** Why a turn failed. */
export interface Failure {
  /** What to quote to whoever runs the system. */
  dead_letter_id: string | null;
  message: string;
}

/** What a student thinks of an answer. */
export interface Feedback {
  /** At most 4 KiB. */
  comment?: string | null;
  /** Thumb up or down. */
  helpful: boolean;
  /** The turn. */
  query_id: string;
  /** 1 to 5. */
  rating?: number | null;
}

/** Those who were found, at most 200. */
export interface Found {
  students: Array<FoundStudent>;
}

/** A student who was found. */
export interface FoundStudent {
  last_seen: string;
  /** Percent by topic, of the topics that were asked for. */
  mastery: Record<string, number>;
  name: string;
  /** Topic ids. */
  struggle_topics: Array<string>;
  student_id: string;
}

/** A consumer group on a topic. */
export interface GroupLag {
  group: string;
  lag: number;
  partitions: number;
  topic: string;
}

/** What happened, by kind. */
export type Happening = {
  detail: Turn;
  kind: "turn";
} | {
  detail: Run;
  kind: "run";
} | {
  detail: Attempt;
  kind: "attempt";
} | {
  detail: Alert;
  kind: "alert";
};

/** A student's mastery, one value for each topic of the map. */
export interface HeatRow {
  /** In percent; absent where nothing was seen. */
  mastery: Array<number | null>;
  name: string;
  student_id: string;
}

/** A page of turns, newest first. */
export interface History {
  /** `before` of the next page; absent on the last one. */
  next: number | null;
  turns: Array<Turn>;
}

/** What waits. */
export interface Lag {
  /** Consumer groups with the records that they have not handled. */
  groups: Array<GroupLag>;
  turns: Waiting;
}

/** One's account with one's classes. */
export type Me = Account & {
  classes: Array<Class>;
};

/** Who is in a class. */
export interface Members {
  students: Array<Person>;
  teachers: Array<Person>;
}

/** Whether a language model is there, and whether one's messages may go to it. */
export interface ModelConsent {
  /** `null`: never asked, which agents take for no. */
  consent: boolean | null;
  /** Whether this installation has a model. */
  offered: boolean;
}

/** A module of the curriculum. */
export interface ModuleName {
  module: string;
  title: string;
}

/** A module with its topics. */
export interface ModuleProgress {
  /** Mean of its topics in percent; topics that were never seen count as 0. */
  mastery: number;
  module: string;
  title: string;
  topics: Array<TopicProgress>;
}

/** A class's name. */
export interface Named {
  /** 1 to 80 characters. */
  name: string;
}

/** A note to keep. */
export interface NewNote {
  /** Markdown, 1 to 8,000 characters. */
  text: string;
  /** 1 to 200 characters. */
  title: string;
  /** Topics of the curriculum, at most 20; none: all. */
  topics?: Array<string>;
}

/** A user's new role. */
export interface NewRole {
  role: Role;
}

/** What to learn next. */
export interface NextStep {
  /** An exercise on it that was not passed yet. */
  exercise_id: string | null;
  /** In percent. */
  mastery: number;
  module: string;
  reason: Reason;
  summary: string;
  title: string;
  topic: string;
}

/** What a course says. */
export interface Note {
  /** Who wrote it last; empty when the account is gone. */
  author: string;
  note_id: string;
  /** Markdown. */
  text: string;
  title: string;
  /** Topics of the curriculum that it is about; none: all. */
  topics: Array<string>;
  updated_at: string;
}

/** The notes of a class, newest first. */
export interface Notes {
  notes: Array<Note>;
}

/** A class at a glance. */
export interface Overview {
  class: Class;
  modules: Array<ModuleName>;
  students: Array<StudentRow>;
}

/** Somebody in a class. */
export interface Person {
  /** Since when; for students. */
  joined_at: string | null;
  name: string;
  user_id: string;
}

/** How far help may go in a class. */
export interface Policy {
  /** In general. */
  default: HintTier;
  /** With single exercises, by id. */
  exercises: Record<string, HintTier>;
}

/** What is known of a student. */
export interface Progress {
  achievements: Array<Achievement>;
  /** One point for each day on which something was observed, oldest first. */
  curve: Array<CurvePoint>;
  /** Topic ids, weakest first. */
  growth_areas: Array<string>;
  modules: Array<ModuleProgress>;
  name: string;
  next: Array<NextStep>;
  /** Turns by agent. */
  queries_by_type: Record<string, number>;
  skill_level: SkillLevel;
  /** Topic ids, best first. */
  strengths: Array<string>;
  /** Topic ids. */
  struggle_topics: Array<string>;
  student_id: string;
  total_queries: number;
}

/** Ways to log in. */
export interface Providers {
  oidc: External | null;
  /** With an e-mail address and a password. */
  password: boolean;
}

/** One quota of a day. */
export interface QuotaOfDay {
  limit: number;
  remaining: number;
}

/** What is left of today. */
export interface Quotas {
  /** When both are full again. */
  resets_at: string;
  /** Programs. */
  runs: QuotaOfDay;
  /** Tokens of the language model, read and written; 0 of 0 where there is no model. */
  tokens: QuotaOfDay;
}

export type Reason = "repair" | "continue" | "next";

/** A new account. */
export interface Registration {
  /** An e-mail address, which logs in. */
  email: string;
  /** The name to show, 1 to 80 characters. */
  name: string;
  /** 10 to 200 characters. */
  password: string;
}

/** What a replay did. */
export interface Replayed {
  dead_letter_id: string;
  event_id: string;
  replayed_at: string;
}

/** What a replay by filter did. */
export interface ReplayedAll {
  /** Whether there are more that fit: call again. */
  more: boolean;
  replayed: Array<Replayed>;
  /** Why it ended early; what is not in `replayed` is as it was. */
  stopped: string | null;
}

/** What was done about an alert. */
export interface Resolution {
  /** At most 2,000 characters, for oneself and colleagues. */
  note?: string | null;
}

/** What somebody may do. */
export type Role = "student" | "teacher" | "admin";

/** Triage's decision. */
export interface Routing {
  confidence: number | null;
  reasoning: string | null;
  target_agent: string;
}

/** Who answers a turn, and why. */
export interface RoutingDecision {
  /** Calibrated probability that `target_agent` is right, 0 to 1. */
  confidence: number;
  /** The turn: one question and its answer. */
  query_id: string;
  /** One sentence: why. */
  reasoning: string;
  /** The turn's number among this student's turns, from 1; orders what people see. */
  seq: number;
  /** Who answers. */
  target_agent: Route;
}

/** A program that was run. */
export interface Run {
  at: string;
  code: string;
  duration_us: number;
  error: PythonError | null;
  exit_code: number;
  outcome: Outcome;
  query_id: string | null;
  run_id: string;
  stderr: string;
  stdin: string;
  stdout: string;
}

/** A login. */
export interface Session {
  /** For the header `Authorization: Bearer …`. */
  access_token: string;
  /** After this many seconds, refresh. */
  expires_in_s: number;
  /** `Bearer`. */
  token_type: string;
  user: Account;
}

/** The tests that students see. */
export interface ShownTests {
  kind: TestKind;
  shown: Array<Case>;
}

/** What the model may cost on a day (UTC), in millionths of a US dollar. */
export interface SiteBudget {
  limit_micros: number;
  remaining_micros: number;
  /** When it is full again. */
  resets_at: string;
  /** What counts against the limit: what was spent, and what calls that are being made may cost. */
  used_micros: number;
}

export type SkillLevel = "beginner" | "intermediate" | "advanced";

/** Calls of a model and their price. */
export interface Spending {
  calls: number;
  /** In millionths of a US dollar. */
  cost_micros: number;
  input_tokens: number;
  output_tokens: number;
}

/** A student. */
export interface StudentName {
  name: string;
  student_id: string;
}

/** A student of the class. */
export interface StudentRow {
  /** Exercises with a submission that passed. */
  exercises_passed: number;
  last_seen: string | null;
  /** Percent by module. */
  mastery: Record<string, number>;
  name: string;
  open_alerts: number;
  /** Mean over the curriculum, in percent. */
  overall: number;
  /** Runs in the last seven days. */
  runs_week: number;
  skill_level: SkillLevel;
  student_id: string;
  /** Questions in the last seven days. */
  turns_week: number;
}

/** A program that was handed in. */
export interface Submission {
  at: string;
  attempt_id: string;
  code: string;
  passed: boolean;
  query_id: string | null;
  tests_passed: number;
  tests_total: number;
  /** The exercise agent's evidence: examples with their messages, counts of hidden tests, a known misconception. */
  verdict: Record<string, unknown>;
}

/** What the tests are. */
export type TestKind = "call" | "io";

/** What a student did, newest first. */
export interface Timeline {
  events: Array<TimelineEvent>;
  /** `before` of the next page; absent on the last one. */
  next: string | null;
  student: StudentName;
}

/** Something that happened. */
export type TimelineEvent = Happening & {
  at: string;
  id: string;
  title: string;
};

/** A topic of the curriculum. */
export interface TopicName {
  module: string;
  title: string;
  topic: string;
}

/** A topic. */
export interface TopicProgress {
  attempts: number;
  mastered: boolean;
  /** In percent; absent when nothing was seen of it. */
  mastery: number | null;
  successes: number;
  title: string;
  topic: string;
}

/** One question and its answer. */
export interface Turn {
  answer: Answer | null;
  answered_at: string | null;
  created_at: string;
  failure: Failure | null;
  feedback: Feedback | null;
  follow_up: AgentResponded | null;
  /** From the question to the answer, in milliseconds. */
  latency_ms: number | null;
  /** What was asked. */
  query: QuerySubmitted;
  query_id: string;
  routing: Routing | null;
  /** The turn's number among the student's turns, from 1. */
  seq: number;
  status: TurnStatus;
  student_id: string;
}

export type TurnStatus = "received" | "routed" | "answered" | "failed";

/** What the sandbox found. */
export interface Verification {
  checks: Array<Check>;
  /** Whether every check is as it must be. */
  verified: boolean;
}

/** Turns without an answer. */
export interface Waiting {
  oldest_waiting_s: number | null;
  /** For triage. */
  received: number;
  /** For a specialist. */
  routed: number;
}

/** A program that fails. */
export interface WrongAnswer {
  code: string;
  /** What students who write such a program are told. */
  misconception: string;
}

/** The operations. What they answer is a `Blob` where it is no JSON. */
export interface Operations {
  "GET /api/audit": { parameters: { action?: string | null; user?: string | null; before?: string | null; limit?: number | null; }; body: undefined; answer: AuditLog };
  "POST /api/auth/login": { parameters: { }; body: Credentials; answer: Session };
  "POST /api/auth/logout": { parameters: { }; body: undefined; answer: undefined };
  "GET /api/auth/oidc/callback": { parameters: { code?: string; state?: string; error?: string | null; }; body: undefined; answer: undefined };
  "GET /api/auth/oidc/login": { parameters: { }; body: undefined; answer: undefined };
  "GET /api/auth/providers": { parameters: { }; body: undefined; answer: Providers };
  "POST /api/auth/refresh": { parameters: { }; body: undefined; answer: Session };
  "POST /api/auth/register": { parameters: { }; body: Registration; answer: Session };
  "GET /api/classes": { parameters: { all?: boolean; }; body: undefined; answer: Classes };
  "POST /api/classes": { parameters: { }; body: Named; answer: Class };
  "POST /api/classes/join": { parameters: { }; body: Code; answer: Class };
  "DELETE /api/classes/{id}": { parameters: { id: string; }; body: undefined; answer: undefined };
  "PUT /api/classes/{id}": { parameters: { id: string; }; body: Named; answer: Class };
  "DELETE /api/classes/{id}/code": { parameters: { id: string; }; body: undefined; answer: Class };
  "POST /api/classes/{id}/code": { parameters: { id: string; }; body: undefined; answer: Class };
  "GET /api/classes/{id}/members": { parameters: { id: string; }; body: undefined; answer: Members };
  "DELETE /api/classes/{id}/members/{user_id}": { parameters: { id: string; user_id: string; }; body: undefined; answer: undefined };
  "DELETE /api/classes/{id}/teachers/{user_id}": { parameters: { id: string; user_id: string; }; body: undefined; answer: undefined };
  "PUT /api/classes/{id}/teachers/{user_id}": { parameters: { id: string; user_id: string; }; body: undefined; answer: undefined };
  "POST /api/code/run": { parameters: { }; body: RunRequest; answer: RunReport };
  "POST /api/code/runs/{id}/interrupt": { parameters: { id: string; }; body: undefined; answer: undefined };
  "POST /api/code/runs/{id}/stdin": { parameters: { id: string; }; body: Record<string, unknown>; answer: undefined };
  "GET /api/curriculum": { parameters: { }; body: undefined; answer: Record<string, unknown> };
  "GET /api/exercises": { parameters: { q?: string | null; state?: string | null; difficulty?: string | null; topic?: string | null; module?: string | null; class_id?: string | null; }; body: undefined; answer: Exercises };
  "GET /api/exercises/{id}": { parameters: { id: string; }; body: undefined; answer: ExerciseDetail };
  "POST /api/feedback": { parameters: { }; body: Feedback; answer: undefined };
  "GET /api/history": { parameters: { q?: string | null; before?: number | null; limit?: number | null; }; body: undefined; answer: History };
  "GET /api/instructor/alerts": { parameters: { class_id?: string | null; state?: string | null; student_id?: string | null; }; body: undefined; answer: Alerts };
  "GET /api/instructor/alerts/{id}": { parameters: { id: string; }; body: undefined; answer: AlertWithEvidence };
  "POST /api/instructor/alerts/{id}/resolve": { parameters: { id: string; }; body: Resolution; answer: Alert };
  "GET /api/instructor/classes/{id}/errors": { parameters: { id: string; days?: number | null; }; body: undefined; answer: CommonErrors };
  "GET /api/instructor/classes/{id}/exercises": { parameters: { id: string; }; body: undefined; answer: AuthoredExercises };
  "POST /api/instructor/classes/{id}/exercises": { parameters: { id: string; }; body: Draft; answer: AuthoredExercise };
  "POST /api/instructor/classes/{id}/exercises/verify": { parameters: { id: string; }; body: Draft; answer: Verification };
  "DELETE /api/instructor/classes/{id}/exercises/{exercise_id}": { parameters: { id: string; exercise_id: string; }; body: undefined; answer: undefined };
  "PUT /api/instructor/classes/{id}/exercises/{exercise_id}": { parameters: { id: string; exercise_id: string; }; body: Draft; answer: AuthoredExercise };
  "GET /api/instructor/classes/{id}/export.csv": { parameters: { id: string; what: "overview" | "mastery" | "attempts" | "alerts"; }; body: undefined; answer: Blob };
  "GET /api/instructor/classes/{id}/heatmap": { parameters: { id: string; }; body: undefined; answer: ClassHeatmap };
  "GET /api/instructor/classes/{id}/notes": { parameters: { id: string; }; body: undefined; answer: Notes };
  "POST /api/instructor/classes/{id}/notes": { parameters: { id: string; }; body: NewNote; answer: Note };
  "DELETE /api/instructor/classes/{id}/notes/{note_id}": { parameters: { id: string; note_id: string; }; body: undefined; answer: undefined };
  "PUT /api/instructor/classes/{id}/notes/{note_id}": { parameters: { id: string; note_id: string; }; body: NewNote; answer: Note };
  "GET /api/instructor/classes/{id}/overview": { parameters: { id: string; }; body: undefined; answer: Overview };
  "GET /api/instructor/classes/{id}/policy": { parameters: { id: string; }; body: undefined; answer: Policy };
  "PUT /api/instructor/classes/{id}/policy": { parameters: { id: string; }; body: Policy; answer: Policy };
  "GET /api/instructor/students": { parameters: { struggling?: string | null; covered?: string | null; topic?: string | null; below?: number | null; class_id?: string | null; }; body: undefined; answer: Found };
  "GET /api/instructor/students/{id}/progress": { parameters: { id: string; }; body: undefined; answer: Progress };
  "GET /api/instructor/students/{id}/timeline": { parameters: { id: string; before?: string | null; limit?: number | null; }; body: undefined; answer: Timeline };
  "GET /api/me": { parameters: { }; body: undefined; answer: Me };
  "PUT /api/me/consent": { parameters: { }; body: Decision; answer: ModelConsent };
  "POST /api/me/delete": { parameters: { }; body: Deletion; answer: undefined };
  "GET /api/me/export": { parameters: { }; body: undefined; answer: Blob };
  "GET /api/me/quotas": { parameters: { }; body: undefined; answer: Quotas };
  "GET /api/operator/agents": { parameters: { }; body: undefined; answer: Agents };
  "GET /api/operator/budget": { parameters: { }; body: undefined; answer: Budget };
  "GET /api/operator/dead-letters": { parameters: { q?: string | null; open?: boolean; event_type?: string | null; destination?: string | null; error_code?: number | null; student_id?: string | null; before?: string | null; limit?: number | null; }; body: undefined; answer: DeadLetters };
  "POST /api/operator/dead-letters/replay": { parameters: { }; body: DeadLetterFilter; answer: ReplayedAll };
  "POST /api/operator/dead-letters/{id}/replay": { parameters: { id: string; }; body: undefined; answer: Replayed };
  "GET /api/operator/lag": { parameters: { }; body: undefined; answer: Lag };
  "PUT /api/operator/users/{id}/role": { parameters: { id: string; }; body: NewRole; answer: undefined };
  "GET /api/progress": { parameters: { }; body: undefined; answer: Progress };
  "POST /api/triage/analyze": { parameters: { }; body: QuerySubmitted; answer: RoutingDecision };
  "GET /api/turns/{id}": { parameters: { id: string; wait_ms?: number; }; body: undefined; answer: Turn };
  "GET /api/turns/{id}/events": { parameters: { id: string; }; body: undefined; answer: Blob };
  "POST /api/{agent}/{action}": { parameters: { agent: string; action: string; }; body: QuerySubmitted; answer: AgentResponded };
}
