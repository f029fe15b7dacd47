//! The cases of tests/turns/: each a message, sent over HTTP and as a CloudEvent, on each event log.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, ensure};
use learnflow_events::payload::QuerySubmitted;
use learnflow_tests::{Backend, System, repository, submitted, wait_for};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    text: String,
    agent: String,
    response_type: String,
    contains: Vec<String>,
    /// The idea that concepts must explain in a second answer.
    concept: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_is_answered_on_the_embedded_log() -> anyhow::Result<()> {
    every_case_is_answered(Backend::Embedded).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_is_answered_on_kafka() -> anyhow::Result<()> {
    every_case_is_answered(Backend::Kafka).await
}

async fn every_case_is_answered(backend: Backend) -> anyhow::Result<()> {
    let system = System::start(backend).await?;
    let mut cases: Vec<_> = fs::read_dir(repository().join("tests/turns"))?.collect::<Result<Vec<_>, _>>()?;
    cases.sort_by_key(fs::DirEntry::file_name);
    ensure!(cases.len() >= 8, "tests/turns holds {} cases", cases.len());
    for folder in cases {
        let name = folder.file_name().to_string_lossy().into_owned();
        for entrance in ["http", "event"] {
            check(&system, &folder.path(), &format!("{name}-{entrance}"), entrance)
                .await
                .with_context(|| format!("tests/turns/{name} over {entrance} on {backend:?}"))?;
        }
    }
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

async fn check(system: &System, folder: &Path, student: &str, entrance: &str) -> anyhow::Result<()> {
    let case: Case = toml::from_str(&fs::read_to_string(folder.join("turn.toml"))?)?;
    let query = QuerySubmitted {
        query_text: case.text,
        code: fs::read_to_string(folder.join("main.py")).ok(),
        ..QuerySubmitted::default()
    };
    let query_id = match entrance {
        "http" => system.ask(student, &serde_json::to_value(&query)?).await?,
        _ => {
            let (event, turn) = submitted(Uuid::new_v4(), student, query);
            ensure!(system.publish(&event).await? == reqwest::StatusCode::ACCEPTED, "the broker refused");
            turn
        }
    };
    let turn = system.finished_turn(query_id, Duration::from_secs(60)).await?;
    ensure!(turn["status"] == "answered", "{turn:#}");
    ensure!(turn["assigned_agent"] == case.agent.as_str(), "answered by {}", turn["assigned_agent"]);
    ensure!(turn["response_type"] == case.response_type.as_str(), "a {}", turn["response_type"]);
    ensure!(turn["answered_by"] == "authored", "written by {}", turn["answered_by"]);
    let text = turn["response_text"].as_str().context("no text")?;
    for wanted in &case.contains {
        ensure!(text.contains(wanted.as_str()), "{wanted:?} is not in the answer:\n{text}");
    }
    if case.concept.is_some() {
        let follow_up = wait_for(Duration::from_secs(60), "the explained concept", async || {
            let row: Option<Value> =
                sqlx::query_scalar("SELECT follow_up FROM query_history WHERE query_id = $1")
                    .bind(query_id)
                    .fetch_one(&system.database)
                    .await?;
            Ok(row)
        })
        .await?;
        ensure!(follow_up["agent_name"] == "concepts", "{follow_up:#}");
    }
    Ok(())
}
