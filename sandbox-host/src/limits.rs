//! What a run may use at most, and what is checked before it starts.

use learnflow_events::{
    code::{RunLimits, RunRequest, TestRequest},
    limits::{CODE_BYTES, CODE_FILES, STDIN_BYTES},
};

use crate::error::ExecutorError;

/// Most arguments, and bytes of each.
const ARGV_MAX: usize = 64;
const ARG_BYTES: usize = 4 * 1024;
/// Most tests in a request.
const TESTS_MAX: usize = 100;

/// Limits of one run with every value decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Processor time, in milliseconds.
    pub timeout_ms: u64,
    /// Time on the wall clock, in milliseconds.
    pub wall_ms: u64,
    /// Memory of the interpreter, in MiB.
    pub memory_mib: u64,
    /// Bytes of stdout and stderr together.
    pub output_bytes: u64,
    /// Recorded steps.
    pub trace_steps: u64,
    /// Bytes of recorded steps.
    pub trace_bytes: u64,
    /// WebAssembly instructions; nothing is counted without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

impl Limits {
    /// What a run gets that asks for nothing.
    pub const DEFAULT: Self = Self {
        timeout_ms: 5_000,
        wall_ms: 15_000,
        memory_mib: 128,
        output_bytes: 256 * 1024,
        trace_steps: 1_000,
        trace_bytes: 4 << 20,
        fuel: None,
    };
    /// What a run gets that asks for more.
    pub const MAX: Self = Self {
        timeout_ms: 60_000,
        wall_ms: 3_600_000,
        memory_mib: 512,
        output_bytes: 4 << 20,
        trace_steps: 100_000,
        trace_bytes: 16 << 20,
        fuel: Some(1_000_000_000_000),
    };
    /// Processor time of a test that asks for nothing, in milliseconds: tests are the teacher's, and some of a course's
    /// take seconds.
    const TEST_TIMEOUT_MS: u64 = 10_000;
    /// Below this the interpreter itself does not fit.
    const MEMORY_MIN_MIB: u64 = 48;

    /// The limits that a test gets.
    pub fn of_test(asked: &RunLimits) -> Self {
        let timeout_ms = asked.timeout_ms.or(Some(Self::TEST_TIMEOUT_MS));
        Self::of(&RunLimits { timeout_ms, ..*asked }, false)
    }

    /// The limits that a request gets. Waiting for a person needs a longer wall limit than a batch run.
    pub fn of(asked: &RunLimits, interactive: bool) -> Self {
        let default = Self::DEFAULT;
        let cut = |value: Option<u64>, default: u64, max: u64| value.unwrap_or(default).clamp(1, max);
        let timeout_ms = cut(asked.timeout_ms, default.timeout_ms, Self::MAX.timeout_ms);
        let wall_default = if interactive { 600_000 } else { default.wall_ms.max(timeout_ms * 2 + 1_000) };
        Self {
            timeout_ms,
            wall_ms: cut(asked.wall_ms, wall_default, Self::MAX.wall_ms),
            memory_mib: cut(asked.memory_mib, default.memory_mib, Self::MAX.memory_mib)
                .max(Self::MEMORY_MIN_MIB),
            output_bytes: cut(asked.output_bytes, default.output_bytes, Self::MAX.output_bytes),
            trace_steps: cut(asked.trace_steps, default.trace_steps, Self::MAX.trace_steps),
            trace_bytes: default.trace_bytes,
            fuel: asked.fuel.map(|fuel| cut(Some(fuel), 1, Self::MAX.fuel.unwrap_or(u64::MAX))),
        }
    }
}

fn too_large(what: &str, is: usize, max: usize) -> ExecutorError {
    ExecutorError::Invalid(format!("{what} has {is} bytes; at most {max} are accepted"))
}

fn check_files<'a>(files: impl Iterator<Item = (&'a String, &'a String)>) -> Result<(), ExecutorError> {
    let mut count = 0;
    for (path, text) in files {
        count += 1;
        if text.len() > CODE_BYTES {
            return Err(too_large(&format!("the file {path:?}"), text.len(), CODE_BYTES));
        }
        let good = !path.is_empty()
            && path.len() <= 255
            && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
            && !path.chars().any(|c| c.is_control() || c == '\\');
        if !good {
            return Err(ExecutorError::Invalid(format!(
                "{path:?} is not a file name; use a relative path with / between its parts"
            )));
        }
    }
    if count > CODE_FILES {
        return Err(ExecutorError::Invalid(format!(
            "there are {count} files; at most {CODE_FILES} are accepted"
        )));
    }
    Ok(())
}

/// Refuses a request that is larger than what is accepted.
///
/// # Errors
/// [`ExecutorError::Invalid`], saying which limit and what is accepted.
pub fn check_run(request: &RunRequest) -> Result<(), ExecutorError> {
    if request.code.len() > CODE_BYTES {
        return Err(too_large("code", request.code.len(), CODE_BYTES));
    }
    if request.stdin.len() > STDIN_BYTES {
        return Err(too_large("stdin", request.stdin.len(), STDIN_BYTES));
    }
    if request.argv.len() > ARGV_MAX || request.argv.iter().any(|arg| arg.len() > ARG_BYTES) {
        return Err(ExecutorError::Invalid(format!(
            "argv takes at most {ARGV_MAX} arguments of at most {ARG_BYTES} bytes each"
        )));
    }
    check_files(request.files.iter())
}

/// Refuses a request for tests that is larger than what is accepted.
///
/// # Errors
/// [`ExecutorError::Invalid`], saying which limit and what is accepted.
pub fn check_tests(request: &TestRequest) -> Result<(), ExecutorError> {
    use learnflow_events::code::TestCase;
    if request.code.len() > CODE_BYTES {
        return Err(too_large("code", request.code.len(), CODE_BYTES));
    }
    let is_name = |part: &str| {
        part.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    if request.module.len() > 100 || !request.module.split('.').all(is_name) {
        return Err(ExecutorError::Invalid(format!(
            "module {:?} is not a module's name; give it without .py",
            request.module.chars().take(100).collect::<String>()
        )));
    }
    if request.tests.len() > TESTS_MAX {
        return Err(ExecutorError::Invalid(format!(
            "there are {} tests; at most {TESTS_MAX} are accepted",
            request.tests.len()
        )));
    }
    for test in &request.tests {
        let (name, texts) = match test {
            TestCase::Call { name, call, expected } => (name, [call, expected]),
            TestCase::Io { name, stdin, stdout } => (name, [stdin, stdout]),
            TestCase::Unittest { name, source } => (name, [source, source]),
        };
        for text in texts {
            if text.len() > CODE_BYTES {
                return Err(too_large(&format!("the test {name:?}"), text.len(), CODE_BYTES));
            }
        }
    }
    check_files(request.files.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_limits_than_the_maxima_are_cut() {
        let asked = RunLimits {
            timeout_ms: Some(u64::MAX),
            wall_ms: Some(u64::MAX),
            memory_mib: Some(u64::MAX),
            output_bytes: Some(u64::MAX),
            trace_steps: Some(u64::MAX),
            fuel: Some(u64::MAX),
        };
        let limits = Limits::of(&asked, false);
        assert_eq!(limits, Limits { trace_bytes: limits.trace_bytes, ..Limits::MAX });
    }

    #[test]
    fn paths_that_leave_the_program_are_refused() {
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a\0b"] {
            let request =
                RunRequest { files: [(path.to_owned(), String::new())].into(), ..RunRequest::default() };
            assert!(check_run(&request).is_err(), "{path:?}");
        }
    }
}
