//! Grading: every test is run in the sandbox; what the student reads names no hidden test.

use learnflow_agent::{Answer, Fault, Question, Sandbox};
use learnflow_events::{
    code::{Outcome, RunLimits, TestReport, TestRequest, TestVerdict},
    payload::{Observation, ObservationKind, ResponseType},
};
use learnflow_learner::curriculum;
use serde_json::json;

use crate::{
    bank::{Exercise, TestKind, WrongAnswer},
    present,
};

/// Processor time for each test, in milliseconds; every reference solution needs far less.
const TIMEOUT_MS: u64 = 2_000;

/// Most failing examples that are shown at once; more only frightens.
const MOST_SHOWN: usize = 2;

/// Grades a program.
///
/// # Errors
///
/// The sandbox's own faults; a program that fails is a grading.
pub async fn grade(
    question: &Question,
    exercise: &'static Exercise,
    code: &str,
    sandbox: &impl Sandbox,
) -> Result<Answer, Fault> {
    let report = sandbox.test(&request(exercise, code)).await?;
    if report.verdicts.len() != exercise.shown.len() + exercise.hidden.len() {
        return Err(Fault::bug(format!(
            "{} verdicts for the {} tests of {}",
            report.verdicts.len(),
            exercise.shown.len() + exercise.hidden.len(),
            exercise.id
        )));
    }
    let misconception = if report.passed { None } else { recognise(exercise, &report, sandbox).await? };
    Ok(verdict(question, exercise, &report, misconception))
}

/// The request that grades a program against all tests of an exercise.
pub fn request(exercise: &Exercise, code: &str) -> TestRequest {
    TestRequest {
        code: code.to_owned(),
        module: "main".to_owned(),
        tests: exercise.test_cases(),
        limits: RunLimits { timeout_ms: Some(TIMEOUT_MS), ..RunLimits::default() },
        ..TestRequest::default()
    }
}

/// The known misconception behind a failing program: the typical wrong answer that behaves exactly like it, test by
/// test. The wrong answers are run, not remembered, so that nothing can go stale.
async fn recognise(
    exercise: &'static Exercise,
    report: &TestReport,
    sandbox: &impl Sandbox,
) -> Result<Option<&'static WrongAnswer>, Fault> {
    // A program that never gets anywhere resembles too much.
    let first = &report.verdicts[0];
    if matches!(first.outcome, Outcome::SyntaxError | Outcome::Timeout | Outcome::MemoryLimit) {
        return Ok(None);
    }
    for wrong in exercise.wrong {
        let other = TestRequest { verdicts_only: true, ..request(exercise, wrong.code) };
        let other = sandbox.test(&other).await?;
        if alike(&other, report) {
            return Ok(Some(wrong));
        }
    }
    Ok(None)
}

/// Whether two programs did the same in every test.
pub fn alike(one: &TestReport, other: &TestReport) -> bool {
    one.verdicts.len() == other.verdicts.len()
        && one.verdicts.iter().zip(&other.verdicts).all(|(one, other)| behaves_alike(one, other))
}

fn behaves_alike(one: &TestVerdict, other: &TestVerdict) -> bool {
    if one.passed || other.passed {
        return one.passed == other.passed;
    }
    match (&one.error, &other.error) {
        // Messages of exceptions carry the program's own names and lines; the kind is what counts.
        (Some(one), Some(other)) => one.kind == other.kind,
        (None, None) => one.outcome == other.outcome && one.message == other.message,
        _ => false,
    }
}

fn verdict(
    question: &Question,
    exercise: &'static Exercise,
    report: &TestReport,
    misconception: Option<&'static WrongAnswer>,
) -> Answer {
    let (shown, hidden) = report.verdicts.split_at(exercise.shown.len());
    let passed = report.verdicts.iter().filter(|verdict| verdict.passed).count();
    let attempts = present::attempts(question, exercise) + 1;
    let text = if report.passed {
        praise(exercise, report, attempts)
    } else {
        let hint = present::unlocked(question, exercise, question.tier);
        guidance(exercise, shown, hidden, misconception, attempts, hint)
    };
    let mut answer = Answer::authored(ResponseType::Grading, text);
    answer.reasoning = format!("{passed} of {} tests pass in the sandbox.", report.verdicts.len());
    answer.topics = exercise.topics.iter().map(|topic| (*topic).to_owned()).collect();
    answer.observations = observations(exercise, report, hidden);
    answer.evidence = json!({
        "exercise_id": exercise.id,
        "passed": report.passed,
        "tests_passed": passed,
        "tests_total": report.verdicts.len(),
        "attempt": attempts,
        "examples": shown
            .iter()
            .zip(exercise.shown)
            .map(|(verdict, (given, expected))| json!({
                "given": given, "expected": expected, "passed": verdict.passed, "message": verdict.message,
            }))
            .collect::<Vec<_>>(),
        "hidden_passed": hidden.iter().filter(|verdict| verdict.passed).count(),
        "hidden_total": hidden.len(),
        "misconception": misconception.map(|wrong| wrong.misconception),
    });
    answer
}

/// Passing speaks for every topic of the exercise; failing only against the main one, since the others may be fine.
/// A program that Python cannot read says nothing about the topic.
fn observations(exercise: &Exercise, report: &TestReport, hidden: &[TestVerdict]) -> Vec<Observation> {
    let observation = |topic: &str, correct| Observation {
        topic: topic.to_owned(),
        kind: ObservationKind::Exercise,
        correct,
    };
    if report.passed {
        return exercise.topics.iter().map(|topic| observation(topic, true)).collect();
    }
    let unreadable = report.verdicts.iter().all(|verdict| verdict.outcome == Outcome::SyntaxError);
    // All but one hidden case right: an overlooked edge, not a missing idea.
    let nearly = hidden.iter().filter(|verdict| !verdict.passed).count() <= 1
        && report.verdicts.iter().filter(|verdict| !verdict.passed).count() <= 1;
    if unreadable || nearly { Vec::new() } else { vec![observation(exercise.topics[0], false)] }
}

fn praise(exercise: &Exercise, report: &TestReport, attempts: u32) -> String {
    let tries = match attempts {
        1 => "at the first try".to_owned(),
        n => format!("at try number {n}; staying with it paid off"),
    };
    let topics: Vec<&str> = exercise.topics.iter().map(|topic| curriculum::title(topic)).collect();
    format!(
        "**Solved: {}.** All {} tests pass, {tries}.\n\nYou have just used: {}. Ask for another exercise when you like.",
        exercise.title,
        report.verdicts.len(),
        topics.join(", ")
    )
}

fn guidance(
    exercise: &Exercise,
    shown: &[TestVerdict],
    hidden: &[TestVerdict],
    misconception: Option<&WrongAnswer>,
    attempts: u32,
    hint: usize,
) -> String {
    let passed = shown.iter().chain(hidden).filter(|verdict| verdict.passed).count();
    let total = shown.len() + hidden.len();
    let opening = match passed {
        0 => format!("**Not yet: {}.** None of the {total} tests pass so far.", exercise.title),
        n => format!("**Not yet: {}.** {n} of {total} tests pass already.", exercise.title),
    };
    let mut parts = vec![opening];
    if shown[0].outcome == Outcome::SyntaxError {
        parts.push(syntax_error(&shown[0]));
        return parts.join("\n\n");
    }
    let failing: Vec<String> = shown
        .iter()
        .zip(exercise.shown)
        .filter(|(verdict, _)| !verdict.passed)
        .take(MOST_SHOWN)
        .map(|(verdict, (given, expected))| failing_example(exercise.tests, verdict, given, expected))
        .collect();
    if failing.is_empty() {
        let missed = hidden.iter().filter(|verdict| !verdict.passed).count();
        parts.push(format!(
            "All the examples that you can see work; {missed} of {} further cases do not{}. Think of unusual input: nothing at \
             all, one item only, repeats, negative numbers, capital letters, the very first and the very last.",
            hidden.len(),
            hidden_crash(hidden)
        ));
    } else {
        parts.extend(failing);
    }
    if let Some(wrong) = misconception {
        parts.push(format!("**What I think happened:** {}", wrong.misconception));
    }
    if misconception.is_none() || attempts > 1 {
        parts.push(format!("**Hint {hint}:** {}", exercise.hints[hint - 1]));
    }
    parts.join("\n\n")
}

fn syntax_error(verdict: &TestVerdict) -> String {
    match &verdict.error {
        Some(error) => {
            let place = error.line.map_or(String::new(), |line| format!(" in line {line}"));
            format!(
                "Python cannot read the program{place}: {}. Mend that first, then submit again.",
                error.message
            )
        }
        None => format!("Python cannot read the program: {}", verdict.message),
    }
}

fn failing_example(tests: TestKind, verdict: &TestVerdict, given: &str, expected: &str) -> String {
    let head = match tests {
        TestKind::Call => format!("`{given}` should give `{expected}`."),
        TestKind::Io if given.is_empty() => "The output is not the expected one.".to_owned(),
        TestKind::Io => format!(
            "With the input\n\n```text\n{}\n```\n\nthe output is not the expected one.",
            given.trim_end()
        ),
    };
    let what = match (&verdict.error, verdict.outcome) {
        (_, Outcome::Timeout) => {
            "Your program did not come to an end in time: is there a loop whose condition never becomes false?".to_owned()
        }
        (Some(error), _) => {
            let place = error.line.map_or(String::new(), |line| format!(" in line {line}"));
            format!("Your program stopped{place} with `{}: {}`.", error.kind, error.message)
        }
        (None, _) => format!("```text\n{}\n```", verdict.message.trim_end()),
    };
    format!("{head}\n\n{what}")
}

/// How hidden tests fail, without a word of what is in them.
fn hidden_crash(hidden: &[TestVerdict]) -> String {
    // Only names that are Python's own: a program could put a test's input into the name of an exception.
    let error = hidden
        .iter()
        .filter(|verdict| !verdict.passed)
        .filter_map(|verdict| verdict.error.as_ref())
        .find(|error| curriculum::topic_of_exception(&error.kind).is_some());
    match error {
        Some(error) => format!(" (one of them ends with {} {})", article(&error.kind), error.kind),
        None if hidden.iter().any(|verdict| verdict.outcome == Outcome::Timeout) => {
            " (one of them takes too long)".to_owned()
        }
        None => String::new(),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" }
}
