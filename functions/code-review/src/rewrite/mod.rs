//! The same program, written better: proposed only after both were run and did the same.

mod behaviour;
mod candidate;
mod index_loop;
mod lines;

use std::collections::BTreeSet;

use learnflow_agent::{Fault, Sandbox};
use serde::{Deserialize, Serialize};
use similar::{DiffOp, TextDiff};

pub use behaviour::Trial;
use behaviour::{Tried, tests_agree};

/// Programs above this many lines are reviewed, not rewritten: nobody reads a diff that long.
const MOST_LINES: usize = 300;

/// A program that does what the student's does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// The whole program.
    pub code: String,
    /// What changes, as a unified diff.
    pub diff: String,
    /// What both programs were run on and did the same: one entry for each standard input, and one for tests.
    pub checked: Vec<String>,
}

/// A better version of a program that works, or none when there is none that was seen to behave alike.
///
/// A change counts only where the student's program was seen to run: what neither an input nor a test reaches is
/// left as it is, since nothing would show a difference.
///
/// # Errors
/// When the sandbox cannot be reached.
pub async fn propose(
    code: &str,
    tests: Option<&str>,
    trial: &Trial,
    sandbox: &impl Sandbox,
) -> Result<Option<Rewrite>, Fault> {
    if !trial.works() || code.lines().count() > MOST_LINES {
        return Ok(None);
    }
    let candidates = candidate::of(code);
    if candidates.is_empty() {
        return Ok(None);
    }
    let tried = Tried::of(code, trial, sandbox).await?;
    let tests = match tests {
        Some(tests) if tests_agree(code, code, tests, sandbox).await? => Some(tests),
        _ => None,
    };
    for candidate in candidates {
        // Tests are taken to reach all of the program: they say what it is for.
        let seen = tests.is_none().then_some(&tried.lines);
        let rewritten = keep_only_seen(code, &candidate, seen);
        if rewritten == code || !tried.same_as(&rewritten, sandbox).await? {
            continue;
        }
        let mut checked = tried.names();
        if let Some(tests) = tests {
            if !tests_agree(code, &rewritten, tests, sandbox).await? {
                continue;
            }
            checked.push("the tests".to_owned());
        }
        let diff = diff(code, &rewritten);
        return Ok(Some(Rewrite { code: rewritten, diff, checked }));
    }
    Ok(None)
}

fn diff(before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().context_radius(2).to_string()
}

/// The candidate without its changes to lines that no run went through.
fn keep_only_seen(code: &str, candidate: &str, seen: Option<&BTreeSet<u32>>) -> String {
    let Some(seen) = seen else { return candidate.to_owned() };
    let statements = lines::statements(code);
    let covered = |line: usize| match statements.get(line) {
        Some(Some(first)) => seen.contains(first),
        // Comments and empty lines do nothing, and neither does the end of the file.
        Some(None) | None => true,
    };
    let diff = TextDiff::from_lines(code, candidate);
    let old =
        |range: std::ops::Range<usize>| range.filter_map(|line| diff.old_slice(line)).collect::<String>();
    let new =
        |range: std::ops::Range<usize>| range.filter_map(|line| diff.new_slice(line)).collect::<String>();
    let mut kept = String::with_capacity(candidate.len());
    for op in diff.ops() {
        let reached = match *op {
            DiffOp::Equal { .. } => true,
            // What is inserted stands between two lines, and both must have been reached.
            DiffOp::Insert { old_index, .. } => covered(old_index.saturating_sub(1)) && covered(old_index),
            DiffOp::Delete { .. } | DiffOp::Replace { .. } => op.old_range().all(covered),
        };
        kept.push_str(&if reached { new(op.new_range()) } else { old(op.old_range()) });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_no_run_went_through_is_not_kept() {
        let code = "import os\ndef f(x):\n    return x == None\nprint(1)\n";
        let candidate = "def f(x):\n    return x is None\nprint(1)\n";
        let seen = BTreeSet::from([1, 2, 4]);
        assert_eq!(
            keep_only_seen(code, candidate, Some(&seen)),
            "def f(x):\n    return x == None\nprint(1)\n"
        );
        assert_eq!(keep_only_seen(code, candidate, None), candidate);
    }
}
