//! The concepts agent: explains ideas of the language from authored cards, for the student at hand.
//!
//! [`answer`] finds the cards that a question is about ([`retrieve`]), and writes them out for the student's
//! level and way of learning ([`explain`]). The cards are in `cards/`, one file each.

pub mod card;
pub mod code_cues;
#[cfg(target_family = "wasm")]
mod component;
pub mod explain;
pub mod model;
pub mod retrieve;
pub mod terms;

use learnflow_agent::{Answer, Fault, Question};
use learnflow_events::payload::{Observation, ObservationKind, ResponseType};
use learnflow_learner::{curriculum, parameters::MASTERED};
use serde_json::json;

use crate::{
    card::Card,
    retrieve::{Found, Hit},
};

pub use card::cards;

/// Answers a question about ideas of the language. In the saga of a debug answer it explains
/// [`Question::concept`].
///
/// # Errors
///
/// [`learnflow_agent::FaultKind::Reject`] when there is neither a text, nor code, nor a concept.
pub fn answer(question: &Question) -> Result<Answer, Fault> {
    if let Some(concept) = &question.concept {
        return Ok(explain_concept(question, concept));
    }
    let text = question.query.query_text.trim();
    let code = question.query.code.as_deref().unwrap_or_default();
    if text.is_empty() && code.trim().is_empty() {
        return Err(Fault::reject("Please write what you would like to have explained."));
    }
    let found = retrieve::find(text);
    if found.hits.is_empty() && !code.trim().is_empty() {
        let seen = code_cues::cards_in(code);
        if !seen.is_empty() {
            return Ok(explain_code(question, &seen));
        }
    }
    if found.hits.is_empty() {
        return Ok(nothing_found(&found));
    }
    Ok(explain_hits(question, &found))
}

/// The idea behind an error that debug has found.
fn explain_concept(question: &Question, concept: &str) -> Answer {
    let exact = card::card(concept).map(|card| Hit {
        card,
        score: f32::INFINITY,
        likeness: 1.0,
        strange: 0.0,
        named: true,
    });
    let hits = exact.into_iter().chain(retrieve::find(concept).hits).take(1).collect::<Vec<Hit>>();
    if hits.is_empty() {
        return nothing_found(&retrieve::find(concept));
    }
    let mut answer = explain_hits(question, &Found { hits, ..Found::default() });
    answer.text = format!("Here is the idea behind it.\n\n{}", answer.text);
    answer.reasoning = format!("The debug agent asked for the idea behind “{concept}”.");
    answer
}

fn explain_hits(question: &Question, found: &Found) -> Answer {
    let cards: Vec<&Card> = found.hits.iter().map(|hit| hit.card).collect();
    let mut answer = written(question, &cards);
    if let Some(other) = found.close {
        answer.text.push_str(&format!("\n\nIf you meant “{}” instead, just say so.", other.title));
    }
    let best = found.hits[0];
    let second = found.hits.get(1).map_or(0.0, |hit| hit.score);
    answer.confidence = confidence(best, second);
    answer.reasoning =
        format!("The question is about {}.", explain::list(cards.iter().map(|card| card.title)));
    answer.evidence["nearest"] = json!(found.nearest.iter().map(|card| card.id).collect::<Vec<_>>());
    answer
}

/// What a program uses, when the message itself does not say what to explain (“what does this do?”).
fn explain_code(question: &Question, seen: &[code_cues::Cue]) -> Answer {
    let cards: Vec<&Card> = seen.iter().map(|cue| cue.card).take(2).collect();
    let mut answer = written(question, &cards);
    let lines: Vec<String> =
        seen.iter().map(|cue| format!("- line {}: `{}` — {}", cue.line, cue.text, cue.card.title)).collect();
    answer.text =
        format!("In your program I see these ideas at work:\n\n{}\n\n{}", lines.join("\n"), answer.text);
    answer.confidence = 0.6;
    answer.reasoning = "The message names no topic; the program shows these ideas.".to_owned();
    answer
}

fn written(question: &Question, cards: &[&Card]) -> Answer {
    let mut answer = Answer::authored(ResponseType::Explanation, explain::write(question, cards));
    for card in cards {
        if !brief(question, card) {
            answer.code_examples.push(card.example.code.to_owned());
        }
        if !answer.topics.iter().any(|topic| topic == card.topic) {
            answer.topics.push(card.topic.to_owned());
            answer.observations.push(Observation {
                topic: card.topic.to_owned(),
                kind: ObservationKind::Question,
                correct: false,
            });
        }
    }
    answer.evidence = json!({
        "cards": cards
            .iter()
            .map(|card| json!({
                "id": card.id, "topic": card.topic, "title": card.title, "brief": brief(question, card),
            }))
            .collect::<Vec<_>>(),
        "level": question.student.skill_level,
    });
    answer
}

/// Whether the student has mastered a card's topic, so that a reminder is enough.
pub(crate) fn brief(question: &Question, card: &Card) -> bool {
    // Exceptions are always explained: that one has mastered lists does not say that one has met IndexError.
    !card.is_exception()
        && !explain::again(question, card)
        && question.student.mastery_levels.get(card.topic).is_some_and(|mastery| *mastery >= MASTERED)
}

fn confidence(best: Hit, second: f32) -> f64 {
    if best.score.is_infinite() {
        return 1.0;
    }
    let strength = f64::from(best.likeness);
    let lead = f64::from((best.score - second) / best.score);
    (0.35 + 0.45 * strength + 0.2 * lead + if best.named { 0.1 } else { 0.0 }).clamp(0.05, 0.99)
}

fn nothing_found(found: &Found) -> Answer {
    let mut text = "I have no card about that, so I would rather not guess.".to_owned();
    if found.nearest.is_empty() {
        let first = curriculum::modules().iter().map(|module| module.title.to_lowercase());
        text.push_str(&format!(
            " I explain Python: {}. Name an idea, an error or a piece of Python, and I will explain it.",
            explain::list(first)
        ));
    } else {
        text.push_str(" The nearest topics that I can explain are:\n\n");
        for card in &found.nearest {
            text.push_str(&format!("- **{}**\n", card.title));
        }
        text.push_str("\nIs it one of these? You can also put the question in other words, or send the code it is about.");
    }
    let mut answer = Answer::authored(ResponseType::Clarification, text);
    answer.confidence = 0.1;
    answer.reasoning = "No card fits the question well enough.".to_owned();
    answer.evidence = json!({
        "cards": [],
        "nearest": found.nearest.iter().map(|card| card.id).collect::<Vec<_>>(),
    });
    answer
}
