//! What a student reads of an exercise.

use learnflow_agent::{Question, SkillLevel};
use learnflow_events::payload::HintTier;
use learnflow_learner::curriculum;

use crate::bank::{Exercise, TestKind};

/// The task.
pub fn task(exercise: &Exercise) -> String {
    format!(
        "{}\n\nStart from this:\n\n```python\n{}```\n\n{}\n\n\
         Submit your program when the examples work; I then try it on more cases. Stuck? Ask for a hint.",
        heading(exercise),
        exercise.starter,
        examples(exercise),
    )
}

/// Title, level, topics and statement.
pub(crate) fn heading(exercise: &Exercise) -> String {
    let level = match exercise.difficulty {
        SkillLevel::Beginner => "beginner",
        SkillLevel::Intermediate => "intermediate",
        SkillLevel::Advanced => "advanced",
    };
    let topics: Vec<&str> = exercise.topics.iter().map(|topic| curriculum::title(topic)).collect();
    format!("### {}\n\n*{level} · {}*\n\n{}", exercise.title, topics.join(", "), exercise.statement)
}

/// The shown tests.
pub(crate) fn examples(exercise: &Exercise) -> String {
    match exercise.tests {
        TestKind::Call => {
            let rows: Vec<String> = exercise
                .shown
                .iter()
                .map(|(call, value)| format!("| `{}` | `{}` |", cell(call), cell(value)))
                .collect();
            format!("| this call | gives |\n|---|---|\n{}", rows.join("\n"))
        }
        TestKind::Io => {
            let cases: Vec<String> =
                exercise.shown.iter().map(|(input, output)| io_case(input, output)).collect();
            cases.join("\n\n")
        }
    }
}

fn io_case(input: &str, output: &str) -> String {
    let output = output.trim_end();
    if input.is_empty() {
        format!("The output is\n\n```text\n{output}\n```")
    } else {
        format!(
            "With the input\n\n```text\n{}\n```\n\nthe output is\n\n```text\n{output}\n```",
            input.trim_end()
        )
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// One hint, counted from 1; the last one that there is at this tier, or one that more follow after.
pub fn hint(exercise: &Exercise, number: usize, last: bool) -> String {
    let total = exercise.hints.len();
    let more = match (number == total, last) {
        (true, _) => "This was the last hint. You have all the pieces; put them together one line at a time.",
        (false, true) => "This is as far as the hints go here. Try the program on the examples, one by one.",
        (false, false) => "Try it before you ask for the next one: hints grow with your attempts.",
    };
    let title = exercise.title;
    format!("**{title}: hint {number} of {total}**\n\n{}\n\n{more}", exercise.hints[number - 1])
}

/// How many hints there are at a tier. The first one nudges, the second one points, the last one is nearly the way.
pub(crate) fn allowed(exercise: &Exercise, tier: HintTier) -> usize {
    match tier {
        HintTier::Nudge => 1,
        HintTier::Pointer => 2,
        _ => exercise.hints.len(),
    }
}

/// How many hints the student may read at a tier: one, and one more with each submission. Whoever has solved the
/// exercise may read all. (The gateway's `GET /api/exercises/{id}` shows the same ones.)
pub(crate) fn unlocked(question: &Question, exercise: &Exercise, tier: HintTier) -> usize {
    let state = question.student.exercises.iter().find(|known| known.exercise_id == exercise.id);
    match state {
        Some(state) if state.passed => exercise.hints.len(),
        _ => (attempts(question, exercise) as usize + 1).min(allowed(exercise, tier)),
    }
}

/// How often the student has submitted this exercise.
pub(crate) fn attempts(question: &Question, exercise: &Exercise) -> u32 {
    question
        .student
        .exercises
        .iter()
        .find(|known| known.exercise_id == exercise.id)
        .map_or(0, |known| known.attempts)
}
