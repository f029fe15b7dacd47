//! Which line to name first: what the run, the tests, the patterns, Ruff and the experiments say, joined.

use std::collections::BTreeMap;

use learnflow_events::code::{Outcome, PythonError};

use crate::{
    diagnosis::{Suspect, one_paragraph},
    experiment::{Evidence, words_of},
    findings::{Ending, Finding},
    patterns::Suspicion,
};

/// Most suspects that are reported.
const MAX_SUSPECTS: usize = 8;
/// Lines that only the spectrum points to.
const FROM_SPECTRUM: usize = 4;

/// The endings that a pattern accounts for; the others only make it a little likelier.
fn accounts_for(pattern: &str, ending: Ending<'_>) -> bool {
    let Ending { outcome, error, fails, .. } = ending;
    let quiet = ending.is_silent();
    match pattern {
        "unchanged-condition" | "endless-loop" | "steps-over-the-end" | "always-true" => {
            matches!(outcome, Outcome::Timeout | Outcome::OutputLimit)
                || (pattern == "always-true" && quiet)
                || (fails && error.is_none())
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
        "keeps-none" | "missing-return" | "return-missing-on-a-path" => {
            matches!(error, Some("TypeError" | "AttributeError")) || quiet
        }
        "attribute-without-self" => error == Some("AttributeError"),
        "name-misspelt" => error == Some("NameError"),
        "local-instead-of-global" => error == Some("UnboundLocalError"),
        "changed-while-looping" => matches!(error, Some("IndexError" | "RuntimeError")) || quiet,
        _ => quiet,
    }
}

/// Joins what is known about each line; independent signs add up as 1 - (1 - a)(1 - b).
pub(crate) fn rank(
    (ending, all_pass): (Ending<'_>, bool),
    error: Option<&PythonError>,
    (patterns, findings): (&[Suspicion], &[Finding]),
    evidence: &Evidence,
) -> Vec<Suspect> {
    let mut suspects: Vec<Suspect> = Vec::new();
    let whole = evidence.blamed.iter().any(|blamed| blamed.whole);
    let tested = evidence.tested;
    // How much a sign in the source counts beside what the tests say.
    let beside_tests = |line: u32| match (tested && !all_pass, whole) {
        (false, _) => 1.0,
        (true, true) => 0.35,
        // A test that students do not see fails, and nobody knows what it runs.
        (true, false) if evidence.spectrum.is_empty() => 1.0,
        // A line that no failing test runs is not what makes it fail.
        (true, false) => 0.4 + 0.6 * evidence.spectrum.get(&line).copied().unwrap_or(0.0),
    };
    for found in patterns {
        let fits = if all_pass {
            0.2
        } else if accounts_for(found.pattern, ending) {
            1.0
        } else {
            0.45
        };
        let confidence = found.weight * fits * beside_tests(found.line);
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
    // A second parser that stops at the same place is no second sign.
    let findings: &[Finding] = if ending.outcome == Outcome::SyntaxError { &[] } else { findings };
    for found in findings.iter().filter(|found| !patterns.iter().any(|pattern| found.repeats(pattern))) {
        let suspect = Suspect {
            line: found.line,
            cause: found.cause.clone(),
            direction: found.direction().to_owned(),
            confidence: found.weight() * beside_tests(found.line),
            concept: Some(found.concept().to_owned()),
            source: found.rule.to_owned(),
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
                confidence: if whole { 0.2 } else { 0.55 },
                concept: Some(error.kind.clone()),
                source: "error".to_owned(),
            },
        );
    }
    for blamed in &evidence.blamed {
        let (cause, direction, concept) = words_of(blamed.operator);
        let confidence = match (tested, blamed.whole) {
            (true, true) => 0.3 + 0.67 * blamed.strength,
            (true, false) => 0.1 + 0.6 * blamed.strength,
            // That a program runs to its end says little about whether it is right.
            (false, _) => 0.25 * blamed.strength,
        };
        add(
            &mut suspects,
            Suspect {
                line: blamed.line,
                cause: cause.to_owned(),
                direction: direction.to_owned(),
                confidence,
                concept: Some(concept.to_owned()),
                source: "experiment".to_owned(),
            },
        );
    }
    if tested && !all_pass {
        from_spectrum(&mut suspects, &evidence.spectrum);
    }
    suspects.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.line.cmp(&b.line)));
    suspects.truncate(MAX_SUSPECTS);
    suspects
}

/// Lines that mostly failing tests run, where nothing else is known.
fn from_spectrum(suspects: &mut Vec<Suspect>, spectrum: &BTreeMap<u32, f64>) {
    let mut lines: Vec<(u32, f64)> = spectrum.iter().map(|(line, suspicion)| (*line, *suspicion)).collect();
    lines.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    for (line, suspicion) in &lines {
        if let Some(known) = suspects.iter_mut().find(|known| known.line == *line) {
            known.confidence = (known.confidence + 0.05 * suspicion).min(0.99);
        }
    }
    for (line, suspicion) in lines.into_iter().take(FROM_SPECTRUM) {
        if !suspects.iter().any(|known| known.line == line) {
            suspects.push(Suspect {
                line,
                cause: "The tests that fail run this line, and those that pass mostly do not.".to_owned(),
                direction: "Which values does it see in a test that fails?".to_owned(),
                confidence: 0.08 * suspicion,
                concept: None,
                source: "spectrum".to_owned(),
            });
        }
    }
}

/// One suspect a line.
fn add(suspects: &mut Vec<Suspect>, new: Suspect) {
    let Some(known) = suspects.iter_mut().find(|known| known.line == new.line) else {
        suspects.push(new);
        return;
    };
    let joint = (1.0 - (1.0 - known.confidence) * (1.0 - new.confidence)).min(0.99);
    // A pattern says more about the cause than an experiment or a linter, and these more than the place where an error
    // surfaced.
    let told = |source: &str| match source {
        "error" | "spectrum" => 0,
        "experiment" => 1,
        rule if rule.starts_with(char::is_uppercase) => 1,
        _ => 2,
    };
    let better = told(&new.source) > told(&known.source)
        || (told(&new.source) == told(&known.source) && new.confidence > known.confidence);
    let concept = known.concept.take();
    if better {
        *known = Suspect { concept: new.concept.or(concept), ..new };
    } else {
        known.concept = concept.or(new.concept);
    }
    known.confidence = joint;
}
