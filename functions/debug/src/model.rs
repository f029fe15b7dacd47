//! How a model may write a diagnosis: on what happened when the program ran.

use learnflow_agent::{
    Answer, Question,
    llm::{prompt::Prompts, tokens},
    write::{Facts, Writing, about_the_student, evidence, notes_for},
};
use learnflow_events::payload::ResponseType;
use serde_json::json;

use crate::message;

/// The prompts.
pub const PROMPTS: Prompts =
    Prompts { system: include_str!("../prompts/system.md"), user: include_str!("../prompts/user.md") };

/// How a model writes this answer; questions back to the student stay as they are.
pub fn writing(question: &Question, authored: &Answer) -> Option<Writing> {
    if authored.response_type != ResponseType::Diagnosis {
        return None;
    }
    let query = &question.query;
    let given = query.code.clone().filter(|code| !code.trim().is_empty());
    let code = given.or_else(|| message::read(&query.query_text).code)?;
    let outcome = authored.evidence["outcome"].as_str().unwrap_or_default();
    let mut about = query.clone();
    about.code = Some(code.clone());
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
                authored.evidence["stdout"].as_str().unwrap_or_default().to_owned(),
                authored.evidence.to_string(),
                authored.text.clone(),
                query.query_text.clone(),
                query.tests.clone().unwrap_or_default(),
                code.clone(),
            ],
            failed: Some(!matches!(outcome, "ok" | "exited")),
            program: code,
        },
        guard: learnflow_exercise_bank::guard_of(&about),
        citation: String::new(),
        holds_back: true,
        cache: None,
    })
}
