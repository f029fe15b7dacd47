//! What the programs say about their own work: JSON logs, and spans in the caller's trace, exported by OTLP.
//!
//! * A program calls [`Setup::start`] first and keeps the [`Telemetry`] until it ends. Without an `OTEL_EXPORTER_OTLP_…`
//!   variable nothing is exported; ids are made and passed on all the same, and they are in every log line.
//! * A library makes `tracing` spans. At a door it gives them a parent from outside with [`in_trace`]; before it calls
//!   somebody it writes [`TraceContext::of`] the span into the request.
//! * Statements that sqlx runs become spans by themselves ([`sql`]).
//!
//! Whatever is a field of a span is exported, so no field holds what a student wrote, a program or a token; other events
//! (`tracing::info!` and the like) are not exported. The fields follow OpenTelemetry's semantic conventions, and four
//! of them describe the span itself: `otel.name`, `otel.kind`, `otel.status_code` and `otel.started_ago_s`.
//!
//! Why not OpenTelemetry's own SDK: its queue does not say what it drops, and it asks for other features of crates that
//! the wasm engine is built with. What is here speaks the same protocol and reads the same variables.

mod config;
mod context;
mod export;
pub mod http;
mod layer;
mod log;
mod metrics;
pub mod otlp;
mod sampler;
mod setup;
pub mod sql;

pub use config::{ConfigError, inherited};
pub use context::{TraceContext, in_trace};
pub use metrics::register;
pub use setup::{Format, Output, Setup, StartError, Telemetry};
#[doc(hidden)]
pub use tracing;

/// The field of a span that log lines show as `turn_id`: the subject of LearnFlow's events is the turn.
pub(crate) const TURN: &str = "cloudevents.event_subject";
