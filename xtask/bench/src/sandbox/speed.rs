//! Latency, throughput, programs that compute, cost against a program's size, and how punctual the time limit is.

use std::{
    future::Future,
    path::Path,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use learnflow_events::code::{Outcome, RunLimits, RunRequest};
use learnflow_sandbox_host::{Executor, ExecutorOptions, RunIo};
use serde::Serialize;

use super::{
    contestant::{Contestant, Percentiles, Ran, Running, ms},
    service::ServiceProcess,
};

const HELLO: &str = "print('hello')";
/// Runs of the sandbox before the next contestant's turn: an executor of the service prepares as many interpreters.
pub const TURN: usize = 8;
/// Runs of a contestant whose runs take seconds.
const SLOW_RUNS: usize = 3;
/// Runs of each program that computes; the fastest counts.
const ROUNDS: usize = 5;
/// Runs of each size of a program; the fastest counts.
const SIZE_ROUNDS: usize = 10;
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
    /// Time by program and contestant from the program's first statement to its last, in milliseconds.
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

    fn run<'a>(&'a self, code: &'a str) -> Running<'a> {
        Box::pin(async move {
            let limits = RunLimits { timeout_ms: Some(60_000), ..RunLimits::default() };
            let request = RunRequest { code: code.to_owned(), limits, ..RunRequest::default() };
            let started = Instant::now();
            let report = self.executor.run(&request, RunIo::default()).await?;
            let took = started.elapsed();
            ensure!(report.outcome == Outcome::Ok, "{} gave {report:?}", self.name);
            Ok(Ran { stdout: report.stdout, took })
        })
    }

    fn turn(&self) -> usize {
        TURN
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
        programs_ms.push((program.to_owned(), compute(&computing, code).await?));
    }
    let mut size_ms = Vec::new();
    for lines in LINES {
        let code = format!("{}{HELLO}\n", "def unused(a, b): return [a + b, a * b]\n".repeat(lines - 1));
        let times = fastest(&computing, &code, SIZE_ROUNDS, |name, ran| Ok(ms(said_hello(name, ran)?)));
        size_ms.push((lines, times.await?));
    }
    Ok(Speed { hello_ms, runs_per_s, programs_ms, size_ms, late_ms: deadlines(&fresh).await? })
}

async fn hello(contestants: &[Arc<dyn Contestant>], seconds: Duration) -> Result<Vec<(String, Percentiles)>> {
    let mut series: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    // The first runs fill caches, here and there.
    for contestant in contestants.iter().filter(|one| !one.is_slow()) {
        say_hello(contestant).await?;
    }
    let ends = Instant::now() + seconds * u32::try_from(contestants.len())?;
    while Instant::now() < ends {
        for (contestant, times) in contestants.iter().zip(&mut series) {
            let runs =
                if contestant.is_slow() { SLOW_RUNS.saturating_sub(times.len()) } else { contestant.turn() };
            contestant.settle().await?;
            for _ in 0..runs {
                times.push(ms(say_hello(contestant).await?));
            }
        }
    }
    let names = contestants.iter().map(|one| one.name().to_owned());
    Ok(names.zip(series.into_iter().map(Percentiles::of)).collect())
}

async fn say_hello(contestant: &Arc<dyn Contestant>) -> Result<Duration> {
    said_hello(contestant.name(), contestant.run(HELLO).await?)
}

fn said_hello(name: &str, ran: Ran) -> Result<Duration> {
    ensure!(ran.stdout == "hello\n", "{name} printed {:?}", ran.stdout);
    Ok(ran.took)
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
                say_hello(&contestant).await?;
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

/// The fastest of several runs of each contestant, in turns. `time` takes the time out of a run that it has checked.
async fn fastest(
    contestants: &[&Arc<dyn Contestant>],
    code: &str,
    rounds: usize,
    time: impl Fn(&str, Ran) -> Result<f64>,
) -> Result<Vec<(String, f64)>> {
    let mut best = vec![f64::INFINITY; contestants.len()];
    for _ in 0..rounds {
        for (contestant, best) in contestants.iter().zip(&mut best) {
            contestant.settle().await?;
            *best = best.min(time(contestant.name(), contestant.run(code).await?)?);
        }
    }
    Ok(contestants.iter().map(|one| one.name().to_owned()).zip(best).collect())
}

/// A program's own time, by its own clock: the start of an interpreter would drown it.
async fn compute(contestants: &[&Arc<dyn Contestant>], code: &str) -> Result<Vec<(String, f64)>> {
    // What it must print is what the machine's own Python prints.
    let output = tokio::process::Command::new("python3").args(["-I", "-c", code]).output().await?;
    ensure!(output.status.success(), "python3: {}", String::from_utf8_lossy(&output.stderr));
    let expected = String::from_utf8(output.stdout)?;
    let timed = format!(
        "from time import perf_counter\nstarted = perf_counter()\n{code}\nprint(perf_counter() - started)\n"
    );
    fastest(contestants, &timed, ROUNDS, |name, ran| {
        let seconds = ran.stdout.strip_prefix(&expected).and_then(|rest| rest.trim().parse::<f64>().ok());
        Ok(seconds.with_context(|| format!("{name} printed {:?}", ran.stdout))? * 1e3)
    })
    .await
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
