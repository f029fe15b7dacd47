//! Finding and rating one's own turns.

use learnflow_events::EventType;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::Harness;

async fn texts(harness: &Harness, path: &str) -> (Vec<String>, Option<i64>) {
    let page: Value = harness.get("ada", path).await.json().await.unwrap();
    let texts = page["turns"].as_array().unwrap().iter();
    (
        texts.map(|turn| turn["query"]["query_text"].as_str().unwrap().to_owned()).collect(),
        page["next"].as_i64(),
    )
}

#[tokio::test]
async fn words_find_turns_as_in_a_web_search() {
    let harness = Harness::start().await;
    for text in ["Why does my loop never end?", "What is a list?", "Looping over a list of lists"] {
        harness.receive("ada", text).await;
    }
    harness.receive("bob", "What is a loop?").await;
    let find = async |words: &str| texts(&harness, &format!("/api/history?q={words}")).await.0;
    assert_eq!(find("loop").await, ["Looping over a list of lists", "Why does my loop never end?"]);
    assert_eq!(find("loops+-list").await, ["Why does my loop never end?"]);
    assert_eq!(find("%22list+of+lists%22").await, ["Looping over a list of lists"]);
    assert_eq!(find("tuple").await, Vec::<String>::new());
    // Nothing that somebody types is a syntax error.
    for odd in ["%22", "-", "%00", "((%26%7C!", "or+or"] {
        find(odd).await;
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_turns_come_in() {
    let harness = Harness::start().await;
    for number in 1..=5 {
        harness.receive("ada", &format!("q{number}")).await;
    }
    let (first, next) = texts(&harness, "/api/history?limit=2").await;
    harness.receive("ada", "q6").await;
    let (second, next) = texts(&harness, &format!("/api/history?limit=2&before={}", next.unwrap())).await;
    let (third, end) = texts(&harness, &format!("/api/history?limit=2&before={}", next.unwrap())).await;
    assert_eq!([first, second, third].concat(), ["q5", "q4", "q3", "q2", "q1"]);
    assert_eq!(end, None);
    assert_eq!(harness.get("ada", "/api/history?limit=101").await.status(), 400);
    assert_eq!(harness.get("ada", "/api/history?page=2").await.status(), 400);
}

#[tokio::test]
async fn a_rating_is_kept_and_told_to_progress_once() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let up = json!({ "query_id": turn, "helpful": true, "rating": 5 });
    for _ in 0..2 {
        assert_eq!(harness.post("ada", "/api/feedback", &up).await.status(), 202);
    }
    let down = json!({ "query_id": turn, "helpful": false, "comment": "It is still wrong." });
    assert_eq!(harness.post("ada", "/api/feedback", &down).await.status(), 202);
    let seen = harness.upstream.seen();
    assert!(seen.iter().all(|seen| seen.header("ce-type") == Some(EventType::FeedbackGiven.as_str())));
    let event_ids: Vec<_> = seen.iter().map(|seen| seen.header("ce-id").unwrap()).collect();
    assert_eq!(event_ids.len(), 3);
    assert!(event_ids[0] == event_ids[1] && event_ids[1] != event_ids[2]);
    let kept: Value = harness.get("ada", &format!("/api/turns/{turn}")).await.json().await.unwrap();
    assert_eq!(kept["feedback"], down);

    for (student, body, status) in [
        ("bob", up.clone(), 404),
        ("ada", json!({ "query_id": Uuid::now_v7(), "helpful": true }), 404),
        ("ada", json!({ "query_id": turn, "helpful": true, "rating": 6 }), 422),
        ("ada", json!({ "query_id": turn, "helpful": true, "comment": "\u{0}" }), 422),
        ("ada", json!({ "query_id": turn }), 422),
    ] {
        assert_eq!(harness.post(student, "/api/feedback", &body).await.status(), status, "{body}");
    }
}
