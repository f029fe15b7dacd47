//! Effects happen once, though delivery is at least once, on each event log.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use learnflow_events::{EventType, payload::QuerySubmitted};
use learnflow_gateway::token::{self, Role};
use learnflow_testkit::Metrics;
use learnflow_tests::{Backend, System, submitted, wait_for};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use crate::kafka::OwnKafka;

fn asking(text: &str, code: &str) -> QuerySubmitted {
    QuerySubmitted { query_text: text.to_owned(), code: Some(code.to_owned()), ..QuerySubmitted::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_deliveries_of_one_event_give_one_answer() -> anyhow::Result<()> {
    twenty_deliveries(System::start(Backend::Embedded).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_deliveries_of_one_event_give_one_answer_on_kafka() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    twenty_deliveries(System::start_with(vec![kafka.environment()]).await?).await?;
    kafka.stop().await;
    Ok(())
}

async fn twenty_deliveries(system: System) -> anyhow::Result<()> {
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
    kill_nine(System::start(Backend::Embedded).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_by_kill_nine_on_kafka() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    kill_nine(System::start_with(vec![kafka.environment()]).await?).await?;
    kafka.stop().await;
    Ok(())
}

async fn kill_nine(system: System) -> anyhow::Result<()> {
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

/// Longer than all retries of a delivery together.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request of an operator.
async fn operate(system: &System, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
    let key = &system.running.signing_key_file;
    let token = token::mint(key, "operator", "operator", Role::Admin, Duration::from_secs(600))?;
    let request = system.http.request(method, format!("{}/api/operator/{path}", system.running.gateway_url));
    let response = request.bearer_auth(token).json(body).send().await?;
    ensure!(response.status().is_success(), "{path}: {}", response.status());
    Ok(response.json().await?)
}

/// The open dead letters, or all of them.
async fn letters(system: &System, query: &str) -> anyhow::Result<Vec<Value>> {
    let page = operate(system, Method::GET, &format!("dead-letters{query}"), &Value::Null).await?;
    Ok(page["dead_letters"].as_array().context("dead letters")?.clone())
}

/// How many events a Trigger's subscriber has handled.
async fn handled(system: &System, trigger: &str) -> anyhow::Result<f64> {
    let url = reqwest::Url::parse(&system.running.broker_url)?.join("/metrics")?;
    let metrics = Metrics::read(&system.http.get(url).send().await?.text().await?).await?;
    let results = ["replied", "delivered"].map(|result| {
        metrics.value("broker_events_total", &[("trigger", trigger), ("result", result)]).unwrap_or_default()
    });
    Ok(results.iter().sum())
}

/// Everything that an event may change.
async fn effects(system: &System) -> anyhow::Result<Value> {
    let tables = "SELECT jsonb_build_object(
        'turns', (SELECT jsonb_agg(to_jsonb(q) ORDER BY q.query_id) FROM query_history q),
        'students', (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.student_id) FROM student_progress s),
        'learnt', (SELECT jsonb_agg(to_jsonb(o) ORDER BY o.student_id, o.seq, o.place) FROM observations o),
        'inbox', (SELECT jsonb_agg(to_jsonb(i) ORDER BY i.consumer, i.event_id) FROM inbox i),
        'counted', (SELECT jsonb_agg(agent_counts(agent) ORDER BY agent) FROM unnest(ARRAY['triage', 'debug', 'progress']) agent))";
    Ok(sqlx::query_scalar(tables).fetch_one(&system.database).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_after_a_fix_answers_what_fits_and_a_second_one_changes_nothing() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no answer today'; END $$;
         CREATE TRIGGER no_answer BEFORE UPDATE ON query_history FOR EACH ROW
            WHEN (NEW.status = 'answered' AND NEW.assigned_agent IN ('debug', 'exercise')) EXECUTE FUNCTION refuse();",
    )
    .execute(&system.database)
    .await?;
    let failing =
        json!({"query_text": "why does it fail?", "route": "debug", "code": "names = []\nprint(names[0])\n"});
    let exercise = json!({"query_text": "give me an exercise on loops", "route": "exercise"});
    let (ada, bob) = (system.ask("ada", &failing).await?, system.ask("bob", &failing).await?);
    let cy = system.ask("cy", &exercise).await?;
    for turn in [ada, bob, cy] {
        let turn = system.finished_turn(turn, PATIENCE).await?;
        ensure!(turn["status"] == "failed", "{turn:#}");
    }
    let open = letters(&system, "?open=true").await?;
    ensure!(open.len() == 3, "{open:#?}");
    for letter in &open {
        let saw = letter["student_saw"].as_str().unwrap_or_default();
        ensure!(letter["turn_status"] == "failed" && saw.starts_with("Sorry"), "{letter:#}");
    }

    // The fix, and then only what debug could not do.
    sqlx::raw_sql("DROP TRIGGER no_answer ON query_history").execute(&system.database).await?;
    let of = |turn: Uuid| move |letter: &&Value| letter["query_id"] == turn.to_string();
    let destination = &open.iter().find(of(ada)).context("ada's letter")?["destination"];
    let filter = json!({"event_type": EventType::QueryRouted.as_str(), "destination": destination});
    let destination = destination.as_str().context("where it was sent")?;
    let command = Command::new(learnflow_tests::binary()?)
        .args(["replay", "--event-type", EventType::QueryRouted.as_str(), "--destination", destination])
        .env("LEARNFLOW_DATA_DIR", system.data_dir())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&command.stdout);
    ensure!(command.status.success() && said.ends_with("2 replayed\n"), "{command:?}");
    for turn in [ada, bob] {
        let turn = wait_for(PATIENCE, "the answer", async || {
            let turn = system.finished_turn(turn, PATIENCE).await?;
            Ok((turn["status"] == "answered").then_some(turn))
        })
        .await?;
        let letter =
            letters(&system, &format!("?q={}", turn["query_id"].as_str().unwrap_or_default())).await?;
        ensure!(letter[0]["student_saw"] == turn["response_text"], "{:#}", letter[0]);
        ensure!(!letter[0]["replayed_at"].is_null(), "{:#}", letter[0]);
    }
    let left = letters(&system, "?open=true").await?;
    ensure!(left.len() == 1 && of(cy)(&&left[0]), "{left:#?}");
    ensure!(
        system.finished_turn(cy, PATIENCE).await?["status"] == "failed",
        "cy's turn was replayed as well"
    );
    // By the same filter there is nothing left to do.
    let again = operate(&system, Method::POST, "dead-letters/replay", &filter).await?;
    ensure!(again["replayed"] == json!([]), "{again:#}");

    // One by one they can be sent again, though they were handled: whoever hears of it has its answer already.
    wait_for(PATIENCE, "both answers to be learnt from and explained", async || {
        let explained = "SELECT count(*) FROM query_history WHERE follow_up IS NOT NULL";
        let learnt = handled(&system, "progress-evidence").await? >= 4.0;
        Ok((learnt && system.count(explained).await? == 2).then_some(()))
    })
    .await?;
    let before = effects(&system).await?;
    let told = ["debug", "concepts-explanation", "progress-evidence", "copy-agent-responses"];
    let heard = async || try_join_all(told.map(|trigger| handled(&system, trigger))).await;
    let handled_before = heard().await?;
    let letter = open.iter().find(of(ada)).and_then(|letter| letter["dead_letter_id"].as_str());
    let path = format!("dead-letters/{}/replay", letter.context("its id")?);
    operate(&system, Method::POST, &path, &Value::Null).await?;
    // The answer is told again to everybody, and so is the explanation of its idea.
    wait_for(PATIENCE, "everybody to have heard it again", async || {
        let now = heard().await?;
        let more: Vec<f64> = now.iter().zip(&handled_before).map(|(now, before)| now - before).collect();
        Ok((more[0] >= 1.0 && more[1] >= 1.0 && more[2] >= 2.0 && more[3] >= 2.0).then_some(()))
    })
    .await?;
    let after = effects(&system).await?;
    for what in ["turns", "students", "learnt", "inbox", "counted"] {
        ensure!(after[what] == before[what], "{what} changed:\n{:#}\n{:#}", before[what], after[what]);
    }
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
