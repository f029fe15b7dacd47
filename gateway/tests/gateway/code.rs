//! Programs that students run themselves.

use futures::StreamExt;
use http::StatusCode;
use learnflow_events::EventType;
use learnflow_gateway::token::Role;
use learnflow_testkit::wait_until;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{DEADLINE, Harness, Seen, begun, detail, json_answer, report};

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
    let (pieces, response) = begun(run_id);
    harness.upstream.answer(response);
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

/// A run of ada's whose row cannot be written yet: its table is locked until the transaction ends.
async fn blocked_run(harness: &Harness) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut lock = harness.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE code_submissions").execute(&mut *lock).await.unwrap();
    harness.upstream.answer(json_answer(StatusCode::OK, &report()));
    let response = harness.post("ada", "/api/code/run", &json!({ "code": "print(1)" })).await;
    assert_eq!(response.status(), 200);
    lock
}

/// Ends the connection that waits to write a run, as a restart of PostgreSQL does.
async fn end_the_writer(pool: &sqlx::PgPool) {
    wait_until(DEADLINE, async || {
        let ended: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock'
                AND query LIKE 'INSERT INTO code_submissions%'",
        )
        .fetch_all(pool)
        .await
        .unwrap();
        (!ended.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_run_is_kept_though_postgres_and_the_broker_go_away_meanwhile() {
    let harness = Harness::start().await;
    let lock = blocked_run(&harness).await;
    end_the_writer(&harness.database.pool).await;
    // The broker's first two answers.
    for _ in 0..2 {
        harness.upstream.answer(json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({})));
    }
    lock.commit().await.unwrap();
    let kept = wait_until(DEADLINE, async || kept(&harness).await.pop()).await;
    let told = wait_until(DEADLINE, async || {
        let told: Vec<Seen> =
            harness.upstream.seen().into_iter().filter(|seen| seen.path == "/broker").collect();
        (told.len() >= 3).then_some(told)
    })
    .await;
    // The same event each time, which its consumers know again.
    assert!(told.iter().all(|seen| seen.header("ce-id") == told[0].header("ce-id")));
    assert_eq!(told[2].json()["payload"]["run_id"], json!(kept.0));
}

#[tokio::test]
async fn a_gateway_that_stops_waits_for_the_runs_that_are_not_written_yet() {
    let harness = Harness::start().await;
    let lock = blocked_run(&harness).await;
    let health = harness.url("/health");
    let Harness { database, gateway, upstream, client, .. } = harness;
    let stopping = tokio::spawn(gateway.shutdown());
    wait_until(DEADLINE, async || client.get(&health).send().await.err()).await;
    end_the_writer(&database.pool).await;
    lock.commit().await.unwrap();
    stopping.await.unwrap();
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM code_submissions").fetch_one(&database.pool).await.unwrap();
    assert_eq!(kept, 1);
    assert!(upstream.seen().iter().any(|seen| seen.path == "/broker"), "progress was not told");
}
