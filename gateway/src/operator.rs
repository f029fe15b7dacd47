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
    app::{App, Shared},
    audit::Action,
    dead_letters::original,
    identity::{Address, Admin, Identity},
    page,
    problem::{Body, Path, Problem, Query},
    schema,
    token::Role,
    turns::FAILED,
};

const MOST: i64 = 200;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(replay_all))
        .routes(routes!(replay))
        .routes(routes!(set_role))
}

/// Which dead letters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = DeadLetterFilter)]
struct Filter {
    /// Text in the type, ids, destination or error.
    q: Option<String>,
    /// `true`: only those that were not replayed yet.
    open: bool,
    /// Events of one type.
    event_type: Option<String>,
    /// What could not be reached.
    destination: Option<String>,
    /// The HTTP status of the last try.
    error_code: Option<i32>,
    /// Events about one student.
    student_id: Option<String>,
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
    /// Where its turn is now.
    #[schema(value_type = Option<schema::TurnStatus>)]
    turn_status: Option<String>,
    /// What the student of its turn sees now: the apology, or the answer that came in the end; absent while the turn
    /// waits.
    student_saw: Option<String>,
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
    params(Filter), responses((status = 200, description = "As asked", body = DeadLetters), (status = 403, description = "Not for this account")))]
async fn list(
    State(app): State<Shared>,
    _: Admin,
    Query(filter): Query<Filter>,
) -> Result<Json<DeadLetters>, Problem> {
    let (dead_letters, more) = app.find(&filter).await?;
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
    responses((status = 202, description = "Taken in", body = Replayed), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"),
              (status = 503, description = "The broker is away; nothing changed")))]
async fn replay(
    State(app): State<Shared>,
    Admin(admin): Admin,
    address: Address,
    Path(dead_letter_id): Path<Uuid>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let replayed = app.replay(dead_letter_id).await?;
    app.audit_replay(&admin, address, &replayed).await;
    Ok((StatusCode::ACCEPTED, Json(replayed)))
}

/// What a replay by filter did.
#[derive(Serialize, ToSchema)]
struct ReplayedAll {
    replayed: Vec<Replayed>,
    /// Whether there are more that fit: call again.
    more: bool,
    /// Why it ended early; what is not in `replayed` is as it was.
    stopped: Option<String>,
}

/// Sends again whatever fits a filter and was not replayed yet, newest first, `limit` at a time. Consumers that have
/// handled an event before answer as they did then, so that a repeated replay changes nothing.
#[utoipa::path(post, path = "/api/operator/dead-letters/replay", tag = "operator", security(("bearer" = [])),
    request_body = Filter,
    responses((status = 202, description = "Taken in", body = ReplayedAll), (status = 400, description = "A parameter is not valid; the problem says which"), (status = 403, description = "Not for this account"),
              (status = 503, description = "The broker is away; nothing changed")))]
async fn replay_all(
    State(app): State<Shared>,
    Admin(admin): Admin,
    address: Address,
    Body(filter): Body<Filter>,
) -> Result<(StatusCode, Json<ReplayedAll>), Problem> {
    let (letters, more) = app.find(&Filter { open: true, ..filter }).await?;
    let mut done = ReplayedAll { replayed: Vec::new(), more, stopped: None };
    for letter in letters {
        match app.replay(letter.dead_letter_id).await {
            Ok(replayed) => {
                app.audit_replay(&admin, address, &replayed).await;
                done.replayed.push(replayed);
            }
            Err(problem) if done.replayed.is_empty() => return Err(problem),
            Err(problem) => {
                problem.log();
                done.stopped = problem.document()["detail"].as_str().map(str::to_owned);
                done.more = true;
                break;
            }
        }
    }
    Ok((StatusCode::ACCEPTED, Json(done)))
}

impl App {
    /// A page of dead letters, and whether there are more.
    async fn find(&self, filter: &Filter) -> Result<(Vec<DeadLetter>, bool), Problem> {
        let limit = page::rows(filter.limit, 50, MOST)?;
        let text = |text: &Option<String>| text.as_ref().map(|text| text.replace('\0', ""));
        let mut dead_letters: Vec<DeadLetter> = sqlx::query_as(
            "SELECT d.dead_letter_id, d.event_id, d.event_type, d.student_id, d.query_id, d.event, d.destination,
                    d.error_code, d.error_data, d.created_at, d.replayed_at, q.status AS turn_status,
                    CASE q.status WHEN 'failed' THEN $9 WHEN 'answered' THEN q.response_text END AS student_saw
               FROM dead_letters d LEFT JOIN query_history q ON q.query_id = d.query_id
              WHERE ($1::text IS NULL
                     OR position(lower($1) IN lower(concat_ws(' ', d.event_type, d.event_id, d.student_id,
                                                              d.query_id, d.destination, d.error_data))) > 0)
                AND (NOT $2 OR d.replayed_at IS NULL)
                AND ($3::uuid IS NULL OR d.dead_letter_id < $3)
                AND ($5::text IS NULL OR d.event_type = $5)
                AND ($6::text IS NULL OR d.destination = $6)
                AND ($7::integer IS NULL OR d.error_code = $7)
                AND ($8::text IS NULL OR d.student_id = $8)
           ORDER BY d.dead_letter_id DESC LIMIT $4 + 1",
        )
        .bind(text(&filter.q))
        .bind(filter.open)
        .bind(filter.before)
        .bind(limit)
        .bind(text(&filter.event_type))
        .bind(text(&filter.destination))
        .bind(filter.error_code)
        .bind(text(&filter.student_id))
        .bind(FAILED)
        .fetch_all(&self.db)
        .await?;
        let more = page::cut(&mut dead_letters, limit);
        Ok((dead_letters, more))
    }

    async fn replay(&self, dead_letter_id: Uuid) -> Result<Replayed, Problem> {
        let mut transaction = self.db.begin().await?;
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
        self.outbound.publish_parts(&self.config.broker_url, headers, body).await?;
        transaction.commit().await?;
        Ok(Replayed { dead_letter_id, event_id, replayed_at })
    }

    async fn audit_replay(&self, admin: &Identity, address: Address, replayed: &Replayed) {
        let target = replayed.dead_letter_id.to_string();
        self.audit(Some(admin), address, Action::DeadLetterReplayed, Some(&target), json!({})).await;
    }
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
    responses((status = 204, description = "Done"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
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
