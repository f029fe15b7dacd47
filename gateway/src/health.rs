//! Whether this process lives, and whether it can serve.

use std::time::Duration;

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{app::Shared, problem::Problem};

const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the gateway can serve.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// PostgreSQL answers.
    database: bool,
    /// The event log is being read.
    event_log: bool,
}

/// `GET /health`: the process lives.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /ready`: PostgreSQL answers and events are read. Functions that are away do not matter: they scale to
/// zero, and what they are asked waits.
pub(crate) async fn ready(State(app): State<Shared>) -> Result<Json<Ready>, Problem> {
    let asked = tokio::time::timeout(PATIENCE, sqlx::query("SELECT 1").execute(&app.db)).await;
    let ready = Ready { database: matches!(asked, Ok(Ok(_))), event_log: app.is_consuming() };
    if ready.database && ready.event_log {
        Ok(Json(ready))
    } else {
        Err(Problem::away(format!("database: {}, event log: {}", ready.database, ready.event_log)))
    }
}
