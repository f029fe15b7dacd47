//! `learnflow run`: a program in the sandbox, without any service.

use std::{
    collections::BTreeMap,
    fs,
    io::{IsTerminal, Read, Write, stderr, stdin, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use learnflow_events::code::{RunLimits, RunRequest};
use learnflow_sandbox_host::{RunIo, Stream};

use crate::{in_process::InProcess, installation::checkout};

/// What to run and how.
#[derive(Args)]
pub struct Arguments {
    /// The program; it runs as `main.py`
    program: PathBuf,
    /// A module or data file to put beside it (may be repeated)
    #[arg(long = "file")]
    files: Vec<PathBuf>,
    /// Standard input; without it, what is piped in
    #[arg(long)]
    stdin: Option<PathBuf>,
    /// Processor time it may use
    #[arg(long)]
    timeout_ms: Option<u64>,
    /// Memory it may use
    #[arg(long)]
    memory_mib: Option<u64>,
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

/// Runs the program; the exit code is Python's.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let request = request(&arguments)?;
    let sandbox = InProcess::load(&checkout()?)?;
    let mut io = RunIo::default();
    if !arguments.json {
        io.output = Some(Box::new(|stream, text: &str| {
            // A closed pipe ends the output, not the run.
            let _ = match stream {
                Stream::Stdout => stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()),
                Stream::Stderr => stderr().write_all(text.as_bytes()),
            };
        }));
    }
    let report = sandbox.executor().run(&request, io).await?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else if let Some(error) = &report.error
        && !error.explanation.is_empty()
    {
        eprintln!("\n{}", error.explanation);
    }
    Ok(ExitCode::from(u8::try_from(report.exit_code & 0xff).unwrap_or(1)))
}

fn request(arguments: &Arguments) -> anyhow::Result<RunRequest> {
    let read = |file: &PathBuf| {
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
        code: read(&arguments.program)?,
        files,
        stdin: input,
        argv: arguments.argv.clone(),
        limits: RunLimits {
            timeout_ms: arguments.timeout_ms,
            memory_mib: arguments.memory_mib,
            ..RunLimits::default()
        },
        trace: arguments.trace,
        ..RunRequest::default()
    })
}
