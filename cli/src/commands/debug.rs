//! `learnflow debug FILE`: the debug agent's core on a file.

use std::{
    fs,
    io::{Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow};
use clap::Args;
use learnflow_agent::Question;
use learnflow_events::payload::QuerySubmitted;

use crate::{in_process::InProcess, installation::checkout};

/// What to look at.
#[derive(Args)]
pub struct Arguments {
    /// The program
    file: PathBuf,
    /// A unittest file that imports the program by its module name
    #[arg(long)]
    tests: Option<PathBuf>,
    /// Print {"outcome": …, "error": …, "suspects": …, "explanation": …}
    #[arg(long)]
    json: bool,
}

/// Prints the diagnosis.
pub async fn debug(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let read = |file: &Path| {
        fs::read_to_string(file).with_context(|| format!("cannot read {} as UTF-8", file.display()))
    };
    let code = read(&arguments.file)?;
    let tests = arguments.tests.as_deref().map(read).transpose()?;
    let module =
        arguments.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let sandbox = InProcess::load(&checkout()?)?;
    if arguments.json {
        let diagnosis = debug::diagnose(&code, &module, tests.as_deref(), &sandbox)
            .await
            .map_err(|fault| anyhow!(fault.sentence))?;
        writeln!(stdout(), "{}", serde_json::to_string(&diagnosis)?)?;
    } else {
        let query = QuerySubmitted { code: Some(code), tests, ..QuerySubmitted::default() };
        let question = Question { query, ..Question::default() };
        let answer = debug::answer(&question, &sandbox).await.map_err(|fault| anyhow!(fault.sentence))?;
        writeln!(stdout(), "{}", answer.text)?;
    }
    Ok(ExitCode::SUCCESS)
}
