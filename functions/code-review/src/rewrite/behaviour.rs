//! What a program does, as far as runs show it.

use std::collections::BTreeSet;

use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{Outcome, RunLimits, RunReport, RunRequest, TestCase, TestRequest};

/// Recorded steps of a run: enough for the lines of a student's program, and some hundred milliseconds at most.
const STEPS: u64 = 2_000;
/// Random numbers and the clock are the same for both programs.
const SEED: u64 = 1;
const CLOCK_MS: u64 = 1_700_000_000_000;

/// What is typed into a program that asks for input, when nobody says what.
const INPUTS: [(&str, &str); 4] = [
    ("the input 3, 4, 5, …", "3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"),
    ("the input 1, 1, 0, …", "1\n1\n0\n1\n0\n0\n2\n0\n1\n0\n"),
    ("the input Ada, 36, yes, …", "Ada\n36\nyes\n7\nno\nq\nquit\n0\nn\nexit\n"),
    ("the input y, no, 5, quit, …", "y\nno\n5\nquit\n8\nstop\nend\nq\n0\n-1\n"),
];

/// The first run of a program, with something to read when it asks for input.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What it did.
    pub report: RunReport,
    /// What was typed, in words, when something was.
    pub typed: Option<&'static str>,
}

impl Trial {
    /// Runs a program. One that asks for input is given the first input of ours that it ends well with.
    ///
    /// # Errors
    /// When the sandbox cannot be reached.
    pub async fn of(code: &str, sandbox: &impl Sandbox) -> Result<Self, Fault> {
        let report = sandbox.run(&RunRequest { code: code.to_owned(), ..RunRequest::default() }).await?;
        if !wants_input(&report) {
            return Ok(Self { report, typed: None });
        }
        for (name, stdin) in INPUTS {
            let request =
                RunRequest { code: code.to_owned(), stdin: stdin.to_owned(), ..RunRequest::default() };
            let report = sandbox.run(&request).await?;
            if matches!(report.outcome, Outcome::Ok | Outcome::Exited) {
                return Ok(Self { report, typed: Some(name) });
            }
        }
        Ok(Self { report, typed: None })
    }

    /// Whether the program came to its end.
    pub fn works(&self) -> bool {
        matches!(self.report.outcome, Outcome::Ok | Outcome::Exited)
    }
}

fn wants_input(report: &RunReport) -> bool {
    report.error.as_ref().is_some_and(|error| error.kind == "EOFError")
}

/// What a program did with each input.
pub struct Tried {
    runs: Vec<(&'static str, &'static str, Behaviour)>,
    /// Lines that were seen to run, from 1.
    pub lines: BTreeSet<u32>,
}

/// What somebody who runs a program sees of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Behaviour {
    outcome: Outcome,
    exit_code: i32,
    stdout: String,
    error: Option<(String, String)>,
}

impl Behaviour {
    fn of(report: &RunReport) -> Self {
        Self {
            outcome: report.outcome,
            exit_code: report.exit_code,
            stdout: report.stdout.clone(),
            error: report.error.as_ref().map(|error| (error.kind.clone(), error.message.clone())),
        }
    }

    /// Whether it says something: a program that was cut off may go on differently.
    fn is_whole(&self) -> bool {
        matches!(self.outcome, Outcome::Ok | Outcome::Exited | Outcome::Raised)
    }
}

impl Tried {
    /// Runs a program with every input of ours, or once when it asks for none, and records which lines ran.
    pub async fn of(code: &str, trial: &Trial, sandbox: &impl Sandbox) -> Result<Self, Fault> {
        let inputs = if trial.typed.is_some() { &INPUTS[..] } else { &[("no input", "")] };
        let mut tried = Self { runs: Vec::new(), lines: BTreeSet::new() };
        for (name, stdin) in inputs {
            let mut request = request(code, stdin);
            request.trace = true;
            let report = sandbox.run(&request).await?;
            let behaviour = Behaviour::of(&report);
            if behaviour.is_whole() {
                tried.lines.extend(ran(&report));
                tried.runs.push((name, stdin, behaviour));
            }
        }
        Ok(tried)
    }

    /// Whether another program does the same with every input.
    pub async fn same_as(&self, other: &str, sandbox: &impl Sandbox) -> Result<bool, Fault> {
        for (_, stdin, behaviour) in &self.runs {
            if Behaviour::of(&sandbox.run(&request(other, stdin)).await?) != *behaviour {
                return Ok(false);
            }
        }
        Ok(!self.runs.is_empty())
    }

    /// What was tried, in words.
    pub fn names(&self) -> Vec<String> {
        self.runs.iter().map(|(name, _, _)| (*name).to_owned()).collect()
    }
}

fn request(code: &str, stdin: &str) -> RunRequest {
    RunRequest {
        code: code.to_owned(),
        stdin: stdin.to_owned(),
        seed: Some(SEED),
        clock_ms: Some(CLOCK_MS),
        limits: RunLimits { trace_steps: Some(STEPS), ..RunLimits::default() },
        ..RunRequest::default()
    }
}

/// Lines of the program itself that a recorded run went through.
fn ran(report: &RunReport) -> impl Iterator<Item = u32> {
    let steps = report.trace.as_ref().and_then(|trace| trace["steps"].as_array());
    let own = steps.into_iter().flatten().filter(|step| step.get("file").is_none());
    own.filter_map(|step| step["line"].as_u64().and_then(|line| u32::try_from(line).ok()))
}

/// Whether the tests say the same about both programs, and at least one passes.
pub async fn tests_agree(
    code: &str,
    other: &str,
    tests: &str,
    sandbox: &impl Sandbox,
) -> Result<bool, Fault> {
    let request = |code: &str| TestRequest {
        code: code.to_owned(),
        module: module_name(tests),
        tests: vec![TestCase::Unittest { name: "tests".to_owned(), source: tests.to_owned() }],
        verdicts_only: true,
        ..TestRequest::default()
    };
    let mut verdicts = Vec::new();
    for code in [code, other] {
        let report = sandbox.test(&request(code)).await?;
        let passed = report.verdicts.into_iter().map(|verdict| (verdict.name, verdict.passed));
        verdicts.push(passed.collect::<Vec<_>>());
    }
    Ok(verdicts[0] == verdicts[1] && verdicts[0].iter().any(|(_, passed)| *passed))
}

/// The name by which the tests import the program: their first import that is not of the standard library.
fn module_name(tests: &str) -> String {
    let imported = tests.lines().filter_map(|line| {
        let rest = line.strip_prefix("from ").or_else(|| line.strip_prefix("import "))?;
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().filter(|name| !name.is_empty())
    });
    let libraries = ["unittest", "io", "sys", "os", "contextlib", "math", "random", "json", "re", "typing"];
    let mut own = imported.filter(|name| !libraries.contains(name));
    own.next().unwrap_or("main").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_that_tests_import() {
        assert_eq!(module_name("import unittest\nfrom solution import add\n"), "solution");
        assert_eq!(module_name("import unittest\n"), "main");
    }
}
