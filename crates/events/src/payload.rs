//! Payloads of the events about queries, answers and learning.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Agent, EventType, Route};

/// A payload and the type of event that carries it.
pub trait Payload: Serialize + for<'de> Deserialize<'de> {
    /// The type of event whose `data.payload` this is.
    const EVENT_TYPE: EventType;
}

macro_rules! payload {
    ($($payload:ty => $event_type:ident),+ $(,)?) => {
        $(impl Payload for $payload {
            const EVENT_TYPE: EventType = EventType::$event_type;
        })+
    };
}
payload! {
    QuerySubmitted => QuerySubmitted,
    QueryRouted => QueryRouted,
    AgentResponded => AgentResponded,
    ResponseDelta => ResponseDelta,
    MasteryUpdated => MasteryUpdated,
    StudentStruggling => StudentStruggling,
    FeedbackGiven => FeedbackGiven,
    AgentLogged => AgentLogged,
    QueryFailed => QueryFailed,
    crate::code::CodeSubmitted => CodeSubmitted,
    crate::code::CodeExecuted => CodeExecuted,
}

/// A student asked something. An HTTP caller of triage sends the same fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuerySubmitted {
    /// The message, at most [`crate::limits::QUERY_TEXT_BYTES`].
    pub query_text: String,
    /// The program that the message is about, at most [`crate::limits::CODE_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A unittest file, where the student or the exercise has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// The exercise that the student is working on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exercise_id: Option<String>,
    /// The specialist the student asked for by name; triage then only confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// How much help the student asks for; the course's policy may grant less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint_tier: Option<HintTier>,
}

/// How much of the way to a solution an answer goes, least first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum HintTier {
    /// A question that makes the student look.
    Nudge,
    /// Where to look.
    Pointer,
    /// What is going on, and in which direction a way out lies.
    #[default]
    Explanation,
    /// A part of the way, worked out on the student's program or a similar one.
    WorkedPart,
    /// The solution.
    Full,
}

/// The language model that wrote an answer, and what that took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelUse {
    /// The model, as its provider names it.
    pub model: String,
    /// SHA-256 of the rendered system prompt, in hexadecimal.
    pub prompt_hash: String,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Price in millionths of a US dollar; 0 when the answer came from the cache.
    pub cost_micros: u64,
}

/// Triage decided who answers. It carries the query, so that a specialist needs no second look-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryRouted {
    /// The turn: one question and its answer.
    pub query_id: Uuid,
    /// The turn's number among this student's turns, from 1; orders what people see.
    pub seq: i64,
    /// Who answers.
    pub target_agent: Route,
    /// Calibrated probability that `target_agent` is right, 0 to 1.
    pub confidence: f64,
    /// One sentence: why.
    pub reasoning: String,
    /// The question.
    pub query: QuerySubmitted,
}

/// Who wrote an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnsweredBy {
    /// The authored tutor: cards, real runs, verified exercises.
    Authored,
    /// A model behind the Anthropic Messages API.
    Anthropic,
    /// A model behind an OpenAI-compatible endpoint.
    OpenAi,
    /// An earlier answer to the same question.
    Cache,
}

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseType {
    /// An idea explained.
    Explanation,
    /// A review of working code.
    Review,
    /// What is wrong and why.
    Diagnosis,
    /// A task to practise on.
    Exercise,
    /// The verdict on a submission.
    Grading,
    /// A report on learning.
    Report,
    /// The output of a run.
    Run,
    /// A question back to the student.
    Clarification,
    /// A polite refusal.
    Declined,
}

/// One thing observed about what a student knows; folded by the learner model in `seq` order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// A topic id of the curriculum.
    pub topic: String,
    /// What was seen.
    pub kind: ObservationKind,
    /// Whether it speaks for (`true`) or against (`false`) the student knowing the topic.
    pub correct: bool,
}

/// What an [`Observation`] was made from, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObservationKind {
    /// Asked about it.
    Question,
    /// Ran a program that uses it.
    Run,
    /// Showed it in reviewed code.
    Review,
    /// Solved, or did not solve, an exercise on it.
    Exercise,
}

/// An agent answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentResponded {
    /// The turn.
    pub query_id: Uuid,
    /// The turn's number among this student's turns.
    pub seq: i64,
    /// Who answered; `code-runner` when the sandbox did.
    pub agent_name: String,
    /// The answer, in Markdown.
    pub response_text: String,
    /// What kind of answer it is.
    pub response_type: ResponseType,
    /// The programs in the answer; each was run before it was shown.
    #[serde(default)]
    pub code_examples: Vec<String>,
    /// From the routed query to the answer, in milliseconds.
    pub processing_time_ms: u64,
    /// How sure the agent is, 0 to 1.
    pub confidence: f64,
    /// One sentence: what the answer rests on.
    pub reasoning: String,
    /// Who wrote it.
    pub answered_by: AnsweredBy,
    /// What the answer rests on, as data (runs, findings, cards); its shape depends on the agent.
    #[serde(default)]
    pub evidence: Value,
    /// Topics of the curriculum that the turn touched.
    #[serde(default)]
    pub topics: Vec<String>,
    /// What the turn showed about the student's knowledge.
    #[serde(default)]
    pub observations: Vec<Observation>,
    /// The idea behind an error, which the concepts agent then explains (the saga of a debug answer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept: Option<String>,
    /// How much help the answer gives, where it is graded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint_tier: Option<HintTier>,
    /// The model that wrote it, when one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelUse>,
}

/// A piece of an answer that is still being written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResponseDelta {
    /// The turn.
    pub query_id: Uuid,
    /// Who is answering.
    pub agent_name: String,
    /// Position of the piece in the answer, from 0.
    pub index: u32,
    /// The text to append.
    pub text: String,
}

/// A student's mastery of topics changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MasteryUpdated {
    /// The turn that changed it, when a turn did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<Uuid>,
    /// The changes.
    pub changes: Vec<MasteryChange>,
    /// Achievements reached with this change.
    #[serde(default)]
    pub achievements: Vec<String>,
}

/// A change of mastery in one topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MasteryChange {
    /// A topic id of the curriculum.
    pub topic: String,
    /// Probability of mastery before, 0 to 1.
    pub before: f64,
    /// Probability of mastery now, 0 to 1.
    pub now: f64,
}

/// How much a student seems to be stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StruggleLevel {
    /// Worth a look.
    Low,
    /// Worth a word.
    Medium,
    /// Worth a visit.
    High,
}

/// A student seems to be stuck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StudentStruggling {
    /// The topic.
    pub topic: String,
    /// How much.
    pub struggle_level: StruggleLevel,
    /// What a teacher could do.
    pub recommendation: String,
    /// What was seen, in a sentence.
    pub context: String,
    /// The turns that show it.
    #[serde(default)]
    pub turns: Vec<Uuid>,
    /// The runs that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Uuid>,
}

/// A student rated an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeedbackGiven {
    /// The turn.
    pub query_id: Uuid,
    /// Thumb up or down.
    pub helpful: bool,
    /// 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// An agent's activity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentLogged {
    /// Who.
    pub agent_name: Agent,
    /// `INFO`, `WARN` or `ERROR`.
    pub log_level: String,
    /// What, in a few words for the student ("Analyzing query").
    pub message: String,
    /// `processing`, `done` or `error`.
    pub status: String,
    /// The turn it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<Uuid>,
}

/// A query could not be answered; its event is kept as a dead letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryFailed {
    /// The turn.
    pub query_id: Uuid,
    /// What the student reads.
    pub message: String,
    /// The dead letter, to quote to whoever runs the system.
    pub dead_letter_id: Uuid,
    /// When the last try failed.
    pub failed_at: DateTime<Utc>,
}
