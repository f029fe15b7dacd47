//! The sandbox beside what would be used instead: the machine's own Python, the same in bubblewrap, Pyodide in Node.
//! Contestants take turns, so that a busy machine slows all of them alike.

mod contestant;
mod memory;
mod peers;
mod report;
mod service;
mod speed;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use learnflow_provision as provision;
use learnflow_sandbox_host::{Executor, ExecutorOptions, artifact, engine::Metering};
use serde::Serialize;

use self::{memory::Memory, service::ServiceProcess, speed::Speed};
use crate::section;
pub use service::{ServeArguments, serve};

/// What is asked of the measurement of the sandbox.
#[derive(Args)]
pub struct SandboxArguments {
    /// Seconds for each series
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Put the report into docs/benchmarks.md
    #[arg(long)]
    write: bool,
}

/// Everything that one run of the command measured.
#[derive(Serialize)]
pub struct Figures {
    machine: Machine,
    /// Seconds of each series.
    seconds: u64,
    /// Peers that do not run here, and why.
    absent: Vec<String>,
    /// From the start of the service's process to its readiness, in milliseconds.
    start_ms: f64,
    speed: Speed,
    memory: Memory,
}

/// Where it was measured.
#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub kernel: String,
    python: String,
    /// Processes that wanted to run, on average, in the minute before.
    pub load: String,
}

/// Measures, prints, and writes the report when asked to.
pub async fn measure(checkout: &Path, arguments: &SandboxArguments) -> Result<()> {
    let interpreter = interpreter(checkout)?;
    let seconds = Duration::from_secs(arguments.seconds);
    let machine = Machine::this();
    let (peers, absent) = peers::find(checkout)?;
    let service = ServiceProcess::start(&interpreter).await?;
    let start_ms = service.start_ms;
    let speed = speed::measure(&interpreter, &service, peers, seconds).await?;
    let memory = memory::measure(&interpreter, &service).await?;
    service.stop().await?;
    let figures = Figures { machine, seconds: arguments.seconds, absent, start_ms, speed, memory };
    let text = report::markdown(&figures);
    if arguments.write {
        section::put(checkout, "sandbox", &text)?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        print!("{text}");
    }
    Ok(())
}

/// An executor of this process with everything that programs need.
pub fn executor(checkout: &Path) -> Result<Arc<Executor>> {
    let options = ExecutorOptions { prepared: 0, max_runs: 8 };
    Ok(Arc::new(Executor::load(&interpreter(checkout)?, options)?))
}

/// The interpreter, made when it is missing or out of date.
fn interpreter(checkout: &Path) -> Result<std::path::PathBuf> {
    let component = provision::guest::build(checkout).context("building the sandbox's interpreter")?;
    let mut step = None;
    let compiled = artifact::provide(&component, &checkout.join("target/sandbox"), Metering::Time, || {
        step = Some(provision::progress::Step::start("compiling the interpreter"));
    })?;
    if let Some(step) = step {
        step.done();
    }
    Ok(compiled)
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let model = read("/proc/cpuinfo");
        let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let python = std::process::Command::new("python3").arg("--version").output();
        Self {
            processor: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            python: python
                .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
                .unwrap_or_default(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}
