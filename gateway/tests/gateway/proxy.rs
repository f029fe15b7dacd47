//! What reaches functions and sandbox, and what comes back.

use axum::response::Response;
use futures::{StreamExt, stream};
use http::StatusCode;
use learnflow_gateway::{Rate, token::Role};
use serde_json::json;

use crate::harness::{Harness, detail, json_answer, report, stream_body};

#[tokio::test]
async fn the_student_is_who_the_token_says_and_nothing_else_passes() {
    let harness = Harness::start().await;
    harness.upstream.answer(json_answer(StatusCode::ACCEPTED, &json!({ "query_id": "x" })));
    let response = harness
        .client
        .post(harness.url("/api/triage/analyze?verbose=1"))
        .bearer_auth(harness.token("ada", Role::Student))
        .header("x-learnflow-student", "bob")
        .header("cookie", "session=1")
        .header("idempotency-key", "k-1")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .json(&json!({ "query_text": "why?" }))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    assert!(response.headers().contains_key("ratelimit-remaining"));
    assert_eq!(response.json::<serde_json::Value>().await.unwrap(), json!({ "query_id": "x" }));

    let seen = harness.upstream.last();
    assert_eq!(seen.path, "/triage/analyze?verbose=1");
    assert_eq!(seen.headers.get_all("x-learnflow-student").iter().count(), 1);
    assert_eq!(seen.header("x-learnflow-student"), Some("ada"));
    assert_eq!(seen.header("idempotency-key"), Some("k-1"));
    assert_eq!(seen.header("traceparent"), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_eq!((seen.header("authorization"), seen.header("cookie")), (None, None));
    assert_eq!(seen.json(), json!({ "query_text": "why?" }));
}

#[tokio::test]
async fn a_trace_is_begun_when_the_caller_has_none() {
    let harness = Harness::start().await;
    harness.post("ada", "/api/concepts/explain", &json!({})).await;
    let seen = harness.upstream.last();
    assert!(seen.header("traceparent").unwrap().starts_with("00-"), "{seen:?}");
}

#[tokio::test]
async fn an_answer_is_passed_on_while_it_is_still_written() {
    let harness = Harness::start().await;
    let (pieces, body) = stream_body();
    harness
        .upstream
        .answer(Response::builder().header("content-type", "text/event-stream").body(body).unwrap());
    let response = harness.post("ada", "/api/concepts/explain", &json!({})).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.bytes_stream();
    for piece in ["data: one\n\n", "data: two\n\n"] {
        pieces.send(piece.to_owned()).unwrap();
        // Arrives though the upstream has not finished.
        assert_eq!(body.next().await.unwrap().unwrap(), piece);
    }
    drop(pieces);
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn too_much_is_refused_with_or_without_a_length() {
    let harness = Harness::start().await;
    let large = vec![b'x'; 600 * 1024];
    let token = harness.token("ada", Role::Student);
    let request = || harness.client.post(harness.url("/api/triage/analyze")).bearer_auth(&token);
    let with_length = request().body(large.clone()).send().await.unwrap();
    assert_eq!(with_length.status(), StatusCode::PAYLOAD_TOO_LARGE);
    insta::assert_snapshot!(detail(with_length).await, @"The body is too large; send at most 524288 bytes.");
    let pieces: Vec<_> = large.chunks(8192).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let chunked = request().body(reqwest::Body::wrap_stream(stream::iter(pieces))).send().await.unwrap();
    assert_eq!(chunked.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(harness.upstream.seen().is_empty());
}

#[tokio::test]
async fn functions_that_are_away_are_a_503() {
    let harness = Harness::start_with(|config| config.functions_url = "http://127.0.0.1:9".to_owned()).await;
    let response = harness.post("ada", "/api/debug/diagnose", &json!({})).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "2");
    let text = detail(response).await;
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn an_unknown_agent_is_told_which_there_are() {
    let harness = Harness::start().await;
    let response = harness.post("ada", "/api/librarian/ask", &json!({})).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    insta::assert_snapshot!(detail(response).await, @"There is no agent of this name; there are /api/triage/analyze, /api/concepts/explain, /api/code-review/review, /api/debug/diagnose, /api/exercise/generate, /api/exercise/submit, /api/progress/report.");
}

#[tokio::test]
async fn an_agent_may_have_an_address_of_its_own() {
    let harness =
        Harness::start_with(|config| config.functions_url = format!("{}/at-{{agent}}", config.functions_url))
            .await;
    harness.post("ada", "/api/code-review/review", &json!({})).await;
    assert_eq!(harness.upstream.last().path, "/at-code-review/code-review/review");
}

#[tokio::test]
async fn runs_and_questions_have_quotas_of_their_own() {
    let harness = Harness::start_with(|config| config.rates.runs = Rate::new(2, 1)).await;
    let run = json!({ "code": "print(1)" });
    // More than there are runs: what each run publishes afterwards takes an answer too.
    for _ in 0..12 {
        harness.upstream.answer(json_answer(StatusCode::OK, &report()));
    }
    let first = harness.post("ada", "/api/code/run", &run).await;
    assert_eq!(
        (&first.headers()["ratelimit-limit"], &first.headers()["ratelimit-remaining"]),
        (&"2".parse().unwrap(), &"1".parse().unwrap())
    );
    harness.post("ada", "/api/code/run", &run).await;
    assert_eq!(harness.post("ada", "/api/code/run", &run).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(harness.post("bob", "/api/code/run", &run).await.headers()["ratelimit-remaining"], "1");
    assert!(harness.post("ada", "/api/triage/analyze", &json!({})).await.status().is_success());
}
