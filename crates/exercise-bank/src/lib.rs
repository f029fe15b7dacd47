//! The authored exercises, as the build script has written them.
//!
//! A crate of its own because three agents need it: exercise sets and grades them, and debug and code-review must
//! recognise a solution before a student reads it.

pub mod draft;
mod recognise;

use learnflow_agent::{Guard, SkillLevel};
use learnflow_events::code::TestCase;

pub use recognise::{exercise_of, exercises_of, guard_of};

include!(concat!(env!("OUT_DIR"), "/bank.rs"));

/// A task with everything that is needed to set and grade it.
#[derive(Debug)]
pub struct Exercise {
    /// Kebab-case id.
    pub id: &'static str,
    /// What people read.
    pub title: &'static str,
    /// Topics of the curriculum, the main one first.
    pub topics: &'static [&'static str],
    /// For whom.
    pub difficulty: SkillLevel,
    /// The task, in Markdown.
    pub statement: &'static str,
    /// What the student starts from.
    pub starter: &'static str,
    /// A program that passes every test; never shown.
    pub solution: &'static str,
    /// From a nudge to nearly the way.
    pub hints: [&'static str; 3],
    /// What the pairs in `shown` and `hidden` are.
    pub tests: TestKind,
    /// Tests that the student sees.
    pub shown: &'static [(&'static str, &'static str)],
    /// Tests that the student never sees.
    pub hidden: &'static [(&'static str, &'static str)],
    /// What students typically get wrong.
    pub wrong: &'static [WrongAnswer],
}

/// What a pair of texts is as a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestKind {
    /// An expression that calls the student's function, and its value.
    Call,
    /// Standard input and standard output.
    Io,
}

/// A program that fails, and what whoever writes it believes.
#[derive(Debug)]
pub struct WrongAnswer {
    /// The program.
    pub code: &'static str,
    /// What to say to whoever wrote such a program.
    pub misconception: &'static str,
}

impl Exercise {
    /// Shown tests, then hidden ones, for the sandbox.
    pub fn test_cases(&self) -> Vec<TestCase> {
        let numbered = |kind: &'static str, tests: &'static [(&'static str, &'static str)]| {
            tests.iter().enumerate().map(move |(at, test)| (format!("{kind} {}", at + 1), test))
        };
        numbered("example", self.shown)
            .chain(numbered("hidden", self.hidden))
            .map(|(name, (given, expected))| match self.tests {
                TestKind::Call => {
                    TestCase::Call { name, call: (*given).to_owned(), expected: (*expected).to_owned() }
                }
                TestKind::Io => {
                    TestCase::Io { name, stdin: (*given).to_owned(), stdout: (*expected).to_owned() }
                }
            })
            .collect()
    }
}

/// All exercises, sorted by id.
pub fn bank() -> &'static [Exercise] {
    BANK
}

/// The exercise with this id: of the bank, or one that was adopted.
pub fn exercise(id: &str) -> Option<&'static Exercise> {
    let own = BANK.binary_search_by_key(&id, |exercise| exercise.id).ok().map(|at| &BANK[at]);
    own.or_else(|| draft::adopted(id))
}

impl Exercise {
    /// What a solution must define: the functions and classes that the tests call.
    pub fn names(&self) -> Vec<String> {
        if self.tests == TestKind::Io {
            return Vec::new();
        }
        let calls: Vec<&str> = self.shown.iter().chain(self.hidden).map(|(call, _)| *call).collect();
        let words = |text: &str, name: &str| {
            text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
        };
        defined(self.solution)
            .filter(|name| calls.iter().any(|call| words(call, name)))
            .map(str::to_owned)
            .collect()
    }

    /// The guard of this exercise for a student's program.
    pub fn guard(&self, program: String) -> Guard {
        Guard {
            exercise_id: self.id.to_owned(),
            tests: self.test_cases(),
            names: self.names(),
            starter: self.starter.to_owned(),
            program,
            others: Vec::new(),
        }
    }
}

/// The names that a program defines at its top level.
fn defined(program: &str) -> impl Iterator<Item = &str> {
    program
        .lines()
        .filter_map(|line| line.strip_prefix("def ").or_else(|| line.strip_prefix("class ")))
        .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next())
}

fn defines(program: &str, name: &str) -> bool {
    defined(program).any(|known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exercise_with_calls_has_a_name() {
        for exercise in bank().iter().filter(|exercise| exercise.tests == TestKind::Call) {
            assert!(!exercise.names().is_empty(), "{}", exercise.id);
        }
    }
}
