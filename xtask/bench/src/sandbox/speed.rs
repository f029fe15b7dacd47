//! Latency, throughput, programs that compute, cost against a program's size, and how punctual the time limit is.

use std::{
    future::Future,
    path::Path,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use learnflow_events::code::{Outcome, RunLimits, RunRequest};
use learnflow_sandbox_host::{Executor, ExecutorOptions, RunIo};
use serde::Serialize;

use super::{
    contestant::{Contestant, Percentiles, Timed, ms},
    service::ServiceProcess,
};

const HELLO: &str = "print('hello')";
/// Runs of a contestant whose runs take seconds.
const SLOW_RUNS: usize = 3;
/// Runs of each program that computes; the fastest counts.
const ROUNDS: usize = 3;
/// Clients of the throughput series.
const CLIENTS: [usize; 3] = [1, 2, 64];
/// Lines of the programs whose size is varied; all of them but one are never executed.
const LINES: [usize; 4] = [1, 100, 500, 1_500];
/// Programs that only compute, with what they print.
const PROGRAMS: [(&str, &str); 6] = [
    ("fib: calls", include_str!("../../programs/fib.py")),
    ("primes: lists", include_str!("../../programs/primes.py")),
    ("words: strings, dicts", include_str!("../../programs/words.py")),
    ("bodies: floats", include_str!("../../programs/bodies.py")),
    ("records: objects", include_str!("../../programs/records.py")),
    ("parse: regex, JSON", include_str!("../../programs/parse.py")),
];

/// All that has to do with time.
#[derive(Serialize)]
pub struct Speed {
    /// Hello world by contestant, in milliseconds.
    pub hello_ms: Vec<(String, Percentiles)>,
    /// Hello worlds per second by contestant, at 1, 2 and 64 clients.
    pub runs_per_s: Vec<(String, [f64; 3])>,
    /// Time beyond that of hello world by program and contestant, in milliseconds.
    pub programs_ms: Vec<(String, Vec<(String, f64)>)>,
    /// Time by lines of the program and contestant, in milliseconds.
    pub size_ms: Vec<(usize, Vec<(String, f64)>)>,
    /// How late a busy loop is stopped after its processor time, in milliseconds.
    pub late_ms: Percentiles,
}

/// The executor in this process.
struct InProcess {
    name: &'static str,
    executor: Arc<Executor>,
}

impl Contestant for InProcess {
    fn name(&self) -> &str {
        self.name
    }

    fn run<'a>(&'a self, code: &'a str, expected: &'a str) -> Timed<'a> {
        Box::pin(async move {
            let limits = RunLimits { timeout_ms: Some(60_000), ..RunLimits::default() };
            let request = RunRequest { code: code.to_owned(), limits, ..RunRequest::default() };
            let started = Instant::now();
            let report = self.executor.run(&request, RunIo::default()).await?;
            let took = started.elapsed();
            ensure!(report.stdout == expected, "{} gave {report:?}", self.name);
            Ok(took)
        })
    }

    fn settle(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async { Ok(self.executor.prepare().await?) })
    }
}

/// Measures everything; each series takes `seconds`.
pub async fn measure(
    interpreter: &Path,
    service: &ServiceProcess,
    peers: Vec<Box<dyn Contestant>>,
    seconds: Duration,
) -> Result<Speed> {
    let load = |prepared, max_runs| -> Result<Arc<Executor>> {
        Ok(Arc::new(Executor::load(interpreter, ExecutorOptions { prepared, max_runs })?))
    };
    let fresh = load(0, 72)?;
    let mut contestants: Vec<Arc<dyn Contestant>> = vec![
        Arc::new(InProcess { name: "LearnFlow in process, prepared interpreters", executor: load(16, 72)? }),
        Arc::new(InProcess { name: "LearnFlow in process, from nothing", executor: Arc::clone(&fresh) }),
        Arc::new(service.client()),
    ];
    contestants.extend(peers.into_iter().map(Arc::from));
    let hello_ms = hello(&contestants, seconds).await?;
    let mut runs_per_s = Vec::new();
    for contestant in contestants.iter().filter(|one| one.is_parallel()) {
        let mut rates = [0.0; 3];
        for (rate, clients) in rates.iter_mut().zip(CLIENTS) {
            *rate = throughput(contestant, clients, seconds / 2).await?;
        }
        runs_per_s.push((contestant.name().to_owned(), rates));
    }
    // What a fresh Pyodide computes is what a warm one does; the others differ by the start alone.
    let computing: Vec<_> = contestants.iter().skip(1).filter(|one| !one.is_slow()).collect();
    let mut programs_ms = Vec::new();
    for (program, code) in PROGRAMS {
        programs_ms.push((program.to_owned(), compute(&computing, code, &hello_ms).await?));
    }
    let mut size_ms = Vec::new();
    for lines in LINES {
        let code = format!("{}{HELLO}\n", "def unused(a, b): return [a + b, a * b]\n".repeat(lines - 1));
        size_ms.push((lines, fastest(&computing, &code, "hello\n", 10).await?));
    }
    Ok(Speed { hello_ms, runs_per_s, programs_ms, size_ms, late_ms: deadlines(&fresh).await? })
}

async fn hello(contestants: &[Arc<dyn Contestant>], seconds: Duration) -> Result<Vec<(String, Percentiles)>> {
    let mut series: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    // The first runs fill caches, here and there.
    for contestant in contestants.iter().filter(|one| !one.is_slow()) {
        contestant.run(HELLO, "hello\n").await?;
    }
    let ends = Instant::now() + seconds * u32::try_from(contestants.len())?;
    while Instant::now() < ends {
        for (contestant, times) in contestants.iter().zip(&mut series) {
            if contestant.is_slow() && times.len() >= SLOW_RUNS {
                continue;
            }
            contestant.settle().await?;
            times.push(ms(contestant.run(HELLO, "hello\n").await?));
        }
    }
    let names = contestants.iter().map(|one| one.name().to_owned());
    Ok(names.zip(series.into_iter().map(Percentiles::of)).collect())
}

async fn throughput(contestant: &Arc<dyn Contestant>, clients: usize, seconds: Duration) -> Result<f64> {
    contestant.settle().await?;
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let contestant = Arc::clone(contestant);
        tasks.spawn(async move {
            let mut runs = 0u32;
            while started.elapsed() < seconds {
                contestant.run(HELLO, "hello\n").await?;
                runs += 1;
            }
            Ok::<_, anyhow::Error>(runs)
        });
    }
    let mut runs = 0;
    while let Some(result) = tasks.join_next().await {
        runs += result??;
    }
    Ok(f64::from(runs) / started.elapsed().as_secs_f64())
}

/// The fastest of several runs of each contestant, in turns.
async fn fastest(
    contestants: &[&Arc<dyn Contestant>],
    code: &str,
    expected: &str,
    rounds: usize,
) -> Result<Vec<(String, f64)>> {
    let mut best = vec![f64::INFINITY; contestants.len()];
    for _ in 0..rounds {
        for (contestant, best) in contestants.iter().zip(&mut best) {
            contestant.settle().await?;
            *best = best.min(ms(contestant.run(code, expected).await?));
        }
    }
    Ok(contestants.iter().map(|one| one.name().to_owned()).zip(best).collect())
}

async fn compute(
    contestants: &[&Arc<dyn Contestant>],
    code: &str,
    hello_ms: &[(String, Percentiles)],
) -> Result<Vec<(String, f64)>> {
    // What it must print is what the machine's own Python prints.
    let output = tokio::process::Command::new("python3").args(["-I", "-c", code]).output().await?;
    ensure!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    let expected = String::from_utf8(output.stdout)?;
    let mut times = fastest(contestants, code, &expected, ROUNDS).await?;
    for (name, time) in &mut times {
        let start = hello_ms.iter().find(|(other, _)| other == name).map_or(0.0, |(_, series)| series.p50);
        *time -= start;
    }
    Ok(times)
}

async fn deadlines(executor: &Executor) -> Result<Percentiles> {
    let mut late = Vec::new();
    for _ in 0..50 {
        let limits = RunLimits { timeout_ms: Some(100), ..RunLimits::default() };
        let request = RunRequest { code: "while True: pass".to_owned(), limits, ..RunRequest::default() };
        let report = executor.run(&request, RunIo::default()).await?;
        ensure!(report.outcome == Outcome::Timeout, "a busy loop gave {report:?}");
        late.push(ms(Duration::from_micros(report.duration_us)) - 100.0);
    }
    Ok(Percentiles::of(late))
}
