//! What somebody may do with all of the own data: take it along, or have it deleted.
//!
//! Every table with a column `student_id` belongs to a student; tables that come later are found by that name,
//! so nobody has to remember to add them here.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::Shared,
    audit::Action,
    identity::{Address, Identity},
    problem::{Body, Problem},
    sockets::student_room,
};

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(delete))
}

/// Base tables with a column `student_id`, those that refer to others first, quoted.
async fn student_tables(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT format('%I.%I', c.table_schema, c.table_name)
           FROM information_schema.columns c
           JOIN information_schema.tables t USING (table_schema, table_name)
          WHERE c.column_name = 'student_id' AND t.table_type = 'BASE TABLE'
            AND c.table_schema = current_schema()
       ORDER BY c.table_name = 'student_progress', c.table_name",
    )
    .fetch_all(connection)
    .await
}

/// All of one's data, as one JSON document.
#[utoipa::path(get, path = "/api/me/export", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, description = "Account and rows by table", content_type = "application/json")))]
async fn export(
    State(app): State<Shared>,
    identity: Identity,
    address: Address,
) -> Result<Response, Problem> {
    let mut transaction = app.db.begin().await?;
    // One moment for all tables.
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *transaction)
        .await?;
    let account: Option<Value> =
        sqlx::query_scalar("SELECT to_jsonb(u) - 'password_hash' FROM users u WHERE user_id = $1")
            .bind(&identity.user_id)
            .fetch_optional(&mut *transaction)
            .await?;
    let mut tables = Map::new();
    for table in student_tables(&mut transaction).await? {
        let rows: Vec<Value> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT to_jsonb(t) - 'query_vector' FROM {table} t WHERE student_id = $1"
        )))
        .bind(&identity.user_id)
        .fetch_all(&mut *transaction)
        .await?;
        let name = table.rsplit('.').next().unwrap_or(&table).trim_matches('"').to_owned();
        tables.insert(name, rows.into());
    }
    transaction.commit().await?;
    app.audit(Some(&identity), address, Action::Exported, None, json!({})).await;
    let document = json!({ "exported_at": Utc::now(), "account": account, "tables": tables });
    let name = "attachment; filename=\"learnflow-export.json\"";
    Ok(([(header::CONTENT_DISPOSITION, name)], Json(document)).into_response())
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
    let mut transaction = app.db.begin().await?;
    sqlx::query(
        "INSERT INTO erased_users (user_id) VALUES ($1)
         ON CONFLICT (user_id) DO UPDATE SET erased_at = now()",
    )
    .bind(user_id)
    .execute(&mut *transaction)
    .await?;
    for table in student_tables(&mut transaction).await? {
        sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE student_id = $1")))
            .bind(user_id)
            .execute(&mut *transaction)
            .await?;
    }
    // The rows stay, so that a late redelivery does nothing; what they replied goes.
    sqlx::query("UPDATE inbox SET reply = NULL WHERE reply ->> 'partitionkey' = $1")
        .bind(user_id)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "UPDATE audit_log SET actor = CASE WHEN actor = $1 THEN NULL ELSE actor END,
                target = CASE WHEN target = $1 THEN NULL ELSE target END,
                address = CASE WHEN actor = $1 THEN NULL ELSE address END,
                detail = detail - 'email'
          WHERE actor = $1 OR target = $1
             OR detail ->> 'email' = (SELECT email FROM users WHERE user_id = $1)",
    )
    .bind(user_id)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("DELETE FROM users WHERE user_id = $1").bind(user_id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    app.known.forget(user_id);
    app.audit(None, address, Action::Erased, None, json!({})).await;
    if let Some(io) = app.sockets() {
        // Whoever still watches is cut; an error says that nobody did.
        let _ = io.within(student_room(user_id)).disconnect().await;
    }
    Ok(StatusCode::NO_CONTENT)
}
