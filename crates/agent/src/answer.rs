//! The question a specialist gets and the answer it gives.

use learnflow_events::{
    limits,
    payload::{AnsweredBy, HintTier, ModelUse, Observation, QuerySubmitted, ResponseType},
};
use serde_json::Value;

use crate::{CourseNote, Fault, StudentContext, tutoring};

/// What a specialist is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The student's message, with the program and the exercise it is about.
    pub query: QuerySubmitted,
    /// What is known about the student.
    pub student: StudentContext,
    /// In the saga of a debug answer: the idea to explain, instead of the message.
    pub concept: Option<String>,
    /// How much help the student is granted: at most what the course's policy allows.
    pub tier: HintTier,
    /// What the teachers of the student's classes want to be said.
    pub notes: Vec<CourseNote>,
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
    /// How much help the answer gives, where that is graded.
    pub hint_tier: Option<HintTier>,
    /// The model that wrote it, when one did.
    pub model: Option<ModelUse>,
    /// The same at the tier below, where help is given by degrees: what stands when this would give too much away.
    pub below: Option<Box<Answer>>,
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
            hint_tier: None,
            model: None,
            below: None,
        }
    }

    /// The answer at a tier, with those of the tiers below it ([`Answer::below`]); `at` makes each.
    pub fn by_degrees(tier: HintTier, at: impl Fn(HintTier) -> Self) -> Self {
        let mut answer = at(tier);
        if tier > HintTier::Nudge {
            answer.below = Some(Box::new(Self::by_degrees(tutoring::lower(tier), at)));
        }
        answer
    }
}

/// Refuses queries that break a limit. The texts say what to do.
///
/// # Errors
/// [`crate::FaultKind::Reject`], naming the field.
pub fn check_query(query: &QuerySubmitted) -> Result<(), Fault> {
    if query.query_text.trim().is_empty() && query.code.as_deref().unwrap_or_default().trim().is_empty() {
        return Err(Fault::reject("query_text is empty; write a question, or send code to look at"));
    }
    check_text("query_text", &query.query_text, limits::QUERY_TEXT_BYTES)?;
    if let Some(code) = &query.code {
        check_text("code", code, limits::CODE_BYTES)?;
    }
    if let Some(tests) = &query.tests {
        check_text("tests", tests, limits::CODE_BYTES)?;
    }
    if let Some(exercise) = &query.exercise_id {
        check_text("exercise_id", exercise, limits::ID_BYTES)?;
    }
    Ok(())
}

fn check_text(field: &str, text: &str, max_bytes: usize) -> Result<(), Fault> {
    if text.len() > max_bytes {
        return Err(Fault::reject(format!(
            "{field} has {} bytes; at most {max_bytes} are accepted, so please send a shorter one",
            text.len()
        )));
    }
    // PostgreSQL's text cannot hold it, and no keyboard types it.
    if text.contains('\0') {
        return Err(Fault::reject(format!("{field} holds a NUL character; please remove it")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, code: Option<&str>) -> QuerySubmitted {
        QuerySubmitted {
            query_text: text.to_owned(),
            code: code.map(str::to_owned),
            ..QuerySubmitted::default()
        }
    }

    #[test]
    fn limits_hold() {
        assert!(check_query(&query("why?", None)).is_ok());
        assert!(check_query(&query("", Some("print(1)"))).is_ok());
        let long = "x".repeat(limits::QUERY_TEXT_BYTES + 1);
        let wrong = [query(" ", None), query("a\0b", None), query(&long, None), query("why?", Some("\0"))];
        let sentences: Vec<_> = wrong.iter().map(|query| check_query(query).unwrap_err().sentence).collect();
        insta::assert_snapshot!(sentences.join("\n"), @r"
        query_text is empty; write a question, or send code to look at
        query_text holds a NUL character; please remove it
        query_text has 16385 bytes; at most 16384 are accepted, so please send a shorter one
        code holds a NUL character; please remove it
        ");
    }
}
