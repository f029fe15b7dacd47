//! Students who do nothing inside an exercise.

use std::time::Duration;

use learnflow_events::EventType;
use learnflow_testkit::wait_until;
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{DEADLINE, Harness, Seen, answer, json_answer};

async fn start() -> Harness {
    Harness::start_with(|config| config.sweep.every = Duration::from_millis(50)).await
}

/// A student who was given an exercise, and did nothing since for some minutes.
async fn sits(harness: &Harness, student: &str, minutes: i32) {
    let turn = given(harness, student).await;
    age(harness, turn, minutes).await;
}

/// Gives a student an exercise.
async fn given(harness: &Harness, student: &str) -> Uuid {
    let turn = harness.receive(student, "give me an exercise").await;
    let given = serde_json::json!({ "exercise_id": "sum-of-list" });
    harness
        .commit(&learnflow_events::payload::AgentResponded { evidence: given, ..answer(turn, "Add them.") })
        .await;
    turn
}

async fn age(harness: &Harness, turn: Uuid, minutes: i32) {
    sqlx::query(
        "UPDATE query_history SET created_at = now() - make_interval(mins => $2) WHERE query_id = $1",
    )
    .bind(turn)
    .bind(minutes)
    .execute(&harness.database.pool)
    .await
    .unwrap();
}

async fn alerts(harness: &Harness, student: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM struggle_alerts WHERE student_id = $1 AND cause = 'stillness'")
        .bind(student)
        .fetch_one(&harness.database.pool)
        .await
        .unwrap()
}

fn told(harness: &Harness, student: &str) -> Vec<Seen> {
    let of_student = |seen: &Seen| {
        seen.header("ce-type") == Some(EventType::StudentStruggling.as_str())
            && seen.header("ce-partitionkey") == Some(student)
    };
    harness.upstream.seen().into_iter().filter(of_student).collect()
}

async fn some_sweeps(harness: &Harness) {
    let sweeps = async || {
        let text = harness.client.get(harness.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with("gateway_sweeps_total ")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let before = sweeps().await;
    wait_until(DEADLINE, async || (sweeps().await >= before + 4.0).then_some(())).await;
}

#[tokio::test]
async fn a_long_stillness_is_told_once() {
    let harness = start().await;
    sits(&harness, "ada", 20).await;
    let seen = wait_until(DEADLINE, async || told(&harness, "ada").pop()).await;
    let payload: Value = seen.json()["payload"].clone();
    assert_eq!((payload["topic"].as_str(), payload["struggle_level"].as_str()), (Some("lists"), Some("low")));
    assert!(payload["context"].as_str().unwrap().contains("“sum-of-list” for 20 minutes"), "{payload}");

    some_sweeps(&harness).await;
    assert_eq!((told(&harness, "ada").len(), alerts(&harness, "ada").await), (1, 1));
    // A teacher has seen to it; the same stillness is no news after that.
    sqlx::query("UPDATE struggle_alerts SET resolved_at = now()")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    some_sweeps(&harness).await;
    assert_eq!((told(&harness, "ada").len(), alerts(&harness, "ada").await), (1, 1));
}

#[tokio::test]
async fn whoever_is_busy_gone_done_or_waits_for_us_is_left_alone() {
    let harness = start().await;
    sits(&harness, "quick", 5).await;
    sits(&harness, "gone", 180).await;
    // Nobody is still until everything about them is in place.
    let mut turns = Vec::new();
    for student in ["done", "runs", "waits"] {
        turns.push(given(&harness, student).await);
    }
    for (student, statement) in [
        (
            "done",
            "INSERT INTO exercise_attempts (attempt_id, student_id, exercise_id, code, passed, tests_passed,
                                            tests_total, verdict, created_at)
             VALUES (gen_random_uuid(), $1, 'sum-of-list', 'x', true, 1, 1, '{}', now() - INTERVAL '19 minutes')",
        ),
        (
            "runs",
            "INSERT INTO code_submissions (run_id, student_id, code, outcome, exit_code, stdout, stderr, duration_us)
             VALUES (gen_random_uuid(), $1, 'x', 'ok', 0, '', '', 1)",
        ),
    ] {
        sqlx::query(statement).bind(student).execute(&harness.database.pool).await.unwrap();
    }
    sqlx::query("UPDATE query_history SET topics = '{}' WHERE query_id = $1")
        .bind(turns[2])
        .execute(&harness.database.pool)
        .await
        .unwrap();
    for turn in turns {
        age(&harness, turn, 20).await;
    }
    // Somebody for whom it is raised shows that all were looked at.
    sits(&harness, "still", 20).await;
    wait_until(DEADLINE, async || told(&harness, "still").pop()).await;
    some_sweeps(&harness).await;
    for student in ["quick", "gone", "done", "runs", "waits"] {
        assert_eq!(alerts(&harness, student).await, 0, "{student}");
    }
}

#[tokio::test]
async fn a_broker_that_is_away_loses_no_alert() {
    let harness = start().await;
    for _ in 0..3 {
        harness.upstream.answer(json_answer(http::StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({})));
    }
    sits(&harness, "ada", 20).await;
    wait_until(DEADLINE, async || (told(&harness, "ada").len() >= 4).then_some(())).await;
    some_sweeps(&harness).await;
    assert_eq!((told(&harness, "ada").len(), alerts(&harness, "ada").await), (4, 1));
}
