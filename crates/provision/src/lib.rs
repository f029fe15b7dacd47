//! What LearnFlow needs beyond its crates, found on the machine or fetched by pinned version.
//!
//! Everything here is idempotent and may be called by several processes at once: each tool is installed under a
//! file lock, into a new directory that is renamed into place when it is complete. A checkout keeps its tools in
//! `target/tools` ([`tools_dir`]), so that `cargo clean` really starts from nothing.
//!
//! The functions block (they run pip, Maven and cargo); async callers put them on a blocking thread, as
//! [`postgres::Server::start`] and [`kafka::Broker::start`] do themselves.

mod command;
mod doctor;
mod error;
mod lock;
mod procfs;
mod python;

pub mod documents;
pub mod guest;
pub mod kafka;
pub mod manifests;
pub mod npm;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod wasm;
pub mod web;

pub use doctor::{Check, doctor};
pub use error::Error;

use std::path::{Path, PathBuf};

/// The environment variable that hands a test run's PostgreSQL (the URL of a superuser's database) to its tests.
pub const TEST_DATABASE_URL: &str = "LEARNFLOW_TEST_DATABASE_URL";

/// The environment variable that hands a test run's Kafka (its bootstrap servers) to its tests.
pub const TEST_KAFKA: &str = "LEARNFLOW_TEST_KAFKA_BOOTSTRAP_SERVERS";

/// The folder of a checkout into which its tools are installed.
pub fn tools_dir(checkout: &Path) -> PathBuf {
    checkout.join("target/tools")
}

/// The checkout that `start` lies in: the nearest folder upwards that holds the workspace and its migrations.
pub fn find_checkout(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|dir| {
            dir.join("Cargo.lock").is_file() && dir.join("migrations").is_dir() && dir.join("crates").is_dir()
        })
        .map(Path::to_path_buf)
}
