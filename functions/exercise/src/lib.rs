//! The exercise agent: sets practice that fits what a student knows, and grades it in the sandbox.
//!
//! [`bank`] holds the exercises of `bank/`, one file each. [`select`] chooses among them, [`present`] writes them
//! out, [`parsons`] shuffles a solution's lines, and [`grade`] judges a submission.

#[cfg(target_family = "wasm")]
mod component;
pub mod grade;
pub mod make;
pub mod model;
pub mod parsons;
pub mod present;
pub mod request;
pub mod select;

use learnflow_agent::{Answer, Fault, Question, Sandbox};
use learnflow_events::payload::{Observation, ObservationKind, ResponseType};
use learnflow_learner::curriculum;
use serde_json::json;

use crate::{
    bank::{Exercise, exercise},
    request::Request,
};

pub use learnflow_exercise_bank as bank;
pub use learnflow_exercise_bank::bank;

/// Grades when the question brings a program for an exercise, and sets an exercise otherwise.
///
/// # Errors
///
/// [`learnflow_agent::FaultKind::Reject`] for an exercise that does not exist, and the sandbox's own faults.
pub async fn answer(question: &Question, sandbox: &impl Sandbox) -> Result<Answer, Fault> {
    let program = question.query.code.as_deref().is_some_and(|code| !code.trim().is_empty());
    if program && question.query.exercise_id.is_some() {
        submit(question, sandbox).await
    } else {
        generate(question)
    }
}

/// Sets an exercise: the one that is named, or the one that fits the message and the student best. A message
/// about the exercise at hand that asks for a hint gets the next one.
///
/// # Errors
///
/// [`learnflow_agent::FaultKind::Reject`] for an exercise that does not exist.
pub fn generate(question: &Question) -> Result<Answer, Fault> {
    let request = Request::read(&question.query.query_text);
    if let Some(id) = &question.query.exercise_id {
        let exercise = known(id)?;
        return Ok(match (request.hint, request.parsons) {
            (true, _) => hint(question, exercise),
            (_, true) => set(question, exercise, &request, "The Parsons form was asked for."),
            _ => set(question, exercise, &request, "This exercise was asked for."),
        });
    }
    match select::choose(question, &request) {
        Some(choice) => Ok(set(question, choice.exercise, &request, &choice.reason)),
        None => Ok(none_left()),
    }
}

/// Grades the program in the question against all tests of its exercise.
///
/// # Errors
///
/// [`learnflow_agent::FaultKind::Reject`] for an exercise that does not exist or without a program, and the
/// sandbox's own faults.
pub async fn submit(question: &Question, sandbox: &impl Sandbox) -> Result<Answer, Fault> {
    let Some(id) = &question.query.exercise_id else {
        return Err(Fault::reject("Please say which exercise this solves: send its exercise_id."));
    };
    let exercise = known(id)?;
    let code = question.query.code.as_deref().unwrap_or_default();
    if code.trim().is_empty() {
        return Err(Fault::reject(
            "There is no program to grade yet: write one and submit it in the field code.",
        ));
    }
    grade::grade(question, exercise, code, sandbox).await
}

fn known(id: &str) -> Result<&'static Exercise, Fault> {
    exercise(id).ok_or_else(|| {
        Fault::reject(format!(
            "There is no exercise “{}”. Ask for an exercise to get a new one.",
            shortened(id)
        ))
    })
}

fn set(question: &Question, exercise: &'static Exercise, request: &Request, reason: &str) -> Answer {
    let text = if request.parsons { parsons::write(exercise) } else { present::task(exercise) };
    let mut answer = Answer::authored(ResponseType::Exercise, text);
    answer.reasoning = reason.to_owned();
    answer.topics = exercise.topics.iter().map(|topic| (*topic).to_owned()).collect();
    answer.code_examples = if request.parsons { Vec::new() } else { vec![exercise.starter.to_owned()] };
    answer.evidence = json!({
        "exercise_id": exercise.id,
        "title": exercise.title,
        "difficulty": exercise.difficulty,
        "topics": exercise.topics,
        "form": if request.parsons { "parsons" } else { "code" },
        "starter": exercise.starter,
        "lines": if request.parsons { json!(parsons::shuffled(exercise)) } else { json!(null) },
        "tests": exercise.shown.iter().map(|(given, expected)| json!([given, expected])).collect::<Vec<_>>(),
        "hints": exercise.hints,
        "attempts": present::attempts(question, exercise),
    });
    answer
}

fn hint(question: &Question, exercise: &'static Exercise) -> Answer {
    let attempts = present::attempts(question, exercise);
    // The first hint costs nothing; the next ones come with tries.
    let tier = (attempts as usize).min(exercise.hints.len() - 1);
    let mut answer = Answer::authored(ResponseType::Exercise, present::hint(exercise, tier));
    answer.reasoning = format!("Hint {} of {}, after {attempts} attempts.", tier + 1, exercise.hints.len());
    answer.topics = exercise.topics.iter().map(|topic| (*topic).to_owned()).collect();
    answer.observations = vec![Observation {
        topic: exercise.topics[0].to_owned(),
        kind: ObservationKind::Question,
        correct: false,
    }];
    answer.evidence = json!({ "exercise_id": exercise.id, "hint": tier + 1 });
    answer
}

fn none_left() -> Answer {
    let modules: Vec<&str> = curriculum::modules().iter().map(|module| module.title).collect();
    let mut answer = Answer::authored(
        ResponseType::Clarification,
        format!(
            "I found no exercise for that which you have not solved yet. Name a topic or a module, for example: {}.",
            modules.join(", ")
        ),
    );
    answer.confidence = 0.3;
    answer.reasoning = "No unsolved exercise fits.".to_owned();
    answer.evidence = json!({});
    answer
}

fn shortened(id: &str) -> String {
    id.chars().take(60).collect()
}
