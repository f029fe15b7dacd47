//! Running a program: what the sandbox is asked and what it reports.
//!
//! The same shapes are the JSON of `POST /run`, the payloads of `learnflow.code.submitted.v1` and
//! `learnflow.code.executed.v1`, and what `learnflow run --json` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A program to run and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// The main program; it runs as `main.py` with `__name__ == "__main__"`.
    pub code: String,
    /// Modules and data beside it: relative path to text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Standard input, all of it; reading past its end is an `EOFError`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdin: String,
    /// `sys.argv[1:]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// Limits; absent ones take the service's defaults, larger ones are cut to its maxima.
    #[serde(default)]
    pub limits: RunLimits,
    /// Record every step, for a step player and for diagnosis.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trace: bool,
    /// Seed of `random` and of hashing; makes the run repeatable together with `clock_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// A frozen clock, in milliseconds since 1970 (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<u64>,
}

/// Limits of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunLimits {
    /// Processor time, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Time on the wall clock including waiting for input, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Memory of the interpreter, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Bytes of stdout and stderr together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Steps that are recorded when `trace` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_steps: Option<u64>,
    /// WebAssembly instructions that it may execute. They are counted only when this is set, which makes the run
    /// slower and the point where it is stopped the same on every machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Ran to its end.
    Ok,
    /// Called `sys.exit` or raised `SystemExit`.
    Exited,
    /// Ended with an exception.
    Raised,
    /// Is not valid Python.
    SyntaxError,
    /// Used up its processor time, wall time or fuel.
    Timeout,
    /// Used up its memory.
    MemoryLimit,
    /// Printed more than is kept.
    OutputLimit,
    /// Was stopped by its user.
    Interrupted,
    /// The interpreter itself failed.
    Crashed,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Python's exit code: 0, what `sys.exit` was given, 1 after an exception, 124 after a timeout,
    /// 137 after another limit, 130 after an interrupt.
    pub exit_code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error, with the traceback as Python prints it.
    pub stderr: String,
    /// The exception, if one ended the program.
    #[serde(default)]
    pub error: Option<PythonError>,
    /// Time the student's program took, in microseconds.
    pub duration_us: u64,
    /// Largest size of the interpreter's memory, in bytes.
    #[serde(default)]
    pub memory_bytes: u64,
    /// WebAssembly instructions that were executed, when the limits have `fuel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel_used: Option<u64>,
    /// The recorded steps, when they were asked for; docs/trace.md has the shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Value>,
    /// What is needed to repeat the run exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Value>,
}

/// An exception that ended a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PythonError {
    /// The class's name (`IndexError`).
    #[serde(rename = "type")]
    pub kind: String,
    /// `str(exception)`.
    pub message: String,
    /// The innermost line of the student's own code, from 1; absent when there is none.
    #[serde(default)]
    pub line: Option<u32>,
    /// The file that `line` is in (`main.py` unless it is another of the student's files).
    #[serde(default)]
    pub file: String,
    /// What happened, why and what to look at, for a beginner, in plain text.
    #[serde(default)]
    pub explanation: String,
    /// The same as parts.
    #[serde(default)]
    pub parts: ExplanationParts,
    /// The traceback, with the student's frames only.
    #[serde(default)]
    pub traceback: String,
}

/// The parts of an explained exception.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplanationParts {
    /// What this kind of error means in general.
    pub what: String,
    /// Why it happened here.
    pub why: String,
    /// What to try; empty when nothing is known.
    pub hint: String,
}

/// A program against tests (`POST /tests`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// The student's program.
    pub code: String,
    /// The name by which tests import it (without `.py`).
    #[serde(default = "main_module")]
    pub module: String,
    /// Modules and data beside it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The tests; each runs in an interpreter of its own.
    pub tests: Vec<TestCase>,
    /// Limits of each test; its processor time is 10 s unless it is said here.
    #[serde(default)]
    pub limits: RunLimits,
    /// Stop at the first test that does not pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
    /// Judge only: exceptions come without the explanation, which takes longer than most tests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verdicts_only: bool,
}

fn main_module() -> String {
    "main".to_owned()
}

/// One test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TestCase {
    /// An expression over the program's names and the Python expression it must equal.
    Call {
        /// What the verdict is shown under.
        name: String,
        /// Evaluated in the program's namespace (`add(2, 3)`).
        call: String,
        /// Evaluated apart from it; compared with `==`, floats to a relative 1e-9.
        expected: String,
    },
    /// Standard input and the standard output it must give, compared without trailing spaces.
    Io {
        /// What the verdict is shown under.
        name: String,
        /// Standard input.
        stdin: String,
        /// Expected standard output.
        stdout: String,
    },
    /// A unittest file; each of its test methods has a verdict.
    Unittest {
        /// What the verdict is shown under.
        name: String,
        /// The file's text; it imports the program by `module`.
        source: String,
    },
}

/// The verdicts on a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestReport {
    /// Whether every test passed (and there was at least one).
    pub passed: bool,
    /// One verdict for each test, or for each method of a unittest file, in order.
    pub verdicts: Vec<TestVerdict>,
}

/// The verdict of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TestVerdict {
    /// The test's name.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What a beginner reads when it did not: expected, got, and where they first differ.
    pub message: String,
    /// How the program ended.
    pub outcome: Outcome,
    /// The exception, if one ended it.
    #[serde(default)]
    pub error: Option<PythonError>,
    /// What it printed.
    #[serde(default)]
    pub stdout: String,
    /// Time it took, in microseconds.
    pub duration_us: u64,
}

/// Payload of `learnflow.code.submitted.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CodeSubmitted {
    /// The run.
    pub run_id: Uuid,
    /// What to run.
    pub request: RunRequest,
}

/// Payload of `learnflow.code.executed.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CodeExecuted {
    /// The run.
    pub run_id: Uuid,
    /// What it did.
    pub report: RunReport,
}
