//! Effects happen once, though delivery is at least once.

use std::time::Duration;

use anyhow::ensure;
use chrono::Utc;
use futures::future::try_join_all;
use learnflow_events::{Event, Outgoing, ids, payload::QuerySubmitted};
use learnflow_tests::{Backend, System, wait_for};
use reqwest::StatusCode;
use uuid::Uuid;

fn submitted(id: Uuid, student: &str, text: &str, code: Option<&str>) -> Event {
    Outgoing {
        id,
        source: "/school/terminal".to_owned(),
        subject: None,
        time: Utc::now(),
        student_id: student.to_owned(),
        traceparent: None,
        extensions: vec![],
    }
    .event(QuerySubmitted {
        query_text: text.to_owned(),
        code: code.map(str::to_owned),
        ..QuerySubmitted::default()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_deliveries_of_one_event_give_one_answer() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let id = Uuid::new_v4();
    let event = submitted(id, "ada", "why is this wrong?", Some("print(1/0)"));
    let deliveries = try_join_all((0..20).map(|_| system.publish(&event))).await?;
    ensure!(deliveries.iter().all(|status| *status == StatusCode::ACCEPTED), "{deliveries:?}");
    let turn_id = ids::turn_of_event("/school/terminal", &id.to_string());
    let turn = system.finished_turn(turn_id, Duration::from_secs(60)).await?;
    ensure!(turn["status"] == "answered", "{turn:#}");

    // All twenty have been handled when the triggers have nothing left to read.
    let broker = &system.running.broker_url;
    wait_for(Duration::from_secs(60), &format!("{broker} to be idle"), async || {
        let metrics = system.http.get(system.broker_metrics_url()?).send().await?.text().await?;
        let lags: Vec<f64> = metrics
            .lines()
            .filter(|line| line.starts_with("agent_queue_depth"))
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
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
    let ids: Vec<Uuid> = (0..50).map(|_| Uuid::new_v4()).collect();
    let events = ids.iter().enumerate().map(|(number, id)| {
        submitted(*id, &format!("student-{}", number % 7), "what does this do?", Some("while True: pass"))
    });
    for event in events {
        ensure!(system.publish(&event).await? == StatusCode::ACCEPTED, "the broker refused");
    }
    let answered = system.count("SELECT count(*) FROM query_history WHERE status = 'answered'").await?;
    ensure!(answered < 50, "all were answered before the kill; the test shows nothing");
    let system = system.kill_and_restart().await?;
    for id in &ids {
        let turn_id = ids::turn_of_event("/school/terminal", &id.to_string());
        let turn = system.finished_turn(turn_id, Duration::from_secs(120)).await?;
        ensure!(turn["status"] == "answered", "{turn:#}");
    }
    ensure!(system.count("SELECT count(*) FROM query_history").await? == 50, "a turn was lost or doubled");
    ensure!(
        system.count("SELECT count(*) FROM inbox WHERE consumer = 'triage'").await? == 50,
        "an event was handled twice"
    );
    ensure!(
        system
            .count(
                "SELECT count(*) FROM (SELECT student_id FROM query_history GROUP BY student_id
                       HAVING max(seq) <> count(*) OR min(seq) <> 1) AS gaps"
            )
            .await?
            == 0,
        "a student's numbers have a gap"
    );
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
