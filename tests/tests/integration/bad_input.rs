//! Each kind of bad input gets the fault table's status and a sentence that says what to do, and the system
//! goes on.

use std::time::Duration;

use anyhow::{Context, ensure};
use learnflow_events::EventType;
use learnflow_tests::{Backend, System};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_to_do() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let analyze = "/api/triage/analyze";
    let megabyte = json!({"query_text": "x".repeat(1024 * 1024)}).to_string().into_bytes();
    let long = json!({"query_text": "x".repeat(20_000)}).to_string().into_bytes();
    let mut invalid_utf8 = br#"{"query_text": ""#.to_vec();
    invalid_utf8.extend([0xff, 0xfe, b'"', b'}']);
    let cases: Vec<(&str, &str, Vec<u8>, StatusCode, &str)> = vec![
        ("malformed JSON", analyze, b"{".to_vec(), StatusCode::BAD_REQUEST, "JSON"),
        (
            "missing field",
            analyze,
            b"{\"code\": \"print(1)\"}".to_vec(),
            StatusCode::BAD_REQUEST,
            "query_text",
        ),
        (
            "empty text",
            analyze,
            br#"{"query_text": " "}"#.to_vec(),
            StatusCode::BAD_REQUEST,
            "query_text is empty",
        ),
        ("1 MiB of text", analyze, megabyte, StatusCode::PAYLOAD_TOO_LARGE, ""),
        ("long text", analyze, long, StatusCode::BAD_REQUEST, "at most"),
        ("NUL bytes", analyze, br#"{"query_text": "a\u0000b"}"#.to_vec(), StatusCode::BAD_REQUEST, "NUL"),
        ("invalid UTF-8", analyze, invalid_utf8, StatusCode::BAD_REQUEST, "JSON"),
        ("unknown agent", "/api/librarian/find", b"{}".to_vec(), StatusCode::NOT_FOUND, "triage"),
    ];
    let token = system.token("eve")?;
    for (name, path, body, status, wanted) in cases {
        let response = system
            .http
            .post(format!("{}{path}", system.running.gateway_url))
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .with_context(|| name.to_owned())?;
        ensure!(response.status() == status, "{name}: {}", response.status());
        let problem: Value = response.json().await.with_context(|| name.to_owned())?;
        let detail = problem["detail"].as_str().with_context(|| format!("{name}: {problem}"))?;
        ensure!(!detail.is_empty() && detail.contains(wanted), "{name}: {detail}");
    }
    let anonymous =
        system.http.post(format!("{}{analyze}", system.running.gateway_url)).json(&json!({})).send().await?;
    ensure!(anonymous.status() == StatusCode::UNAUTHORIZED, "no token: {}", anonymous.status());

    let turn = system.ask("eve", &json!({"query_text": "what is a loop?"})).await?;
    let turn = system.finished_turn(turn, Duration::from_secs(60)).await?;
    ensure!(turn["status"] == "answered", "the system did not go on: {turn:#}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_refused_at_the_right_door() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let event = |version: &str, kind: &str, data: &str| {
        system
            .http
            .request(Method::POST, &system.running.broker_url)
            .header("ce-specversion", "1.0")
            .header("ce-id", format!("{kind}-{version}"))
            .header("ce-source", "/school/terminal")
            .header("ce-type", kind.to_owned())
            .header("ce-partitionkey", "eve")
            .header("content-type", "application/json")
            .body(data.replace("VERSION", version))
    };
    let submitted = EventType::QuerySubmitted.as_str();
    let envelope = r#"{"schema_version": "VERSION", "message_id": "00000000-0000-0000-0000-000000000001",
        "timestamp": "2026-01-02T14:23:45Z", "student_id": "eve", "payload": {"query_text": "what is a list?"}}"#;

    // The ingress takes any CloudEvent, and nothing else.
    let not_an_event = system.http.post(&system.running.broker_url).body("hello").send().await?;
    ensure!(not_an_event.status() == StatusCode::BAD_REQUEST, "{}", not_an_event.status());
    let huge = "x".repeat(2 * 1024 * 1024);
    let too_large = event("1.0", submitted, &huge).send().await?;
    ensure!(too_large.status() == StatusCode::SERVICE_UNAVAILABLE, "{}", too_large.status());

    // Triage refuses what it cannot read; that is a dead letter at once, and no turn.
    for (version, data) in [("9.0", envelope), ("1.0", "{"), ("1.0", r#"{"schema_version": "VERSION"}"#)] {
        let accepted = event(version, submitted, data).send().await?;
        ensure!(accepted.status() == StatusCode::ACCEPTED, "{}", accepted.status());
    }
    learnflow_tests::wait_for(Duration::from_secs(30), "dead letters", async || {
        let letters = system.count("SELECT count(*) FROM dead_letters WHERE error_code = 422").await?;
        Ok((letters >= 2).then_some(()))
    })
    .await?;
    ensure!(system.count("SELECT count(*) FROM query_history").await? == 0, "a refused event made a turn");

    // The functions say the same to whoever calls them without a broker.
    let direct = system
        .http
        .post(format!("{}/triage/events", system.running.functions_url))
        .header("ce-specversion", "1.0")
        .header("ce-id", "direct")
        .header("ce-source", "/school/terminal")
        .header("ce-type", submitted)
        .header("content-type", "application/json")
        .body(envelope.replace("VERSION", "9.0"))
        .send()
        .await?;
    ensure!(direct.status() == StatusCode::UNPROCESSABLE_ENTITY, "{}", direct.status());
    let problem: Value = direct.json().await?;
    ensure!(problem["detail"].as_str().is_some_and(|d| d.contains("send 1.0")), "{problem}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
