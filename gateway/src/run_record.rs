//! Programs that students run themselves are kept and told to progress, like those that agents run.

use std::sync::Arc;

use chrono::Utc;
use learnflow_events::{
    EventType, Outgoing,
    code::{CodeExecuted, RunReport, RunRequest},
    ids,
};
use learnflow_telemetry::TraceContext;
use serde_json::Value;
use tracing::Instrument;
use uuid::Uuid;

use crate::{app::App, dead_letters::SOURCE};

/// Most bytes of each output that are kept and sent on; the student has seen all of it.
const KEPT_BYTES: usize = 64 * 1024;

impl App {
    /// Keeps a run and publishes `learnflow.code.executed.v1`, beside the request that it answers: whoever ran the
    /// program has the report already, and a failure here is logged.
    pub(crate) fn record_run(
        self: &Arc<Self>,
        student_id: &str,
        run_id: Uuid,
        request: RunRequest,
        report: RunReport,
    ) {
        let (app, student_id) = (self.clone(), student_id.to_owned());
        let keeping = async move {
            if let Err(error) = app.keep_run(&student_id, run_id, request, report).await {
                tracing::error!(%run_id, error, "a run could not be recorded");
            }
        };
        tokio::spawn(keeping.in_current_span());
    }

    async fn keep_run(
        &self,
        student_id: &str,
        run_id: Uuid,
        request: RunRequest,
        mut report: RunReport,
    ) -> Result<(), String> {
        report.stdout = kept(&report.stdout);
        report.stderr = kept(&report.stderr);
        // A trace can be large, and neither progress nor a teacher's list of runs looks at it.
        report.trace = None;
        let error = serde_json::to_value(&report.error).map_err(|error| error.to_string())?;
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
        .bind(serde_json::to_value(report.outcome).map_err(|error| error.to_string())?.as_str())
        .bind(report.exit_code)
        .bind(&report.stdout)
        .bind(&report.stderr)
        .bind(without_nul(error))
        .bind(i64::try_from(report.duration_us).unwrap_or(i64::MAX))
        .execute(&self.db)
        .await
        .map_err(|error| error.to_string())?;
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
        self.outbound.publish(&self.config.broker_url, &event).await.map_err(|error| error.to_string())
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
