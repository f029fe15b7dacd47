//! The whole system: from a message that a browser sends over Socket.IO to its answer there.
//!
//! The browser is npm's socket.io-client in Node.js, which takes both times by its own clock. Messages are sent one
//! after another, each when the one before it was answered, so that what is measured is the path and not a queue.
//! Kinds of message take turns, and both event logs are measured in one call: compare within one report.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use learnflow_gateway::token::{Role, mint};
use learnflow_tests::{Backend, System};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{Measurement, sandbox::Machine, section};

/// Messages that a student may send before the next one takes over: fewer than the gateway's burst.
const MESSAGES_A_STUDENT: usize = 100;
/// Most messages in a second that anybody could measure here; there are students for all of them.
const FASTEST_A_SECOND: u64 = 400;
/// The goals for an answer that needs no program, in milliseconds (p95).
const GOALS: [(&str, f64); 2] = [("embedded", 50.0), ("kafka", 100.0)];

/// How to measure the whole system.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    measurement: Measurement,
    /// Measure on one event log only: `embedded` or `kafka`
    #[arg(long, value_parser = ["embedded", "kafka"])]
    log: Option<String>,
    /// Put the report into docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// A kind of message, and what the tutor does for it.
fn kinds() -> Vec<(&'static str, &'static str, Value)> {
    let faulty = "numbers = [1, 2, 3]\nprint(numbers[3])\n";
    let slow = "def has_both(names, others):\n    both = []\n    for name in names:\n        if name in others:\n            both.append(name)\n    return both\n\nprint(has_both(['ada'], ['ada', 'bob']))\n";
    vec![
        ("explain", "a card", json!({ "query_text": "what is a list comprehension?" })),
        ("exercise", "the bank", json!({ "query_text": "give me an exercise on loops" })),
        ("run", "one run", json!({ "query_text": "run this", "code": "print(sum(range(10)))" })),
        ("review", "one run, Ruff", json!({ "query_text": "review my code", "code": slow })),
        ("debug", "many runs", json!({ "query_text": "why do I get IndexError?", "code": faulty })),
    ]
}

/// What the browser measured.
#[derive(Deserialize)]
struct Measured {
    /// Milliseconds of each message, by kind.
    latencies_ms: std::collections::BTreeMap<String, Vec<f64>>,
    failures: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    kind: &'static str,
    work: &'static str,
    messages: usize,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
}

#[derive(Serialize)]
struct Report {
    log: &'static str,
    rows: Vec<Row>,
}

/// Measures and prints.
pub async fn measure(checkout: &Path, options: &Options) -> Result<()> {
    let root = checkout.to_owned();
    tokio::task::spawn_blocking(move || learnflow_provision::wasm::build_functions(&root)).await??;
    let machine = Machine::this();
    let mut reports = Vec::new();
    for (name, backend) in [("embedded", Backend::Embedded), ("kafka", Backend::Kafka)] {
        if options.log.as_deref().is_none_or(|wanted| wanted == name) {
            reports.push(on(checkout, name, backend, options.measurement.load()).await?);
        }
    }
    if options.write {
        section::put(checkout, "system", &markdown(&machine, &reports, options.measurement.seconds))?;
    }
    if options.measurement.json {
        println!("{}", serde_json::to_string(&reports)?);
    } else {
        for report in &reports {
            print(report);
        }
    }
    Ok(())
}

async fn on(checkout: &Path, log: &'static str, backend: Backend, load: Duration) -> Result<Report> {
    let client = client(checkout).await?;
    let system = System::start(backend).await?;
    let count = usize::try_from(load.as_secs() * FASTEST_A_SECOND)?.div_ceil(MESSAGES_A_STUDENT).max(8);
    let tokens = (0..count)
        .map(|student| {
            let name = format!("bench-{student}");
            let lifetime = load + Duration::from_secs(3600);
            Ok(mint(&system.running.signing_key_file, &name, &name, Role::Student, lifetime)?)
        })
        .collect::<Result<Vec<String>>>()?;
    let kinds = kinds();
    let plan = json!({
        "url": system.running.gateway_url,
        "tokens": tokens,
        "messages_a_student": MESSAGES_A_STUDENT,
        "seconds": load.as_secs(),
        "kinds": kinds.iter().map(|(kind, _, query)| json!({ "kind": kind, "query": query })).collect::<Vec<_>>(),
    });
    let mut browser = Command::new("node")
        .arg("latency.mjs")
        .current_dir(&client)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("Node.js 20 is the browser of this measurement")?;
    let mut stdin = browser.stdin.take().context("stdin is piped")?;
    stdin.write_all(plan.to_string().as_bytes()).await?;
    drop(stdin);
    let output = browser.wait_with_output().await?;
    if !output.status.success() {
        bail!("the browser of this measurement failed");
    }
    let measured: Measured = serde_json::from_slice(&output.stdout)?;
    system.stop().await?;
    if let Some(failure) = measured.failures.first() {
        bail!("{} messages were not answered; the first: {failure}", measured.failures.len());
    }
    let rows = kinds
        .into_iter()
        .map(|(kind, work, _)| {
            let mut latencies = measured.latencies_ms.get(kind).cloned().unwrap_or_default();
            latencies.sort_by(f64::total_cmp);
            let at = |share: f64| percentile(&latencies, share);
            Row { kind, work, messages: latencies.len(), p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99) }
        })
        .collect();
    Ok(Report { log, rows })
}

/// The nearest rank: a time that was really measured.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// A folder with the client and the program that measures.
async fn client(checkout: &Path) -> Result<PathBuf> {
    let sources = checkout.join("gateway/tests/socketio");
    let folder = checkout.join("target/bench/socketio");
    std::fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(sources.join(name), folder.join(name))?;
    }
    std::fs::copy(checkout.join("xtask/bench/src/latency.mjs"), folder.join("latency.mjs"))?;
    if !folder.join("node_modules/socket.io-client").exists() {
        let install = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .await
            .context("npm, which comes with Node.js 20")?;
        if !install.status.success() {
            bail!("npm ci: {}", String::from_utf8_lossy(&install.stderr));
        }
    }
    Ok(folder)
}

fn print(report: &Report) {
    println!("event log: {}", report.log);
    println!(
        "{:<10} {:<16} {:>9} {:>10} {:>10} {:>10}",
        "message", "the answer is", "messages", "p50", "p95", "p99"
    );
    for Row { kind, work, messages, p50_ms, p95_ms, p99_ms } in &report.rows {
        println!("{kind:<10} {work:<16} {messages:>9} {p50_ms:>7.1} ms {p95_ms:>7.1} ms {p99_ms:>7.1} ms");
    }
    println!();
}

/// The section of docs/benchmarks.md.
fn markdown(machine: &Machine, reports: &[Report], seconds: u64) -> String {
    use std::fmt::Write;
    let Machine { processor, cores, kernel, load, .. } = machine;
    let mut text = format!(
        "## The whole system\n\n\
         `cargo xtask bench system --seconds {seconds}` on {processor}, {cores} cores, Linux {kernel}, load {load} at \
         the start.\nA browser's Socket.IO client sends a message and waits for its answer, which is authored; one \
         message at a time, 200 ms after the last answer.\nMilliseconds.\n\n\
         | event log | message | the answer is | messages | p50 | p95 | p99 |\n|---|---|---|--:|--:|--:|--:|\n"
    );
    for report in reports {
        for Row { kind, work, messages, p50_ms, p95_ms, p99_ms } in &report.rows {
            let log = report.log;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| {log} | {kind} | {work} | {messages} | {p50_ms:.1} | {p95_ms:.1} | {p99_ms:.1} |"
            );
        }
    }
    let goals: Vec<String> = GOALS.iter().map(|(log, goal)| format!("{goal} ms on {log}")).collect();
    let _ = writeln!(text, "\nThe goals for an answer from a card, p95: {}.", goals.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_a_measured_value() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(
            (percentile(&sorted, 0.5), percentile(&sorted, 0.95), percentile(&sorted, 0.99)),
            (10.0, 19.0, 20.0)
        );
        assert!(percentile(&[], 0.5).is_nan());
    }
}
