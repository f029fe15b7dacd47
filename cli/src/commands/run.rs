//! `learnflow run`: a program in the sandbox, without any service.

use std::{
    collections::BTreeMap,
    fs,
    io::{IsTerminal, Read, Write, stderr, stdin, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use clap::Args;
use learnflow_events::code::{RunLimits, RunReport, RunRequest};
use learnflow_sandbox_host::{Interrupt, Receipt, RunIo, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{in_process::InProcess, installation::checkout};

/// Instructions of a run with a receipt that names no other number: some five seconds of most machines.
const FUEL: u64 = 10_000_000_000;
/// Processor time of a run with a receipt, in milliseconds: fuel is what shall end it.
const FUEL_TIMEOUT_MS: u64 = 60_000;

/// What to run and how.
#[derive(Args)]
pub struct Arguments {
    /// The program; it runs as `main.py`
    #[arg(required_unless_present = "replay")]
    program: Option<PathBuf>,
    /// A module or data file to put beside it (may be repeated)
    #[arg(long = "file")]
    files: Vec<PathBuf>,
    /// Standard input; without it, what is piped in, or the lines that are typed
    #[arg(long)]
    stdin: Option<PathBuf>,
    /// Processor time it may use
    #[arg(long)]
    timeout_ms: Option<u64>,
    /// Memory it may use
    #[arg(long)]
    memory_mib: Option<u64>,
    /// WebAssembly instructions it may execute, counted exactly
    #[arg(long)]
    fuel: Option<u64>,
    /// Seed of all randomness
    #[arg(long)]
    seed: Option<u64>,
    /// The time at which its clock stands still, in milliseconds since 1970
    #[arg(long)]
    clock_ms: Option<u64>,
    /// Make the run repeatable, and write what repeats it to this file
    #[arg(long, conflicts_with = "replay")]
    receipt: Option<PathBuf>,
    /// Repeat the run of a receipt, and fail unless the same comes out
    #[arg(long, conflicts_with_all = ["fuel", "seed", "clock_ms", "timeout_ms", "memory_mib"])]
    replay: Option<PathBuf>,
    /// Record every step
    #[arg(long)]
    trace: bool,
    /// Print a JSON report instead of the program's output
    #[arg(long)]
    json: bool,
    /// The program's own arguments
    #[arg(last = true)]
    argv: Vec<String>,
}

/// The file of `--receipt`: with the request in it, nothing else is needed to replay it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    receipt: Receipt,
    request: RunRequest,
}

/// Runs the program; the exit code is Python's.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let saved = arguments.replay.as_deref().map(read_saved).transpose()?;
    let mut request = match (&arguments.program, &saved) {
        (Some(program), _) => request(&arguments, program)?,
        (None, Some(saved)) => saved.request.clone(),
        (None, None) => bail!("name a program"),
    };
    if arguments.receipt.is_some() {
        make_repeatable(&mut request);
    }
    if let Some(saved) = &saved {
        request = saved.receipt.replay(request)?;
    }
    let root = checkout()?;
    let counting = request.limits.fuel.is_some();
    let sandbox = if counting { InProcess::load_counting(&root)? } else { InProcess::load(&root)? };
    // A run that is repeated gets all of its input beforehand.
    let typed = arguments.stdin.is_none()
        && arguments.receipt.is_none()
        && arguments.replay.is_none()
        && stdin().is_terminal();
    let report = run_interruptible(&sandbox, &request, typed, arguments.json).await?;
    if let Some(file) = &arguments.receipt {
        let saved = Saved { receipt: receipt_of(&report)?, request };
        fs::write(file, serde_json::to_string_pretty(&saved)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.json {
        writeln!(stdout(), "{}", serde_json::to_string(&report)?)?;
    } else if let Some(error) = &report.error
        && !error.explanation.is_empty()
    {
        eprintln!("\n{}", error.explanation);
    }
    if let Some(saved) = &saved {
        saved.receipt.verify(&receipt_of(&report)?)?;
        eprintln!("replayed: the same, bit for bit");
    }
    Ok(ExitCode::from(u8::try_from(report.exit_code & 0xff).unwrap_or(1)))
}

/// Runs with Ctrl-C as the program's `KeyboardInterrupt`.
async fn run_interruptible(
    sandbox: &InProcess,
    request: &RunRequest,
    typed: bool,
    json: bool,
) -> anyhow::Result<RunReport> {
    let interrupt = Interrupt::default();
    let lines = typed.then(typed_lines);
    let mut io = RunIo { interrupt: interrupt.clone(), lines, ..RunIo::default() };
    if !json {
        io.output = Some(Box::new(|stream, text: &str| {
            // A closed pipe ends the output, not the run.
            let _ = match stream {
                Stream::Stdout => stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()),
                Stream::Stderr => stderr().write_all(text.as_bytes()),
            };
        }));
    }
    let listener = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.interrupt();
        }
    });
    let report = sandbox.executor().run(request, io).await;
    listener.abort();
    Ok(report?)
}

/// Lines of the terminal. The thread that reads them ends with the process.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(64);
    std::thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(format!("{line}\n")).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Fills in what a repeatable run needs and was not given.
fn make_repeatable(request: &mut RunRequest) {
    request.seed.get_or_insert(0);
    request.clock_ms.get_or_insert_with(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_millis()).unwrap_or_default()
    });
    request.limits.fuel.get_or_insert(FUEL);
    request.limits.timeout_ms.get_or_insert(FUEL_TIMEOUT_MS);
}

fn receipt_of(report: &RunReport) -> anyhow::Result<Receipt> {
    let receipt = report.receipt.clone().context("the run gave no receipt")?;
    serde_json::from_value(receipt).context("the run's receipt")
}

fn read_saved(file: &Path) -> anyhow::Result<Saved> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no file that --receipt wrote", file.display()))
}

fn request(arguments: &Arguments, program: &Path) -> anyhow::Result<RunRequest> {
    let read = |file: &Path| {
        fs::read_to_string(file).with_context(|| format!("cannot read {} as UTF-8", file.display()))
    };
    let mut files = BTreeMap::new();
    for file in &arguments.files {
        let name = file.file_name().with_context(|| format!("{} names no file", file.display()))?;
        files.insert(name.to_string_lossy().into_owned(), read(file)?);
    }
    let input = match &arguments.stdin {
        Some(file) => read(file)?,
        None if stdin().is_terminal() => String::new(),
        None => {
            let mut text = String::new();
            stdin().read_to_string(&mut text).context("standard input is not UTF-8")?;
            text
        }
    };
    Ok(RunRequest {
        code: read(program)?,
        files,
        stdin: input,
        argv: arguments.argv.clone(),
        limits: RunLimits {
            timeout_ms: arguments.timeout_ms,
            memory_mib: arguments.memory_mib,
            fuel: arguments.fuel,
            ..RunLimits::default()
        },
        trace: arguments.trace,
        seed: arguments.seed,
        clock_ms: arguments.clock_ms,
    })
}
