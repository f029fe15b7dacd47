//! Executor processes die; runs are not lost.

mod support;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use learnflow_events::code::{Outcome, RunRequest};
use learnflow_sandbox_host::{Fleet, FleetConfig, RunEvent};

fn config() -> FleetConfig {
    let command = vec![OsString::from(env!("CARGO_BIN_EXE_sandbox-host")), OsString::from("executor")];
    FleetConfig {
        processes: 1,
        prepared: 1,
        max_runs: 4,
        ..FleetConfig::new(command, PathBuf::from(support::interpreter()))
    }
}

fn request(code: &str) -> RunRequest {
    RunRequest { code: code.to_owned(), ..RunRequest::default() }
}

/// Processes that this one has started.
fn children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_loses_no_run_and_room_is_limited() {
    let fleet = Fleet::start(config());
    tokio::time::timeout(Duration::from_secs(60), fleet.wait_ready()).await.unwrap();

    // One run shows that its process is at work; the others wait in it.
    let mut first = fleet.run(request("print('up')\nimport time\ntime.sleep(30)"), false, true).unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|n| {
            fleet.run(request(&format!("import time\ntime.sleep(0.2)\nprint({n})")), false, false).unwrap()
        })
        .collect();
    assert!(fleet.run(request("1"), false, false).is_err(), "a fifth run must be refused");
    assert!(matches!(first.events.recv().await, Some(RunEvent::Output(_, text)) if text == "up\n"));

    for pid in children() {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    for (n, run) in waiting.into_iter().enumerate() {
        let report = tokio::time::timeout(Duration::from_secs(60), run.report()).await.unwrap().unwrap();
        assert_eq!((report.outcome, report.stdout), (Outcome::Ok, format!("{n}\n")));
    }
    // What was already shown cannot be shown again, so this one is told the truth.
    assert_eq!(first.report().await.unwrap().outcome, Outcome::Crashed);
    assert_eq!(fleet.restarts(), 1);
    fleet.close();
}
