//! The leak guard: whether an answer would pass as the solution of an exercise.
//!
//! It does not judge by reading. [`candidates`] takes every program that could be made of an answer — blocks and their
//! combinations, code in prose, changes applied to the student's file, other names, decoded text — and the hidden tests
//! say, in the sandbox, whether one of them solves the exercise.

mod candidates;
mod decode;
mod pieces;

use learnflow_events::code::{RunLimits, TestCase, TestRequest};

use crate::{Fault, Sandbox};

pub use candidates::candidates;
pub use decode::{hidden_texts, readings};

/// Programs that are tried for one answer at most. An answer of which more could be made is not shown.
const MOST_CANDIDATES: usize = 400;
/// Processor time of one test, in milliseconds.
const TIMEOUT_MS: u64 = 1_000;

/// An exercise that is guarded.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Its id.
    pub exercise_id: String,
    /// All its tests, hidden ones included.
    pub tests: Vec<TestCase>,
    /// The names that its tests call: functions and classes.
    pub names: Vec<String>,
    /// What the student starts from.
    pub starter: String,
    /// The student's program; empty when there is none yet.
    pub program: String,
    /// The guards of other exercises that the same question may be about.
    pub others: Vec<Guard>,
}

/// What the guard says about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing in it solves the exercise.
    Safe,
    /// Something in it does, or there is more in it than can be tried.
    Leaks,
    /// The student's own program solves it already, so nothing of it can be given away.
    Solved,
}

impl Guard {
    /// Tries an answer, on this exercise and on the others.
    ///
    /// # Errors
    /// When the sandbox is away: an answer that was not tried is not shown.
    pub async fn judge(&self, answer: &str, sandbox: &impl Sandbox) -> Result<Verdict, Fault> {
        let hides_much = hidden_texts(answer).len() > decode::MOST;
        let mut left = MOST_CANDIDATES;
        let mut solved = false;
        for guard in std::iter::once(self).chain(&self.others) {
            let tried = candidates(answer, guard);
            if tried.is_empty() {
                continue;
            }
            if guard.passes(&guard.program, sandbox).await? {
                solved = true;
                continue;
            }
            if hides_much || tried.len() > left {
                return Ok(Verdict::Leaks);
            }
            left -= tried.len();
            for candidate in &tried {
                if guard.passes(candidate, sandbox).await? {
                    return Ok(Verdict::Leaks);
                }
            }
        }
        Ok(if solved { Verdict::Solved } else { Verdict::Safe })
    }

    async fn passes(&self, program: &str, sandbox: &impl Sandbox) -> Result<bool, Fault> {
        if program.trim().is_empty() {
            return Ok(false);
        }
        let request = TestRequest {
            code: program.to_owned(),
            module: "main".to_owned(),
            tests: self.tests.clone(),
            limits: RunLimits { timeout_ms: Some(TIMEOUT_MS), ..RunLimits::default() },
            fail_fast: true,
            verdicts_only: true,
            ..TestRequest::default()
        };
        Ok(sandbox.test(&request).await?.passed)
    }
}
