//! Keeping runs in PostgreSQL, once each.

use cloudevents::Event;
use learnflow_events::code::{RunReport, RunRequest};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::time::Duration;
use uuid::Uuid;

/// The consumer's name in the inbox.
const CONSUMER: &str = "sandbox";

/// A run that belongs to a student.
pub(crate) struct StudentRun<'a> {
    pub(crate) run_id: Uuid,
    pub(crate) student_id: &'a str,
    pub(crate) query_id: Option<Uuid>,
    pub(crate) request: &'a RunRequest,
    pub(crate) report: &'a RunReport,
}

pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects lazily: the service starts without the database and says 503 until it is there.
    pub(crate) fn connect(url: &str) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy(url)?;
        Ok(Self { pool })
    }

    /// The reply that was given to an event before, if it was handled.
    pub(crate) async fn stored_reply(&self, event_id: &str) -> Result<Option<Value>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT reply FROM inbox WHERE consumer = $1 AND event_id = $2 AND reply IS NOT NULL",
        )
        .bind(CONSUMER)
        .bind(event_id)
        .fetch_optional(&self.pool)
        .await
    }

    /// Keeps a run, the reply to its event and the answer to its turn (if it has one), in one statement.
    /// Returns the reply to give: the first one, when the event was handled before.
    pub(crate) async fn commit(
        &self,
        event_id: &str,
        reply: &Event,
        run: &StudentRun<'_>,
        answer: Option<Value>,
    ) -> Result<Event, sqlx::Error> {
        let reply =
            storable(serde_json::to_value(reply).map_err(|error| sqlx::Error::Encode(Box::new(error)))?);
        let row = storable(json!({
            "run_id": run.run_id,
            "student_id": run.student_id,
            "query_id": run.query_id,
            "code": run.request.code,
            "stdin": run.request.stdin,
            "outcome": run.report.outcome,
            "exit_code": run.report.exit_code,
            "stdout": run.report.stdout,
            "stderr": run.report.stderr,
            "error": run.report.error,
            "duration_us": run.report.duration_us,
        }));
        let stored: Value = sqlx::query_scalar("SELECT commit_run($1, $2, $3, $4)")
            .bind(event_id)
            .bind(reply)
            .bind(row)
            .bind(answer.map(storable))
            .fetch_one(&self.pool)
            .await?;
        serde_json::from_value(stored).map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}

impl Store {
    /// Keeps an answer that ran nothing, and the reply to its event. Returns the reply to give.
    pub(crate) async fn commit_answer(
        &self,
        event_id: &str,
        reply: &Event,
        answer: Value,
    ) -> Result<Event, sqlx::Error> {
        let reply =
            storable(serde_json::to_value(reply).map_err(|error| sqlx::Error::Encode(Box::new(error)))?);
        let stored: Value = sqlx::query_scalar("SELECT commit_answer($1, $2, $3, $4)")
            .bind(CONSUMER)
            .bind(event_id)
            .bind(reply)
            .bind(storable(answer))
            .fetch_one(&self.pool)
            .await?;
        serde_json::from_value(stored).map_err(|error| sqlx::Error::Decode(Box::new(error)))
    }
}

/// PostgreSQL's texts cannot hold NUL; its picture (U+2400) stands for it.
fn storable(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('\0') => Value::String(text.replace('\0', "\u{2400}")),
        Value::Array(items) => Value::Array(items.into_iter().map(storable).collect()),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name.replace('\0', "\u{2400}"), storable(value)))
            .collect(),
        other => other,
    }
}
