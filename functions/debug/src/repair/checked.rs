//! Repairs that CPython has agreed to, and what they say about lines.

use futures::future::join_all;
use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{Outcome, RunLimits, RunRequest};

use super::{Repair, repairs, words};
use crate::{
    diagnosis::Suspect,
    experiment::{Fix, replacement},
    suite::Suite,
};

/// Repairs that are run.
const RUN: usize = 4;
/// Processor time of each, in milliseconds: that it starts is all that must be known.
const TIMEOUT_MS: u64 = 300;

/// What was found out about a program that is not Python.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    /// The lines to look at, best first.
    pub suspects: Vec<Suspect>,
    /// Programs that CPython reads, best first; verified where they pass the tests or there are none.
    pub fixes: Vec<Fix>,
    /// How many edits together the best one is.
    pub mistakes: usize,
    /// Whether the best one passes the tests, when there are some.
    pub passes: Option<bool>,
}

/// Repairs a program and lets CPython judge. `line` is where CPython stopped.
pub(crate) async fn checked(
    code: &str,
    line: Option<u32>,
    suite: Option<&Suite>,
    sandbox: &impl Sandbox,
) -> Result<Repaired, Fault> {
    let mut found = repairs(code, line);
    found.truncate(RUN);
    let judged = join_all(found.iter().map(|repair| judge(repair, suite, sandbox))).await;
    let mut kept: Vec<(Repair, bool)> = Vec::new();
    for (repair, verdict) in found.into_iter().zip(judged) {
        let (reads, passes) = verdict?;
        if reads {
            kept.push((repair, passes));
        }
    }
    // A repair after which the tests pass is what was meant.
    kept.sort_by_key(|(_, passes)| !passes);
    let mut repaired = Repaired {
        mistakes: kept.first().map_or(0, |(repair, _)| repair.lines.len()),
        passes: suite.and(kept.first().map(|(_, passes)| *passes)),
        ..Repaired::default()
    };
    for (place, (repair, passes)) in kept.into_iter().enumerate() {
        for (at, (line, kind)) in repair.lines.iter().zip(&repair.kinds).enumerate() {
            if repaired.suspects.iter().any(|known| known.line == *line) {
                continue;
            }
            let (cause, direction, concept) = words::of(kind);
            let confidence = if place == 0 { 0.93 - 0.03 * at as f64 } else { 0.4 * repair.weight };
            repaired.suspects.push(Suspect {
                line: *line,
                cause: cause.to_owned(),
                direction: direction.to_owned(),
                confidence: confidence.max(0.1),
                concept: Some(concept.to_owned()),
                source: "repair".to_owned(),
            });
        }
        repaired.fixes.push(Fix {
            line: repair.lines.first().copied().unwrap_or(1),
            replacement: replacement(code, &repair.program),
            program: repair.program,
            verified: passes,
            operator: repair.kinds.first().copied().unwrap_or_default().to_owned(),
        });
    }
    Ok(repaired)
}

/// Whether CPython reads it, and whether it passes the tests (or there are none).
async fn judge(
    repair: &Repair,
    suite: Option<&Suite>,
    sandbox: &impl Sandbox,
) -> Result<(bool, bool), Fault> {
    let limits =
        RunLimits { timeout_ms: Some(TIMEOUT_MS), wall_ms: Some(2 * TIMEOUT_MS), ..RunLimits::default() };
    let Some(suite) = suite else {
        let request =
            RunRequest { code: repair.program.clone(), limits, seed: Some(1), ..RunRequest::default() };
        let reads = sandbox.run(&request).await?.outcome != Outcome::SyntaxError;
        return Ok((reads, reads));
    };
    let report = sandbox.test(&suite.all(&repair.program, limits)).await?;
    let reads = report.verdicts.iter().all(|verdict| verdict.outcome != Outcome::SyntaxError);
    Ok((reads, reads && report.passed))
}
