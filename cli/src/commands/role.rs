//! `learnflow role`: how the first teacher and the first admin come to be.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use learnflow_gateway::token::Role;
use uuid::Uuid;

use crate::installation::DataDirectory;

/// Whose role, and which.
#[derive(Args)]
pub struct Arguments {
    /// The address that the account logs in with
    email: String,
    /// `student`, `teacher` or `admin`
    role: Role,
    /// The database, as a role that may change accounts; without it that of the system that `up` runs
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    #[command(flatten)]
    data: DataDirectory,
}

/// Changes an account's role; it holds from the next login or refresh on.
pub async fn role(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let database_url = match arguments.database_url {
        Some(url) => url,
        None => arguments.data.running()?.database_url,
    };
    let database = super::connect(&database_url).await?;
    let email = arguments.email.trim().to_lowercase();
    // Whoever can do this has the database's password; the audit log says that it was done here.
    let changed = sqlx::query(
        "WITH changed AS (UPDATE users SET role = $2 WHERE email = $1 RETURNING user_id)
         INSERT INTO audit_log (audit_id, action, target, detail)
         SELECT $3, 'role-changed', user_id, jsonb_build_object('role', $2::text, 'by', 'command line') FROM changed",
    )
    .bind(&email)
    .bind(arguments.role.as_str())
    .bind(Uuid::now_v7())
    .execute(&database)
    .await?;
    if changed.rows_affected() == 0 {
        bail!("no account has the address {email}; register it in the web app first");
    }
    writeln!(stdout(), "{email} is now {}", arguments.role)?;
    Ok(ExitCode::SUCCESS)
}
