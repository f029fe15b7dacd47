//! Waiting for an answer.

use std::time::{Duration, Instant};

use futures::StreamExt;
use learnflow_events::{
    Topic,
    payload::{QueryFailed, ResponseDelta},
};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{DEADLINE, Harness, answer, event, routed};

#[tokio::test]
async fn a_long_poll_is_woken_by_the_answers_event() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let path = format!("/api/turns/{turn}?wait_ms=30000");
    let waiting = harness.get("ada", &path);
    let answering = async {
        let answer = answer(turn, "Because.");
        harness.route(turn).await;
        harness.commit(&answer).await;
        harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, answer)).await;
    };
    let started = Instant::now();
    let (response, ()) = tokio::join!(waiting, answering);
    // The net that looks at PostgreSQL without being woken works every ten seconds.
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    let mut body: Value = response.json().await.unwrap();
    for volatile in ["query_id", "created_at", "answered_at", "latency_ms"] {
        assert!(!body[volatile].is_null(), "{volatile}");
        body[volatile] = "…".into();
    }
    insta::assert_json_snapshot!(body);
}

#[tokio::test]
async fn a_poll_ends_with_its_time_and_tells_what_is_known() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let response = harness.get("ada", &format!("/api/turns/{turn}?wait_ms=50")).await;
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], "received");
    let unknown = harness.get("ada", &format!("/api/turns/{}?wait_ms=10", Uuid::now_v7())).await;
    assert_eq!(unknown.status(), 404);
    let malformed = harness.get("ada", "/api/turns/one").await;
    assert_eq!(malformed.status(), 400);
}

/// The events of a stream, as `name: data`, until it ends.
async fn events(response: reqwest::Response) -> Vec<(String, Value)> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let mut body = response.bytes_stream();
    while let Some(piece) = body.next().await {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    text.split("\n\n")
        .filter_map(|event| {
            let name = event.lines().find_map(|line| line.strip_prefix("event: "))?;
            let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
            Some((name.to_owned(), serde_json::from_str(data).unwrap()))
        })
        .collect()
}

#[tokio::test]
async fn a_stream_tells_routing_pieces_and_answer_in_order_and_ends() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let response = harness.get("ada", &format!("/api/turns/{turn}/events")).await;
    harness.append(Topic::TRIAGE_ROUTING, &event("ada", turn, routed(turn))).await;
    harness.append(Topic::TRIAGE_ROUTING, &event("ada", turn, routed(turn))).await;
    harness.route(turn).await;
    let mut pieces = response.bytes_stream();
    let first = tokio::time::timeout(DEADLINE, pieces.next()).await.unwrap().unwrap().unwrap();
    assert!(first.starts_with(b"event: routed\n"), "{first:?}");
    for (index, text) in [(0, "Be"), (1, "cause.")] {
        let delta =
            ResponseDelta { query_id: turn, agent_name: "debug".to_owned(), index, text: text.to_owned() };
        harness.append(Topic::RESPONSE_DELTAS, &event("ada", turn, delta)).await;
    }
    let mut told = String::new();
    while told.matches("event: delta").count() < 2 {
        let piece = tokio::time::timeout(DEADLINE, pieces.next()).await.unwrap().unwrap().unwrap();
        told.push_str(std::str::from_utf8(&piece).unwrap());
    }
    harness.commit(&answer(turn, "Because.")).await;
    harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, answer(turn, "Because."))).await;
    while let Some(piece) = tokio::time::timeout(DEADLINE, pieces.next()).await.unwrap() {
        told.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    let names: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["delta", "delta", "answered"]);
}

#[tokio::test]
async fn a_stream_of_an_answered_turn_tells_it_at_once() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    harness.route(turn).await;
    harness.commit(&answer(turn, "Because.")).await;
    let told = events(harness.get("ada", &format!("/api/turns/{turn}/events")).await).await;
    assert_eq!(told.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["routed", "answered"]);
    assert_eq!(told[1].1["response_text"], "Because.");
}

#[tokio::test]
async fn a_stream_ends_with_the_failure() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let response = harness.get("ada", &format!("/api/turns/{turn}/events")).await;
    sqlx::query("UPDATE query_history SET status = 'failed' WHERE query_id = $1")
        .bind(turn)
        .execute(&harness.database.pool)
        .await
        .unwrap();
    let failed = QueryFailed {
        query_id: turn,
        message: "sorry".to_owned(),
        dead_letter_id: Uuid::now_v7(),
        failed_at: chrono::Utc::now(),
    };
    harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, failed)).await;
    let told = events(response).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "failed");
    assert!(told[0].1["message"].as_str().unwrap().contains("It is kept"));
}

#[tokio::test]
async fn an_unreadable_record_stops_nobody() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let path = format!("/api/turns/{turn}?wait_ms=30000");
    let waiting = harness.get("ada", &path);
    let answering = async {
        use learnflow_event_log::EventLog;
        for value in [&b"\xff\x00"[..], b"{}"] {
            let record = learnflow_event_log::Record {
                key: Some(b"ada".to_vec()),
                headers: vec![("ce_id".to_owned(), vec![0xff])],
                value: value.to_vec(),
            };
            harness.log.append(Topic::AGENT_RESPONSES.name, record).await.unwrap();
        }
        harness.commit(&answer(turn, "Because.")).await;
        harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, answer(turn, "Because."))).await;
    };
    let started = Instant::now();
    let (response, ()) = tokio::join!(waiting, answering);
    assert_eq!(response.json::<Value>().await.unwrap()["status"], "answered");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}
