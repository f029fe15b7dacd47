//! How a model may write a review: on the run and on what Ruff and our own checks found.

use learnflow_agent::{
    Answer, Question,
    llm::{prompt::Prompts, tokens},
    write::{Facts, Writing, about_the_student, evidence, notes_for, printed_by_run},
};
use learnflow_events::payload::ResponseType;
use serde::Deserialize;
use serde_json::json;

use crate::{rewrite::Rewrite, write};

/// The prompts.
pub const PROMPTS: Prompts =
    Prompts { system: include_str!("../prompts/system.md"), user: include_str!("../prompts/user.md") };

/// How a model writes this answer.
pub fn writing(question: &Question, authored: &Answer) -> Option<Writing> {
    if authored.response_type != ResponseType::Review {
        return None;
    }
    let query = &question.query;
    let code = query.code.clone()?;
    let outcome = authored.evidence["outcome"].as_str().unwrap_or_default();
    Some(Writing {
        prompts: PROMPTS,
        values: json!({
            "student": about_the_student(question),
            "notes": notes_for(question, &authored.topics),
            "code": tokens::fit(&code, tokens::PROGRAM),
            "evidence": evidence(&authored.evidence),
            "authored": tokens::fit(&authored.text, tokens::EVIDENCE),
            "message": tokens::fit(&query.query_text, tokens::MESSAGE),
        }),
        facts: Facts {
            stated: vec![
                authored.evidence.to_string(),
                authored.text.clone(),
                query.query_text.clone(),
                code.clone(),
            ],
            printed: Some(printed_by_run(&authored.evidence)),
            failed: Some(!matches!(outcome, "ok" | "exited")),
            program: code,
        },
        guard: learnflow_exercise_bank::guard_of(query),
        // The diff was checked by running it; what a model makes of it was not.
        citation: Rewrite::deserialize(&authored.evidence["rewrite"])
            .map(|rewrite| write::proposal(&rewrite))
            .unwrap_or_default(),
        holds_back: true,
        cache: None,
    })
}
