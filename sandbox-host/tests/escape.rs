//! Attacks on the sandbox, each with what it must get. The programs are in `escape/`, many to a file:
//! a line `#--- name | expectation` starts each.
//!
//! An expectation is an outcome, for `raised` with the exception's class (`Exception` for any), for `ok` and
//! `timeout` with what is printed, for `exited` with the code; or `any` and a list of outcomes. After each
//! attack, whatever it got, the same executor must still run a program as if nothing had happened.

mod support;

use std::path::Path;

use futures::StreamExt;
use learnflow_events::code::{Outcome, RunLimits, RunReport, RunRequest};
use learnflow_sandbox_host::{Executor, RunIo};

/// In this process's environment and memory; no program may print it.
const CANARY: &str = "canary-5b0c6a51-that-only-the-host-knows";

struct Attack {
    name: String,
    expectation: String,
    code: String,
}

fn attacks() -> Vec<Attack> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut attacks = Vec::new();
    for file in files {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        for part in text.split("#--- ").skip(1) {
            let (head, code) = part.split_once('\n').unwrap();
            let (name, expectation) = head.split_once(" | ").unwrap_or_else(|| panic!("{head}"));
            attacks.push(Attack {
                name: format!("{stem}: {name}"),
                expectation: expectation.trim().to_owned(),
                code: code.to_owned(),
            });
        }
    }
    attacks
}

fn outcome_name(outcome: Outcome) -> String {
    serde_json::to_value(outcome).unwrap().as_str().unwrap().to_owned()
}

/// What is wrong with a report, if anything.
fn judge(expectation: &str, report: &RunReport) -> Option<String> {
    let outcome = outcome_name(report.outcome);
    let (wanted, detail) = expectation.split_once(' ').unwrap_or((expectation, ""));
    let ok = match wanted {
        "any" => detail.split(',').any(|one| one == outcome),
        "raised" => {
            outcome == "raised"
                && report.error.as_ref().is_some_and(|error| detail == "Exception" || error.kind == detail)
        }
        "exited" => outcome == "exited" && detail.parse() == Ok(report.exit_code),
        _ => outcome == wanted && (detail.is_empty() || report.stdout.trim() == detail),
    };
    let error = report.error.as_ref().map(|error| format!("{}: {}", error.kind, error.message));
    let start: String = report.stdout.chars().take(200).collect();
    (!ok).then(|| format!("wanted {expectation:?}, got {outcome} {error:?} stdout {start:?}"))
}

async fn attack(executor: &Executor, attack: &Attack) -> Vec<String> {
    let mut wrong = Vec::new();
    let limits = RunLimits {
        timeout_ms: Some(2_000),
        wall_ms: Some(5_000),
        memory_mib: Some(96),
        output_bytes: Some(64 * 1024),
        ..RunLimits::default()
    };
    let request = RunRequest { code: attack.code.clone(), limits, ..RunRequest::default() };
    let report = executor.run(&request, RunIo::default()).await.unwrap();
    if let Some(problem) = judge(&attack.expectation, &report) {
        wrong.push(format!("{}: {problem}", attack.name));
    }
    if serde_json::to_string(&report).unwrap().contains(CANARY) {
        wrong.push(format!("{}: it printed the canary", attack.name));
    }
    if report.stdout.len() + report.stderr.len() > 64 * 1024 {
        wrong.push(format!("{}: more output than the limit", attack.name));
    }
    let after =
        support::run(executor, "import random, json, builtins\nprint(json.dumps([1]), len('ab'))").await;
    if after.stdout != "[1] 2\n" || after.outcome != Outcome::Ok {
        wrong.push(format!("{}: the next run gave {after:?}", attack.name));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attack_gets_out() {
    // SAFETY: no other thread of this test reads the environment yet.
    unsafe { std::env::set_var("LEARNFLOW_TEST_CANARY", CANARY) };
    let executor = support::executor(4).await;
    let attacks = attacks();
    assert!(attacks.len() >= 150, "{} attacks", attacks.len());
    let wrong: Vec<String> = futures::stream::iter(&attacks)
        .map(|one| attack(&executor, one))
        .buffer_unordered(3)
        .flat_map(futures::stream::iter)
        .collect()
        .await;
    assert!(wrong.is_empty(), "{} of {} attacks:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
}
