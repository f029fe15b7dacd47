//! Exercises that are not in the bank: made by a model or by a teacher, verified before, and kept in the database.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use learnflow_agent::SkillLevel;
use serde::{Deserialize, Serialize};

use crate::{Exercise, TestKind, WrongAnswer};

/// An exercise as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// What people read.
    pub title: String,
    /// Topics of the curriculum, the main one first.
    pub topics: Vec<String>,
    /// For whom.
    pub difficulty: SkillLevel,
    /// The task, in Markdown.
    pub statement: String,
    /// What the student starts from.
    pub starter: String,
    /// A program that passes every test.
    pub solution: String,
    /// From a nudge to nearly the way.
    pub hints: [String; 3],
    /// Tests that the student sees: a call and its value.
    pub shown: Vec<Case>,
    /// Tests that the student never sees.
    pub hidden: Vec<Case>,
    /// What students typically get wrong.
    pub wrong: Vec<Wrong>,
    /// Calls, or input and output.
    #[serde(default)]
    pub tests: Tests,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The call, or the input.
    pub given: String,
    /// Its value, or the output.
    pub expected: String,
}

/// A program that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wrong {
    /// The program.
    pub code: String,
    /// What to say to whoever wrote it.
    pub misconception: String,
}

/// What the tests are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Tests {
    /// Calls.
    #[default]
    Call,
    /// Input and output.
    Io,
}

/// What was adopted so far.
static ADOPTED: Mutex<Vec<&'static Exercise>> = Mutex::new(Vec::new());

/// Makes a draft an exercise that [`crate::exercise`] finds from now on. It is never given back: whoever adopts is a
/// component, whose instance ends with the request.
pub fn adopt(id: &str, draft: &Draft) -> &'static Exercise {
    let adopted: &'static Exercise = Box::leak(Box::new(made(id, draft)));
    ADOPTED.lock().unwrap_or_else(PoisonError::into_inner).push(adopted);
    adopted
}

/// Adopts exercises that the bank does not have, by id.
pub fn adopt_all(drafts: &BTreeMap<String, Draft>) {
    for (id, draft) in drafts.iter().filter(|(id, _)| crate::exercise(id).is_none()) {
        adopt(id, draft);
    }
}

/// Everything that was adopted.
pub(crate) fn all_adopted() -> Vec<&'static Exercise> {
    ADOPTED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(crate) fn adopted(id: &str) -> Option<&'static Exercise> {
    let adopted = ADOPTED.lock().unwrap_or_else(PoisonError::into_inner);
    adopted.iter().rev().find(|exercise| exercise.id == id).copied()
}

fn made(id: &str, draft: &Draft) -> Exercise {
    let cases = |cases: &[Case]| -> &'static [(&'static str, &'static str)] {
        cases.iter().map(|case| (text(&case.given), text(&case.expected))).collect::<Vec<_>>().leak()
    };
    let wrong = draft
        .wrong
        .iter()
        .map(|wrong| WrongAnswer { code: text(&wrong.code), misconception: text(&wrong.misconception) });
    Exercise {
        id: text(id),
        title: text(&draft.title),
        topics: draft.topics.iter().map(|topic| text(topic)).collect::<Vec<_>>().leak(),
        difficulty: draft.difficulty,
        statement: text(&draft.statement),
        starter: text(&draft.starter),
        solution: text(&draft.solution),
        hints: [text(&draft.hints[0]), text(&draft.hints[1]), text(&draft.hints[2])],
        tests: match draft.tests {
            Tests::Call => TestKind::Call,
            Tests::Io => TestKind::Io,
        },
        shown: cases(&draft.shown),
        hidden: cases(&draft.hidden),
        wrong: wrong.collect::<Vec<_>>().leak(),
    }
}

fn text(text: &str) -> &'static str {
    text.to_owned().leak()
}
