//! Real services for tests. Nothing here imitates a part of LearnFlow.
//!
//! ```no_run
//! # async fn example() {
//! let database = learnflow_testkit::database().await; // migrated, empty, this test's own
//! let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&database.pool).await.unwrap();
//! # }
//! ```
//!
//! A test binary starts PostgreSQL (or Kafka) when its first test asks for it and shares it among its tests; the
//! kernel stops it when the binary ends, also after a panic. `cargo xtask test` starts one server for all
//! binaries and names it in [`TEST_DATABASE_URL`] and [`TEST_KAFKA`].

mod chaos;
mod collector;
mod database;
mod kafka;
mod metrics;
mod node;
mod provider;
mod wait;

pub use chaos::ChaosProxy;
pub use collector::{Collected, Collector, Refusal};
pub use database::{Database, database, postgres};
pub use kafka::{Kafka, kafka};
pub use learnflow_provision::{TEST_DATABASE_URL, TEST_KAFKA};
pub use learnflow_telemetry::otlp::SpanKind;
pub use metrics::{Metrics, Sample};
pub use node::NodeProgram;
pub use provider::{Asked, Protocol, Provider, Reply, Sent, Steps};
pub use wait::wait_until;

use std::path::{Path, PathBuf};

/// The root of the checkout that the tests were built from.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/testkit is two folders deep")
        .to_path_buf()
}
