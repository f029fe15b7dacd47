//! Struggle alerts: who is stuck, the evidence, and what became of it.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use learnflow_learner::curriculum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{FromRow, types::Json as SqlJson};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    audit::Action,
    exercises::Submission,
    identity::{Address, Identity, Teacher},
    problem::{Body, Path, Problem, Query},
    schema,
    token::Role,
    turns::{Turn, TurnRow, turn_columns},
};

const MOST: i64 = 200;
const NOTE_CHARS: usize = 2_000;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_alerts)).routes(routes!(show_alert)).routes(routes!(resolve))
}

/// Which alerts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Of one class; of all students that one looks after when absent.
    class_id: Option<Uuid>,
    /// `open`, `resolved` or `all`; `open` when absent.
    state: Option<String>,
    /// Of one student.
    student_id: Option<String>,
}

/// Somebody is stuck.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Alert {
    pub(crate) alert_id: Uuid,
    student_id: String,
    name: String,
    topic: String,
    pub(crate) topic_title: String,
    /// The rule that found it: `same-topic`, `same-error`, `no-progress` or `stillness`.
    pub(crate) cause: String,
    #[schema(value_type = schema::StruggleLevel)]
    level: String,
    /// What to do about it.
    recommendation: String,
    /// What was seen, in a sentence.
    context: String,
    pub(crate) created_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    /// The name of who resolved it.
    resolved_by: Option<String>,
    /// What was written down about it.
    note: Option<String>,
    /// Names of the student's classes.
    classes: Vec<String>,
}

#[derive(FromRow)]
pub(crate) struct AlertRow {
    alert_id: Uuid,
    student_id: String,
    name: String,
    topic: String,
    cause: String,
    level: String,
    recommendation: String,
    context: String,
    evidence: SqlJson<Value>,
    created_at: DateTime<Utc>,
    resolved_at: Option<DateTime<Utc>>,
    resolved_by: Option<String>,
    note: Option<String>,
    classes: Vec<String>,
}

/// The columns of [`AlertRow`]; a macro, since SQL is only taken from literals.
macro_rules! alert_columns {
    () => {
        "SELECT a.alert_id, a.student_id, coalesce(u.display_name, a.student_id) AS name, a.topic, a.cause, a.level,
                a.recommendation, a.context, a.evidence, a.created_at, a.resolved_at, a.note,
                (SELECT r.display_name FROM users r WHERE r.user_id = a.resolved_by) AS resolved_by,
                ARRAY(SELECT c.name FROM class_members m JOIN classes c USING (class_id)
                       WHERE m.student_id = a.student_id ORDER BY c.name) AS classes
           FROM struggle_alerts a LEFT JOIN users u ON u.user_id = a.student_id "
    };
}
pub(crate) use alert_columns;

impl From<AlertRow> for Alert {
    fn from(row: AlertRow) -> Self {
        Self {
            alert_id: row.alert_id,
            student_id: row.student_id,
            name: row.name,
            topic_title: curriculum::title(&row.topic).to_owned(),
            topic: row.topic,
            cause: row.cause,
            level: row.level,
            recommendation: row.recommendation,
            context: row.context,
            created_at: row.created_at,
            resolved_at: row.resolved_at,
            resolved_by: row.resolved_by,
            note: row.note,
            classes: row.classes,
        }
    }
}

/// Alerts, newest first, at most 200.
#[derive(Serialize, ToSchema)]
struct Alerts {
    alerts: Vec<Alert>,
}

/// Alerts of the students that one looks after. As they come, `student-struggle` tells of them over Socket.IO.
#[utoipa::path(get, path = "/api/instructor/alerts", tag = "teacher", security(("bearer" = [])), params(Filter),
    responses((status = 200, description = "As asked", body = Alerts), (status = 400, description = "A parameter is not valid; the problem says which"), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn list_alerts(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Query(filter): Query<Filter>,
) -> Result<Json<Alerts>, Problem> {
    if let Some(class_id) = filter.class_id {
        app.taught(&identity, class_id).await?;
    }
    let open = match filter.state.as_deref() {
        None | Some("open") => Some(true),
        Some("resolved") => Some(false),
        Some("all") => None,
        Some(_) => return Err(Problem::bad_request("state is open, resolved or all.")),
    };
    let rows: Vec<AlertRow> = sqlx::query_as(concat!(
        alert_columns!(),
        "WHERE ($1::uuid IS NULL OR EXISTS (SELECT FROM class_members m
                                             WHERE m.class_id = $1 AND m.student_id = a.student_id))
           AND ($2::boolean IS NULL OR (a.resolved_at IS NULL) = $2)
           AND ($3::text IS NULL OR a.student_id = $3)
           AND ($4 OR teaches($5, a.student_id))
      ORDER BY a.created_at DESC, a.alert_id LIMIT $6"
    ))
    .bind(filter.class_id)
    .bind(open)
    .bind(filter.student_id.map(|id| id.replace('\0', "")))
    .bind(identity.role == Role::Admin)
    .bind(&identity.user_id)
    .bind(MOST)
    .fetch_all(&app.db)
    .await?;
    Ok(Json(Alerts { alerts: rows.into_iter().map(Alert::from).collect() }))
}

/// An alert with what it rests on.
#[derive(Serialize, ToSchema)]
struct AlertWithEvidence {
    #[serde(flatten)]
    alert: Alert,
    evidence: Evidence,
}

/// What an alert rests on; what has expired meanwhile is missing.
#[derive(Serialize, ToSchema)]
struct Evidence {
    turns: Vec<Turn>,
    runs: Vec<Run>,
    attempts: Vec<Attempt>,
}

/// A program that was run.
#[derive(Clone, Debug, Serialize, FromRow, ToSchema)]
pub(crate) struct Run {
    pub(crate) run_id: Uuid,
    query_id: Option<Uuid>,
    code: String,
    stdin: String,
    #[schema(value_type = schema::Outcome)]
    pub(crate) outcome: String,
    exit_code: i32,
    stdout: String,
    stderr: String,
    #[schema(value_type = Option<schema::PythonError>)]
    pub(crate) error: Option<SqlJson<Value>>,
    duration_us: i64,
    #[sqlx(rename = "created_at")]
    pub(crate) at: DateTime<Utc>,
}

/// The columns of [`Run`].
macro_rules! run_columns {
    () => {
        "SELECT run_id, query_id, code, stdin, outcome, exit_code, stdout, stderr, error, duration_us, created_at
           FROM code_submissions "
    };
}
pub(crate) use run_columns;

/// A submission with its exercise.
#[derive(Serialize, FromRow, ToSchema)]
pub(crate) struct Attempt {
    pub(crate) exercise_id: String,
    #[sqlx(flatten)]
    #[serde(flatten)]
    pub(crate) submission: Submission,
}

/// The columns of [`Attempt`].
macro_rules! attempt_columns {
    () => {
        "SELECT exercise_id, attempt_id, query_id, created_at, passed, tests_passed, tests_total, code, verdict
           FROM exercise_attempts "
    };
}
pub(crate) use attempt_columns;

/// An alert with the messages, runs and submissions that it rests on.
#[utoipa::path(get, path = "/api/instructor/alerts/{id}", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "As asked", body = AlertWithEvidence), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account")))]
async fn show_alert(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    Path(alert_id): Path<Uuid>,
) -> Result<Json<AlertWithEvidence>, Problem> {
    let row = app.alert(&identity, alert_id).await?;
    let ids = |name: &str| -> Vec<Uuid> {
        let listed = row.evidence.0.get(name).and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
    };
    let (turn_ids, run_ids) = (ids("turns"), ids("runs"));
    let turns: Vec<TurnRow> = sqlx::query_as(concat!(
        turn_columns!(),
        "WHERE q.query_id = ANY($1) AND q.student_id = $2 ORDER BY q.seq DESC"
    ))
    .bind(&turn_ids)
    .bind(&row.student_id)
    .fetch_all(&app.db)
    .await?;
    let runs: Vec<Run> = sqlx::query_as(concat!(
        run_columns!(),
        "WHERE run_id = ANY($1) AND student_id = $2 ORDER BY created_at DESC, run_id"
    ))
    .bind(&run_ids)
    .bind(&row.student_id)
    .fetch_all(&app.db)
    .await?;
    let attempts: Vec<Attempt> = sqlx::query_as(concat!(
        attempt_columns!(),
        "WHERE query_id = ANY($1) AND student_id = $2 ORDER BY created_at DESC, attempt_id"
    ))
    .bind(&turn_ids)
    .bind(&row.student_id)
    .fetch_all(&app.db)
    .await?;
    let evidence = Evidence { turns: turns.into_iter().map(Turn::from).collect(), runs, attempts };
    Ok(Json(AlertWithEvidence { alert: row.into(), evidence }))
}

/// What was done about an alert.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Resolution {
    /// At most 2,000 characters, for oneself and colleagues.
    note: Option<String>,
}

/// Closes an alert. The same cause may raise another one from then on.
#[utoipa::path(post, path = "/api/instructor/alerts/{id}/resolve", tag = "teacher", security(("bearer" = [])),
    params(("id" = Uuid, Path)), request_body = Resolution,
    responses((status = 200, description = "As asked", body = Alert), (status = 403, description = "Not for this account"), (status = 404, description = "Not there, or not for this account"), (status = 422, description = "Not valid; the problem says what to do")))]
async fn resolve(
    State(app): State<Shared>,
    Teacher(identity): Teacher,
    address: Address,
    Path(alert_id): Path<Uuid>,
    Body(resolution): Body<Resolution>,
) -> Result<Json<Alert>, Problem> {
    let note = resolution.note.filter(|note| !note.trim().is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARS || note.contains('\0')) {
        return Err(Problem::reject(
            http::StatusCode::UNPROCESSABLE_ENTITY,
            format!("note may have at most {NOTE_CHARS} characters, none of them NUL."),
        ));
    }
    app.alert(&identity, alert_id).await?;
    // Who comes second changes nothing, but may add a note.
    sqlx::query(
        "UPDATE struggle_alerts
            SET resolved_by = CASE WHEN resolved_at IS NULL THEN $2 ELSE resolved_by END,
                resolved_at = coalesce(resolved_at, now()), note = coalesce($3, note)
          WHERE alert_id = $1",
    )
    .bind(alert_id)
    .bind(&identity.user_id)
    .bind(note)
    .execute(&app.db)
    .await?;
    app.audit(Some(&identity), address, Action::AlertResolved, Some(&alert_id.to_string()), json!({})).await;
    Ok(Json(app.alert(&identity, alert_id).await?.into()))
}

impl App {
    /// An alert about a student whom the caller looks after.
    async fn alert(&self, identity: &Identity, alert_id: Uuid) -> Result<AlertRow, Problem> {
        sqlx::query_as(concat!(
            alert_columns!(),
            "WHERE a.alert_id = $1 AND ($2 OR teaches($3, a.student_id))"
        ))
        .bind(alert_id)
        .bind(identity.role == Role::Admin)
        .bind(&identity.user_id)
        .fetch_optional(&self.db)
        .await?
        .ok_or_else(|| Problem::not_found("There is no alert with this id about a student of yours."))
    }
}
