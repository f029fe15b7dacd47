//! `learnflow replay`: dead letters, driven once more.

use std::{
    io::{Write, stdout},
    path::PathBuf,
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
    /// The gateway; without it that of the system that `up` runs
    #[arg(long, env = "LEARNFLOW_GATEWAY_URL", requires = "key_file")]
    gateway_url: Option<String>,
    /// The file of its signing keys
    #[arg(long, env = "GATEWAY_KEY_FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

impl Arguments {
    /// The gateway's address, and the file of its keys.
    fn gateway(&self) -> anyhow::Result<(String, PathBuf)> {
        if let (Some(url), Some(file)) = (&self.gateway_url, &self.key_file) {
            return Ok((url.trim_end_matches('/').to_owned(), file.clone()));
        }
        let running = self.data.running()?;
        Ok((running.gateway_url, self.key_file.clone().unwrap_or(running.signing_key_file)))
    }
}

/// Posts the original events to the broker again, through the gateway, which remembers that it did.
pub async fn replay(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (gateway_url, key_file) = arguments.gateway()?;
    let operator = "operator";
    let token = token::mint(&key_file, operator, operator, Role::Admin, Duration::from_secs(600))?;
    let http = reqwest::Client::new();
    let letters = format!("{gateway_url}/api/operator/dead-letters");
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &[&str]) -> Result<Arguments, clap::Error> {
        Line::try_parse_from([&["replay"], line].concat()).map(|line| line.arguments)
    }

    #[test]
    fn a_gateway_elsewhere_is_found_without_anything_that_runs_here() {
        let nowhere = ["--data-dir", "/nothing/here"];
        let there = ["--gateway-url", "http://gateway:80/", "--key-file", "/keys"];
        let arguments = parse(&[&nowhere[..], &there[..]].concat()).unwrap();
        assert_eq!(arguments.gateway().unwrap(), ("http://gateway:80".to_owned(), PathBuf::from("/keys")));

        assert!(parse(&there[..2]).is_err(), "its keys are needed, too");
        let error = parse(&nowhere).unwrap().gateway().unwrap_err();
        assert!(error.to_string().contains("cargo learnflow up"), "{error:#}");
    }
}
