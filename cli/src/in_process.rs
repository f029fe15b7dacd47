//! The sandbox without a service: an executor in this process, for the commands that work on a file.

use std::path::Path;

use anyhow::Context;
use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest};
use learnflow_sandbox_host::{Executor, ExecutorError, ExecutorOptions, RunIo};

use crate::runner::build;

/// An executor in this process.
pub struct InProcess {
    executor: Executor,
}

impl InProcess {
    /// Loads the interpreter, building it first when this checkout has none.
    pub fn load(root: &Path) -> anyhow::Result<Self> {
        let interpreter = build::interpreter(root)?;
        let executor = Executor::load(&interpreter, ExecutorOptions::default()).context("the sandbox")?;
        Ok(Self { executor })
    }

    /// The executor itself.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }
}

impl Sandbox for InProcess {
    async fn run(&self, request: &RunRequest) -> Result<RunReport, Fault> {
        self.executor.run(request, RunIo::default()).await.map_err(fault)
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        self.executor.test(request).await.map_err(fault)
    }
}

fn fault(error: ExecutorError) -> Fault {
    Fault::reject(error.to_string())
}
