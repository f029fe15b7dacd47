//! One file a command: its arguments, then what it does.

pub mod ask;
pub mod debug;
pub mod doctor;
pub mod migrate;
pub mod replay;
pub mod review;
pub mod role;
pub mod rotate_key;
pub mod run;
pub mod send;
pub mod triage;
pub mod up;

use anyhow::Context;
use sqlx::{PgPool, postgres::PgPoolOptions};

/// The running system's database, as its owner.
pub async fn connect(database_url: &str) -> anyhow::Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(4)
        .connect(database_url)
        .await
        .context("cannot connect to the running system's database")
}
