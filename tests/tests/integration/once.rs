//! Effects happen once, though delivery is at least once.

use std::time::Duration;

use anyhow::ensure;
use futures::future::try_join_all;
use learnflow_events::payload::QuerySubmitted;
use learnflow_tests::{Backend, System, submitted, wait_for};
use reqwest::StatusCode;
use uuid::Uuid;

fn asking(text: &str, code: &str) -> QuerySubmitted {
    QuerySubmitted { query_text: text.to_owned(), code: Some(code.to_owned()), ..QuerySubmitted::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_deliveries_of_one_event_give_one_answer() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let (event, turn_id) = submitted(Uuid::new_v4(), "ada", asking("why is this wrong?", "print(1/0)"));
    let deliveries = try_join_all((0..20).map(|_| system.publish(&event))).await?;
    ensure!(deliveries.iter().all(|status| *status == StatusCode::ACCEPTED), "{deliveries:?}");
    let turn = system.finished_turn(turn_id, Duration::from_secs(60)).await?;
    ensure!(turn["status"] == "answered", "{turn:#}");

    // All twenty have been handled when the triggers have nothing left to read.
    let broker = &system.running.broker_url;
    wait_for(Duration::from_secs(60), &format!("{broker} to be idle"), async || {
        let lags = system.broker_metric("agent_queue_depth").await?;
        Ok((!lags.is_empty() && lags.iter().all(|lag| *lag == 0.0)).then_some(()))
    })
    .await?;
    ensure!(system.count("SELECT count(*) FROM query_history").await? == 1, "more than one turn");
    ensure!(system.count("SELECT last_seq FROM student_progress").await? == 1, "a number was lost");
    ensure!(system.count("SELECT count(*) FROM inbox WHERE consumer = 'triage'").await? == 1, "triage");
    ensure!(system.count("SELECT count(*) FROM inbox WHERE consumer = 'debug'").await? == 1, "debug");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_by_kill_nine() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let mut turns = Vec::new();
    for number in 0..50 {
        let student = format!("student-{}", number % 7);
        let query = asking("what does this do?", "while True: pass");
        let (event, turn) = submitted(Uuid::new_v4(), &student, query);
        ensure!(system.publish(&event).await? == StatusCode::ACCEPTED, "the broker refused");
        turns.push(turn);
    }
    let answered = system.count("SELECT count(*) FROM query_history WHERE status = 'answered'").await?;
    ensure!(answered < 50, "all were answered before the kill; the test shows nothing");
    let system = system.kill_and_restart().await?;
    for turn in turns {
        let turn = system.finished_turn(turn, Duration::from_secs(120)).await?;
        ensure!(turn["status"] == "answered", "{turn:#}");
    }
    system.ensure_each_once(50).await?;
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
