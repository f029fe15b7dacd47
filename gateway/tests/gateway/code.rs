//! Programs that students run themselves.

use futures::StreamExt;
use http::StatusCode;
use learnflow_events::EventType;
use learnflow_gateway::token::Role;
use learnflow_testkit::wait_until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{DEADLINE, Harness, Seen, detail, json_answer, report, stream_body};

/// The event that tells progress of a run.
async fn told(harness: &Harness) -> Seen {
    wait_until(DEADLINE, async || harness.upstream.seen().into_iter().find(|seen| seen.path == "/broker"))
        .await
}

async fn kept(harness: &Harness) -> Vec<(Uuid, String, String, String)> {
    sqlx::query_as("SELECT run_id, student_id, code, outcome FROM code_submissions")
        .fetch_all(&harness.database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_run_is_answered_kept_and_told_to_progress() {
    let harness = Harness::start().await;
    harness.upstream.answer(json_answer(StatusCode::OK, &report()));
    let response = harness.post("ada", "/api/code/run", &json!({ "code": "print('\u{0}')" })).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Value>().await.unwrap()["stdout"], "a\u{0}b");
    let seen = &harness.upstream.seen()[0];
    assert_eq!((seen.path.as_str(), seen.header("x-learnflow-student")), ("/sandbox/run", Some("ada")));

    let event = told(&harness).await;
    assert_eq!(event.header("ce-type"), Some(EventType::CodeExecuted.as_str()));
    assert_eq!(event.header("ce-partitionkey"), Some("ada"));
    let kept = kept(&harness).await;
    assert_eq!(kept.len(), 1);
    let (run_id, student_id, code, outcome) = &kept[0];
    assert_eq!(
        (student_id.as_str(), code.as_str(), outcome.as_str()),
        ("ada", "print('\u{fffd}')", "raised")
    );
    assert_eq!(event.json()["payload"]["run_id"], json!(run_id));
}

#[tokio::test]
async fn a_watched_run_streams_and_is_kept_too() {
    let harness = Harness::start().await;
    let run_id = Uuid::new_v4();
    let (pieces, body) = stream_body();
    harness.upstream.answer(
        axum::response::Response::builder().header("content-type", "text/event-stream").body(body).unwrap(),
    );
    pieces.send(format!("event: run\ndata: {{\"run_id\":\"{run_id}\"}}\n\n")).unwrap();
    let response = harness
        .client
        .post(harness.url("/api/code/run"))
        .bearer_auth(harness.token("ada", Role::Student))
        .header("accept", "text/event-stream")
        .json(&json!({ "code": "print(1)" }))
        .send()
        .await
        .unwrap();
    let mut body = response.bytes_stream();
    let first = String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: run\n") && first.contains(&run_id.to_string()), "{first}");
    pieces.send(format!("event: report\ndata: {}\n\n", report())).unwrap();
    drop(pieces);
    let mut rest = String::new();
    while let Some(piece) = body.next().await {
        rest.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    assert!(rest.starts_with("event: report\n"), "{rest}");
    told(&harness).await;
    assert_eq!(kept(&harness).await[0].0, run_id);
}

#[tokio::test]
async fn what_the_sandbox_refuses_is_refused_in_its_words() {
    let harness = Harness::start().await;
    let problem = json!({ "detail": "code has 70000 bytes; at most 65536 are accepted" });
    harness.upstream.answer(json_answer(StatusCode::UNPROCESSABLE_ENTITY, &problem));
    let refused = harness.post("ada", "/api/code/run", &json!({ "code": "x" })).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(detail(refused).await, "code has 70000 bytes; at most 65536 are accepted");
    let malformed = harness.post("ada", "/api/code/run", &json!({ "program": "x" })).await;
    assert_eq!(malformed.status(), 422);
    assert!(kept(&harness).await.is_empty());
}

#[tokio::test]
async fn typing_and_stopping_reach_the_run() {
    let harness = Harness::start().await;
    let run_id = Uuid::new_v4();
    for action in ["stdin", "interrupt"] {
        harness.post("ada", &format!("/api/code/runs/{run_id}/{action}"), &json!({ "text": "hi" })).await;
        let seen = harness.upstream.last();
        assert_eq!(
            (seen.path, seen.body.as_ref()),
            (format!("/sandbox/runs/{run_id}/{action}"), &b"{\"text\":\"hi\"}"[..])
        );
    }
}
