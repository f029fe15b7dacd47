//! Who did what that matters for security, and for whoever asks later who changed a class.
//!
//! An entry names people by their ids only, as actor and target, so that an erasure finds them; `detail` holds no name,
//! no address and no text of anybody.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{FromRow, types::Json as SqlJson};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    identity::{Address, Admin, Identity},
    page,
    problem::{Problem, Query},
};

/// Most entries of a page.
const MOST: i64 = 200;

/// Actions with the names that they have in the log.
macro_rules! actions {
    ($($action:ident = $name:literal,)+) => {
        /// What is written down.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Action {
            $($action),+
        }

        impl Action {
            const NAMES: &[&str] = &[$($name),+];

            const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$action => $name),+
                }
            }
        }
    };
}

actions! {
    Registered = "registered",
    LoggedIn = "logged-in",
    LoginRefused = "login-refused",
    LoggedOut = "logged-out",
    RefreshReused = "refresh-token-reused",
    AccountLinked = "account-linked",
    Exported = "exported",
    Erased = "erased",
    ConsentDecided = "consent-decided",
    RoleChanged = "role-changed",
    DeadLetterReplayed = "dead-letter-replayed",
    ClassMade = "class-made",
    ClassRenamed = "class-renamed",
    ClassDeleted = "class-deleted",
    ClassJoined = "class-joined",
    JoinRefused = "join-refused",
    CodeRenewed = "code-renewed",
    CodeClosed = "code-closed",
    MemberRemoved = "member-removed",
    TeacherAdded = "teacher-added",
    TeacherRemoved = "teacher-removed",
    PolicySet = "policy-set",
    NoteMade = "note-made",
    NoteChanged = "note-changed",
    NoteDeleted = "note-deleted",
    ExerciseMade = "exercise-made",
    ExerciseChanged = "exercise-changed",
    ExerciseDeleted = "exercise-deleted",
    AlertResolved = "alert-resolved",
}

/// [`Action`] in the API's document.
enum AuditAction {}

impl PartialSchema for AuditAction {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Action::NAMES.iter().copied())).into()
    }
}

impl ToSchema for AuditAction {}

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// One action.
    action: Option<String>,
    /// What this user did, or what was done to this user.
    user: Option<String>,
    /// Older than this one: `next` of the page before.
    before: Option<Uuid>,
    /// Rows, 1 to 200; 50 when absent.
    limit: Option<i64>,
}

/// Something that happened.
#[derive(Serialize, FromRow, ToSchema)]
struct AuditEntry {
    audit_id: Uuid,
    at: DateTime<Utc>,
    /// Who did it; `null` when nobody was logged in, or when the account was deleted since.
    actor: Option<String>,
    /// As what.
    actor_role: Option<String>,
    #[schema(value_type = AuditAction)]
    action: String,
    /// What or whom it was done to: the id of a user, class, note, exercise, alert or dead letter.
    target: Option<String>,
    /// The network address it came from.
    address: Option<String>,
    /// What else there is to know; its shape depends on the action.
    #[schema(value_type = Object)]
    detail: SqlJson<Value>,
}

/// A page of the audit log, newest first.
#[derive(Serialize, ToSchema)]
struct AuditLog {
    entries: Vec<AuditEntry>,
    /// `before` of the next page; absent on the last one.
    next: Option<Uuid>,
}

/// What happened in the last year that matters for security.
#[utoipa::path(get, path = "/api/audit", tag = "operator", security(("bearer" = [])), params(Filter),
    responses((status = 200, description = "As asked", body = AuditLog), (status = 400, description = "A parameter is not valid; the problem says which"), (status = 403, description = "Not for this account")))]
async fn list_audit(
    State(app): State<Shared>,
    _: Admin,
    Query(filter): Query<Filter>,
) -> Result<Json<AuditLog>, Problem> {
    let limit = page::rows(filter.limit, 50, MOST)?;
    if filter.action.as_deref().is_some_and(|action| !Action::NAMES.contains(&action)) {
        return Err(Problem::bad_request(format!("action is one of {}.", Action::NAMES.join(", "))));
    }
    let mut entries: Vec<AuditEntry> = sqlx::query_as(
        "SELECT audit_id, at, actor, actor_role, action, target, address, detail
           FROM audit_log
          WHERE ($1::text IS NULL OR action = $1)
            AND ($2::text IS NULL OR actor = $2 OR target = $2)
            AND ($3::uuid IS NULL OR audit_id < $3)
       ORDER BY audit_id DESC LIMIT $4 + 1",
    )
    .bind(filter.action)
    .bind(filter.user.map(|user| user.replace('\0', "")))
    .bind(filter.before)
    .bind(limit)
    .fetch_all(&app.db)
    .await?;
    let more = page::cut(&mut entries, limit);
    let next = more.then(|| entries.last().map(|entry| entry.audit_id)).flatten();
    Ok(Json(AuditLog { entries, next }))
}

impl App {
    /// Writes to the audit log. A failure is logged: the action itself has already happened.
    pub(crate) async fn audit(
        &self,
        actor: Option<&Identity>,
        address: Address,
        action: Action,
        target: Option<&str>,
        detail: Value,
    ) {
        let written = sqlx::query(
            "INSERT INTO audit_log (audit_id, actor, actor_role, action, target, address, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(Uuid::now_v7())
        .bind(actor.map(|actor| actor.user_id.as_str()))
        .bind(actor.map(|actor| actor.role.as_str()))
        .bind(action.as_str())
        .bind(target)
        .bind(address.0.to_string())
        .bind(detail)
        .execute(&self.db)
        .await;
        if let Err(error) = written {
            tracing::error!(%error, action = action.as_str(), "the audit log could not be written");
        }
    }
}
