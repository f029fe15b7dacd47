//! How a model may write an explanation: on the cards that the authored answer rests on.

use learnflow_agent::{
    Answer, Question, SkillLevel,
    llm::{prompt::Prompts, tokens},
    write::{Facts, Writing, about_the_student, notes_for},
};
use learnflow_events::payload::ResponseType;
use serde_json::{Value, json};

use crate::{
    card::{self, Card},
    explain,
};

/// The prompts.
pub const PROMPTS: Prompts =
    Prompts { system: include_str!("../prompts/system.md"), user: include_str!("../prompts/user.md") };

/// From this confidence on the cards alone say what is asked, whoever asks.
const SAYS_IT_ALL: f64 = 0.6;

/// How a model writes this answer. Without a card, and in the saga of a debug answer, the authored one stays.
pub fn writing(question: &Question, authored: &Answer) -> Option<Writing> {
    if authored.response_type != ResponseType::Explanation || question.concept.is_some() {
        return None;
    }
    let ids = authored.evidence["cards"].as_array()?;
    let cards: Vec<&Card> = ids.iter().filter_map(|known| card::card(known["id"].as_str()?)).collect();
    if cards.is_empty() {
        return None;
    }
    let query = &question.query;
    let code = query.code.as_deref().unwrap_or_default();
    let mut notes = notes_for(question, &authored.topics);
    for card in cards.iter().filter(|card| explain::again(question, card)) {
        notes.push(format!(
            "{}: an earlier explanation did not help this student; take another way.",
            card.title
        ));
    }
    let guard = learnflow_exercise_bank::guard_of(query);
    // A question that says all by itself gets an answer that everybody of this level may get: nothing of the student
    // goes into its prompt.
    let common =
        code.trim().is_empty() && notes.is_empty() && guard.is_none() && authored.confidence >= SAYS_IT_ALL;
    let budget = tokens::EVIDENCE / cards.len() as u64;
    let texts: Vec<Value> = cards
        .iter()
        .map(|card| {
            let text = text(card, question.student.skill_level);
            json!({"id": card.id, "title": card.title, "text": tokens::fit(&text, budget)})
        })
        .collect();
    let titles: Vec<String> = cards.iter().map(|card| format!("“{}” (`{}`)", card.title, card.id)).collect();
    let stated: Vec<String> = cards
        .iter()
        .map(|card| text(card, question.student.skill_level))
        .chain([query.query_text.clone(), code.to_owned()])
        .collect();
    Some(Writing {
        prompts: PROMPTS,
        values: json!({
            "cards": texts,
            "student": if common { Value::Null } else { about_the_student(question) },
            "notes": notes,
            "message": tokens::fit(&query.query_text, tokens::MESSAGE),
            "code": tokens::fit(code, tokens::PROGRAM),
        }),
        facts: Facts { stated, ..Facts::default() },
        holds_back: guard.is_some(),
        guard,
        citation: format!(
            "*Resting on the {} {}.*",
            if titles.len() == 1 { "card" } else { "cards" },
            titles.join(", ")
        ),
        cache: common.then(|| query.query_text.clone()),
    })
}

/// A card as the model reads it.
fn text(card: &Card, level: SkillLevel) -> String {
    let explanation = match level {
        SkillLevel::Beginner => card.beginner,
        SkillLevel::Intermediate => card.intermediate,
        SkillLevel::Advanced => card.advanced,
    };
    let pitfalls: String = card.pitfalls.iter().map(|pitfall| format!("- {pitfall}\n")).collect();
    format!(
        "{}\n\n{explanation}\n\nExample:\n{}\nIt prints:\n{}{}\n\nPitfalls:\n{pitfalls}\nPractice: {}",
        card.definition, card.example.code, card.example.output, card.example.error, card.practice
    )
}
