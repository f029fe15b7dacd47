//! The sandbox without a service: an executor in this process, for the commands that work on a file.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest};
use learnflow_sandbox_host::{Executor, ExecutorError, ExecutorOptions, RunIo};

use crate::runner::build;

/// An executor in this process.
pub struct InProcess {
    executor: Arc<Executor>,
}

impl InProcess {
    /// Loads the interpreter, building it first when this checkout has none.
    pub fn load(root: &Path) -> anyhow::Result<Self> {
        Self::open(&build::interpreter(root)?)
    }

    /// Like [`Self::load`], also for runs whose instructions are counted.
    pub fn load_counting(root: &Path) -> anyhow::Result<Self> {
        Self::open(&build::counting_interpreter(root)?)
    }

    fn open(interpreter: &Path) -> anyhow::Result<Self> {
        // What a diagnosis asks for at once.
        let options = ExecutorOptions { max_runs: 16, ..ExecutorOptions::default() };
        let executor = Executor::load(interpreter, options).context("the sandbox")?;
        Ok(Self { executor: Arc::new(executor) })
    }

    /// The executor itself.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }
}

/// Each request is a task of its own, so that those an agent makes at once share the processors.
impl Sandbox for InProcess {
    async fn run(&self, request: &RunRequest) -> Result<RunReport, Fault> {
        let (executor, request) = (Arc::clone(&self.executor), request.clone());
        let run = tokio::spawn(async move { executor.run(&request, RunIo::default()).await });
        run.await.map_err(|error| Fault::bug(error.to_string()))?.map_err(fault)
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        let (executor, request) = (Arc::clone(&self.executor), request.clone());
        let run = tokio::spawn(async move { executor.test(&request).await });
        run.await.map_err(|error| Fault::bug(error.to_string()))?.map_err(fault)
    }
}

fn fault(error: ExecutorError) -> Fault {
    Fault::reject(error.to_string())
}
