//! What the sandbox's tests share: the interpreter, built and compiled once.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use learnflow_events::code::{RunReport, RunRequest};
use learnflow_provision as provision;
use learnflow_sandbox_host::{Executor, ExecutorOptions, RunIo, artifact, engine::Metering};

/// The interpreter, compiled for this build of the engine; made when it is missing or out of date.
pub fn interpreter() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| compiled(Metering::Time))
}

/// Also makes the interpreter that counts instructions, beside [`interpreter`], which it returns.
pub fn counting_interpreter() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| compiled(Metering::Instructions));
    interpreter()
}

fn compiled(metering: Metering) -> PathBuf {
    let root =
        provision::find_checkout(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("tests run in a checkout");
    let component = provision::guest::build(&root).expect("the guest can be built");
    artifact::provide(&component, &root.join("target/sandbox"), metering, || {}).expect("the guest compiles")
}

/// An executor for a test.
pub async fn executor(prepared: usize) -> Executor {
    let executor = Executor::load(interpreter(), ExecutorOptions { prepared, max_runs: 8 }).unwrap();
    executor.prepare().await.unwrap();
    executor
}

/// Runs a program without input.
pub async fn run(executor: &Executor, code: &str) -> RunReport {
    run_request(executor, RunRequest { code: code.to_owned(), ..RunRequest::default() }).await
}

/// Runs a request.
pub async fn run_request(executor: &Executor, request: RunRequest) -> RunReport {
    executor.run(&request, RunIo::default()).await.unwrap()
}
