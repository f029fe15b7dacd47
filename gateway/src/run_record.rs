//! Programs that students run themselves are kept and told to progress, like those that agents run.
//!
//! That happens beside the answer, so that a student who ran a program has the report whatever else is away. A run is
//! held in memory until it is written and told: while PostgreSQL or the broker is away each step is tried again, for
//! [`PATIENCE`], and a gateway that stops waits for it. A run is lost when the process is killed meanwhile, or when the
//! outage lasts longer.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use learnflow_events::{
    EventType, Outgoing,
    code::{CodeExecuted, RunReport, RunRequest},
    ids,
};
use learnflow_telemetry::TraceContext;
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use crate::{app::App, dead_letters::SOURCE, problem::Problem};

/// Most bytes of each output that are kept and sent on; the student has seen all of it.
const KEPT_BYTES: usize = 64 * 1024;
/// How long each step is tried again. Without PostgreSQL no program is started, so what waits for it is little; with
/// only the broker away it is what a school runs in this time.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pauses between the tries grow from the first of these to the second.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

impl App {
    /// Keeps a run and publishes `learnflow.code.executed.v1`, beside the request that it answers; a failure is logged.
    pub(crate) fn record_run(
        self: &Arc<Self>,
        student_id: &str,
        run_id: Uuid,
        request: RunRequest,
        report: RunReport,
    ) {
        let (app, student_id) = (self.clone(), student_id.to_owned());
        let keeping = async move {
            if let Err(problem) = app.keep_run(&student_id, run_id, request, report).await {
                problem.log();
                tracing::error!(%run_id, "a run could not be recorded");
            }
        };
        self.recording.spawn(keeping.in_current_span());
    }

    /// Does `step` until it succeeds, as long as what it needs is only away.
    async fn insist<F: Future<Output = Result<(), Problem>>>(
        &self,
        mut step: impl FnMut() -> F,
    ) -> Result<(), Problem> {
        let [mut pause, longest] = PAUSES;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Err(problem) = step().await else { return Ok(()) };
            let away = problem.status() == http::StatusCode::SERVICE_UNAVAILABLE;
            // A closed pool means that the gateway has stopped and waits no longer.
            if !away || self.db.is_closed() || Instant::now() + pause > deadline {
                return Err(problem);
            }
            problem.log();
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn keep_run(
        &self,
        student_id: &str,
        run_id: Uuid,
        request: RunRequest,
        mut report: RunReport,
    ) -> Result<(), Problem> {
        report.stdout = kept(&report.stdout);
        report.stderr = kept(&report.stderr);
        // A trace can be large, and neither progress nor a teacher's list of runs looks at it.
        report.trace = None;
        self.insist(|| self.store_run(student_id, run_id, &request, &report)).await?;
        let event = Outgoing {
            id: ids::caused_event(&run_id.to_string(), EventType::CodeExecuted),
            source: SOURCE.to_owned(),
            subject: Some(run_id.to_string()),
            time: Utc::now(),
            student_id: student_id.to_owned(),
            traceparent: Some(TraceContext::current_or_new().traceparent()),
            extensions: Vec::new(),
        }
        .event(CodeExecuted { run_id, report });
        let (broker, event) = (&self.config.broker_url, &event);
        self.insist(|| async move { Ok(self.outbound.publish(broker, event).await?) }).await
    }

    async fn store_run(
        &self,
        student_id: &str,
        run_id: Uuid,
        request: &RunRequest,
        report: &RunReport,
    ) -> Result<(), Problem> {
        let json = |value: serde_json::Result<Value>| {
            value.map_err(|error| Problem::bug(format!("the report of run {run_id}: {error}")))
        };
        let error = json(serde_json::to_value(&report.error))?;
        let outcome = json(serde_json::to_value(report.outcome))?;
        sqlx::query(
            "INSERT INTO code_submissions (run_id, student_id, code, stdin, outcome, exit_code, stdout, stderr,
                                           error, duration_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9::jsonb, 'null'), $10)
             ON CONFLICT (run_id) DO NOTHING",
        )
        .bind(run_id)
        .bind(student_id)
        .bind(kept(&request.code))
        .bind(kept(&request.stdin))
        .bind(outcome.as_str())
        .bind(report.exit_code)
        .bind(&report.stdout)
        .bind(&report.stderr)
        .bind(without_nul(error))
        .bind(i64::try_from(report.duration_us).unwrap_or(i64::MAX))
        .execute(&self.db)
        .await?;
        Ok(())
    }
}

/// A text as PostgreSQL can keep it: without NUL, and not too long.
fn kept(text: &str) -> String {
    text[..text.floor_char_boundary(KEPT_BYTES)].replace('\0', "\u{fffd}")
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace('\0', "\u{fffd}").into(),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_nul(value))).collect(),
        other => other,
    }
}
