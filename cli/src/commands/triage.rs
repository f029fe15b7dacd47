//! `learnflow triage`: the local classifier on a file of messages.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use learnflow_events::payload::QuerySubmitted;
use serde::Deserialize;
use serde_json::json;

/// What to classify.
#[derive(Args)]
pub struct Arguments {
    /// Lines of JSON: {"text": …, "code": …?}
    #[arg(long)]
    file: PathBuf,
    /// Print {"agent": …, "confidence": …} for each line
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Message {
    text: String,
    #[serde(default)]
    code: Option<String>,
}

/// Prints one line for each message, in order.
pub fn triage(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let file =
        File::open(&arguments.file).with_context(|| format!("cannot read {}", arguments.file.display()))?;
    let mut out = BufWriter::new(stdout().lock());
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let message: Message = serde_json::from_str(&line)
            .with_context(|| format!("{}:{}: not {{\"text\": …}}", arguments.file.display(), number + 1))?;
        let query =
            QuerySubmitted { query_text: message.text, code: message.code, ..QuerySubmitted::default() };
        let decision = triage::classify(&query);
        if arguments.json {
            writeln!(out, "{}", json!({"agent": decision.route, "confidence": decision.confidence}))?;
        } else {
            writeln!(
                out,
                "{:<12} {:>4.0} %  {}",
                decision.route.to_string(),
                decision.confidence * 100.0,
                decision.reasoning
            )?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
