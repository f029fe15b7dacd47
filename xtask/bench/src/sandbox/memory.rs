//! What interpreters cost in memory, and how a thousand of them wait. Sizes are proportional set sizes: memory that
//! several processes share is divided among them, and nothing is counted twice.

use std::{path::Path, sync::Arc, time::Duration, time::Instant};

use anyhow::{Context, Result, ensure};
use learnflow_events::code::RunRequest;
use learnflow_sandbox_host::{Executor, ExecutorOptions, RunIo};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{
    contestant::{Percentiles, ms},
    service::ServiceProcess,
};

/// Runs that wait for a person.
const WAITING: usize = 1_000;

/// All that has to do with memory.
#[derive(Serialize)]
pub struct Memory {
    /// The service without a run: all of its processes, with the interpreters they keep prepared, in MiB.
    pub service_mib: f64,
    /// A prepared interpreter, in KiB.
    pub prepared_kib: f64,
    /// An interpreter that runs, sleeping in the middle of a small program, in KiB.
    pub running_kib: f64,
    /// A thousand that wait.
    pub waiting: Waiting,
}

/// Programs that wait for a line of input.
#[derive(Serialize)]
pub struct Waiting {
    /// How many.
    pub runs: usize,
    /// Each of them, in KiB.
    pub each_kib: f64,
    /// From the first one's start until all waited, in milliseconds.
    pub opened_ms: f64,
    /// Hello world from nothing before, in milliseconds.
    pub hello_before_ms: Percentiles,
    /// The same beside them.
    pub hello_beside_ms: Percentiles,
    /// Those that ended as they should once they got their line.
    pub finished: usize,
}

/// Measures everything.
pub async fn measure(interpreter: &Path, service: &ServiceProcess) -> Result<Memory> {
    let service_kib: f64 =
        service.processes().into_iter().map(|pid| pss_kib(&pid.to_string())).sum::<Result<_>>()?;
    Ok(Memory {
        service_mib: service_kib / 1024.0,
        prepared_kib: prepared(interpreter, 64).await?,
        running_kib: running(interpreter, 64).await?,
        waiting: waiting(interpreter).await?,
    })
}

fn pss_kib(process: &str) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find(|line| line.starts_with("Pss:"));
    let field = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(field.context("the kernel does not tell the set size")?.parse()?)
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn each(before: f64, after: f64, count: usize) -> f64 {
    (after - before) / count as f64
}

async fn hello(executor: &Executor) -> Result<Duration> {
    let request = RunRequest { code: "print('hello')".to_owned(), ..RunRequest::default() };
    let started = Instant::now();
    let report = executor.run(&request, RunIo::default()).await?;
    ensure!(report.stdout == "hello\n", "hello world gave {report:?}");
    Ok(started.elapsed())
}

async fn prepared(interpreter: &Path, count: usize) -> Result<f64> {
    let executor = Executor::load(interpreter, ExecutorOptions { prepared: count, max_runs: 2 })?;
    // The first interpreter maps what all share, so it is not counted: one is made and used up before.
    let warm = Executor::load(interpreter, ExecutorOptions::default())?;
    hello(&warm).await?;
    let before = pss_kib("self")?;
    executor.prepare().await?;
    Ok(each(before, pss_kib("self")?, count))
}

async fn running(interpreter: &Path, count: usize) -> Result<f64> {
    let code = "xs = [n * n for n in range(100)]\nprint(len(xs))\ninput()\n";
    let (_, before, after, _) = open(interpreter, count, code, "100\n").await?;
    Ok(each(before, after, count))
}

/// Programs that have printed a text and wait.
struct Open {
    executor: Arc<Executor>,
    people: Vec<mpsc::Sender<String>>,
    tasks: tokio::task::JoinSet<Result<String>>,
}

/// Starts `count` of a program and waits until each has printed `sign`. With the memory before and after, and the
/// latency of a hello world before.
async fn open(
    interpreter: &Path,
    count: usize,
    code: &'static str,
    sign: &'static str,
) -> Result<(Open, f64, f64, Percentiles)> {
    let options = ExecutorOptions { prepared: 0, max_runs: count + 8 };
    let executor = Arc::new(Executor::load(interpreter, options)?);
    let hello_before = series(&executor).await?;
    let before = pss_kib("self")?;
    let (printed, mut signs) = mpsc::unbounded_channel();
    let mut people = Vec::with_capacity(count);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (lines, receiver) = mpsc::channel(1);
        people.push(lines);
        let (executor, printed) = (Arc::clone(&executor), printed.clone());
        tasks.spawn(async move {
            let output = Box::new(move |_, text: &str| {
                if text == sign {
                    let _ = printed.send(());
                }
            });
            let io = RunIo { output: Some(output), lines: Some(receiver), ..RunIo::default() };
            let request = RunRequest { code: code.to_owned(), ..RunRequest::default() };
            Ok(executor.run(&request, io).await?.stdout)
        });
    }
    for _ in 0..count {
        signs.recv().await.context("a run ended before it waited")?;
    }
    Ok((Open { executor, people, tasks }, before, pss_kib("self")?, hello_before))
}

async fn waiting(interpreter: &Path) -> Result<Waiting> {
    let started = Instant::now();
    let code = "print('hello', input('name? '))";
    let (mut open, before, after, hello_before_ms) = open(interpreter, WAITING, code, "name? ").await?;
    let opened_ms = ms(started.elapsed());
    let hello_beside_ms = series(&open.executor).await?;
    for person in &open.people {
        person.send("Ada\n".to_owned()).await?;
    }
    let mut finished = 0;
    while let Some(result) = open.tasks.join_next().await {
        finished += usize::from(result?? == "name? hello Ada\n");
    }
    let each_kib = each(before, after, WAITING);
    Ok(Waiting { runs: WAITING, each_kib, opened_ms, hello_before_ms, hello_beside_ms, finished })
}

/// A second of hello worlds.
async fn series(executor: &Executor) -> Result<Percentiles> {
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < Duration::from_secs(1) {
        times.push(ms(hello(executor).await?));
    }
    Ok(Percentiles::of(times))
}
