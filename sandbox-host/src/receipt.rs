//! Receipts: what is needed to repeat a run bit for bit, and to prove that it was repeated.

use learnflow_events::code::{Outcome, RunLimits, RunReport, RunRequest};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limits::Limits;

/// What a repeatable run was made of and what it gave. A run is repeatable when its request has a `seed` and
/// a `clock_ms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Version of this shape.
    pub version: u32,
    /// SHA-256 of the compiled interpreter.
    pub interpreter: String,
    /// SHA-256 of the program, its files and its arguments.
    pub program: String,
    /// SHA-256 of standard input.
    pub stdin: String,
    /// The limits in force.
    pub limits: Limits,
    /// Seed of all randomness.
    pub seed: u64,
    /// The frozen clock, in milliseconds since 1970.
    pub clock_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Its exit code.
    pub exit_code: i32,
    /// WebAssembly instructions that were executed, when the limits have `fuel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_used: Option<u64>,
    /// SHA-256 of stdout and stderr.
    pub output: String,
}

/// Why a receipt cannot be replayed with a request, or what came out differently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The receipt is of something else.
    #[error("the {0} is not the one of the receipt")]
    Different(&'static str),
    /// The run went another way.
    #[error("the {0} came out differently from the receipt")]
    Diverged(&'static str),
}

impl Receipt {
    /// The receipt of a run; `None` when its request was not repeatable.
    pub(crate) fn of(
        interpreter: &str,
        request: &RunRequest,
        limits: &Limits,
        report: &RunReport,
    ) -> Option<Self> {
        Some(Self {
            version: 1,
            interpreter: interpreter.to_owned(),
            program: program_digest(request),
            stdin: digest(&[&request.stdin]),
            limits: *limits,
            seed: request.seed?,
            clock_ms: request.clock_ms?,
            outcome: report.outcome,
            exit_code: report.exit_code,
            fuel_used: report.fuel_used,
            output: digest(&[&report.stdout, &report.stderr]),
        })
    }

    /// The request that repeats the run: `request` with the receipt's seed, clock and limits.
    ///
    /// # Errors
    /// When the program or its input is not the one of the receipt.
    pub fn replay(&self, request: RunRequest) -> Result<RunRequest, ReplayError> {
        if program_digest(&request) != self.program {
            return Err(ReplayError::Different("program"));
        }
        if digest(&[&request.stdin]) != self.stdin {
            return Err(ReplayError::Different("input"));
        }
        Ok(RunRequest {
            seed: Some(self.seed),
            clock_ms: Some(self.clock_ms),
            limits: RunLimits {
                timeout_ms: Some(self.limits.timeout_ms),
                wall_ms: Some(self.limits.wall_ms),
                memory_mib: Some(self.limits.memory_mib),
                output_bytes: Some(self.limits.output_bytes),
                trace_steps: Some(self.limits.trace_steps),
                fuel: self.limits.fuel,
            },
            ..request
        })
    }

    /// Whether `again` is the receipt of the same run.
    ///
    /// # Errors
    /// The first thing that differs.
    pub fn verify(&self, again: &Self) -> Result<(), ReplayError> {
        let same = [
            ("interpreter", self.interpreter == again.interpreter),
            ("outcome", self.outcome == again.outcome),
            ("exit code", self.exit_code == again.exit_code),
            ("output", self.output == again.output),
            ("number of instructions", self.fuel_used == again.fuel_used),
        ];
        match same.into_iter().find(|(_, same)| !same) {
            Some((what, _)) => Err(ReplayError::Diverged(what)),
            None => Ok(()),
        }
    }
}

fn program_digest(request: &RunRequest) -> String {
    let files = request.files.iter().flat_map(|(path, text)| [path, text]);
    let parts: Vec<&String> = [&request.code].into_iter().chain(files).chain(&request.argv).collect();
    let mut counted = vec![format!("{} {}", request.files.len(), request.argv.len())];
    counted.extend(parts.into_iter().cloned());
    digest(&counted.iter().collect::<Vec<_>>())
}

/// SHA-256 of texts, each with its length in front so that they stay apart.
fn digest(texts: &[&String]) -> String {
    let mut sha = Sha256::new();
    for text in texts {
        sha.update((text.len() as u64).to_le_bytes());
        sha.update(text);
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
