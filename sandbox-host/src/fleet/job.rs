//! What executor processes are asked for, and who waits for it.

use learnflow_events::code::{Outcome, RunReport, RunRequest, TestReport, TestRequest, TestVerdict};
use learnflow_telemetry::http::failed;
use tokio::sync::mpsc;
use tracing::Span;

use super::{RunEvent, TestEvent};
use crate::{error::ExecutorError, executor::exit_code, frames::Order, metrics::outcome_name};

/// A run or tests that a process was given.
pub(super) struct Job {
    pub(super) slot: usize,
    /// Processes that died while this job was in them.
    pub(super) deaths: u32,
    /// Alone in its process, to find out which of several jobs kills it.
    pub(super) alone: bool,
    pub(super) work: Work,
}

/// What a job does.
pub(super) enum Work {
    Run {
        span: Span,
        request: Box<RunRequest>,
        interactive: bool,
        streamed: bool,
        /// Whether it has done something that a repetition would do again.
        seen: bool,
        events: mpsc::UnboundedSender<RunEvent>,
    },
    Test {
        span: Span,
        request: Box<TestRequest>,
        events: mpsc::UnboundedSender<TestEvent>,
    },
}

impl Job {
    pub(super) fn order(&self, id: u64) -> Order {
        match &self.work {
            Work::Run { request, interactive, streamed, .. } => {
                Order::Run { id, request: request.clone(), interactive: *interactive, streamed: *streamed }
            }
            Work::Test { request, .. } => Order::Test { id, request: request.clone() },
        }
    }
}

impl Work {
    /// Whether nobody would notice that it was started twice.
    pub(super) fn repeatable(&self) -> bool {
        !matches!(self, Self::Run { seen: true, .. } | Self::Run { interactive: true, .. })
    }

    pub(super) fn ran(self, result: Result<RunReport, ExecutorError>) {
        if let Self::Run { span, events, .. } = self {
            match &result {
                // A program that raises or runs out of time is no failure of ours.
                Ok(report) => {
                    span.record("learnflow.run.outcome", outcome_name(report.outcome));
                    span.record("learnflow.run.duration_us", report.duration_us);
                    span.record("learnflow.run.memory_bytes", report.memory_bytes);
                }
                Err(error) => failed(&span, error.kind()),
            }
            // Whoever waits for the run may end the trace at once.
            drop(span);
            let _ = events.send(RunEvent::Ended(Box::new(result)));
        }
    }

    pub(super) fn tested(self, result: Result<TestReport, ExecutorError>) {
        if let Self::Test { span, events, .. } = self {
            match &result {
                Ok(report) => {
                    span.record("learnflow.tests.passed", report.passed);
                }
                Err(error) => failed(&span, error.kind()),
            }
            drop(span);
            let _ = events.send(TestEvent::Ended(Box::new(result)));
        }
    }

    pub(super) fn failed(self, error: ExecutorError) {
        match self {
            Self::Run { .. } => self.ran(Err(error)),
            Self::Test { .. } => self.tested(Err(error)),
        }
    }

    pub(super) fn crashed(self) {
        match self {
            Self::Run { .. } => self.ran(Ok(crashed_report())),
            Self::Test { ref request, .. } => {
                let verdict = TestVerdict {
                    name: request.module.clone(),
                    passed: false,
                    message: "The interpreter failed while it ran these tests; please report it.".to_owned(),
                    outcome: Outcome::Crashed,
                    error: None,
                    stdout: String::new(),
                    duration_us: 0,
                };
                self.tested(Ok(TestReport { passed: false, verdicts: vec![verdict] }));
            }
        }
    }
}

/// The report of a run that took its process with it.
fn crashed_report() -> RunReport {
    RunReport {
        outcome: Outcome::Crashed,
        exit_code: exit_code(Outcome::Crashed),
        stdout: String::new(),
        stderr: String::new(),
        error: None,
        duration_us: 0,
        memory_bytes: 0,
        fuel_used: None,
        trace: None,
        receipt: None,
    }
}
