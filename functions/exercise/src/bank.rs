//! The authored exercises, as the build script has written them.

use learnflow_agent::SkillLevel;
use learnflow_events::code::TestCase;

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

/// The exercise with this id.
pub fn exercise(id: &str) -> Option<&'static Exercise> {
    BANK.binary_search_by_key(&id, |exercise| exercise.id).ok().map(|at| &BANK[at])
}
