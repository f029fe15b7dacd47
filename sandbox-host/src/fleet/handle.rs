//! What callers hold of runs and tests in progress.

use std::sync::Arc;

use learnflow_events::code::{RunReport, TestReport, TestVerdict};
use tokio::sync::mpsc;

use super::Fleet;
use crate::{error::ExecutorError, frames::Order, guest::Stream};

/// What happens to a run while it is in progress.
#[derive(Debug)]
pub enum RunEvent {
    /// Something was printed.
    Output(Stream, String),
    /// It ended; nothing follows.
    Ended(Box<Result<RunReport, ExecutorError>>),
}

/// What happens to tests while they are in progress.
#[derive(Debug)]
pub enum TestEvent {
    /// A test ended. Tests that are repeated because their process died are heard of twice.
    Judged(Box<TestVerdict>),
    /// All ended; nothing follows.
    Ended(Box<Result<TestReport, ExecutorError>>),
}

/// A run in progress.
pub struct RunHandle {
    pub(super) id: u64,
    pub(super) fleet: Arc<Fleet>,
    /// What it does.
    pub events: mpsc::UnboundedReceiver<RunEvent>,
}

/// Tests in progress. When it is dropped, they are stopped.
pub struct TestHandle {
    pub(super) control: RunControl,
    /// What they do.
    pub events: mpsc::UnboundedReceiver<TestEvent>,
}

/// Sends to a run in progress; it does not keep the run.
#[derive(Clone)]
pub struct RunControl {
    pub(super) id: u64,
    pub(super) fleet: Arc<Fleet>,
}

impl RunHandle {
    /// Sends to the run from elsewhere.
    pub fn control(&self) -> RunControl {
        RunControl { id: self.id, fleet: Arc::clone(&self.fleet) }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When the run could not be made.
    pub async fn report(mut self) -> Result<RunReport, ExecutorError> {
        while let Some(event) = self.events.recv().await {
            if let RunEvent::Ended(result) = event {
                return *result;
            }
        }
        Err(ExecutorError::ProcessDied("the service is closing".to_owned()))
    }
}

impl TestHandle {
    /// Waits for the end.
    ///
    /// # Errors
    /// When the tests could not be run.
    pub async fn report(mut self) -> Result<TestReport, ExecutorError> {
        while let Some(event) = self.events.recv().await {
            if let TestEvent::Ended(result) = event {
                return *result;
            }
        }
        Err(ExecutorError::ProcessDied("the service is closing".to_owned()))
    }
}

impl Drop for TestHandle {
    /// Nobody waits any more, so they are stopped.
    fn drop(&mut self) {
        self.control.interrupt();
    }
}

impl Drop for RunHandle {
    /// Nobody waits any more, so the program is stopped.
    fn drop(&mut self) {
        self.control().interrupt();
    }
}

impl RunControl {
    fn send(&self, order: Order) -> bool {
        let slot = self.fleet.jobs.lock().expect("no panic while locked").get(&self.id).map(|job| job.slot);
        slot.is_some_and(|slot| {
            self.fleet.send(slot, order);
            true
        })
    }

    /// Hands a line to the program. False when the run is over.
    pub fn line(&self, text: String) -> bool {
        self.send(Order::Line { id: self.id, text })
    }

    /// Ends the program's input. False when the run is over.
    pub fn end_of_input(&self) -> bool {
        self.send(Order::EndOfInput { id: self.id })
    }

    /// Interrupts the program. False when the run is over.
    pub fn interrupt(&self) -> bool {
        self.send(Order::Interrupt { id: self.id })
    }
}
