//! The end of an account: everything that names its owner is deleted, or no longer names anybody.
//!
//! First it is written down that the account goes (`erased_users`): from then on its tokens are refused. Then its rows
//! go. Events about it that were still on their way arrive later, after an outage much later; and an erasure may end
//! half done when PostgreSQL goes away. So every replica repeats the erasure, often at first and then once an hour, for
//! as long as an event can be on its way, and cuts the sockets that the account has there.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::json;
use sqlx::AssertSqlSafe;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    audit::Action,
    identity::{Address, Identity},
    personal,
    problem::{Body, Problem},
};

/// How long an erasure is repeated with every sweep: the broker gives an event up after half a minute, and access
/// tokens are refused by every replica by then. What an outage keeps longer is found by the hourly repetitions.
const RECENT: Duration = Duration::from_secs(15 * 60);
/// Most names of classes in a problem.
const CLASSES_NAMED: usize = 3;

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
///
/// The only teacher of a class hands it over or deletes it first: students would be left with nobody who looks after
/// them.
#[utoipa::path(post, path = "/api/me/delete", tag = "accounts", security(("bearer" = [])),
    request_body = Deletion,
    responses((status = 204, description = "Deleted"), (status = 401, description = "Not logged in"),
              (status = 409, description = "The only teacher of a class; `classes` names them"),
              (status = 422, description = "Not confirmed")))]
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
    app.begin_erasure(user_id).await?;
    app.known.forget(user_id);
    app.cut_sockets(user_id).await;
    app.erase(user_id).await?;
    app.audit(None, address, Action::Erased, None, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

/// A class in a problem.
#[derive(sqlx::FromRow)]
struct Taught {
    class_id: Uuid,
    name: String,
}

impl App {
    /// Writes down that an account is to go, unless it is the only teacher of a class.
    async fn begin_erasure(&self, user_id: &str) -> Result<(), Problem> {
        let mut transaction = self.db.begin().await?;
        // Two teachers of a class who go at the same moment, or who remove each other, wait here.
        sqlx::query(
            "SELECT FROM classes WHERE class_id IN (SELECT class_id FROM class_teachers WHERE user_id = $1)
           ORDER BY class_id FOR UPDATE",
        )
        .bind(user_id)
        .execute(&mut *transaction)
        .await?;
        let alone: Vec<Taught> = sqlx::query_as(
            "SELECT c.class_id, c.name FROM class_teachers t JOIN classes c USING (class_id)
              WHERE t.user_id = $1
                AND NOT EXISTS (SELECT FROM class_teachers o WHERE o.class_id = t.class_id AND o.user_id <> $1)
           ORDER BY c.name, c.class_id",
        )
        .bind(user_id)
        .fetch_all(&mut *transaction)
        .await?;
        if !alone.is_empty() {
            return Err(only_teacher(&alone));
        }
        sqlx::query("DELETE FROM class_teachers WHERE user_id = $1")
            .bind(user_id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO erased_users (user_id) VALUES ($1)
             ON CONFLICT (user_id) DO UPDATE SET erased_at = now()",
        )
        .bind(user_id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

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

    /// Repeats the erasures of the last minutes: here, where another replica began them, the account's sockets are cut.
    pub(crate) async fn erase_recent_again(&self) -> Result<(), Problem> {
        for user_id in self.erased_within(RECENT).await? {
            self.known.forget(&user_id);
            self.cut_sockets(&user_id).await;
            self.erase(&user_id).await?;
        }
        Ok(())
    }

    /// Repeats every erasure that an event may still be on its way for.
    pub(crate) async fn erase_late_arrivals(&self) -> Result<(), Problem> {
        for user_id in self.erased_within(self.config.sweep.inbox_age).await? {
            self.erase(&user_id).await?;
        }
        Ok(())
    }

    /// Accounts that were erased within a time. An account of such an id that was made since is left alone.
    async fn erased_within(&self, age: Duration) -> Result<Vec<String>, Problem> {
        let erased = sqlx::query_scalar(
            "SELECT e.user_id FROM erased_users e
              WHERE e.erased_at > now() - make_interval(secs => $1)
                AND NOT EXISTS (SELECT FROM users u WHERE u.user_id = e.user_id AND u.created_at > e.erased_at)",
        )
        .bind(age.as_secs_f64())
        .fetch_all(&self.db)
        .await?;
        Ok(erased)
    }
}

/// Why somebody cannot go yet, and what to do about it.
fn only_teacher(classes: &[Taught]) -> Problem {
    let mut names: Vec<String> =
        classes.iter().take(CLASSES_NAMED).map(|class| format!("“{}”", class.name)).collect();
    if let Some(more) = classes.len().checked_sub(CLASSES_NAMED).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    let detail = format!(
        "You are the only teacher of {}. Let another teacher teach the class first, or delete it; then delete your \
         account.",
        names.join(", ")
    );
    let classes =
        classes.iter().map(|class| json!({ "class_id": class.class_id, "name": class.name })).collect();
    Problem::reject(StatusCode::CONFLICT, detail).with("classes", classes)
}
