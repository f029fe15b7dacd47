//! What prompts are told about a student, a course and the evidence, within the budget of tokens.

use serde_json::{Value, json};

use crate::{
    Question,
    llm::{prompt::StudentView, tokens},
};

/// Notes of teachers that one prompt holds.
const MOST_NOTES: usize = 3;

/// The student as prompts know them, in JSON.
pub fn about_the_student(question: &Question) -> Value {
    json!(StudentView::of(&question.student))
}

/// The teachers' notes that are about one of the topics, or about all.
pub fn notes_for(question: &Question, topics: &[String]) -> Vec<String> {
    question
        .notes
        .iter()
        .filter(|note| note.topics.is_empty() || note.topics.iter().any(|topic| topics.contains(topic)))
        .take(MOST_NOTES)
        .map(|note| tokens::fit(&format!("{}: {}", note.title, note.text), tokens::MESSAGE))
        .collect()
}

/// Evidence as text.
pub fn evidence(value: &Value) -> String {
    tokens::fit(&serde_json::to_string_pretty(value).unwrap_or_default(), tokens::EVIDENCE)
}
