//! A debug answer wakes concepts. The answer does not depend on it.

use std::time::Duration;

use anyhow::{Context, ensure};
use learnflow_tests::{Backend, System, wait_for};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kafka::OwnKafka;

/// Longer than all retries of a delivery together.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn the_debug_answer_stands_when_concepts_fails() -> anyhow::Result<()> {
    concepts_fails(System::start(Backend::Embedded).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_debug_answer_stands_when_concepts_fails_on_kafka() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    concepts_fails(System::start_with(vec![kafka.environment()]).await?).await?;
    kafka.stop().await;
    Ok(())
}

async fn concepts_fails(system: System) -> anyhow::Result<()> {
    // Concepts can answer but never store it: its follow-up is refused, every time.
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no follow-up today'; END $$;
         CREATE TRIGGER no_follow_up BEFORE UPDATE ON query_history FOR EACH ROW
            WHEN (NEW.follow_up IS DISTINCT FROM OLD.follow_up) EXECUTE FUNCTION refuse();",
    )
    .execute(&system.database)
    .await?;
    let body =
        json!({"query_text": "why do I get this error?", "code": "numbers = [1, 2]\nprint(numbers[2])\n"});
    let turn_id = system.ask("cy", &body).await?;
    let answered = system.finished_turn(turn_id, Duration::from_secs(60)).await?;
    ensure!(answered["status"] == "answered" && answered["assigned_agent"] == "debug", "{answered:#}");

    // The broker has given up on concepts, and somebody was told.
    let dead: Value = wait_for(PATIENCE, "the dead letter", async || {
        Ok(sqlx::query_scalar("SELECT to_jsonb(d) FROM dead_letters d WHERE d.query_id = $1")
            .bind(turn_id)
            .fetch_optional(&system.database)
            .await?)
    })
    .await?;
    ensure!(dead.to_string().contains("concepts"), "{dead:#}");
    let kept = turn(&system, turn_id).await?;
    for field in ["status", "assigned_agent", "response_text", "response_type", "evidence", "topics"] {
        ensure!(kept[field] == answered[field], "{field} was {} and is {}", answered[field], kept[field]);
    }
    ensure!(kept["follow_up"].is_null(), "{kept:#}");
    // Progress heard of the answer all the same.
    let learnt = system.count("SELECT count(*) FROM observations WHERE topic = 'list-indexing'").await?;
    ensure!(learnt > 0, "progress learnt nothing");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

async fn turn(system: &System, id: Uuid) -> anyhow::Result<Value> {
    sqlx::query_scalar("SELECT to_jsonb(q) FROM query_history q WHERE query_id = $1")
        .bind(id)
        .fetch_optional(&system.database)
        .await?
        .context("the turn is gone")
}
