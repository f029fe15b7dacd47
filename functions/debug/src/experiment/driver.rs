//! What goes into the driver, a Python program that runs in the sandbox, and what comes out of it.
//!
//! A round trip and a fresh interpreter for each of a thousand versions would take seconds. The driver runs them in
//! one interpreter, a fraction of a millisecond each: every version gets fresh modules, and a limit on rounds of
//! loops and calls, so that one that never ends costs milliseconds.

use std::collections::BTreeMap;

use learnflow_agent::{Fault, Sandbox};
use learnflow_events::{
    code::{self, RunLimits, RunRequest},
    limits::CODE_BYTES,
};
use ruff_text_size::Ranged;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    mutate::{Mutant, Types},
    source::Program,
    suite::Suite,
};

const DRIVER: &str = include_str!("driver.py");
/// Bytes of versions in one request; the sandbox takes half a mebibyte in all.
const MUTANT_BYTES: usize = 300 * 1024;
/// Processor time for the program as it is: of one test, and of all, in seconds.
const TEST_SECONDS: f64 = 0.12;
const BASELINE_SECONDS: f64 = 0.4;
/// Processor time, and at least so much time on the clock, after which the sandbox ends that run, in milliseconds.
const BASELINE_MS: u64 = 1_000;
const BASELINE_WALL_MS: u64 = 4_000;
/// What the sandbox allows beyond what the driver allows itself, in milliseconds: what one long step of C takes is not
/// counted by the driver.
const GRACE_MS: u64 = 300;
const WALL_GRACE_MS: u64 = 1_000;
/// Versions that are still tried after the first that passes everything, beside half of those before it.
const AFTER_FIRST: usize = 150;

/// What is run, and what decides whether it is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub program: &'a Program,
    /// The tests; without them the program is run as it is.
    pub suite: Option<&'a Suite>,
    /// Standard input.
    pub stdin: &'a str,
}

/// How one test went on the program as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Tested {
    /// `Class.method`, or `example 1`.
    pub test: String,
    /// Class and method.
    pub name: (String, String),
    /// Rounds of loops and calls that it took.
    pub rounds: u64,
    /// Lines of the program that ran.
    pub lines: Vec<u32>,
    /// What went wrong; absent when it passed.
    #[serde(default)]
    pub wrong: Option<Wrong>,
    /// The last steps before that, of the first test that failed.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// What stands in place of the exception's type when a test was stopped; driver.py says it.
pub(crate) const ENDLESS: &str = "Endless";

/// What ended a test: type ([`ENDLESS`] when it was stopped), message, line in the program, line in the tests.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Wrong(pub String, pub String, pub Option<u32>, pub Option<u32>);

/// A recorded step: a line that is about to run, with the variables that changed since the step before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Line, from 1.
    pub line: u32,
    /// The function it is in (`<module>` outside of all).
    pub function: String,
    /// Variables that are new or changed, as text.
    pub values: BTreeMap<String, String>,
}

/// The program as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Baseline {
    pub tests: Vec<Tested>,
    pub types: Types,
    /// How long the run took, in milliseconds.
    pub took_ms: u64,
}

impl Baseline {
    pub fn failing(&self) -> impl Iterator<Item = &Tested> {
        self.tests.iter().filter(|test| test.wrong.is_some())
    }
}

/// A version that passed at least the first test that concerns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Passed {
    /// Index of the version.
    pub mutant: usize,
    /// Tests that failed before and pass now.
    pub fixed: usize,
    /// Whether some test that passed before fails now.
    pub breaks: bool,
    /// Whether all tests pass.
    pub whole: bool,
}

/// What came of a list of versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub passed: Vec<Passed>,
    /// Versions that fail later in the test than the program as it is.
    pub later: Vec<usize>,
    pub tried: usize,
    pub cpu_ms: u64,
    /// How long the runs took, one after the other, in milliseconds.
    pub took_ms: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Passed(Passed),
    Tested(Tested),
    Later {
        later: usize,
    },
    At {
        at: usize,
        cpu_ms: u64,
    },
    Done {
        tried: usize,
        cpu_ms: u64,
    },
    Types {
        types: Types,
    },
    /// What is not needed here.
    Other(#[allow(dead_code, reason = "only its shape matters")] serde::de::IgnoredAny),
}

fn request(subject: Subject<'_>, plan: &serde_json::Value, (cpu_ms, wall_ms): (u64, u64)) -> RunRequest {
    let mut files = BTreeMap::new();
    files.insert("plan.json".to_owned(), plan.to_string());
    files.insert("program.txt".to_owned(), subject.program.source().to_owned());
    files.insert("tests.txt".to_owned(), subject.suite.map(Suite::file).unwrap_or_default().to_owned());
    RunRequest {
        code: DRIVER.to_owned(),
        files,
        limits: RunLimits {
            timeout_ms: Some(cpu_ms + GRACE_MS),
            wall_ms: Some(wall_ms + WALL_GRACE_MS),
            memory_mib: Some(256),
            ..RunLimits::default()
        },
        seed: Some(1),
        ..RunRequest::default()
    }
}

fn plan(subject: Subject<'_>) -> serde_json::Value {
    let mut starts: Vec<usize> = subject.program.body().iter().map(|stmt| stmt.start().to_usize()).collect();
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    json!({
        "module": subject.suite.map(Suite::module).unwrap_or_default(),
        "examples": subject.suite.map(Suite::examples).unwrap_or_default(),
        "stdin": subject.stdin, "starts": starts, "mutant_files": 0,
        "test_seconds": TEST_SECONDS, "baseline_seconds": BASELINE_SECONDS,
    })
}

fn words(stdout: &str) -> impl Iterator<Item = Word> {
    stdout.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// Runs every test on the program as it is.
pub(crate) async fn baseline(
    subject: Subject<'_>,
    wall_ms: u64,
    sandbox: &impl Sandbox,
) -> Result<Baseline, Fault> {
    let request = request(subject, &plan(subject), (BASELINE_MS, wall_ms.max(BASELINE_WALL_MS)));
    let report = sandbox.run(&request).await?;
    let mut baseline = Baseline { took_ms: report.duration_us / 1_000, ..Baseline::default() };
    for word in words(&report.stdout) {
        match word {
            Word::Tested(tested) => baseline.tests.push(tested),
            Word::Types { types } => baseline.types = types,
            _ => {}
        }
    }
    Ok(baseline)
}

/// Runs versions, each first on the test at the index that comes with it, then on the others.
pub(crate) async fn versions(
    subject: Subject<'_>,
    baseline: &Baseline,
    mutants: &[(&Mutant, usize)],
    (cpu_ms, wall_ms): (u64, u64),
    sandbox: &impl Sandbox,
) -> Result<Outcome, Fault> {
    let mut all = Outcome::default();
    let mut from = 0;
    // A version that takes the run with it is skipped, together with the few around it.
    for _ in 0..3 {
        let left = cpu_ms.saturating_sub(all.cpu_ms);
        let left_wall = wall_ms.saturating_sub(all.took_ms);
        if from >= mutants.len() || left < 50 || left_wall < 50 {
            break;
        }
        let (files, taken) = files_of(&mutants[from..]);
        let mut plan = plan(subject);
        let most =
            baseline.tests.iter().filter(|test| !is_endless(test)).map(|test| test.rounds).max().unwrap_or(0);
        let limit = (10 * most + 3_000).min(200_000);
        plan["tests"] = baseline
            .tests
            .iter()
            .map(|test| {
                let test_line = test.wrong.as_ref().and_then(|wrong| wrong.3);
                json!({ "name": test.name, "fails": test.wrong.is_some(), "limit": limit, "test_line": test_line })
            })
            .collect();
        plan["mutant_files"] = files.len().into();
        plan["cpu_seconds"] = (left as f64 / 1_000.0).into();
        plan["wall_seconds"] = (left_wall as f64 / 1_000.0).into();
        plan["after_first"] = AFTER_FIRST.into();
        let mut request = request(subject, &plan, (left, left_wall));
        for (number, text) in files.into_iter().enumerate() {
            request.files.insert(format!("mutants{number}.json"), text);
        }
        let report = sandbox.run(&request).await?;
        all.took_ms += report.duration_us / 1_000;
        let (mut reached, mut reached_ms) = (0, 0);
        let mut done = false;
        for word in words(&report.stdout) {
            match word {
                Word::Passed(passed) => all.passed.push(Passed { mutant: passed.mutant + from, ..passed }),
                Word::Later { later } => all.later.push(later + from),
                Word::At { at, cpu_ms } => (reached, reached_ms) = (at, cpu_ms),
                Word::Done { tried, cpu_ms } => {
                    all.tried += tried;
                    all.cpu_ms += cpu_ms;
                    done = true;
                }
                _ => {}
            }
        }
        if done {
            from += taken;
            if from >= mutants.len() || all.passed.iter().any(|passed| passed.whole) || taken == 0 {
                break;
            }
        } else {
            all.tried += reached;
            // The clock on the wall says nothing about processor time where others work too.
            all.cpu_ms += if report.outcome == code::Outcome::Timeout { left } else { reached_ms };
            from += reached + 16;
        }
    }
    Ok(all)
}

pub(crate) fn is_endless(test: &Tested) -> bool {
    test.wrong.as_ref().is_some_and(|wrong| wrong.0 == ENDLESS)
}

/// Versions as files of JSON, and how many fit.
fn files_of(mutants: &[(&Mutant, usize)]) -> (Vec<String>, usize) {
    let mut files = Vec::new();
    let mut file = String::new();
    let (mut bytes, mut taken) = (0, 0);
    for (mutant, first) in mutants {
        let edits: Vec<(usize, usize, &str)> =
            mutant.edits.iter().map(|edit| (edit.start, edit.end, edit.text.as_str())).collect();
        let line = json!([edits, mutant.top, first]).to_string();
        bytes += line.len() + 1;
        if bytes > MUTANT_BYTES {
            break;
        }
        if file.len() + line.len() + 2 > CODE_BYTES {
            files.push(format!("[{file}]"));
            file.clear();
        }
        if !file.is_empty() {
            file.push(',');
        }
        file.push_str(&line);
        taken += 1;
    }
    files.push(format!("[{file}]"));
    (files, taken)
}
