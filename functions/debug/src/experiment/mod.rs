//! Localisation by experiment: single-edit versions of the program are run against its tests, and a version that
//! passes all of them names the line and is a fix.
//!
//! The idea is mutation-based fault localisation: S. Moon et al., "Ask the mutants", ICST 2014 (MUSE);
//! M. Papadakis, Y. Le Traon, "Metallaxis-FL", STVR 25 (2015). Versions are tried in the order of
//! prior × suspicion of the line (see [`spectrum`]), and what passes in the driver is run again in fresh
//! interpreters before it is called verified. Where several things are wrong, the version that repairs most
//! becomes the program, and the search goes on from there.

mod driver;
mod spectrum;
mod words;

use std::collections::BTreeMap;

use futures::future::{join, join_all};
use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{RunLimits, TestRequest};
use serde::Serialize;

pub(crate) use self::driver::ENDLESS;
pub use self::driver::Step;
use self::driver::{Baseline, Outcome, Passed, Subject};
pub(crate) use self::words::of as words_of;
use crate::{
    mutate::{self, Mutant},
    patterns::Suspicion,
    source::Program,
    suite::Suite,
};

/// Programs that are repaired in several places get this many rounds.
const ROUNDS: usize = 4;
/// Fixes that are run again in fresh interpreters at most.
const VERIFIED: usize = 4;
/// Processor time of each test when a fix is verified, in milliseconds.
const VERIFY_TIMEOUT_MS: u64 = 1_000;

/// What an experiment may use.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Processor time of each of two runs that share the work, in milliseconds.
    pub cpu_ms: u64,
    /// Time on the wall clock of everything but the last check of a fix, in milliseconds.
    pub wall_ms: u64,
    /// Versions that are run.
    pub versions: usize,
}

impl Default for Budget {
    /// So that an answer takes no more than about two seconds.
    fn default() -> Self {
        Self { cpu_ms: 900, wall_ms: 1_400, versions: 4_000 }
    }
}

/// A change after which the tests pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fix {
    /// The line that is changed, from 1.
    pub line: u32,
    /// What stands at that place afterwards: the changed lines, or the new one.
    pub replacement: String,
    /// The whole program with the change.
    pub program: String,
    /// Whether it passed every test in fresh interpreters.
    pub verified: bool,
    /// The kind of change (`comparison`).
    pub operator: String,
}

/// What experiments say about a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blamed {
    pub line: u32,
    /// 0 to 1.
    pub strength: f64,
    pub operator: &'static str,
    /// Whether a version that changes this line passes all tests.
    pub whole: bool,
}

/// The exception's type (`Endless` when the test was stopped), its message, and the line of the program.
pub(crate) type Failure = (String, String, Option<u32>);

/// What was found out by running the tests on the program and on its versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Evidence {
    /// Whether tests decided what is right; otherwise the end of the run did.
    pub tested: bool,
    /// Name of each test, in order, and how it failed if it did.
    pub tests: Vec<(String, Option<Failure>)>,
    /// Ochiai's suspicion of each line that a failing test ran.
    pub spectrum: BTreeMap<u32, f64>,
    /// The last steps before the first failure.
    pub steps: Vec<Step>,
    /// Lines that experiments blame, strongest first.
    pub blamed: Vec<Blamed>,
    /// Verified fixes, best first.
    pub fixes: Vec<Fix>,
    /// Versions that were run.
    pub tried: usize,
}

impl Evidence {
    /// Whether a test did not come to an end.
    pub fn endless(&self) -> bool {
        self.tests
            .iter()
            .filter_map(|(_, failure)| failure.as_ref())
            .any(|(kind, _, _)| kind == driver::ENDLESS)
    }
}

/// Runs the tests on the program and on its versions. Without tests, running to the end without an exception takes
/// their place, which says something about the line and verifies nothing.
pub(crate) async fn investigate(
    program: &Program,
    (suite, stdin): (Option<&Suite>, &str),
    patterns: &[Suspicion],
    budget: Budget,
    sandbox: &impl Sandbox,
) -> Result<Evidence, Fault> {
    let mut evidence = Evidence { tested: suite.is_some(), ..Evidence::default() };
    let mut current = Program::parse(program.source()).map_err(|error| Fault::bug(error.message))?;
    // Lines that earlier rounds put in (line, how many), to find the student's line again.
    let mut shifts: Vec<(u32, i64)> = Vec::new();
    let mut left_ms = budget.cpu_ms;
    let mut left_wall_ms = budget.wall_ms;
    let mut chosen: Vec<Blamed> = Vec::new();
    for round in 0..ROUNDS {
        let subject = Subject { program: &current, suite, stdin };
        let baseline = driver::baseline(subject, left_wall_ms, sandbox).await?;
        left_wall_ms = left_wall_ms.saturating_sub(baseline.took_ms);
        let spectrum = spectrum::ochiai(&baseline);
        if round == 0 {
            evidence.tests = baseline
                .tests
                .iter()
                .map(|test| {
                    let wrong = test.wrong.as_ref().map(|wrong| (wrong.0.clone(), wrong.1.clone(), wrong.2));
                    let name = suite.map_or_else(|| test.test.clone(), |suite| suite.name_of(&test.test));
                    (name, wrong)
                })
                .collect();
            evidence.spectrum.clone_from(&spectrum);
            evidence.steps = baseline.tests.iter().flat_map(|test| test.steps.clone()).collect();
        }
        let left = budget.versions.saturating_sub(evidence.tried);
        if baseline.failing().next().is_none() || left_ms < 60 || left_wall_ms < 60 || left == 0 {
            break;
        }
        let mutants = mutate::mutants(&current, &baseline.types);
        let mut ordered = order(&mutants, &baseline, &spectrum, patterns, round);
        ordered.truncate(left);
        let share = if round == 0 && budget.cpu_ms > 300 { left_ms * 7 / 10 } else { left_ms };
        let outcome = run(subject, &baseline, &ordered, (share, left_wall_ms), sandbox).await?;
        left_ms = left_ms.saturating_sub(outcome.cpu_ms);
        left_wall_ms = left_wall_ms.saturating_sub(outcome.took_ms);
        evidence.tried += outcome.tried;
        let here = |line: u32| original_line(line, &shifts);
        let mut blamed = blame(&ordered, &outcome);
        blamed.iter_mut().for_each(|blamed| blamed.line = here(blamed.line));
        let whole: Vec<(&Mutant, f64)> = outcome
            .passed
            .iter()
            .filter(|passed| passed.whole)
            .map(|passed| {
                let item = &ordered[passed.mutant];
                (item.0, item.2)
            })
            .collect();
        if !whole.is_empty() {
            if let Some(suite) = suite {
                let fixes = verify((&current, suite), whole, &shifts, sandbox).await?;
                // A version that fails in fresh interpreters is no evidence.
                if round == 0 {
                    evidence.blamed = blamed;
                } else {
                    chosen.extend(blamed.into_iter().take(1));
                }
                evidence.fixes = fixes;
            } else {
                evidence.blamed.extend(blamed);
            }
            break;
        }
        let partial =
            outcome.passed.iter().filter(|passed| !passed.breaks).max_by(|a, b| {
                a.fixed.cmp(&b.fixed).then(ordered[a.mutant].2.total_cmp(&ordered[b.mutant].2))
            });
        if round == 0 {
            evidence.blamed = blamed.clone();
        }
        let Some(best) = partial.filter(|_| suite.is_some()) else { break };
        let mutant = ordered[best.mutant].0;
        let mut first =
            Blamed { line: here(mutant.line), strength: 0.75, operator: mutant.operator, whole: false };
        first.strength -= 0.04 * round as f64;
        chosen.push(first);
        let next = mutant.apply(current.source());
        let added = next.lines().count() as i64 - current.source().lines().count() as i64;
        if added != 0 {
            shifts.push((mutant.line, added));
        }
        let Ok(parsed) = Program::parse(&next) else { break };
        current = parsed;
    }
    for blamed in chosen.into_iter().rev() {
        evidence.blamed.retain(|known| known.line != blamed.line);
        evidence.blamed.insert(0, blamed);
    }
    Ok(evidence)
}

/// A line of a changed program as a line of the student's.
fn original_line(line: u32, shifts: &[(u32, i64)]) -> u32 {
    let mut line = i64::from(line);
    for (at, added) in shifts.iter().rev() {
        if line > i64::from(*at) {
            line = (line - added).max(i64::from(*at));
        }
    }
    u32::try_from(line).unwrap_or(1)
}

/// Versions that a failing test can notice, most promising first, with the test to start with and the weight.
fn order<'m>(
    mutants: &'m [Mutant],
    baseline: &Baseline,
    spectrum: &BTreeMap<u32, f64>,
    patterns: &[Suspicion],
    round: usize,
) -> Vec<(&'m Mutant, usize, f64)> {
    let mut failing: Vec<usize> =
        (0..baseline.tests.len()).filter(|at| baseline.tests[*at].wrong.is_some()).collect();
    failing.sort_by_key(|at| baseline.tests[*at].rounds);
    let raised: Vec<u32> = baseline.failing().filter_map(|test| test.wrong.as_ref()?.2).collect();
    let mut ordered: Vec<(&Mutant, usize, f64)> = mutants
        .iter()
        .filter_map(|mutant| {
            let (from, to) = mutant.lines;
            let inside = |line: &u32| (from..=to).contains(line);
            let first = failing.iter().copied().find(|at| baseline.tests[*at].lines.iter().any(inside))?;
            let suspicion = spectrum.range(from..=to).map(|(_, suspicion)| *suspicion).fold(0.0, f64::max);
            let pattern = patterns
                .iter()
                .filter(|found| round == 0 && found.line == mutant.line)
                .map(|found| found.weight)
                .fold(0.0, f64::max);
            let error = if raised.contains(&mutant.line) { 1.4 } else { 1.0 };
            let weight = mutant.prior * (0.05 + suspicion.powi(2)) * (1.0 + 1.5 * pattern) * error;
            Some((mutant, first, weight))
        })
        .collect();
    ordered.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.line.cmp(&b.0.line)));
    ordered
}

/// Shares the versions between two runs, like cards: both then try promising ones first.
async fn run(
    subject: Subject<'_>,
    baseline: &Baseline,
    ordered: &[(&Mutant, usize, f64)],
    budget: (u64, u64),
    sandbox: &impl Sandbox,
) -> Result<Outcome, Fault> {
    let hand = |of: usize| -> Vec<(&Mutant, usize)> {
        ordered.iter().skip(of).step_by(2).map(|(mutant, first, _)| (*mutant, *first)).collect()
    };
    let (even, odd) = (hand(0), hand(1));
    let (even, odd) = join(
        driver::versions(subject, baseline, &even, budget, sandbox),
        driver::versions(subject, baseline, &odd, budget, sandbox),
    )
    .await;
    let (even, odd) = (even?, odd?);
    let mut joined = Outcome {
        tried: even.tried + odd.tried,
        cpu_ms: even.cpu_ms.max(odd.cpu_ms),
        took_ms: even.took_ms.max(odd.took_ms),
        ..Outcome::default()
    };
    for (of, outcome) in [even, odd].into_iter().enumerate() {
        let place = |index: usize| 2 * index + of;
        joined
            .passed
            .extend(outcome.passed.iter().map(|passed| Passed { mutant: place(passed.mutant), ..*passed }));
        joined.later.extend(outcome.later.into_iter().map(place));
    }
    joined.passed.sort_by_key(|passed| passed.mutant);
    Ok(joined)
}

/// What versions say about lines: those that pass everything decide; without any, those that repair something.
fn blame(ordered: &[(&Mutant, usize, f64)], outcome: &Outcome) -> Vec<Blamed> {
    let any_whole = outcome.passed.iter().any(|passed| passed.whole);
    let most =
        outcome.passed.iter().filter(|passed| !passed.breaks).map(|passed| passed.fixed).max().unwrap_or(0);
    let mut lines: BTreeMap<u32, (f64, f64, &'static str)> = BTreeMap::new();
    let mut total = 0.0;
    let mut count = |index: usize, factor: f64| {
        let (mutant, _, weight) = &ordered[index];
        let weight = weight * factor;
        let entry = lines.entry(mutant.line).or_insert((0.0, 0.0, mutant.operator));
        // The best version of a line says most; many weak ones add little.
        if weight > entry.1 {
            entry.1 = weight;
            entry.2 = mutant.operator;
        }
        entry.0 += weight;
        total += weight;
    };
    for passed in &outcome.passed {
        if any_whole {
            if passed.whole {
                count(passed.mutant, 1.0);
            }
        } else if passed.breaks {
            count(passed.mutant, 0.15);
        } else {
            count(passed.mutant, passed.fixed as f64 / most.max(1) as f64);
        }
    }
    if outcome.passed.is_empty() {
        outcome.later.iter().for_each(|index| count(*index, 0.3));
    }
    let best =
        lines.values().map(|(sum, best, _)| best + 0.15 * (sum - best)).fold(f64::MIN_POSITIVE, f64::max);
    let mut blamed: Vec<Blamed> = lines
        .into_iter()
        .map(|(line, (sum, most, operator))| {
            let strength = (most + 0.15 * (sum - most)) / best;
            Blamed { line, strength, operator, whole: any_whole }
        })
        .collect();
    blamed.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.line.cmp(&b.line)));
    blamed
}

/// Runs the best versions in fresh interpreters; keeps those that pass, hidden tests included.
async fn verify(
    (current, suite): (&Program, &Suite),
    mut whole: Vec<(&Mutant, f64)>,
    shifts: &[(u32, i64)],
    sandbox: &impl Sandbox,
) -> Result<Vec<Fix>, Fault> {
    whole.sort_by(|a, b| b.1.total_cmp(&a.1));
    whole.truncate(VERIFIED);
    let programs: Vec<String> = whole.iter().map(|(mutant, _)| mutant.apply(current.source())).collect();
    let limits = RunLimits { timeout_ms: Some(VERIFY_TIMEOUT_MS), ..RunLimits::default() };
    let requests: Vec<TestRequest> = programs.iter().map(|program| suite.all(program, limits)).collect();
    let reports = join_all(requests.iter().map(|request| sandbox.test(request))).await;
    let mut fixes = Vec::new();
    for (((mutant, _), program), report) in whole.into_iter().zip(programs).zip(reports) {
        if report?.passed {
            let line = original_line(mutant.line, shifts);
            let replacement = replacement(current.source(), &program);
            fixes.push(Fix {
                line,
                replacement,
                program,
                verified: true,
                operator: mutant.operator.to_owned(),
            });
        }
    }
    Ok(fixes)
}

/// The lines of `after` that are not those of `before`, without what is the same at both ends.
pub(crate) fn replacement(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let shorter = before.len().min(after.len()) - same;
    let end = before.iter().rev().zip(after.iter().rev()).take(shorter).take_while(|(a, b)| a == b).count();
    after[same..after.len() - end].join("\n")
}
