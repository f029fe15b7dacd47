//! What the sandbox's tests share: the interpreter, built and compiled once.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use learnflow_events::code::{RunReport, RunRequest};
use learnflow_provision as provision;
use learnflow_sandbox_host::{Executor, ExecutorOptions, RunIo, artifact_key, engine};

/// The interpreter, compiled for this build of the engine; made when it is missing or out of date.
pub fn interpreter() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let root =
            provision::find_checkout(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("tests run in a checkout");
        let component = provision::guest::build(&root).expect("the guest can be built");
        let compiled = root.join("target/sandbox").join(format!("sandbox-{}.cwasm", artifact_key().unwrap()));
        let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        if modified(&compiled) <= modified(&component) {
            let code = engine::precompile(&std::fs::read(&component).unwrap()).unwrap();
            let draft = compiled.with_extension(format!("{}.test", std::process::id()));
            std::fs::write(&draft, code).unwrap();
            std::fs::rename(&draft, &compiled).unwrap();
        }
        compiled
    })
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
