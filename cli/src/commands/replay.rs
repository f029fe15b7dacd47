//! `learnflow replay`: dead letters, driven once more.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use learnflow_gateway::token::{self, Role};
use serde_json::Value;
use uuid::Uuid;

use crate::installation::DataDirectory;

/// Which to replay.
#[derive(Args)]
pub struct Arguments {
    /// One dead letter; without it, all that were not replayed yet
    #[arg(long)]
    id: Option<Uuid>,
    #[command(flatten)]
    data: DataDirectory,
}

/// Posts the original events to the broker again, through the gateway, which remembers that it did.
pub async fn replay(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let running = arguments.data.running()?;
    let operator = "operator";
    let token =
        token::mint(&running.signing_key_file, operator, operator, Role::Admin, Duration::from_secs(600))?;
    let http = reqwest::Client::new();
    let letters = format!("{}/api/operator/dead-letters", running.gateway_url);
    let ids = match arguments.id {
        Some(id) => vec![id.to_string()],
        None => {
            let response =
                http.get(format!("{letters}?open=true&limit=200")).bearer_auth(&token).send().await?;
            let status = response.status();
            let body: Value = response.json().await.context("the gateway's answer is not JSON")?;
            if !status.is_success() {
                bail!("{status}: {}", body["detail"].as_str().unwrap_or_default());
            }
            let items = body["dead_letters"].as_array().context("the gateway listed no dead letters")?;
            items.iter().filter_map(|letter| Some(letter["dead_letter_id"].as_str()?.to_owned())).collect()
        }
    };
    for id in &ids {
        let response = http.post(format!("{letters}/{id}/replay")).bearer_auth(&token).send().await?;
        let status = response.status();
        if !status.is_success() {
            bail!("{id}: {status}: {}", response.text().await.unwrap_or_default());
        }
        writeln!(stdout(), "replayed {id}")?;
    }
    writeln!(stdout(), "{} replayed", ids.len())?;
    Ok(ExitCode::SUCCESS)
}
