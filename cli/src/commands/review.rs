//! `learnflow review FILE`: the code-review agent's core on a file.

use std::{
    fs,
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, anyhow};
use clap::Args;
use learnflow_agent::Question;
use learnflow_events::payload::QuerySubmitted;

use crate::{in_process::InProcess, installation::checkout};

/// What to review.
#[derive(Args)]
pub struct Arguments {
    /// The program
    file: PathBuf,
    /// Print {"findings": …, "praise": …, "improvements": …}
    #[arg(long)]
    json: bool,
}

/// Prints the review.
pub async fn review(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let code = fs::read_to_string(&arguments.file)
        .with_context(|| format!("cannot read {} as UTF-8", arguments.file.display()))?;
    let sandbox = InProcess::load(&checkout()?)?;
    if arguments.json {
        let subject = code_review::Subject { code: &code, ..code_review::Subject::default() };
        let review = code_review::review(subject, &sandbox).await.map_err(|fault| anyhow!(fault.sentence))?;
        writeln!(stdout(), "{}", serde_json::to_string(&review)?)?;
    } else {
        let query = QuerySubmitted { code: Some(code), ..QuerySubmitted::default() };
        let question = Question { query, ..Question::default() };
        let answer =
            code_review::answer(&question, &sandbox).await.map_err(|fault| anyhow!(fault.sentence))?;
        writeln!(stdout(), "{}", answer.text)?;
    }
    Ok(ExitCode::SUCCESS)
}
