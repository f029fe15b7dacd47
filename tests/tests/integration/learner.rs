//! What is learnt of a student is the same whatever the order and the number of deliveries.

use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{TimeZone, Utc};
use futures::future::try_join_all;
use learnflow_events::{
    Agent, Event, EventType, Outgoing, ids, message,
    payload::{AgentResponded, Observation, ObservationKind},
};
use learnflow_tests::{Backend, System, wait_for};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

/// Answers about one student that arrive at the same time.
const EVENTS: usize = 24;

/// The answer of one turn, with what it showed; different for each number, the same for each student but for the ids.
fn answered(student: &str, number: usize) -> Event {
    let topics = ["for-loops", "lists", "functions", "while-loops", "strings"];
    let kinds = [ObservationKind::Exercise, ObservationKind::Run, ObservationKind::Question];
    let cause = format!("{student}/{number}");
    let payload: AgentResponded = serde_json::from_value(json!({
        "query_id": ids::caused_event(&cause, EventType::QueryRouted),
        "seq": number + 1,
        "agent_name": "exercise",
        "response_text": "An answer.",
        "response_type": "grading",
        "answered_by": "authored",
        "confidence": 0.9,
        "reasoning": "A test.",
        "processing_time_ms": 1,
        "topics": [topics[number % topics.len()]],
        "observations": (0..3).map(|place| Observation {
            topic: topics[(number + place) % topics.len()].to_owned(),
            kind: kinds[(number + place) % kinds.len()],
            correct: !(number * 7 + place).is_multiple_of(3),
        }).collect::<Vec<_>>(),
    }))
    .expect("the fields of an answer");
    Outgoing {
        id: ids::caused_event(&cause, EventType::AgentResponded),
        source: Agent::Exercise.source(),
        subject: None,
        time: Utc.with_ymd_and_hms(2026, 3, 2, 10, 0, 0).single().expect("a time")
            + chrono::TimeDelta::minutes(i64::try_from(number).expect("small")),
        student_id: student.to_owned(),
        traceparent: None,
        extensions: vec![],
    }
    .event(payload)
}

/// Posts an event to the progress agent until it is done, as the dispatcher does.
async fn deliver(system: &System, event: &Event) -> anyhow::Result<()> {
    let (headers, body) = message::to_http(event);
    wait_for(Duration::from_secs(60), "progress to take an event", async || {
        let mut request =
            system.http.post(format!("{}/progress/events", system.running.functions_url)).body(body.clone());
        for (name, value) in &headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let response = request.send().await?;
        let status = response.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Ok(None);
        }
        ensure!(status.is_success(), "{status}: {}", response.text().await?);
        Ok(Some(()))
    })
    .await
}

/// All that is stored of a student, in both shapes, without names and times of writing.
async fn model(system: &System, student: &str) -> anyhow::Result<Value> {
    sqlx::query_scalar(
        "SELECT jsonb_build_object(
            'skill_level', s.skill_level, 'topics', to_jsonb(s.topics_covered), 'mastery', s.mastery_levels,
            'struggles', to_jsonb(s.struggle_topics), 'achievements', to_jsonb(s.achievements),
            'queries_by_type', s.queries_by_type,
            'progress', (SELECT jsonb_agg(jsonb_build_array(p.module, p.topic, p.mastery, p.attempts) ORDER BY p.topic)
                           FROM progress p WHERE p.student_id = s.student_id),
            'observations', (SELECT jsonb_agg(jsonb_build_array(o.seq, o.place, o.topic, o.correct) ORDER BY o.seq, o.place)
                               FROM observations o WHERE o.student_id = s.student_id))
           FROM student_progress s WHERE s.student_id = $1",
    )
    .bind(student)
    .fetch_optional(&system.database)
    .await?
    .context("nothing is stored of the student")
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_arrive_together_and_twice_leave_what_they_leave_one_by_one() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    for number in 0..EVENTS {
        deliver(&system, &answered("in-order", number)).await?;
    }
    // All at once, backwards, each of them twice.
    let crowd: Vec<Event> = (0..EVENTS).rev().map(|number| answered("at-once", number)).collect();
    try_join_all(crowd.iter().chain(&crowd).map(|event| deliver(&system, event))).await?;

    let (in_order, at_once) = (model(&system, "in-order").await?, model(&system, "at-once").await?);
    ensure!(in_order["queries_by_type"]["exercise"] == EVENTS, "{in_order:#}");
    ensure!(
        in_order["observations"].as_array().is_some_and(|all| all.len() == 3 * EVENTS),
        "observations are missing: {in_order:#}"
    );
    ensure!(in_order == at_once, "one by one:\n{in_order:#}\nat once:\n{at_once:#}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_that_did_not_help_is_told_another_way() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let question = json!({"query_text": "what is recursion?"});
    let first = asked(&system, &question).await?;
    rate(&system, first.0, false).await?;
    let second = asked(&system, &question).await?;
    ensure!(second.1.starts_with("You said that an earlier explanation did not help"), "{}", second.1);
    ensure!(first.1 != second.1, "the same words again");
    // The last word counts.
    rate(&system, second.0, true).await?;
    let third = asked(&system, &question).await?;
    ensure!(!third.1.contains("did not help"), "{}", third.1);
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

async fn asked(system: &System, question: &Value) -> anyhow::Result<(Uuid, String)> {
    let id = system.ask("bo", question).await?;
    let turn = system.finished_turn(id, Duration::from_secs(60)).await?;
    ensure!(turn["assigned_agent"] == "concepts", "{turn:#}");
    Ok((id, turn["response_text"].as_str().context("no text")?.to_owned()))
}

async fn rate(system: &System, turn: Uuid, helpful: bool) -> anyhow::Result<()> {
    let response = system
        .http
        .post(format!("{}/api/feedback", system.running.gateway_url))
        .bearer_auth(system.token("bo")?)
        .json(&json!({"query_id": turn, "helpful": helpful}))
        .send()
        .await?;
    ensure!(response.status() == StatusCode::ACCEPTED, "{}", response.text().await?);
    Ok(())
}
