//! All of one's data, to take along: a zip archive with one JSON file for each table.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write},
};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use utoipa_axum::{router::OpenApiRouter, routes};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    app::{App, Shared},
    audit::Action,
    identity::{Address, Identity},
    personal,
    problem::Problem,
};

/// What somebody who opens the archive reads first.
const READ_ME: &str = "This is everything that LearnFlow keeps about you.\n\n\
    account.json          your account, without your password\n\
    tables/NAME.json      a list of the rows about you in the table NAME; of rows that are about somebody\n\
    \x20                     else and only mention you, what concerns you\n\
    programs/ID.py        the programs that you ran, as in tables/code_submissions.json\n\n\
    Messages on their way between the parts of the system are not here; they are copies of what is, and are\n\
    deleted after at most seven days.\n";
/// Columns that are secrets, or made from others.
const LEFT_OUT: [&str; 3] = ["password_hash", "token_hash", "query_vector"];

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(export))
}

/// All of one's data, as a zip archive.
#[utoipa::path(get, path = "/api/me/export", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, description = "account.json, tables/*.json, programs/*.py",
               content_type = "application/zip"), (status = 401, description = "Not logged in")))]
async fn export(
    State(app): State<Shared>,
    identity: Identity,
    address: Address,
) -> Result<Response, Problem> {
    let files = app.personal_data(&identity.user_id).await?;
    let archive = tokio::task::spawn_blocking(move || archive(files))
        .await
        .map_err(|error| Problem::bug(format!("writing an export: {error}")))?
        .map_err(|error| Problem::bug(format!("writing an export: {error}")))?;
    app.audit(Some(&identity), address, Action::Exported, None, json!({})).await;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"learnflow-data.zip\""),
    ];
    Ok((headers, archive).into_response())
}

fn archive(files: BTreeMap<String, Vec<u8>>) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        zip.start_file(name, options)?;
        zip.write_all(&content)?;
    }
    Ok(zip.finish()?.into_inner())
}

impl App {
    /// The files of an export, by name.
    async fn personal_data(&self, user_id: &str) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
        let mut transaction = self.db.begin().await?;
        // One moment for all tables.
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut *transaction)
            .await?;
        let mut account: Option<Value> =
            sqlx::query_scalar("SELECT to_jsonb(u) FROM users u WHERE user_id = $1")
                .bind(user_id)
                .fetch_optional(&mut *transaction)
                .await?;
        account.iter_mut().for_each(leave_out);
        let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for place in personal::places(&mut transaction).await? {
            let mut rows: Vec<Value> = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT {} FROM {} t WHERE {}",
                place.shown, place.table, place.rows
            )))
            .bind(user_id)
            .fetch_all(&mut *transaction)
            .await?;
            rows.iter_mut().for_each(leave_out);
            // A table may have several columns that name people.
            tables.entry(place.table.trim_matches('"').to_owned()).or_default().extend(rows);
        }
        transaction.commit().await?;

        let mut files = BTreeMap::new();
        files.insert("README.txt".to_owned(), READ_ME.as_bytes().to_vec());
        let account = json!({ "exported_at": Utc::now(), "account": account });
        files.insert("account.json".to_owned(), pretty(&account)?);
        for row in tables.get("code_submissions").into_iter().flatten() {
            if let (Some(run_id), Some(code)) = (row["run_id"].as_str(), row["code"].as_str()) {
                files.insert(format!("programs/{run_id}.py"), code.as_bytes().to_vec());
            }
        }
        for (table, rows) in tables {
            files.insert(format!("tables/{table}.json"), pretty(&Value::Array(rows))?);
        }
        Ok(files)
    }
}

fn leave_out(row: &mut Value) {
    if let Some(row) = row.as_object_mut() {
        for column in LEFT_OUT {
            row.remove(column);
        }
    }
}

fn pretty(value: &Value) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec_pretty(value).map_err(|error| Problem::bug(format!("writing an export: {error}")))
}
