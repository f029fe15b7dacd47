//! `learnflow migrate`: the schema of a database, brought up to date.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use sqlx::{PgPool, migrate::Migrator, postgres::PgPoolOptions};

/// Which database.
#[derive(Args)]
pub struct Arguments {
    /// The database, as a role that may change its schema
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
}

static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Applies what is missing, and says what that was.
pub async fn migrate(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(&arguments.database_url)
        .await
        .context("cannot connect to the database; check DATABASE_URL")?;
    let applied = apply(&pool).await?;
    writeln!(stdout(), "{applied} migrations applied; the schema is up to date")?;
    Ok(ExitCode::SUCCESS)
}

/// Applies the migrations that the database does not have yet and returns how many those were.
pub async fn apply(pool: &PgPool) -> anyhow::Result<usize> {
    const COUNT: &str = "SELECT count(*) FROM _sqlx_migrations";
    let before: i64 = sqlx::query_scalar(COUNT).fetch_one(pool).await.unwrap_or(0);
    MIGRATOR.run(pool).await.context("a migration failed; the database is as it was before it")?;
    let after: i64 = sqlx::query_scalar(COUNT).fetch_one(pool).await?;
    Ok(usize::try_from(after - before).unwrap_or_default())
}
