//! Services that go away and come back: callers are told to wait, nothing that was accepted is lost.

use std::time::Duration;

use anyhow::{Context, ensure};
use learnflow_testkit::ChaosProxy;
use learnflow_tests::{System, wait_for};
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kafka::OwnKafka;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_callers_are_told_to_wait() -> anyhow::Result<()> {
    let database = learnflow_testkit::database().await;
    let address = reqwest::Url::parse(&database.url)?;
    let host = address.host_str().context("the database has a host")?;
    let port = address.port().context("the database has a port")?;
    let proxy = ChaosProxy::start(format!("{host}:{port}")).await;
    let system = System::start_with(vec![("DATABASE_URL".to_owned(), proxy.url(&database.url))]).await?;
    // The account exists before the outage, as it would.
    let turn = system.ask("ada", &json!({"query_text": "what is a loop?"})).await?;
    system.finished_turn(turn, Duration::from_secs(60)).await?;

    proxy.cut();
    let response = analyze(&system, "ada", "what is a list?").await?;
    ensure!(response.status() == StatusCode::SERVICE_UNAVAILABLE, "{}", response.status());
    ensure!(response.headers().contains_key(header::RETRY_AFTER), "no Retry-After");
    let problem: Value = response.json().await?;
    ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains("again")), "{problem}");
    let health = system.http.get(format!("{}/triage/health", system.running.functions_url)).send().await?;
    ensure!(health.status() == StatusCode::OK, "the functions are not up: {}", health.status());
    let ready = system.http.get(format!("{}/triage/ready", system.running.functions_url)).send().await?;
    ensure!(ready.status() == StatusCode::SERVICE_UNAVAILABLE, "ready without a database");

    proxy.restore();
    wait_for(Duration::from_secs(60), "an answer after the outage", async || {
        let response = analyze(&system, "ada", "what is a list?").await?;
        if response.status() != StatusCode::ACCEPTED {
            return Ok(None);
        }
        let decision: Value = response.json().await?;
        let id: Uuid = decision["query_id"].as_str().context("no query_id")?.parse()?;
        let turn = system.finished_turn(id, Duration::from_secs(60)).await?;
        Ok((turn["status"] == "answered").then_some(()))
    })
    .await?;
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_a_turn_waits_and_is_answered_later() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    // Kafka may lose what was not yet on its disk with the broker: the routed event too is published again, soon enough.
    let sweep = ("GATEWAY_ROUTED_DEADLINE_S".to_owned(), "30".to_owned());
    let system = System::start_with(vec![kafka.environment(), sweep]).await?;
    let turn = system.ask("ada", &json!({"query_text": "what is a loop?"})).await?;
    system.finished_turn(turn, Duration::from_secs(60)).await?;

    let kafka = kafka.stop().await;
    let response = analyze(&system, "ada", "what is a list?").await?;
    ensure!(response.status() == StatusCode::SERVICE_UNAVAILABLE, "{}", response.status());
    ensure!(response.headers().contains_key(header::RETRY_AFTER), "no Retry-After");
    let waiting: Uuid = sqlx::query_scalar("SELECT query_id FROM query_history WHERE status = 'received'")
        .fetch_one(&system.database)
        .await
        .context("the refused turn is not kept")?;

    let kafka = kafka.start().await?;
    let turn = system.finished_turn(waiting, Duration::from_secs(180)).await?;
    ensure!(turn["status"] == "answered", "{turn:#}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    kafka.stop().await;
    Ok(())
}

async fn analyze(system: &System, student: &str, text: &str) -> anyhow::Result<reqwest::Response> {
    Ok(system
        .http
        .post(format!("{}/api/triage/analyze", system.running.gateway_url))
        .bearer_auth(system.token(student)?)
        .header("idempotency-key", format!("{student}: {text}"))
        .json(&json!({"query_text": text}))
        .send()
        .await?)
}
