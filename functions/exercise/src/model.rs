//! How a model may write a hint or say what is wrong with a submission: on the tutor's own hint and the tests.

use learnflow_agent::{
    Answer, Question,
    llm::{prompt::Prompts, tokens},
    write::{Facts, Writing, about_the_student, notes_for},
};
use learnflow_events::payload::ResponseType;
use serde_json::json;

use crate::bank::exercise;

/// The prompts.
pub const PROMPTS: Prompts =
    Prompts { system: include_str!("../prompts/system.md"), user: include_str!("../prompts/user.md") };

/// How a model writes this answer. Tasks stay as they were verified, and praise as it is.
pub fn writing(question: &Question, authored: &Answer) -> Option<Writing> {
    let hint = authored.evidence["hint"].is_number();
    let failed = authored.response_type == ResponseType::Grading && authored.evidence["passed"] == false;
    if !hint && !failed {
        return None;
    }
    let exercise = exercise(authored.evidence["exercise_id"].as_str()?)?;
    let query = &question.query;
    let code = query.code.clone().unwrap_or_default();
    Some(Writing {
        prompts: PROMPTS,
        values: json!({
            "student": about_the_student(question),
            "notes": notes_for(question, &authored.topics),
            "statement": exercise.statement,
            "code": tokens::fit(&code, tokens::PROGRAM),
            "authored": tokens::fit(&authored.text, tokens::EVIDENCE),
            "message": tokens::fit(&query.query_text, tokens::MESSAGE),
        }),
        facts: Facts {
            stated: vec![
                authored.text.clone(),
                exercise.statement.to_owned(),
                query.query_text.clone(),
                code.clone(),
            ],
            printed: None,
            failed: None,
            program: code.clone(),
        },
        guard: Some(exercise.guard(code)),
        citation: String::new(),
        holds_back: true,
        cache: None,
    })
}
