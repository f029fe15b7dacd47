//! Choosing the exercise that helps most now.

use std::collections::BTreeMap;

use learnflow_agent::Question;
use learnflow_learner::{
    curriculum,
    parameters::{MASTERED, READY},
    recommend,
    state::effective_mastery,
};

use crate::{
    bank::{Exercise, bank},
    parsons,
    request::Request,
};

/// An exercise and why it.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The exercise.
    pub exercise: &'static Exercise,
    /// One sentence.
    pub reason: String,
}

/// The best exercise for a request: unsolved, on the topics asked for (or on those that are due), of the
/// difficulty asked for (or that fits the student), fit for the form asked for, and with its other topics in place.
/// `None` when nothing on the topics asked for is left.
pub fn choose(question: &Question, request: &Request) -> Option<Choice> {
    let student = &question.student;
    let mastery = effective_mastery(&student.mastery_levels);
    let due: Vec<&str> = recommend::recommend(&student.mastery_levels, &student.struggle_topics, 6)
        .into_iter()
        .map(|recommendation| recommendation.topic.id)
        .collect();
    let mut candidates: Vec<(Rank, &'static Exercise)> = bank()
        .iter()
        .filter(|exercise| {
            request.topics.is_empty() || request.topics.iter().any(|t| exercise.topics.contains(t))
        })
        .filter(|exercise| {
            !student.exercises.iter().any(|known| known.exercise_id == exercise.id && known.passed)
        })
        .map(|exercise| (rank(question, request, &mastery, &due, exercise), exercise))
        .collect();
    candidates.sort_by_key(|(rank, exercise)| (*rank, exercise.id));
    let (_, exercise) = candidates.first()?;
    Some(Choice { exercise, reason: reason(request, &mastery, &due, exercise) })
}

/// What decides, most important first; smaller is better.
type Rank = (bool, usize, bool, u8, bool, usize, usize, usize);

fn rank(
    question: &Question,
    request: &Request,
    mastery: &BTreeMap<&'static str, f64>,
    due: &[&str],
    exercise: &Exercise,
) -> Rank {
    let main = exercise.topics[0];
    let wanted = request.difficulty.unwrap_or(question.student.skill_level) as i8;
    let off_level = (exercise.difficulty as i8 - wanted).unsigned_abs();
    // What is asked for comes before what the model would choose.
    let asked = request.topics.iter().position(|topic| *topic == main).unwrap_or(request.topics.len());
    let not_ready = exercise
        .topics
        .iter()
        .flat_map(|topic| curriculum::topic(topic))
        .flat_map(|topic| topic.prerequisites)
        .filter(|prerequisite| mastery[*prerequisite] < READY && !exercise.topics.contains(prerequisite))
        .count();
    let given = question.student.exercises.iter().any(|known| known.exercise_id == exercise.id);
    let turn = due.iter().position(|topic| *topic == main).unwrap_or(due.len());
    let known = mastery[main] >= MASTERED;
    (
        request.difficulty.is_some() && off_level > 0,
        asked,
        request.parsons && !parsons::suits(exercise),
        if request.topics.is_empty() { u8::from(not_ready > 0) } else { 0 },
        known && request.topics.is_empty(),
        turn,
        usize::from(off_level) + usize::from(given),
        not_ready,
    )
}

fn reason(
    request: &Request,
    mastery: &BTreeMap<&'static str, f64>,
    due: &[&str],
    exercise: &Exercise,
) -> String {
    let topic = curriculum::title(exercise.topics[0]);
    if !request.topics.is_empty() {
        return format!("Practice on “{topic}” was asked for, and this one is not solved yet.");
    }
    if due.contains(&exercise.topics[0]) {
        let known = (mastery[exercise.topics[0]] * 100.0).round();
        return format!("“{topic}” is due: what it builds on is in place, and its mastery is {known} %.");
    }
    format!("The next exercise that fits what is known so far is on “{topic}”.")
}
