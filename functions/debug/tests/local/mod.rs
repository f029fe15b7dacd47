//! The sandbox in the process of a test.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest};
use learnflow_provision as provision;
use learnflow_sandbox_host::{Executor, ExecutorOptions, RunIo, artifact, engine::Metering};

/// A sandbox in this process that runs requests side by side.
#[derive(Clone)]
pub struct Local(Arc<Executor>);

/// Made once, by whichever test of the binary comes first.
static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();

impl Local {
    pub fn new() -> Self {
        let options = ExecutorOptions { prepared: 0, max_runs: 16 };
        Self(Arc::new(Executor::load(INTERPRETER.get_or_init(interpreter), options).unwrap()))
    }
}

impl Sandbox for Local {
    async fn run(&self, request: &RunRequest) -> Result<RunReport, Fault> {
        let (executor, request) = (Arc::clone(&self.0), request.clone());
        let run = tokio::spawn(async move { executor.run(&request, RunIo::default()).await });
        run.await.expect("a run does not panic").map_err(|error| Fault::bug(error.to_string()))
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        let (executor, request) = (Arc::clone(&self.0), request.clone());
        let run = tokio::spawn(async move { executor.test(&request).await });
        run.await.expect("tests do not panic").map_err(|error| Fault::bug(error.to_string()))
    }
}

fn interpreter() -> PathBuf {
    let root =
        provision::find_checkout(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("tests run in a checkout");
    let component = provision::guest::build(&root).expect("the guest can be built");
    artifact::provide(&component, &root.join("target/sandbox"), Metering::Time, || {})
        .expect("the guest compiles")
}
