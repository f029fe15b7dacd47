//! Exercises as the API shows them, wherever they are kept: in the bank, made by a model, or written by a teacher.

use learnflow_events::code::TestCase;
use learnflow_exercise_bank::{Exercise, TestKind, draft};
use learnflow_learner::curriculum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::learning::difficulty_name;

/// A test: a call and its value, or an input and its output.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) given: String,
    pub(crate) expected: String,
}

/// What a student may know of an exercise.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) class_id: Option<Uuid>,
    pub(crate) title: String,
    pub(crate) topics: Vec<String>,
    pub(crate) difficulty: String,
    pub(crate) statement: String,
    pub(crate) starter: String,
    pub(crate) hints: Vec<String>,
    /// `call` or `io`.
    pub(crate) kind: &'static str,
    pub(crate) shown: Vec<Case>,
    /// Shown and hidden ones.
    pub(crate) tests_total: usize,
}

impl Task {
    /// The module of its main topic; empty when the curriculum does not have it.
    pub(crate) fn module(&self) -> &'static str {
        self.topics.first().and_then(|topic| curriculum::topic(topic)).map_or("", |topic| topic.module)
    }

    /// Of the bank.
    pub(crate) fn of_bank(exercise: &Exercise) -> Self {
        let case = |(given, expected): &(&str, &str)| Case {
            given: (*given).to_owned(),
            expected: (*expected).to_owned(),
        };
        Self {
            id: exercise.id.to_owned(),
            class_id: None,
            title: exercise.title.to_owned(),
            topics: exercise.topics.iter().map(|topic| (*topic).to_owned()).collect(),
            difficulty: difficulty_name(exercise.difficulty),
            statement: exercise.statement.to_owned(),
            starter: exercise.starter.to_owned(),
            hints: exercise.hints.iter().map(|hint| (*hint).to_owned()).collect(),
            kind: match exercise.tests {
                TestKind::Call => "call",
                TestKind::Io => "io",
            },
            shown: exercise.shown.iter().map(case).collect(),
            tests_total: exercise.shown.len() + exercise.hidden.len(),
        }
    }

    /// Of the database.
    pub(crate) fn of_draft(id: String, class_id: Option<Uuid>, draft: draft::Draft) -> Self {
        Self {
            id,
            class_id,
            tests_total: draft.shown.len() + draft.hidden.len(),
            title: draft.title,
            topics: draft.topics,
            difficulty: difficulty_name(draft.difficulty),
            statement: draft.statement,
            starter: draft.starter,
            hints: draft.hints.into(),
            kind: match draft.tests {
                draft::Tests::Call => "call",
                draft::Tests::Io => "io",
            },
            shown: draft
                .shown
                .into_iter()
                .map(|case| Case { given: case.given, expected: case.expected })
                .collect(),
        }
    }
}

/// All tests of a draft for the sandbox, shown ones first, named as the exercise agent names them.
pub(crate) fn test_cases(draft: &draft::Draft) -> Vec<TestCase> {
    let numbered = |kind: &'static str, cases: &[draft::Case]| -> Vec<TestCase> {
        cases
            .iter()
            .enumerate()
            .map(|(at, case)| {
                let name = format!("{kind} {}", at + 1);
                let (given, expected) = (case.given.clone(), case.expected.clone());
                match draft.tests {
                    draft::Tests::Call => TestCase::Call { name, call: given, expected },
                    draft::Tests::Io => TestCase::Io { name, stdin: given, stdout: expected },
                }
            })
            .collect()
    };
    [numbered("example", &draft.shown), numbered("hidden", &draft.hidden)].concat()
}
