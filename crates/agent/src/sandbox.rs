//! Where programs run.

use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest};

use crate::Fault;

/// The isolated Python executor, as the specialists see it. A program that raises, loops or is not Python is
/// a report, never a fault; a fault means that the sandbox itself could not be reached.
pub trait Sandbox {
    /// Runs a program.
    fn run(&self, request: &RunRequest) -> impl Future<Output = Result<RunReport, Fault>>;

    /// Runs a program against tests, each isolated from the others.
    fn test(&self, request: &TestRequest) -> impl Future<Output = Result<TestReport, Fault>>;
}
