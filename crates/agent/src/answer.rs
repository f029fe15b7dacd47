//! The question a specialist gets and the answer it gives.

use learnflow_events::payload::{AnsweredBy, Observation, QuerySubmitted, ResponseType};
use serde_json::Value;

use crate::StudentContext;

/// What a specialist is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The student's message, with the program and the exercise it is about.
    pub query: QuerySubmitted,
    /// What is known about the student.
    pub student: StudentContext,
    /// In the saga of a debug answer: the idea to explain, instead of the message.
    pub concept: Option<String>,
}

/// What a specialist answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Markdown for the student.
    pub text: String,
    /// What kind of answer it is.
    pub response_type: ResponseType,
    /// The programs in `text`.
    pub code_examples: Vec<String>,
    /// How sure the agent is, 0 to 1.
    pub confidence: f64,
    /// One sentence: what the answer rests on.
    pub reasoning: String,
    /// Who wrote it.
    pub answered_by: AnsweredBy,
    /// What it rests on, as data.
    pub evidence: Value,
    /// Topics of the curriculum that the turn touched.
    pub topics: Vec<String>,
    /// What the turn showed about the student's knowledge.
    pub observations: Vec<Observation>,
    /// The idea behind an error, for concepts to explain.
    pub concept: Option<String>,
}

impl Answer {
    /// An authored answer with nothing but a text; callers set what else they know.
    pub fn authored(response_type: ResponseType, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            response_type,
            code_examples: Vec::new(),
            confidence: 1.0,
            reasoning: String::new(),
            answered_by: AnsweredBy::Authored,
            evidence: Value::Null,
            topics: Vec::new(),
            observations: Vec::new(),
            concept: None,
        }
    }
}
