//! What is learnt of a student is the same whatever the order and the number of deliveries.

use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{TimeZone, Utc};
use futures::future::try_join_all;
use learnflow_events::{
    Agent, Event, EventType, Outgoing,
    code::CodeExecuted,
    ids, message,
    payload::{AgentResponded, Observation, ObservationKind},
};
use learnflow_tests::{Backend, System, wait_for};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

/// Answers about one student that arrive at the same time.
const EVENTS: usize = 24;
/// Programs that the same student ran between them, one after every other turn.
const RUNS: usize = EVENTS / 2;

/// The answer of one turn, with what it showed; different for each number, the same for each student but for the ids.
fn answered(student: &str, number: usize) -> Event {
    let topics = ["for-loops", "lists", "functions", "while-loops", "strings"];
    let kinds = [
        ObservationKind::Exercise,
        ObservationKind::Run,
        ObservationKind::Question,
        ObservationKind::Exercise,
        ObservationKind::Review,
    ];
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
            kind: kinds[number % kinds.len()],
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

/// A run between the turns: now and then it ends with an exception. Its program is stored, as whoever runs one does
/// before telling of it.
async fn ran(system: &System, student: &str, number: usize) -> anyhow::Result<Event> {
    let run_id = ids::caused_event(&format!("{student}/{number}"), EventType::CodeSubmitted);
    let code = "numbers = [1, 2, 3]\nfor number in numbers:\n    print(numbers[number])\n";
    let error = match number % 3 {
        0 => None,
        1 => Some("IndexError"),
        _ => Some("TypeError"),
    };
    let error = error.map(|kind| json!({"type": kind, "message": "A test."}));
    let payload: CodeExecuted = serde_json::from_value(json!({
        "run_id": run_id,
        "report": {
            "outcome": if error.is_some() { "raised" } else { "ok" }, "exit_code": i32::from(error.is_some()),
            "stdout": "", "stderr": "", "error": error, "duration_us": 1,
        },
    }))?;
    sqlx::query(
        "INSERT INTO code_submissions (run_id, student_id, code, outcome, exit_code, stdout, stderr, error, duration_us)
         VALUES ($1, $2, $3, $4, 0, '', '', $5, 1)",
    )
    .bind(run_id)
    .bind(student)
    .bind(code)
    .bind(if error.is_some() { "raised" } else { "ok" })
    .bind(error)
    .execute(&system.database)
    .await?;
    let outgoing = Outgoing {
        id: ids::caused_event(&run_id.to_string(), EventType::CodeExecuted),
        source: "/learnflow/sandbox".to_owned(),
        subject: None,
        time: Utc.with_ymd_and_hms(2026, 3, 2, 10, 0, 30).single().context("a time")?
            + chrono::TimeDelta::minutes(2 * i64::try_from(number)?),
        student_id: student.to_owned(),
        traceparent: None,
        extensions: vec![],
    };
    Ok(outgoing.event(payload))
}

/// What happened to a student, in order.
async fn happened(system: &System, student: &str) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    for number in 0..RUNS {
        events.push(answered(student, 2 * number));
        events.push(ran(system, student, number).await?);
        events.push(answered(student, 2 * number + 1));
    }
    Ok(events)
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
            'skill_level', s.skill_level, 'style', s.learning_style, 'topics', to_jsonb(s.topics_covered), 'mastery', s.mastery_levels,
            'struggles', to_jsonb(s.struggle_topics), 'achievements', to_jsonb(s.achievements),
            'queries_by_type', s.queries_by_type,
            'progress', (SELECT jsonb_agg(jsonb_build_array(p.module, p.topic, p.mastery, p.attempts) ORDER BY p.topic)
                           FROM progress p WHERE p.student_id = s.student_id),
            -- The number of a run is made of its id.
            'observations', (SELECT jsonb_agg(jsonb_build_array(greatest(o.seq, -1), o.place, o.topic, o.correct, o.observed_at)
                                              ORDER BY o.observed_at, o.seq, o.place)
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
    for event in happened(&system, "in-order").await? {
        deliver(&system, &event).await?;
    }
    // All at once, backwards, each of them twice.
    let mut crowd = happened(&system, "at-once").await?;
    crowd.reverse();
    try_join_all(crowd.iter().chain(&crowd).map(|event| deliver(&system, event))).await?;

    let (in_order, at_once) = (model(&system, "in-order").await?, model(&system, "at-once").await?);
    ensure!(in_order["queries_by_type"]["exercise"] == EVENTS, "{in_order:#}");
    ensure!(
        in_order["observations"].as_array().is_some_and(|all| all.len() == 3 * EVENTS + RUNS),
        "observations are missing: {in_order:#}"
    );
    // One of five of these answers is to a question.
    ensure!(in_order["style"] == "example-driven", "{in_order:#}");
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

#[tokio::test(flavor = "multi_thread")]
async fn work_is_not_difficulty_and_failing_is() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let id = "sum-of-evens";
    let exercise = exercise::bank::exercise(id).context("it is in the bank")?;
    let about = |text: &str| json!({"query_text": text, "exercise_id": id, "route": "exercise"});
    let handing_in = |code: &str| json!({"query_text": "here it is", "exercise_id": id, "code": code, "route": "exercise"});
    let student = ids::student_of_name("bo").to_string();
    // A task, a hint, and the right solution, all within ten minutes and on the same topics.
    for body in [about("this one, please"), about("give me a hint"), handing_in(exercise.solution)] {
        finished(&system, &body).await?;
    }
    learnt(&system, &student, 3).await?;
    ensure!(alerts(&system, &student).await?.is_empty(), "{:?}", alerts(&system, &student).await?);
    let stored = model(&system, &student).await?;
    // One submission, which showed three topics.
    ensure!(stored["achievements"] == json!(["first-exercise"]), "{stored:#}");

    for wrong in exercise.wrong {
        finished(&system, &handing_in(wrong.code)).await?;
    }
    learnt(&system, &student, 6).await?;
    let found = alerts(&system, &student).await?;
    ensure!(
        matches!(&found[..], [(topic, context)] if topic == exercise.topics[0] && context.contains("3 failed submissions")),
        "{found:?}"
    );
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

async fn finished(system: &System, body: &Value) -> anyhow::Result<()> {
    let turn = system.ask("bo", body).await?;
    let turn = system.finished_turn(turn, Duration::from_secs(60)).await?;
    ensure!(turn["assigned_agent"] == "exercise" && turn["status"] == "answered", "{turn:#}");
    Ok(())
}

/// Waits until progress has heard of so many of the exercise agent's turns.
async fn learnt(system: &System, student: &str, turns: i64) -> anyhow::Result<()> {
    wait_for(Duration::from_secs(60), "progress to hear of the turns", async || {
        let heard: Option<i64> = sqlx::query_scalar(
            "SELECT (queries_by_type ->> 'exercise')::bigint FROM student_progress WHERE student_id = $1",
        )
        .bind(student)
        .fetch_one(&system.database)
        .await?;
        Ok((heard == Some(turns)).then_some(()))
    })
    .await
}

/// Topic and context of a student's alerts.
async fn alerts(system: &System, student: &str) -> anyhow::Result<Vec<(String, String)>> {
    Ok(sqlx::query_as("SELECT topic, context FROM struggle_alerts WHERE student_id = $1")
        .bind(student)
        .fetch_all(&system.database)
        .await?)
}

#[tokio::test]
async fn every_exercise_that_was_tried_is_known() -> anyhow::Result<()> {
    let database = learnflow_testkit::database().await;
    sqlx::query("INSERT INTO student_progress (student_id) VALUES ('ada')").execute(&database.pool).await?;
    // Each was tried twice and solved once, the first one longest ago.
    sqlx::query(
        "INSERT INTO exercise_attempts (attempt_id, student_id, exercise_id, code, passed, tests_passed, tests_total, verdict, created_at)
         SELECT gen_random_uuid(), 'ada', 'exercise-' || n, '', try = 2, 1, 2, '{}', now() - make_interval(days => 200 - n)
           FROM generate_series(1, 175) n, generate_series(1, 2) try",
    )
    .execute(&database.pool)
    .await?;
    let context: Value =
        sqlx::query_scalar("SELECT student_context('ada')").fetch_one(&database.pool).await?;
    let known = context["exercises"].as_array().context("exercises")?;
    ensure!(known.len() == 175, "{} are known", known.len());
    ensure!(known[0]["exercise_id"] == "exercise-175", "the newest is not the first: {}", known[0]);
    let oldest = json!({"exercise_id": "exercise-1", "attempts": 2, "passed": true});
    ensure!(known[174] == oldest, "{}", known[174]);
    Ok(())
}

#[tokio::test]
async fn of_the_programs_that_ran_one_a_day_is_read() -> anyhow::Result<()> {
    let database = learnflow_testkit::database().await;
    sqlx::query("INSERT INTO student_progress (student_id) VALUES ('ada')").execute(&database.pool).await?;
    sqlx::query(
        "INSERT INTO observations (student_id, seq, place, topic, kind, correct, observed_at)
         SELECT 'ada', -n, 0, 'for-loops', 'run', n % 10 <> 0,
                TIMESTAMPTZ '2026-03-01 00:00Z' + make_interval(hours => n)
           FROM generate_series(1, 47) n",
    )
    .execute(&database.pool)
    .await?;
    let record: Value = sqlx::query_scalar("SELECT learner_record('ada')").fetch_one(&database.pool).await?;
    let read = record["observations"].as_array().context("observations")?;
    let numbers = |correct: bool| -> Vec<i64> {
        read.iter().filter(|o| o["correct"] == correct).filter_map(|o| o["seq"].as_i64()).collect()
    };
    ensure!(numbers(true) == [-1, -24], "{read:?}");
    ensure!(numbers(false) == [-10, -20, -30, -40], "{read:?}");
    Ok(())
}
