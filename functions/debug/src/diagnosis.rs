//! The diagnosis of one program: run it, test it, look at it, and weigh what was found.

use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{
    Outcome, PythonError, RunLimits, RunReport, RunRequest, TestCase, TestReport, TestRequest,
};
use serde::Serialize;

use crate::{
    patterns::{self, Suspicion},
    source::Program,
};

/// Processor time of a run while diagnosing, in milliseconds: an endless loop should be known soon.
const RUN_TIMEOUT_MS: u64 = 1_000;
/// Most suspects that are reported.
const MAX_SUSPECTS: usize = 8;
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
    /// What happened and where to look, in plain words.
    pub explanation: String,
    /// How the tests went, when there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestSummary>,
    /// What the program printed, cut to [`SHOWN_BYTES`].
    pub stdout: String,
    /// The input that was tried, when the program asked for some and none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_input: Option<String>,
}

/// Bytes of output that a diagnosis keeps.
pub const SHOWN_BYTES: usize = 2_000;

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
    /// Where the suspicion comes from: `error`, or a pattern's name.
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
    let (report, sample_input) = run(code, sandbox).await?;
    let program = Program::parse(code);
    let patterns = program.as_ref().map(patterns::find).unwrap_or_default();
    let mut tested = None;
    if let (Some(tests), true) =
        (tests.filter(|tests| !tests.trim().is_empty()), report.outcome != Outcome::SyntaxError)
    {
        tested = Some(test(code, module, tests, sandbox).await?);
    }
    let failing_error = tested.as_ref().and_then(error_of_tests);
    let error = report.error.as_ref().or(failing_error);
    let all_pass = tested.as_ref().is_some_and(|tested| tested.passed);
    let suspects = rank(&report, error, &patterns, all_pass);
    let tests = tested.as_ref().map(summary);
    let explanation = explain(&report, error, tests.as_ref(), &suspects);
    Ok(Diagnosis {
        outcome: report.outcome,
        error: error.map(ErrorSummary::from),
        suspects,
        explanation,
        tests,
        stdout: cut(&report.stdout),
        sample_input,
    })
}

/// Runs the program; with sample input when it turns out to ask for some.
async fn run(code: &str, sandbox: &impl Sandbox) -> Result<(RunReport, Option<String>), Fault> {
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
    SAMPLE_INPUT.clone_into(&mut request.stdin);
    let report = sandbox.run(&request).await?;
    Ok((report, Some(SAMPLE_INPUT.to_owned())))
}

async fn test(code: &str, module: &str, tests: &str, sandbox: &impl Sandbox) -> Result<TestReport, Fault> {
    let limits = RunLimits { timeout_ms: Some(RUN_TIMEOUT_MS), ..RunLimits::default() };
    sandbox
        .test(&TestRequest {
            code: code.to_owned(),
            module: module.to_owned(),
            tests: vec![TestCase::Unittest { name: "tests".to_owned(), source: tests.to_owned() }],
            limits,
            ..TestRequest::default()
        })
        .await
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

fn summary(report: &TestReport) -> TestSummary {
    TestSummary {
        passed: report.verdicts.iter().filter(|verdict| verdict.passed).count(),
        total: report.verdicts.len(),
        failures: report
            .verdicts
            .iter()
            .filter(|verdict| !verdict.passed)
            .take(5)
            .map(|verdict| TestFailure { name: verdict.name.clone(), message: cut(&verdict.message) })
            .collect(),
    }
}

/// The endings that a pattern accounts for; the others only make it a little likelier.
fn accounts_for(pattern: &str, outcome: Outcome, error: Option<&str>) -> bool {
    match pattern {
        "unchanged-condition" | "endless-loop" | "steps-over-the-end" | "always-true" => {
            matches!(outcome, Outcome::Timeout | Outcome::OutputLimit)
                || (pattern == "always-true" && matches!(outcome, Outcome::Ok))
        }
        "missing-base-case" | "recursion-without-progress" => {
            error == Some("RecursionError") || outcome == Outcome::Crashed
        }
        "range-past-end" => error == Some("IndexError"),
        "item-used-as-index" => matches!(error, Some("IndexError" | "TypeError" | "KeyError")),
        "shadowed-builtin"
        | "loops-over-a-number"
        | "input-is-text"
        | "self-missing"
        | "whole-number-needed"
        | "special-name-misspelt" => error == Some("TypeError"),
        "keeps-none" => matches!(error, Some("TypeError" | "AttributeError")) || outcome == Outcome::Ok,
        "missing-return" | "return-missing-on-a-path" => {
            matches!(error, Some("TypeError" | "AttributeError")) || outcome == Outcome::Ok
        }
        "attribute-without-self" => error == Some("AttributeError"),
        "name-misspelt" => error == Some("NameError"),
        "local-instead-of-global" => error == Some("UnboundLocalError"),
        "changed-while-looping" => {
            matches!(error, Some("IndexError" | "RuntimeError")) || outcome == Outcome::Ok
        }
        _ => outcome == Outcome::Ok,
    }
}

/// Joins what the run and the patterns say about each line.
fn rank(
    report: &RunReport,
    error: Option<&PythonError>,
    patterns: &[Suspicion],
    all_pass: bool,
) -> Vec<Suspect> {
    let mut suspects: Vec<Suspect> = Vec::new();
    for found in patterns {
        let fits = accounts_for(found.pattern, report.outcome, error.map(|error| error.kind.as_str()));
        let confidence = found.weight
            * if all_pass {
                0.2
            } else if fits {
                1.0
            } else {
                0.45
            };
        let suspect = Suspect {
            line: found.line,
            cause: found.cause.clone(),
            direction: found.direction.clone(),
            confidence,
            concept: Some(found.concept.to_owned()),
            source: found.pattern.to_owned(),
        };
        add(&mut suspects, suspect);
    }
    if let Some((error, line)) = error.and_then(|error| Some((error, error.line?))) {
        let why = [&error.parts.why, &error.parts.what, &error.message];
        let why = why.into_iter().find(|text| !text.trim().is_empty()).cloned().unwrap_or_default();
        add(
            &mut suspects,
            Suspect {
                line,
                cause: format!("{} happens on this line. {}", error.kind, one_paragraph(&why)),
                direction: one_paragraph(&error.parts.hint),
                confidence: 0.55,
                concept: Some(error.kind.clone()),
                source: "error".to_owned(),
            },
        );
    }
    suspects.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.line.cmp(&b.line)));
    suspects.truncate(MAX_SUSPECTS);
    suspects
}

/// One suspect a line. Independent signs on one line add up: 1 - (1 - a)(1 - b).
fn add(suspects: &mut Vec<Suspect>, new: Suspect) {
    match suspects.iter_mut().find(|known| known.line == new.line) {
        None => suspects.push(new),
        Some(known) => {
            let joint = 1.0 - (1.0 - known.confidence) * (1.0 - new.confidence);
            // A pattern says more about the cause than the place where an error surfaced.
            let vague = |source: &str| source == "error";
            if vague(&known.source) && (!vague(&new.source) || known.confidence < new.confidence) {
                let concept = new.concept.clone().or(known.concept.take());
                *known = Suspect { concept, ..new };
            } else if known.concept.is_none() {
                known.concept = new.concept;
            }
            known.confidence = joint.min(0.99);
        }
    }
}

/// What happened, then where to look.
fn explain(
    report: &RunReport,
    error: Option<&PythonError>,
    tests: Option<&TestSummary>,
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
        sentences.push(if tests.total == 0 {
            "The test file holds no test that could be run.".to_owned()
        } else if tests.passed == tests.total {
            format!("All {} tests pass.", tests.total)
        } else {
            format!("{} of {} tests fail.", tests.total - tests.passed, tests.total)
        });
    }
    if let Some(first) = suspects.first() {
        let strength = if first.confidence > 0.7 { "Look at" } else { "Perhaps look at" };
        sentences.push(format!("{strength} line {}: {}", first.line, first.cause));
    }
    sentences.join(" ")
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

fn one_paragraph(text: &str) -> String {
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
