//! `learnflow send EVENT.json`: posts a CloudEvent to the broker.

use std::{
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use learnflow_events::{Event, message};

use crate::installation::DataDirectory;

/// What to send.
#[derive(Args)]
pub struct Arguments {
    /// A CloudEvent in structured JSON (CloudEvents JSON Event Format 1.0)
    event: PathBuf,
    #[command(flatten)]
    data: DataDirectory,
}

/// Posts the event in binary mode and prints the broker's answer.
pub async fn send(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let text = std::fs::read(&arguments.event)
        .with_context(|| format!("cannot read {}", arguments.event.display()))?;
    let event: Event = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a CloudEvent in structured JSON", arguments.event.display()))?;
    let broker_url = arguments.data.running()?.broker_url;
    let (headers, body) = message::to_http(&event);
    let mut request = reqwest::Client::new().post(&broker_url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response =
        request.send().await.with_context(|| format!("the broker at {broker_url} does not answer"))?;
    let status = response.status();
    if !status.is_success() {
        bail!("the broker answered {status}: {}", response.text().await.unwrap_or_default().trim());
    }
    writeln!(stdout(), "{status}")?;
    Ok(ExitCode::SUCCESS)
}
