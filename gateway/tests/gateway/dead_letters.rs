//! Events that could not be delivered.

use http::StatusCode;
use learnflow_events::{EventType, ids, payload::QuerySubmitted};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Harness, answer, event, json_answer, routed};

async fn letters(harness: &Harness, query: &str) -> Vec<Value> {
    let page = harness.operate(Method::GET, &format!("/api/operator/dead-letters{query}"), None).await;
    assert_eq!(page.status(), 200);
    page.json::<Value>().await.unwrap()["dead_letters"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_turn_fails_once_and_its_student_is_told_in_plain_words() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    harness.route(turn).await;
    let dead = event("ada", turn, routed(turn));
    let mut replies = Vec::new();
    for _ in 0..3 {
        let reply = harness.dead_letter(&dead, "503").await;
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["ce-type"], EventType::QueryFailed.as_str());
        assert_eq!(reply.headers()["ce-subject"], turn.to_string());
        assert_eq!(reply.headers()["ce-partitionkey"], "ada");
        let id = reply.headers()["ce-id"].to_str().unwrap().to_owned();
        let data: Value = reply.json().await.unwrap();
        assert_eq!(data["student_id"], "ada");
        replies.push((id, data["payload"]["dead_letter_id"].clone(), data["payload"]["message"].clone()));
    }
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
    assert_eq!(
        replies[0].0,
        ids::caused_event(cloudevents::AttributesReader::id(&dead), EventType::QueryFailed).to_string()
    );
    assert!(!replies[0].2.as_str().unwrap().contains("503"));
    assert_eq!(harness.status(turn).await, "failed");

    let letters = letters(&harness, "").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["error_code"], 503);
    assert_eq!(letters[0]["error_data"], "sorry");
    assert_eq!(letters[0]["query_id"], turn.to_string());
    assert_eq!(letters[0]["destination"], "http://debug.learnflow/");
}

#[tokio::test]
async fn a_letter_about_an_answered_turn_is_only_kept() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    harness.commit(&answer(turn, "Because.")).await;
    for dead in [event("ada", turn, routed(turn)), event("ada", turn, answer(turn, "Because."))] {
        assert_eq!(harness.dead_letter(&dead, "500").await.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(harness.status(turn).await, "answered");
    assert_eq!(letters(&harness, "").await.len(), 2);
}

#[tokio::test]
async fn a_query_that_was_never_stored_still_tells_its_student() {
    let harness = Harness::start().await;
    let mut dead = event("ada", Uuid::nil(), QuerySubmitted::default());
    cloudevents::AttributesWriter::set_subject(&mut dead, None::<String>);
    let reply = harness.dead_letter(&dead, "422").await;
    assert_eq!(reply.status(), 200);
    use cloudevents::AttributesReader;
    assert_eq!(reply.headers()["ce-subject"], ids::turn_of_event(dead.source(), dead.id()).to_string());
}

#[tokio::test]
async fn anything_that_is_a_cloud_event_is_kept_and_nothing_else_is() {
    let harness = Harness::start().await;
    let url = harness.url("/events/dead-letters");
    let send = async |body: &'static [u8], id: &str| {
        harness
            .client
            .post(&url)
            .header("ce-specversion", "1.0")
            .header("ce-id", id)
            .header("ce-source", "/elsewhere")
            .header("ce-type", "com.example.unknown")
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap()
            .status()
    };
    for (body, id) in
        [(&b"{\"a\":\"\\u0000\"}"[..], "1"), (b"{broken", "2"), (b"\xff\xfe\x00", "3"), (b"", "4")]
    {
        assert_eq!(send(body, id).await, StatusCode::NO_CONTENT, "{id}");
    }
    assert_eq!(letters(&harness, "?q=EXAMPLE.unknown").await.len(), 4);
    let plain = harness.client.post(&url).body("hello").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_replay_sends_the_original_event_and_its_turn_can_be_answered() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    harness.route(turn).await;
    let dead = event("ada", turn, routed(turn));
    harness.dead_letter(&dead, "503").await;
    let letter = letters(&harness, "?open=true").await[0]["dead_letter_id"].as_str().unwrap().to_owned();
    let path = format!("/api/operator/dead-letters/{letter}/replay");

    harness.upstream.answer(json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({})));
    let away = harness.operate(Method::POST, &path, None).await;
    assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(harness.status(turn).await, "failed");
    assert_eq!(letters(&harness, "?open=true").await.len(), 1);

    let replayed = harness.operate(Method::POST, &path, None).await;
    assert_eq!(replayed.status(), StatusCode::ACCEPTED);
    let seen = harness.upstream.last();
    assert_eq!(seen.path, "/broker");
    let (headers, body) = learnflow_events::message::to_http(&dead);
    for (name, value) in headers {
        assert_eq!(seen.header(&name), Some(value.as_str()), "{name}");
    }
    assert!(seen.headers.keys().all(|name| !name.as_str().starts_with("ce-kn")), "{seen:?}");
    assert_eq!(seen.json(), serde_json::from_slice::<Value>(&body).unwrap());
    assert_eq!(harness.status(turn).await, "routed");
    assert!(letters(&harness, "?open=true").await.is_empty());

    harness.commit(&answer(turn, "Because.")).await;
    assert_eq!(harness.status(turn).await, "answered");
    let audited: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit_log WHERE action = 'dead-letter-replayed'")
            .fetch_one(&harness.database.pool)
            .await
            .unwrap();
    assert_eq!(audited, 1);
}

#[tokio::test]
async fn a_replay_that_fails_again_opens_its_letter_again() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let dead =
        event("ada", turn, QuerySubmitted { query_text: "why?".to_owned(), ..QuerySubmitted::default() });
    harness.dead_letter(&dead, "503").await;
    let letter = letters(&harness, "").await[0]["dead_letter_id"].clone();
    let path = format!("/api/operator/dead-letters/{}/replay", letter.as_str().unwrap());
    assert_eq!(harness.operate(Method::POST, &path, None).await.status(), StatusCode::ACCEPTED);
    assert_eq!(harness.status(turn).await, "received");
    assert_eq!(harness.dead_letter(&dead, "500").await.status(), 200);
    assert_eq!(harness.status(turn).await, "failed");
    let open = letters(&harness, "?open=true").await;
    assert_eq!((open.len(), &open[0]["dead_letter_id"], &open[0]["error_code"]), (1, &letter, &json!(500)));
}

#[tokio::test]
async fn letters_come_in_pages() {
    let harness = Harness::start().await;
    for _ in 0..5 {
        let turn = Uuid::now_v7();
        harness.dead_letter(&event("ada", turn, answer(turn, "x")), "500").await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/operator/dead-letters?limit=2".to_owned();
    loop {
        let page: Value = harness.operate(Method::GET, &path, None).await.json().await.unwrap();
        seen.extend(page["dead_letters"].as_array().unwrap().iter().map(|l| l["dead_letter_id"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/operator/dead-letters?limit=2&before={next}");
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    sorted.reverse();
    assert_eq!((seen.len(), &seen), (5, &sorted));
}

#[tokio::test]
async fn only_this_machine_delivers_dead_letters_without_an_address_of_their_own() {
    let harness = Harness::start().await;
    for (name, value) in [("x-forwarded-for", "203.0.113.7"), ("origin", "http://evil.example")] {
        let response = harness
            .client
            .post(harness.url("/events/dead-letters"))
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name}");
    }
    let apart = Harness::start_with(|config| config.internal_listen = Some(([127, 0, 0, 1], 0).into())).await;
    assert_ne!(apart.gateway.address(), apart.gateway.internal_address());
    for path in ["/events/dead-letters", "/metrics"] {
        let public = apart.client.post(apart.url(path)).send().await.unwrap();
        assert_eq!(public.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let turn = apart.receive("ada", "why?").await;
    assert_eq!(apart.dead_letter(&event("ada", turn, routed(turn)), "503").await.status(), 200);
}
