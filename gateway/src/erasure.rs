//! The end of an account: everything that names its owner is deleted, or no longer names anybody.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::json;
use sqlx::AssertSqlSafe;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{App, Shared},
    audit::Action,
    identity::{Address, Identity},
    personal,
    problem::{Body, Problem},
    sockets::student_room,
};

/// How long after it an erasure is repeated: what was on its way between the parts may arrive late. The broker gives
/// up after half a minute.
const LATE: Duration = Duration::from_secs(15 * 60);

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(delete))
}

/// A decision that cannot be taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Deletion {
    /// Must be `true`.
    confirm: bool,
}

/// Deletes the account and all of its data. The audit log keeps that it happened, not to whom.
#[utoipa::path(post, path = "/api/me/delete", tag = "accounts", security(("bearer" = [])),
    request_body = Deletion,
    responses((status = 204, description = "Deleted"), (status = 422, description = "Not confirmed")))]
async fn delete(
    State(app): State<Shared>,
    identity: Identity,
    address: Address,
    Body(deletion): Body<Deletion>,
) -> Result<StatusCode, Problem> {
    if !deletion.confirm {
        return Err(Problem::reject(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Send {\"confirm\": true} to delete the account and everything in it; this cannot be undone.",
        ));
    }
    let user_id = &identity.user_id;
    sqlx::query(
        "INSERT INTO erased_users (user_id) VALUES ($1)
         ON CONFLICT (user_id) DO UPDATE SET erased_at = now()",
    )
    .bind(user_id)
    .execute(&app.db)
    .await?;
    app.erase(user_id).await?;
    app.known.forget(user_id);
    app.audit(None, address, Action::Erased, None, json!({})).await;
    if let Some(io) = app.sockets() {
        // Whoever still watches is cut; an error says that nobody did.
        let _ = io.within(student_room(user_id)).disconnect().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// Removes a person from every table, and from the log where that is ours.
    async fn erase(&self, user_id: &str) -> Result<(), Problem> {
        let mut transaction = self.db.begin().await?;
        for place in personal::places(&mut transaction).await? {
            if !place.erase.is_empty() {
                sqlx::query(AssertSqlSafe(place.erase)).bind(user_id).execute(&mut *transaction).await?;
            }
        }
        sqlx::query("DELETE FROM event_log.records WHERE key = convert_to($1, 'UTF8')")
            .bind(user_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM users WHERE user_id = $1").bind(user_id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes what arrived after an account was erased. An account of that id which was made since is left alone.
    pub(crate) async fn erase_late_arrivals(&self) -> Result<(), Problem> {
        let erased: Vec<String> = sqlx::query_scalar(
            "SELECT e.user_id FROM erased_users e
              WHERE e.erased_at > now() - make_interval(secs => $1)
                AND NOT EXISTS (SELECT FROM users u WHERE u.user_id = e.user_id)",
        )
        .bind(LATE.as_secs_f64())
        .fetch_all(&self.db)
        .await?;
        for user_id in erased {
            self.erase(&user_id).await?;
        }
        Ok(())
    }
}
