//! The diagnosis of one program: run it, test it, look at it, and weigh what was found.

use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{Outcome, PythonError, RunLimits, RunReport, RunRequest, TestReport};
use serde::Serialize;

use crate::{
    experiment::{self, Budget, ENDLESS, Evidence, Fix, Step},
    findings::{self, Ending, Finding},
    patterns,
    rank::rank,
    repair::{self, Repaired},
    source::Program,
    suite::Suite,
};

/// Processor time of a run while diagnosing, in milliseconds: an endless loop should be known soon.
const RUN_TIMEOUT_MS: u64 = 500;
/// Input that is tried when a program asks for some and none was given: numbers suit most programs.
const SAMPLE_INPUT: &str = "5\n3\n8\n1\n4\n2\n7\n6\n0\n9\n";

/// What was found out about a program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// How the run ended.
    pub outcome: Outcome,
    /// The exception, if one ended it.
    pub error: Option<ErrorSummary>,
    /// Lines that may be at fault, best first.
    pub suspects: Vec<Suspect>,
    /// What Ruff and the compiler say that may be the reason, weightiest first. (A review's `findings` are all of them,
    /// and the web shows those in the editor.)
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub linted: Vec<Finding>,
    /// What happened and where to look, in plain words.
    pub explanation: String,
    /// How the tests went, when there were any. Of an exercise, its examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestSummary>,
    /// The exercise whose tests they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exercise: Option<Tried>,
    /// What the program printed, cut to [`SHOWN_BYTES`].
    pub stdout: String,
    /// The input that was tried, when the program asked for some and none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_input: Option<String>,
    /// Changes after which all tests pass, best first. They are the solution: only the last hint tier shows them.
    pub fixes: Vec<Fix>,
    /// The last steps before the first failure, with the values that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_steps: Vec<Step>,
    /// Versions of the program that were run to find the line.
    pub experiments: usize,
}

/// Failing tests that are told about.
const SHOWN_FAILURES: usize = 5;

/// Bytes of output that a diagnosis keeps.
pub const SHOWN_BYTES: usize = 2_000;

/// An exercise that the program is a try at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// Its id.
    pub id: &'static str,
    /// What people read.
    pub title: &'static str,
    /// Whether the program passes the tests that students do not see; `None` while an example fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passes_hidden: Option<bool>,
}

/// An exception, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorSummary {
    /// The class's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it said.
    pub message: String,
    /// The innermost line of the student's code.
    pub line: Option<u32>,
    /// What happened, why and what to look at.
    pub explanation: String,
}

/// A line that may be at fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspect {
    /// Line, from 1.
    pub line: u32,
    /// Why, in plain words.
    pub cause: String,
    /// What to think about; holds no corrected line.
    pub direction: String,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// The idea behind it, for the concepts agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concept: Option<String>,
    /// Where the suspicion comes from: `error`, `experiment`, `spectrum`, `repair`, a pattern's name, or a rule of
    /// Ruff's.
    pub source: String,
}

/// How the tests went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestSummary {
    /// Tests that passed.
    pub passed: usize,
    /// All tests.
    pub total: usize,
    /// Names and messages of those that did not.
    pub failures: Vec<TestFailure>,
}

/// A test that did not pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestFailure {
    /// The test's name.
    pub name: String,
    /// Expected, got, and where they differ.
    pub message: String,
}

impl From<&PythonError> for ErrorSummary {
    fn from(error: &PythonError) -> Self {
        Self {
            kind: error.kind.clone(),
            message: error.message.clone(),
            line: error.line,
            explanation: error.explanation.clone(),
        }
    }
}

/// Diagnoses a program. `tests` is a unittest file that imports it as `module`.
///
/// # Errors
/// Only when the sandbox cannot be reached; a program that fails is what this is about.
pub async fn diagnose(
    code: &str,
    module: &str,
    tests: Option<&str>,
    sandbox: &impl Sandbox,
) -> Result<Diagnosis, Fault> {
    diagnose_within(code, module, tests, Budget::default(), sandbox).await
}

/// Like [`diagnose`], with what its experiments may use.
///
/// # Errors
/// Only when the sandbox cannot be reached.
pub async fn diagnose_within(
    code: &str,
    module: &str,
    tests: Option<&str>,
    budget: Budget,
    sandbox: &impl Sandbox,
) -> Result<Diagnosis, Fault> {
    let suite = tests.and_then(|tests| Suite::of_file(module, tests));
    diagnose_against(code, suite.as_ref(), budget, sandbox).await
}

/// Like [`diagnose`], with tests of any form.
///
/// # Errors
/// Only when the sandbox cannot be reached.
pub async fn diagnose_against(
    code: &str,
    suite: Option<&Suite>,
    budget: Budget,
    sandbox: &impl Sandbox,
) -> Result<Diagnosis, Fault> {
    let program = Program::parse(code);
    let patterns = program.as_ref().map(patterns::find).unwrap_or_default();
    // A program of an exercise that reads is given what the exercise gives.
    let input = suite.and_then(|suite| suite.examples().first().map(|(stdin, _)| *stdin));
    let input = input.unwrap_or(SAMPLE_INPUT);
    let (ran, tested, evidence) = match (&program, suite) {
        (Ok(program), Some(suite)) => {
            // None of the three needs the others.
            let tests = suite.shown(code, test_limits());
            let (ran, tested, evidence) = futures::join!(
                run(code, input, sandbox),
                sandbox.test(&tests),
                experiment::investigate(program, (Some(suite), ""), &patterns, budget, sandbox)
            );
            (ran?, Some(tested?), evidence?)
        }
        (Ok(program), None) => {
            let ran = run(code, input, sandbox).await?;
            let mut evidence = Evidence::default();
            if !matches!(ran.0.outcome, Outcome::Ok | Outcome::Exited | Outcome::SyntaxError) {
                // Without tests there is less to find out, so less is spent on it.
                let budget = Budget { cpu_ms: budget.cpu_ms / 3, ..budget };
                let subject = (None, ran.1.as_deref().unwrap_or_default());
                evidence = experiment::investigate(program, subject, &patterns, budget, sandbox).await?;
            }
            (ran, None, evidence)
        }
        (Err(_), _) => (run(code, input, sandbox).await?, None, Evidence::default()),
    };
    let (report, sample_input) = ran;
    let failing_error = tested.as_ref().and_then(error_of_tests);
    let error = report.error.as_ref().or(failing_error);
    let summary = tested.as_ref().map(|tested| summary(tested, &evidence));
    let all_shown = summary.as_ref().is_some_and(|tests| tests.total > 0 && tests.passed == tests.total);
    let passes_hidden = match suite.filter(|_| all_shown) {
        Some(suite) => suite.passes_hidden(code, test_limits(), sandbox).await?,
        None => None,
    };
    let all_pass = all_shown && passes_hidden != Some(false);
    let fails =
        summary.as_ref().is_some_and(|tests| tests.passed < tests.total) || passes_hidden == Some(false);
    let ending = Ending {
        outcome: report.outcome,
        error: error.map(|error| error.kind.as_str()),
        fails,
        endless: evidence.endless() || matches!(report.outcome, Outcome::Timeout | Outcome::OutputLimit),
    };
    // A program that does all that is asked of it has no failure for a linter to explain.
    let linted = if all_pass { Vec::new() } else { findings::find(code, &report.stderr, ending) };
    let mut suspects = rank((ending, all_pass), error, (&patterns, &linted), &evidence);
    let repaired = if report.outcome == Outcome::SyntaxError {
        repair::checked(code, report.error.as_ref().and_then(|error| error.line), suite, sandbox).await?
    } else {
        Repaired::default()
    };
    suspects.retain(|known| repaired.suspects.iter().all(|found| found.line != known.line));
    suspects.extend(repaired.suspects.iter().cloned());
    suspects.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let exercise = suite.and_then(Suite::exercise).map(|exercise| Tried {
        id: exercise.id,
        title: exercise.title,
        passes_hidden,
    });
    let tests = (summary.as_ref(), exercise.as_ref());
    let explanation = explain(&report, error, tests, &said(&repaired), &suspects);
    Ok(Diagnosis {
        outcome: report.outcome,
        error: error.map(ErrorSummary::from),
        suspects,
        linted,
        explanation,
        tests: summary,
        exercise,
        stdout: cut(&report.stdout),
        sample_input,
        fixes: if repaired.fixes.is_empty() { evidence.fixes } else { repaired.fixes },
        last_steps: evidence.steps,
        experiments: evidence.tried,
    })
}

/// Runs the program; with input when it turns out to ask for some.
async fn run(code: &str, input: &str, sandbox: &impl Sandbox) -> Result<(RunReport, Option<String>), Fault> {
    let limits = RunLimits {
        timeout_ms: Some(RUN_TIMEOUT_MS),
        wall_ms: Some(2 * RUN_TIMEOUT_MS),
        ..RunLimits::default()
    };
    let mut request = RunRequest { code: code.to_owned(), limits, seed: Some(1), ..RunRequest::default() };
    let report = sandbox.run(&request).await?;
    let wants_input =
        report.error.as_ref().is_some_and(|error| error.kind == "EOFError") && code.contains("input(");
    if !wants_input {
        return Ok((report, None));
    }
    input.clone_into(&mut request.stdin);
    let report = sandbox.run(&request).await?;
    Ok((report, Some(input.to_owned())))
}

fn test_limits() -> RunLimits {
    RunLimits { timeout_ms: Some(RUN_TIMEOUT_MS), ..RunLimits::default() }
}

/// The first exception of the student's code in the failing tests; a failed assertion is none.
fn error_of_tests(report: &TestReport) -> Option<&PythonError> {
    report
        .verdicts
        .iter()
        .filter(|verdict| !verdict.passed)
        .filter_map(|verdict| verdict.error.as_ref())
        .find(|error| error.kind != "AssertionError" && error.line.is_some())
}

/// All tests, as the driver saw them; the words are those of the sandbox where it ran the test too.
fn summary(report: &TestReport, evidence: &Evidence) -> TestSummary {
    if report.passed || evidence.tests.is_empty() {
        return TestSummary {
            passed: report.verdicts.iter().filter(|verdict| verdict.passed).count(),
            total: report.verdicts.len(),
            failures: report
                .verdicts
                .iter()
                .filter(|verdict| !verdict.passed)
                .take(SHOWN_FAILURES)
                .map(|verdict| TestFailure { name: verdict.name.clone(), message: cut(&verdict.message) })
                .collect(),
        };
    }
    let mut failures: Vec<TestFailure> = evidence
        .tests
        .iter()
        .filter_map(|(name, wrong)| {
            let (kind, message, line) = wrong.as_ref()?;
            let said = report.verdicts.iter().find(|verdict| !verdict.passed && verdict.name == *name);
            let message = match (said, kind.as_str()) {
                (Some(verdict), _) => verdict.message.clone(),
                (None, ENDLESS) => "It did not end in time; most likely a loop never ends.".to_owned(),
                (None, "AssertionError") => message.clone(),
                (None, kind) => match line {
                    Some(line) => format!("{kind} on line {line}: {message}"),
                    None => format!("{kind}: {message}"),
                },
            };
            Some(TestFailure { name: name.clone(), message: cut(&message) })
        })
        .collect();
    let failed = failures.len();
    failures.truncate(SHOWN_FAILURES);
    TestSummary { passed: evidence.tests.len() - failed, total: evidence.tests.len(), failures }
}

/// What happened, then where to look.
fn explain(
    report: &RunReport,
    error: Option<&PythonError>,
    (tests, exercise): (Option<&TestSummary>, Option<&Tried>),
    repaired: &[String],
    suspects: &[Suspect],
) -> String {
    let mut sentences = vec![what_happened(report)];
    if let (Some(error), None) = (error, &report.error) {
        sentences.push(format!("A test ended with {}: {}.", error.kind, error.message.trim_end_matches('.')));
    }
    if let Some(error) = error
        && !error.parts.why.trim().is_empty()
    {
        sentences.push(one_paragraph(&error.parts.why));
    }
    if let Some(tests) = tests {
        sentences.push(how_tests_went(tests, exercise));
    }
    sentences.extend(repaired.iter().cloned());
    if let Some(first) = suspects.first() {
        let strength = if first.confidence > 0.7 { "Look at" } else { "Perhaps look at" };
        sentences.push(format!("{strength} line {}: {}", first.line, first.cause));
    }
    sentences.join(" ")
}

fn how_tests_went(tests: &TestSummary, exercise: Option<&Tried>) -> String {
    let TestSummary { passed, total, .. } = tests;
    let what = match exercise {
        Some(exercise) => format!("examples of the exercise “{}”", exercise.title),
        None => "tests".to_owned(),
    };
    if *total == 0 {
        return "The test file holds no test that could be run.".to_owned();
    }
    if passed < total {
        return format!("{} of {total} {what} fail.", total - passed);
    }
    match exercise.and_then(|exercise| exercise.passes_hidden) {
        Some(false) => format!(
            "All {total} {what} pass, but not all of its other tests: there is a case that the examples do not show."
        ),
        Some(true) => format!("All {total} {what} pass, and so do its other tests."),
        None => format!("All {total} {what} pass."),
    }
}

/// What is known after a program was made readable.
fn said(repaired: &Repaired) -> Vec<String> {
    let mut said = Vec::new();
    if repaired.mistakes > 1 {
        said.push(format!(
            "Python stops at the first mistake it meets; there are {} of this kind.",
            repaired.mistakes
        ));
    }
    match repaired.passes {
        Some(true) => said.push("Once that is mended, all tests pass.".to_owned()),
        Some(false) => {
            said.push(
                "Once that is mended it can be read, but not all tests pass: look again then.".to_owned(),
            );
        }
        None => {}
    }
    said
}

fn what_happened(report: &RunReport) -> String {
    match (report.outcome, &report.error) {
        (Outcome::Ok, _) => "The program ran to its end without an error.".to_owned(),
        (Outcome::Exited, _) => format!("The program ended itself with exit code {}.", report.exit_code),
        (Outcome::SyntaxError, Some(error)) => {
            format!(
                "The program did not start, because it is not valid Python{}: {}.",
                on_line(error),
                error.message.trim_end_matches('.')
            )
        }
        (Outcome::Raised, Some(error)) => {
            let message = if error.message.is_empty() {
                String::new()
            } else {
                format!(": {}", error.message.trim_end_matches('.'))
            };
            format!("The program stopped{} with {}{message}.", on_line(error), error.kind)
        }
        (Outcome::Timeout, _) => {
            format!(
                "The program did not end within {RUN_TIMEOUT_MS} ms, so it was stopped; most likely a loop never ends."
            )
        }
        (Outcome::MemoryLimit, _) => "The program used up the memory it may have.".to_owned(),
        (Outcome::OutputLimit, _) => {
            "The program printed so much that it was stopped; most likely a loop never ends.".to_owned()
        }
        (outcome, _) => format!("The program could not be run to its end ({outcome:?})."),
    }
}

fn on_line(error: &PythonError) -> String {
    error.line.map(|line| format!(" on line {line}")).unwrap_or_default()
}

pub(crate) fn one_paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most [`SHOWN_BYTES`], on a character's boundary.
fn cut(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let end = (0..=SHOWN_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}
