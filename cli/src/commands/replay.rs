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
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::installation::DataDirectory;

/// Which to replay.
#[derive(Args)]
pub struct Arguments {
    /// One dead letter; without it, all that fit the other options and were not replayed yet
    #[arg(long, conflicts_with_all = ["q", "event_type", "destination", "error_code", "student_id"])]
    id: Option<Uuid>,
    #[command(flatten)]
    filter: Filter,
    /// The gateway; without it that of the system that `up` runs
    #[arg(long, env = "LEARNFLOW_GATEWAY_URL", requires = "key_file")]
    gateway_url: Option<String>,
    /// The file of its signing keys
    #[arg(long, env = "GATEWAY_KEY_FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

/// What the gateway's `DeadLetterFilter` takes.
#[derive(Args, Serialize)]
struct Filter {
    /// Text in the type, ids, destination or error
    #[arg(long = "matching", value_name = "TEXT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    /// Events of one type
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    /// What could not be reached
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    /// The HTTP status of the last try
    #[arg(long, value_name = "STATUS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<i32>,
    /// Events about one student
    #[arg(long = "student", value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    student_id: Option<String>,
    /// Older than this one: where the batch before ended.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Uuid>,
    /// How many at a time.
    #[arg(skip = BATCH)]
    limit: i64,
}

/// The most that the gateway replays at once.
const BATCH: i64 = 200;

/// What the gateway says of a batch.
#[derive(Deserialize)]
struct Batch {
    replayed: Vec<Replayed>,
    more: bool,
    stopped: Option<String>,
}

#[derive(Deserialize)]
struct Replayed {
    dead_letter_id: Uuid,
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
    let post = |url: String| http.post(url).bearer_auth(&token);
    if let Some(id) = arguments.id {
        let replayed: Replayed = taken(post(format!("{letters}/{id}/replay"))).await?;
        writeln!(stdout(), "replayed {}\n1 replayed", replayed.dead_letter_id)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (mut filter, mut count) = (arguments.filter, 0);
    loop {
        let batch: Batch = taken(post(format!("{letters}/replay")).json(&filter)).await?;
        for letter in &batch.replayed {
            writeln!(stdout(), "replayed {}", letter.dead_letter_id)?;
        }
        count += batch.replayed.len();
        if let Some(reason) = batch.stopped {
            bail!("{count} replayed, then: {reason}");
        }
        // From there on, and not from the start: what fails again is open again, and would be replayed for ever.
        filter.before = batch.replayed.last().map(|letter| letter.dead_letter_id);
        if !batch.more || filter.before.is_none() {
            break;
        }
    }
    writeln!(stdout(), "{count} replayed")?;
    Ok(ExitCode::SUCCESS)
}

/// The gateway's answer, or its reason for a refusal.
async fn taken<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    let response = request.send().await?;
    let status = response.status();
    let body: Value = response.json().await.context("the gateway's answer is not JSON")?;
    if !status.is_success() {
        bail!("{status}: {}", body["detail"].as_str().unwrap_or_default());
    }
    Ok(serde_json::from_value(body)?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

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
    fn a_filter_is_what_the_gateway_takes() {
        let line = ["--matching", "timeout", "--error-code", "503", "--student", "ada"];
        let filter = serde_json::to_value(parse(&line).unwrap().filter).unwrap();
        let expected = json!({"q": "timeout", "error_code": 503, "student_id": "ada", "limit": 200});
        assert_eq!(filter, expected);
    }

    #[test]
    fn a_gateway_elsewhere_is_found_without_anything_that_runs_here() {
        let nowhere = ["--data-dir", "/nothing/here"];
        let there = ["--gateway-url", "http://gateway:80/", "--key-file", "/keys"];
        let arguments = parse(&[&nowhere[..], &there[..]].concat()).unwrap();
        assert_eq!(arguments.gateway().unwrap(), ("http://gateway:80".to_owned(), PathBuf::from("/keys")));

        assert!(parse(&there[..2]).is_err(), "its keys are needed, too");
        let id = ["--id", "018f7b6e-0000-7000-8000-000000000000"];
        assert!(parse(&id).is_ok());
        assert!(parse(&[&id[..], &["--student", "ada"]].concat()).is_err(), "one, or those that fit");
        let error = parse(&nowhere).unwrap().gateway().unwrap_err();
        assert!(error.to_string().contains("cargo learnflow up"), "{error:#}");
    }
}
