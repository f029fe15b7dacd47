//! What whoever runs the system does: look at dead letters and send them again, change roles.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{FromRow, types::Json as SqlJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::Shared,
    audit::Action,
    dead_letters::original,
    identity::{Address, Admin},
    problem::{Body, Path, Problem, Query},
    token::Role,
};

const MOST: i64 = 200;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(replay)).routes(routes!(set_role))
}

/// Which dead letters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Text in the type, ids, destination or error.
    q: Option<String>,
    /// `true`: only those that were not replayed yet.
    #[serde(default)]
    open: bool,
    /// Older than this one: the last id of the page before.
    before: Option<Uuid>,
    /// Rows, 1 to 200; 50 when absent.
    limit: Option<i64>,
}

/// An event that could not be delivered.
#[derive(Serialize, FromRow, ToSchema)]
struct DeadLetter {
    dead_letter_id: Uuid,
    event_id: String,
    event_type: String,
    student_id: Option<String>,
    query_id: Option<Uuid>,
    /// The CloudEvent in structured JSON, with Knative's error attributes.
    #[schema(value_type = Object)]
    event: SqlJson<Value>,
    destination: Option<String>,
    /// The HTTP status of the last try; absent when there was no answer.
    error_code: Option<i32>,
    /// The first KiB of the last answer.
    error_data: Option<String>,
    created_at: DateTime<Utc>,
    replayed_at: Option<DateTime<Utc>>,
}

/// A page of dead letters, newest first.
#[derive(Serialize, ToSchema)]
struct DeadLetters {
    dead_letters: Vec<DeadLetter>,
    /// `before` of the next page; absent on the last one.
    next: Option<Uuid>,
}

/// Lists and searches dead letters.
#[utoipa::path(get, path = "/api/operator/dead-letters", tag = "operator", security(("bearer" = [])),
    params(Filter), responses((status = 200, body = DeadLetters), (status = 403)))]
async fn list(
    State(app): State<Shared>,
    _: Admin,
    Query(filter): Query<Filter>,
) -> Result<Json<DeadLetters>, Problem> {
    let limit = filter.limit.unwrap_or(50);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request(format!("limit must be 1 to {MOST}.")));
    }
    let text = filter.q.map(|text| text.replace('\0', ""));
    let mut dead_letters: Vec<DeadLetter> = sqlx::query_as(
        "SELECT dead_letter_id, event_id, event_type, student_id, query_id, event, destination, error_code,
                error_data, created_at, replayed_at
           FROM dead_letters
          WHERE ($1::text IS NULL
                 OR position(lower($1) IN lower(concat_ws(' ', event_type, event_id, student_id, query_id,
                                                          destination, error_data))) > 0)
            AND (NOT $2 OR replayed_at IS NULL)
            AND ($3::uuid IS NULL OR dead_letter_id < $3)
       ORDER BY dead_letter_id DESC LIMIT $4 + 1",
    )
    .bind(text)
    .bind(filter.open)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(&app.db)
    .await?;
    let more = dead_letters.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        dead_letters.pop();
    }
    let next = more.then(|| dead_letters.last().map(|letter| letter.dead_letter_id)).flatten();
    Ok(Json(DeadLetters { dead_letters, next }))
}

/// What a replay did.
#[derive(Serialize, ToSchema)]
struct Replayed {
    dead_letter_id: Uuid,
    event_id: String,
    replayed_at: DateTime<Utc>,
}

/// Sends the original event again, with the same id; its turn waits for an answer again.
#[utoipa::path(post, path = "/api/operator/dead-letters/{id}/replay", tag = "operator",
    security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 202, body = Replayed), (status = 403), (status = 404),
              (status = 503, description = "The broker is away; nothing changed")))]
async fn replay(
    State(app): State<Shared>,
    Admin(admin): Admin,
    address: Address,
    Path(dead_letter_id): Path<Uuid>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let mut transaction = app.db.begin().await?;
    let found: Option<(String, SqlJson<Value>, DateTime<Utc>)> = sqlx::query_as(
        "UPDATE dead_letters SET replayed_at = now() WHERE dead_letter_id = $1
      RETURNING event_id, event, replayed_at",
    )
    .bind(dead_letter_id)
    .fetch_optional(&mut *transaction)
    .await?;
    let (event_id, event, replayed_at) =
        found.ok_or_else(|| Problem::not_found("There is no dead letter with this id."))?;
    // The turn is locked until the event is out, so that an answer that comes at once finds it waiting.
    sqlx::query(
        "UPDATE query_history q
            SET status = CASE WHEN d.event_type = $2 THEN 'received' ELSE 'routed' END,
                republished_at = now(), republish_count = 0
           FROM dead_letters d
          WHERE d.dead_letter_id = $1 AND q.query_id = d.query_id AND q.status = 'failed'
            AND d.event_type IN ($2, $3)",
    )
    .bind(dead_letter_id)
    .bind(learnflow_events::EventType::QuerySubmitted.as_str())
    .bind(learnflow_events::EventType::QueryRouted.as_str())
    .execute(&mut *transaction)
    .await?;
    let (headers, body) = original(&event.0)
        .ok_or_else(|| Problem::bug(format!("dead letter {dead_letter_id} does not hold an event")))?;
    app.outbound.publish_parts(&app.config.broker_url, headers, body).await?;
    transaction.commit().await?;
    let target = dead_letter_id.to_string();
    app.audit(Some(&admin), address, Action::DeadLetterReplayed, Some(&target), json!({})).await;
    Ok((StatusCode::ACCEPTED, Json(Replayed { dead_letter_id, event_id, replayed_at })))
}

/// A user's new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: Role,
}

/// Changes what a user may do, from the user's next login or refresh on.
#[utoipa::path(put, path = "/api/operator/users/{id}/role", tag = "operator", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = NewRole,
    responses((status = 204), (status = 403), (status = 404)))]
async fn set_role(
    State(app): State<Shared>,
    Admin(admin): Admin,
    address: Address,
    Path(user_id): Path<String>,
    Body(new): Body<NewRole>,
) -> Result<StatusCode, Problem> {
    let changed = sqlx::query("UPDATE users SET role = $2 WHERE user_id = $1")
        .bind(user_id.replace('\0', ""))
        .bind(new.role.as_str())
        .execute(&app.db)
        .await?;
    if changed.rows_affected() == 0 {
        return Err(Problem::not_found("There is no user with this id."));
    }
    let detail = json!({ "role": new.role });
    app.audit(Some(&admin), address, Action::RoleChanged, Some(&user_id), detail).await;
    Ok(StatusCode::NO_CONTENT)
}
