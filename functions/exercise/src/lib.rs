//! The exercise agent: sets practice that fits what a student knows, and grades it in the sandbox.
//!
//! [`bank`] holds the exercises of `bank/`, one file each. [`select`] chooses among them, [`present`] writes them
//! out, [`parsons`] makes lines to put in order of a solution, and [`grade`] judges a submission.

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
use learnflow_events::payload::{HintTier, Observation, ObservationKind, ResponseType};
use learnflow_learner::curriculum;
use serde_json::json;

use crate::{
    bank::{Exercise, exercise},
    request::Request,
};

pub use learnflow_exercise_bank as bank;
pub use learnflow_exercise_bank::bank;

/// How far help with an exercise may go, as the student's classes say.
pub trait Policy {
    /// The highest tier that is allowed with an exercise.
    fn most(&self, exercise: &Exercise) -> impl Future<Output = Result<HintTier, Fault>>;
}

/// Grades when the question brings a program for an exercise, and sets an exercise otherwise.
///
/// # Errors
///
/// [`learnflow_agent::FaultKind::Reject`] for an exercise that does not exist, and the sandbox's and the policy's own
/// faults.
pub async fn answer(
    question: &Question,
    sandbox: &impl Sandbox,
    policy: &impl Policy,
) -> Result<Answer, Fault> {
    let program = question.query.code.as_deref().is_some_and(|code| !code.trim().is_empty());
    if program && question.query.exercise_id.is_some() {
        submit(question, sandbox).await
    } else {
        generate(question, policy).await
    }
}

/// Sets an exercise: the one that is named, or the one that fits the message and the student best. A message
/// about the exercise at hand that asks for a hint gets the next one.
///
/// # Errors
///
/// [`learnflow_agent::FaultKind::Reject`] for an exercise that does not exist, and the policy's own faults.
pub async fn generate(question: &Question, policy: &impl Policy) -> Result<Answer, Fault> {
    let request = Request::read(&question.query.query_text);
    let (exercise, reason) = match &question.query.exercise_id {
        Some(id) => (known(id)?, "This exercise was asked for.".to_owned()),
        None => match select::choose(question, &request) {
            Some(choice) => (choice.exercise, choice.reason),
            None => return Ok(none_left()),
        },
    };
    // What was granted was so before anybody knew which exercise it would be.
    let most = policy.most(exercise).await?;
    let tier = question.tier.min(most);
    if request.hint && question.query.exercise_id.is_some() {
        return Ok(hint(question, exercise, tier));
    }
    let form = if request.parsons { Form::parsons(exercise, most) } else { Form::Code };
    Ok(set(question, exercise, form, tier, &reason))
}

/// How an exercise is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A program to write.
    Code,
    /// A program to write, since its lines cannot be given; with the reason.
    CodeInstead(&'static str),
    /// Lines to put in order.
    Parsons,
}

impl Form {
    /// The Parsons form, where the exercise and the course allow it.
    fn parsons(exercise: &Exercise, most: HintTier) -> Self {
        if most < parsons::NEEDED_TIER {
            Self::CodeInstead(
                "Your course does not give the lines of this one to be put in order. Here is the task itself.",
            )
        } else if !parsons::suits(exercise) {
            Self::CodeInstead(
                "This one is too short to be put in order: its lines would be the solution. Here is the task itself.",
            )
        } else {
            Self::Parsons
        }
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

/// Sets an exercise. Of its hints only those are told that the student may read at this tier.
fn set(question: &Question, exercise: &'static Exercise, form: Form, tier: HintTier, reason: &str) -> Answer {
    let text = match form {
        Form::Code => present::task(exercise),
        Form::CodeInstead(why) => format!("{why}\n\n{}", present::task(exercise)),
        Form::Parsons => parsons::write(exercise),
    };
    let ordered = form == Form::Parsons;
    let mut answer = Answer::authored(ResponseType::Exercise, text);
    answer.reasoning = reason.to_owned();
    answer.topics = exercise.topics.iter().map(|topic| (*topic).to_owned()).collect();
    answer.code_examples = if ordered { Vec::new() } else { vec![exercise.starter.to_owned()] };
    answer.evidence = json!({
        "exercise_id": exercise.id,
        "title": exercise.title,
        "difficulty": exercise.difficulty,
        "topics": exercise.topics,
        "form": if ordered { "parsons" } else { "code" },
        "starter": exercise.starter,
        "lines": ordered.then(|| parsons::shuffled(exercise)),
        "tests": exercise.shown.iter().map(|(given, expected)| json!([given, expected])).collect::<Vec<_>>(),
        "hints": exercise.hints[..present::unlocked(question, exercise, tier)],
        "attempts": present::attempts(question, exercise),
    });
    answer
}

/// The furthest hint that the student may read at this tier.
fn hint(question: &Question, exercise: &'static Exercise, tier: HintTier) -> Answer {
    let attempts = present::attempts(question, exercise);
    let unlocked = present::unlocked(question, exercise, tier);
    let last = unlocked == present::allowed(exercise, tier);
    let mut answer = Answer::authored(ResponseType::Exercise, present::hint(exercise, unlocked, last));
    answer.reasoning = format!("Hint {unlocked} of {}, after {attempts} attempts.", exercise.hints.len());
    answer.topics = exercise.topics.iter().map(|topic| (*topic).to_owned()).collect();
    answer.observations = vec![Observation {
        topic: exercise.topics[0].to_owned(),
        kind: ObservationKind::Question,
        correct: false,
    }];
    answer.evidence = json!({ "exercise_id": exercise.id, "hint": unlocked });
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
