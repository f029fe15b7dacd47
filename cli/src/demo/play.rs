//! Plays a plan through the event path, and moves what came of it to its moment.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use learnflow_events::{
    Event, EventType, Outgoing,
    code::{CodeSubmitted, RunRequest},
    ids, message,
    payload::{FeedbackGiven, QuerySubmitted},
};
use learnflow_provision::progress::Step as Progress;
use reqwest::Client;
use sqlx::PgPool;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    people::Enrolled,
    plan::{self, Action, Step},
};
use crate::{commands::connect, installation::Running};

/// Students who work at the same time.
const AT_ONCE: usize = 4;
/// How long a step may take; the broker tries for half a minute.
const DEADLINE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(15);
const SOURCE: &str = "/learnflow/demo";

struct Player<'a> {
    http: Client,
    broker_url: &'a str,
    database: PgPool,
}

/// Plays everybody's plan.
pub async fn play(running: &Running, everybody: &[Enrolled], until: DateTime<Utc>) -> anyhow::Result<()> {
    let database = connect(&running.database_url).await?;
    let player = Player { http: Client::builder().build()?, broker_url: &running.broker_url, database };
    let plans: Vec<(&Enrolled, Vec<Step>)> =
        everybody.iter().map(|enrolled| (enrolled, plan::of(&enrolled.student, until))).collect();
    let all: usize = plans.iter().map(|(_, plan)| plan.len()).sum();
    let played = AtomicUsize::new(0);
    let progress = Progress::start("Playing the demo's fortnight");
    stream::iter(&plans)
        .map(Ok)
        .try_for_each_concurrent(AT_ONCE, async |(enrolled, plan)| {
            let known = player.played(&enrolled.user_id).await?;
            for (number, step) in plan.iter().enumerate() {
                player.step(enrolled, plan, number, &known).await.with_context(|| {
                    format!("{}, step {number} ({:?})", enrolled.student.name, step.action)
                })?;
                progress.note(&format!("{} of {all}", played.fetch_add(1, Ordering::Relaxed) + 1));
            }
            player.settle(enrolled, plan).await
        })
        .await?;
    player.lose_a_message(everybody.first().context("somebody learns")?, until).await?;
    progress.done();
    Ok(())
}

/// The id of the turn or run that a step is.
fn id_of(user_id: &str, number: usize) -> Uuid {
    ids::turn_of_event(SOURCE, &format!("{user_id}/{number}"))
}

impl Player<'_> {
    /// Turns and runs that were played before.
    async fn played(&self, user_id: &str) -> anyhow::Result<HashSet<Uuid>> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT query_id FROM query_history WHERE student_id = $1 AND status = 'answered'
             UNION ALL SELECT run_id FROM code_submissions WHERE student_id = $1",
        )
        .bind(user_id)
        .fetch_all(&self.database)
        .await?;
        Ok(ids.into_iter().collect())
    }

    async fn step(
        &self,
        enrolled: &Enrolled,
        plan: &[Step],
        number: usize,
        known: &HashSet<Uuid>,
    ) -> anyhow::Result<()> {
        let Step { at, action } = &plan[number];
        let user_id = &enrolled.user_id;
        let id = id_of(user_id, number);
        if known.contains(&id) {
            return Ok(());
        }
        let outgoing = |event_type, subject: Uuid| Outgoing {
            id: ids::caused_event(&id.to_string(), event_type),
            source: SOURCE.to_owned(),
            subject: Some(subject.to_string()),
            time: *at,
            student_id: user_id.clone(),
            traceparent: None,
            extensions: Vec::new(),
        };
        match action {
            Action::Ask(query) => {
                let submitted = outgoing(EventType::QuerySubmitted, id);
                // Triage names its events after the turn, whichever event or request began it.
                let routed = ids::caused_event(&id.to_string(), EventType::QueryRouted);
                let answered = ids::caused_event(&routed.to_string(), EventType::AgentResponded);
                // What triage declines is answered by triage itself.
                let declined = ids::caused_event(&id.to_string(), EventType::AgentResponded);
                self.publish(&submitted.event(query.clone())).await?;
                self.learnt(&[answered, declined]).await?;
                self.move_turn(user_id, id, *at).await
            }
            Action::Run(code) => {
                let submitted = outgoing(EventType::CodeSubmitted, id);
                let executed = ids::caused_event(&submitted.id.to_string(), EventType::CodeExecuted);
                let request = RunRequest { code: code.clone(), ..RunRequest::default() };
                self.publish(&submitted.event(CodeSubmitted { run_id: id, request })).await?;
                self.learnt(&[executed]).await?;
                self.move_run(user_id, id, *at).await
            }
            Action::Rate(helpful) => {
                let asked = (0..number).rev().find(|earlier| matches!(plan[*earlier].action, Action::Ask(_)));
                let Some(turn) = asked.map(|number| id_of(user_id, number)) else { return Ok(()) };
                let given = outgoing(EventType::FeedbackGiven, turn);
                let event_id = given.id;
                let feedback =
                    FeedbackGiven { query_id: turn, helpful: *helpful, rating: None, comment: None };
                sqlx::query("UPDATE query_history SET feedback = $2 WHERE query_id = $1")
                    .bind(turn)
                    .bind(serde_json::json!({ "query_id": turn, "helpful": helpful }))
                    .execute(&self.database)
                    .await?;
                self.publish(&given.event(feedback)).await?;
                self.learnt(&[event_id]).await
            }
        }
    }

    /// What another producer sent without its question: nobody can answer it, so that an operator has to see it.
    async fn lose_a_message(&self, enrolled: &Enrolled, until: DateTime<Utc>) -> anyhow::Result<()> {
        let id = ids::caused_event("demo/lost", EventType::QuerySubmitted);
        let at = until - chrono::Duration::hours(5);
        let outgoing = Outgoing {
            id,
            source: SOURCE.to_owned(),
            subject: None,
            time: at,
            student_id: enrolled.user_id.clone(),
            traceparent: None,
            extensions: Vec::new(),
        };
        let (headers, body) = message::to_http(&outgoing.event(QuerySubmitted::default()));
        let mut data: serde_json::Value = serde_json::from_slice(&body)?;
        data["payload"] = serde_json::json!({});
        self.post(headers, data.to_string().into_bytes()).await?;
        let moved = "UPDATE dead_letters SET created_at = $2 WHERE event_id = $1";
        let end = Instant::now() + DEADLINE;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let kept = sqlx::query(moved).bind(id.to_string()).bind(at).execute(&self.database).await?;
            if kept.rows_affected() > 0 {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("the lost message became no dead letter within {} s", DEADLINE.as_secs());
            }
        }
    }

    async fn publish(&self, event: &Event) -> anyhow::Result<()> {
        let (headers, body) = message::to_http(event);
        self.post(headers, body).await
    }

    async fn post(&self, headers: Vec<(String, String)>, body: Vec<u8>) -> anyhow::Result<()> {
        let mut request = self.http.post(self.broker_url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.context("the broker's ingress does not answer")?;
        let status = response.status();
        if !status.is_success() {
            bail!("the broker's ingress answered {status}");
        }
        Ok(())
    }

    /// Waits until progress has learnt from one of these events.
    async fn learnt(&self, events: &[Uuid]) -> anyhow::Result<()> {
        let events: Vec<String> = events.iter().map(Uuid::to_string).collect();
        let end = Instant::now() + DEADLINE;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let handled: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM inbox WHERE consumer = 'progress' AND event_id = ANY($1))",
            )
            .bind(&events)
            .fetch_one(&self.database)
            .await?;
            if handled {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("nothing came of it within {} s; see `learnflow replay`", DEADLINE.as_secs());
            }
        }
    }

    /// At once, and not only at the end: the struggle rules look at when things happened.
    async fn move_turn(&self, user_id: &str, turn: Uuid, at: DateTime<Utc>) -> anyhow::Result<()> {
        for statement in [
            "UPDATE query_history SET answered_at = $3 + (answered_at - created_at), created_at = $3,
                    expires_at = $3 + INTERVAL '90 days' WHERE query_id = $2 AND student_id = $1",
            "UPDATE observations SET observed_at = $3 WHERE query_id = $2 AND student_id = $1",
            "UPDATE exercise_attempts SET created_at = $3 WHERE query_id = $2 AND student_id = $1",
            "UPDATE code_submissions SET created_at = $3 WHERE query_id = $2 AND student_id = $1",
            "UPDATE struggle_alerts SET created_at = $3
              WHERE student_id = $1 AND created_at > now() - INTERVAL '1 minute'
                AND (evidence -> 'turns') ? $2::text",
        ] {
            sqlx::query(statement).bind(user_id).bind(turn).bind(at).execute(&self.database).await?;
        }
        Ok(())
    }

    async fn move_run(&self, user_id: &str, run: Uuid, at: DateTime<Utc>) -> anyhow::Result<()> {
        for statement in [
            "UPDATE code_submissions SET created_at = $3 WHERE run_id = $2 AND student_id = $1",
            // An observation of a run has the run's id.
            "UPDATE observations SET observed_at = $3 WHERE query_id = $2 AND student_id = $1",
            "UPDATE struggle_alerts SET created_at = $3
              WHERE student_id = $1 AND created_at > now() - INTERVAL '1 minute'
                AND (evidence -> 'runs') ? $2::text",
        ] {
            sqlx::query(statement).bind(user_id).bind(run).bind(at).execute(&self.database).await?;
        }
        Ok(())
    }

    /// What came late (the concept behind an error) is moved too, and the model is folded once more over the times as
    /// they are now.
    async fn settle(&self, enrolled: &Enrolled, plan: &[Step]) -> anyhow::Result<()> {
        let user_id = &enrolled.user_id;
        let mut last = None;
        for (number, step) in plan.iter().enumerate() {
            let id = id_of(user_id, number);
            match step.action {
                Action::Ask(_) => {
                    sqlx::query(
                        "UPDATE observations SET observed_at = $3 WHERE query_id = $2 AND student_id = $1",
                    )
                    .bind(user_id)
                    .bind(id)
                    .bind(step.at)
                    .execute(&self.database)
                    .await?;
                    last = Some((number, id));
                }
                Action::Run(_) => self.move_run(user_id, id, step.at).await?,
                Action::Rate(_) => {}
            }
        }
        let Some((number, turn)) = last else { return Ok(()) };
        let at = plan[number].at + chrono::Duration::minutes(1);
        let event_id = ids::caused_event(&format!("settled/{turn}"), EventType::FeedbackGiven);
        let thanks = FeedbackGiven { query_id: turn, helpful: true, rating: None, comment: None };
        let event = Outgoing {
            id: event_id,
            source: SOURCE.to_owned(),
            subject: Some(turn.to_string()),
            time: at,
            student_id: user_id.clone(),
            traceparent: None,
            extensions: Vec::new(),
        };
        self.publish(&event.event(thanks)).await?;
        self.learnt(&[event_id]).await?;
        sqlx::query(
            "WITH model AS (UPDATE student_progress SET last_activity = $2, created_at = least(created_at, $3)
                             WHERE student_id = $1),
                  topics AS (UPDATE progress SET updated_at = $2 WHERE student_id = $1)
             UPDATE users SET created_at = least(created_at, $3) WHERE user_id = $1",
        )
        .bind(user_id)
        .bind(at)
        .bind(plan[0].at)
        .execute(&self.database)
        .await?;
        Ok(())
    }
}
