//! Measurements of the sandbox, for `cargo xtask bench sandbox`. Everything is measured in one call, so that
//! figures can be compared with each other; across machines or days they cannot.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use learnflow_events::code::{Outcome, RunLimits, RunRequest};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{Executor, ExecutorOptions, RunIo};

const HELLO: &str = "print('hello')";
/// Programs that only compute, by name.
const PROGRAMS: [(&str, &str); 5] = [
    ("fib", include_str!("../benches/programs/fib.py")),
    ("primes", include_str!("../benches/programs/primes.py")),
    ("words", include_str!("../benches/programs/words.py")),
    ("bodies", include_str!("../benches/programs/bodies.py")),
    ("records", include_str!("../benches/programs/records.py")),
];

/// All figures of one run.
#[derive(Clone, Debug, Serialize)]
pub struct SandboxFigures {
    /// Hello world in an interpreter that was prepared, in microseconds from request to report.
    pub hello_prepared_us: Percentiles,
    /// The same with an interpreter made for it.
    pub hello_from_nothing_us: Percentiles,
    /// `python3 -I -c` with the same program: a process, no isolation.
    pub hello_python3_us: Option<Percentiles>,
    /// Hello worlds per second, by number of clients that each wait for their report.
    pub runs_per_s: Vec<Throughput>,
    /// Programs that only compute, against the machine's `python3`.
    pub programs: Vec<Slowdown>,
    /// Runs that wait for a line of input.
    pub waiting: Waiting,
    /// How late a busy loop was stopped after its limit of processor time, in milliseconds.
    pub deadline_late_ms: Percentiles,
    /// Loading the compiled interpreter and preparing the first instance, in milliseconds.
    pub start_ms: f64,
}

/// Percentiles of a series.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Number of measurements.
    pub count: usize,
}

/// Runs per second at a number of clients.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Throughput {
    /// Clients.
    pub clients: usize,
    /// Runs per second over all clients.
    pub runs_per_s: f64,
}

/// A program here and under the machine's own Python.
#[derive(Clone, Debug, Serialize)]
pub struct Slowdown {
    /// The program.
    pub program: &'static str,
    /// Best time here, in milliseconds.
    pub sandbox_ms: f64,
    /// Best time under `python3 -I`, without its start, in milliseconds.
    pub python3_ms: Option<f64>,
}

/// Many runs that wait.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Waiting {
    /// How many waited at the same time.
    pub runs: usize,
    /// Proportional set size of each, in KiB.
    pub pss_kib_each: f64,
    /// Hello world beside them, in microseconds.
    pub hello_beside_us: Percentiles,
    /// How many finished rightly once they got their line.
    pub finished: usize,
}

fn percentiles(mut values: Vec<f64>) -> Percentiles {
    values.sort_by(f64::total_cmp);
    let at =
        |share: usize| values.get(values.len() * share / 100).or(values.last()).copied().unwrap_or(f64::NAN);
    Percentiles { p50: at(50), p99: at(99), count: values.len() }
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Measures everything; `seconds` is the time for each series that runs for a time.
///
/// # Errors
/// When the interpreter cannot be loaded or a program gives something else than it must.
pub async fn measure(cwasm: &Path, seconds: f64) -> anyhow::Result<SandboxFigures> {
    let started = Instant::now();
    let prepared = Executor::load(cwasm, ExecutorOptions { prepared: 1, max_runs: 72 })?;
    prepared.prepare().await?;
    let start_ms = started.elapsed().as_secs_f64() * 1e3;
    drop(prepared);

    let prepared = Arc::new(Executor::load(cwasm, ExecutorOptions { prepared: 16, max_runs: 72 })?);
    prepared.prepare().await?;
    let from_nothing = Executor::load(cwasm, ExecutorOptions { prepared: 0, max_runs: 4 })?;
    let mut runs_per_s = Vec::new();
    let hello_prepared_us = series(&prepared, seconds, Duration::from_millis(8)).await?;
    let hello_from_nothing_us = series(&from_nothing, seconds, Duration::ZERO).await?;
    for clients in [1, 2, 64] {
        runs_per_s.push(throughput(&prepared, clients, seconds).await?);
    }
    let mut programs = Vec::new();
    for (program, code) in PROGRAMS {
        programs.push(slowdown(&from_nothing, program, code).await?);
    }
    let deadline_late_ms = deadlines(&from_nothing).await?;
    drop(prepared);
    Ok(SandboxFigures {
        hello_prepared_us,
        hello_from_nothing_us,
        hello_python3_us: python_hello(seconds),
        runs_per_s,
        programs,
        waiting: waiting(cwasm, 1_000).await?,
        deadline_late_ms,
        start_ms,
    })
}

async fn hello(executor: &Executor) -> anyhow::Result<Duration> {
    let request = RunRequest { code: HELLO.to_owned(), ..RunRequest::default() };
    let started = Instant::now();
    let report = executor.run(&request, RunIo::default()).await?;
    anyhow::ensure!(report.stdout == "hello\n", "hello world gave {report:?}");
    Ok(started.elapsed())
}

/// One hello world after the other, with a pause in which interpreters are prepared.
async fn series(executor: &Executor, seconds: f64, pause: Duration) -> anyhow::Result<Percentiles> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut times = Vec::new();
    while Instant::now() < end {
        times.push(us(hello(executor).await?));
        tokio::time::sleep(pause).await;
    }
    Ok(percentiles(times))
}

async fn throughput(executor: &Arc<Executor>, clients: usize, seconds: f64) -> anyhow::Result<Throughput> {
    let started = Instant::now();
    let end = started + Duration::from_secs_f64(seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let executor = Arc::clone(executor);
        tasks.spawn(async move {
            let mut runs = 0u32;
            while Instant::now() < end {
                hello(&executor).await?;
                runs += 1;
            }
            Ok::<_, anyhow::Error>(runs)
        });
    }
    let mut runs = 0;
    while let Some(result) = tasks.join_next().await {
        runs += result??;
    }
    Ok(Throughput { clients, runs_per_s: f64::from(runs) / started.elapsed().as_secs_f64() })
}

async fn slowdown(executor: &Executor, program: &'static str, code: &str) -> anyhow::Result<Slowdown> {
    let mut best = f64::INFINITY;
    let limits = RunLimits { timeout_ms: Some(60_000), ..RunLimits::default() };
    let mut printed = String::new();
    for _ in 0..5 {
        let request = RunRequest { code: code.to_owned(), limits, ..RunRequest::default() };
        let report = executor.run(&request, RunIo::default()).await?;
        anyhow::ensure!(report.outcome == Outcome::Ok, "{program} gave {report:?}");
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark fit")]
        let took_ms = report.duration_us as f64 / 1e3;
        best = best.min(took_ms);
        printed = report.stdout;
    }
    // Python itself measures the program, so that the start of its process is left out.
    let timed = "import time, sys\ncode = compile(sys.stdin.read(), 'main.py', 'exec')\nstart = time.perf_counter()\n\
                 exec(code, {'__name__': '__main__'})\nprint((time.perf_counter() - start) * 1e3)";
    let native = (0..5).filter_map(|_| python(timed, code)).filter_map(|output| {
        let (output, took) = output.trim_end().rsplit_once('\n')?;
        (output == printed.trim_end()).then(|| took.parse::<f64>().ok())?
    });
    Ok(Slowdown { program, sandbox_ms: best, python3_ms: native.min_by(f64::total_cmp) })
}

fn python(code: &str, stdin: &str) -> Option<String> {
    use std::io::Write;
    let mut child = Command::new("python3")
        .args(["-I", "-c", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(stdin.as_bytes()).ok()?;
    String::from_utf8(child.wait_with_output().ok()?.stdout).ok()
}

fn python_hello(seconds: f64) -> Option<Percentiles> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut times = Vec::new();
    while Instant::now() < end {
        let started = Instant::now();
        if python(HELLO, "")? != "hello\n" {
            return None;
        }
        times.push(us(started.elapsed()));
    }
    Some(percentiles(times))
}

async fn deadlines(executor: &Executor) -> anyhow::Result<Percentiles> {
    let mut late = Vec::new();
    for _ in 0..20 {
        let limits = RunLimits { timeout_ms: Some(100), ..RunLimits::default() };
        let request = RunRequest { code: "while True: pass".to_owned(), limits, ..RunRequest::default() };
        let report = executor.run(&request, RunIo::default()).await?;
        anyhow::ensure!(report.outcome == Outcome::Timeout, "a busy loop gave {report:?}");
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark fit")]
        late.push(report.duration_us as f64 / 1e3 - 100.0);
    }
    Ok(percentiles(late))
}

/// Proportional set size of this process, in KiB.
fn pss_kib() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find(|line| line.starts_with("Pss:"));
    let field = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(field.ok_or_else(|| anyhow::anyhow!("the kernel does not tell the set size"))?.parse()?)
}

async fn waiting(cwasm: &Path, runs: usize) -> anyhow::Result<Waiting> {
    let executor = Arc::new(Executor::load(cwasm, ExecutorOptions { prepared: 0, max_runs: runs + 8 })?);
    hello(&executor).await?;
    let before = pss_kib()?;
    let (asked, mut asks) = mpsc::unbounded_channel();
    let mut people = Vec::with_capacity(runs);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..runs {
        let (lines, receiver) = mpsc::channel(1);
        people.push(lines);
        let (executor, asked) = (Arc::clone(&executor), asked.clone());
        tasks.spawn(async move {
            let output = Box::new(move |_, text: &str| {
                if text == "name? " {
                    let _ = asked.send(());
                }
            });
            let io = RunIo { output: Some(output), lines: Some(receiver), ..RunIo::default() };
            let request =
                RunRequest { code: "print('hello', input('name? '))".to_owned(), ..RunRequest::default() };
            let report = executor.run(&request, io).await?;
            Ok::<_, crate::ExecutorError>(report.stdout == format!("name? hello {number}\n"))
        });
    }
    for _ in 0..runs {
        asks.recv().await;
    }
    #[expect(clippy::cast_precision_loss, reason = "a thousand fits")]
    let pss_kib_each = (pss_kib()? - before) / runs as f64;
    let hello_beside_us = series(&executor, 1.0, Duration::ZERO).await?;
    for (number, person) in people.iter().enumerate() {
        person.send(format!("{number}\n")).await?;
    }
    let mut finished = 0;
    while let Some(result) = tasks.join_next().await {
        finished += usize::from(result??);
    }
    Ok(Waiting { runs, pss_kib_each, hello_beside_us, finished })
}
