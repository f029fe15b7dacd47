//! The net below the broker: turns that wait too long are published again, and expired rows are deleted.
//!
//! Publishing twice is harmless: the events' ids are derived from the turn, and inboxes drop duplicates.

use chrono::Utc;
use learnflow_events::{
    Agent, Event, EventType, Outgoing, Route, ids,
    message::extension,
    payload::{QueryRouted, QuerySubmitted},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, FromRow, types::Json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    dead_letters::{Letter, SOURCE},
    outbound::PublishError,
    problem::Problem,
};

/// Keys of the advisory locks that let one replica do this at a time.
const SWEEP_LOCK: i64 = 0x6c66_7377_6565_7001;
const RETENTION_LOCK: i64 = 0x6c66_7377_6565_7002;
/// Rows deleted by one statement, so that no lock is held for long.
const EXPIRED_BATCH: i64 = 5_000;
/// What a given-up turn's dead letter names as its destination.
const GIVEN_UP: &str = "gateway-sweep";

/// Sweeps until `stop`.
pub(crate) async fn run(app: Shared, stop: CancellationToken) {
    let mut sweep = tokio::time::interval(app.config.sweep.every);
    let mut retention = tokio::time::interval(app.config.sweep.retention_every);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let result = tokio::select! {
            () = stop.cancelled() => return,
            _ = sweep.tick() => {
                app.limits.forget();
                app.sweep_once().await
            }
            _ = retention.tick() => app.hourly().await,
        };
        if let Err(problem) = result {
            problem.log();
        }
    }
}

/// A statement that does `change` to at most `$2` rows of a table that are `expired`; the age of the inbox is `$1`. The
/// rows are named by their physical place: the cheapest way to change a bounded number of them.
fn bounded(change: &str, table: &str, expired: &str) -> String {
    // A parameter has to be used for the statement to take it.
    format!("{change} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {expired} AND $1 >= 0 LIMIT $2))")
}

/// A turn that has waited too long.
#[derive(FromRow)]
struct Waiting {
    query_id: Uuid,
    student_id: String,
    seq: i64,
    status: String,
    query: Json<Value>,
    assigned_agent: Option<String>,
    routing_confidence: Option<f64>,
    routing_reasoning: Option<String>,
    traceparent: Option<String>,
    republish_count: i32,
}

impl Waiting {
    /// The event that moves the turn on; `None` when what is stored does not make one.
    fn event(&self) -> Option<Event> {
        let query: QuerySubmitted = serde_json::from_value(self.query.0.clone()).ok()?;
        let subject = self.query_id.to_string();
        let outgoing = |event_type, source, extensions| Outgoing {
            id: ids::caused_event(&subject, event_type),
            source,
            subject: Some(subject.clone()),
            time: Utc::now(),
            student_id: self.student_id.clone(),
            traceparent: self.traceparent.clone(),
            extensions,
        };
        if self.status == "received" {
            return Some(outgoing(EventType::QuerySubmitted, SOURCE.to_owned(), Vec::new()).event(query));
        }
        let target_agent: Route = self.assigned_agent.as_deref()?.parse().ok()?;
        let extensions = vec![(extension::AGENT, target_agent.to_string())];
        Some(outgoing(EventType::QueryRouted, Agent::Triage.source(), extensions).event(QueryRouted {
            query_id: self.query_id,
            seq: self.seq,
            target_agent,
            confidence: self.routing_confidence.unwrap_or_default(),
            reasoning: self.routing_reasoning.clone().unwrap_or_default(),
            query,
        }))
    }
}

impl App {
    /// One sweep. A part that fails does not keep the others from their work.
    async fn sweep_once(&self) -> Result<(), Problem> {
        let turns = self.sweep().await;
        let still = self.alert_stillness().await;
        let erased = self.erase_recent_again().await;
        // Heartbeats of the agents, which are not there to give their own.
        let heartbeats = sqlx::query("SELECT record_agent_metrics()").execute(&self.db).await;
        let heartbeats = heartbeats.map(drop).map_err(Problem::from);
        self.metrics.sweeps.inc();
        for problem in [turns, still, heartbeats].into_iter().filter_map(Result::err) {
            problem.log();
        }
        erased
    }

    /// Publishes waiting turns again; gives up those that were published often enough.
    async fn sweep(&self) -> Result<(), Problem> {
        let waiting = self.claim_waiting().await?;
        for (place, turn) in waiting.iter().enumerate() {
            let Some(event) = turn.event() else {
                tracing::error!(query_id = %turn.query_id, "a stored turn does not make an event");
                continue;
            };
            let attempts = i64::from(turn.republish_count);
            let result = if attempts > i64::from(self.config.sweep.attempts) {
                self.give_up(&event).await
            } else {
                self.metrics.swept.with_label_values(&[&turn.status]).inc();
                tracing::info!(query_id = %turn.query_id, status = turn.status, attempts, "published again");
                self.outbound.publish(&self.config.broker_url, &event).await.map_err(Problem::from)
            };
            if let Err(problem) = result {
                // The broker is away: that was no attempt, for this turn and for those behind it.
                self.unclaim(&waiting[place..]).await?;
                return Err(problem);
            }
        }
        Ok(())
    }

    async fn claim_waiting(&self) -> Result<Vec<Waiting>, Problem> {
        let sweep = &self.config.sweep;
        let mut transaction = self.db.begin().await?;
        let alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
            .bind(SWEEP_LOCK)
            .fetch_one(&mut *transaction)
            .await?;
        if !alone {
            return Ok(Vec::new());
        }
        let waiting = sqlx::query_as(
            "UPDATE query_history q SET republished_at = now(), republish_count = q.republish_count + 1
               FROM (SELECT query_id FROM query_history
                      WHERE status IN ('received', 'routed')
                        AND coalesce(republished_at, created_at)
                            < now() - make_interval(secs => CASE status WHEN 'received' THEN $1 ELSE $2 END)
                   ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED) due
              WHERE q.query_id = due.query_id
          RETURNING q.query_id, q.student_id, q.seq, q.status, q.query, q.assigned_agent,
                    q.routing_confidence, q.routing_reasoning, q.traceparent, q.republish_count",
        )
        .bind(sweep.received_deadline.as_secs_f64())
        .bind(sweep.routed_deadline.as_secs_f64())
        .bind(i64::from(sweep.batch))
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(waiting)
    }

    async fn unclaim(&self, turns: &[Waiting]) -> Result<(), Problem> {
        let ids: Vec<Uuid> = turns.iter().map(|turn| turn.query_id).collect();
        sqlx::query(
            "UPDATE query_history SET republished_at = NULL, republish_count = greatest(republish_count - 1, 0)
              WHERE query_id = ANY($1)",
        )
        .bind(ids)
        .execute(&self.db)
        .await?;
        Ok(())
    }

    /// Keeps the event as a dead letter and tells the student.
    async fn give_up(&self, event: &Event) -> Result<(), Problem> {
        let mut letter = Letter::of(event);
        letter.destination = GIVEN_UP.to_owned();
        if let Some(failed) = self.keep(&letter).await? {
            match self.outbound.publish(&self.config.broker_url, &failed).await {
                // The turn is failed already; whoever looks at it sees that without the event.
                Err(PublishError::Refused(reason)) => tracing::error!(reason, "query.failed was refused"),
                other => other?,
            }
        }
        Ok(())
    }

    /// What is done less often, one part after the other for the same reason.
    async fn hourly(&self) -> Result<(), Problem> {
        let late = self.erase_late_arrivals().await;
        let expired = self.delete_expired().await;
        if let Err(problem) = late {
            problem.log();
        }
        expired
    }

    /// Deletes what has expired.
    async fn delete_expired(&self) -> Result<(), Problem> {
        let mut connection = self.db.acquire().await?;
        let alone: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(RETENTION_LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if !alone {
            return Ok(());
        }
        let result = self.delete_expired_alone().await;
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(RETENTION_LOCK).execute(&mut *connection).await?;
        result
    }

    async fn delete_expired_alone(&self) -> Result<(), Problem> {
        let inbox_age_s = self.config.sweep.inbox_age.as_secs_f64();
        let delete = |table, expired| (table, bounded(&format!("DELETE FROM {table}"), table, expired));
        // What was learnt from an attempt stays; what was written to learn it goes.
        let emptied = bounded(
            "UPDATE exercise_attempts SET code = '', verdict = jsonb_build_object('topic', verdict -> 'topic')",
            "exercise_attempts",
            "created_at < now() - INTERVAL '90 days' AND code <> ''",
        );
        for (table, statement) in [
            delete("query_history", "expires_at < now()"),
            delete("inbox", "handled_at < now() - make_interval(secs => $1)"),
            delete("refresh_tokens", "expires_at < now()"),
            delete("response_cache", "expires_at < now()"),
            // No event that was on its way then is delivered any more, and no token of that time is valid.
            delete("erased_users", "erased_at < now() - make_interval(secs => $1)"),
            delete("code_submissions", "created_at < now() - INTERVAL '90 days'"),
            delete("dead_letters", "created_at < now() - INTERVAL '90 days'"),
            ("exercise_attempts", emptied),
            delete("struggle_alerts", "created_at < now() - INTERVAL '90 days'"),
            delete("usage_ledger", "created_at < now() - INTERVAL '90 days'"),
            // The site's own days stay, for the bill.
            delete("usage_days", "day < now() - INTERVAL '90 days' AND scope <> 'site'"),
            delete("llm_deferrals", "updated_at < now() - make_interval(secs => $1)"),
            delete("oidc_logins", "expires_at < now()"),
            delete("audit_log", "at < now() - INTERVAL '1 year'"),
        ] {
            loop {
                let deleted = sqlx::query(AssertSqlSafe(statement.as_str()))
                    .bind(inbox_age_s)
                    .bind(EXPIRED_BATCH)
                    .execute(&self.db)
                    .await?
                    .rows_affected();
                self.metrics.expired.with_label_values(&[table]).inc_by(deleted);
                if deleted < EXPIRED_BATCH.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(())
    }
}
