//! Serves a Spin application on wasmtime, as `spin up` would, so that nothing in a component knows which host runs it.
//!
//! [`SpinHost::load`] takes the application that `spin.toml` declares, [`SpinHost::serve`] answers over TCP and
//! [`SpinHost::call`] in process. A component gets `wasi:http` 0.3, WASI 0.2 and 0.3 without files, environment and
//! sockets, `spin:variables` 3.0, `spin:postgres` 4.2 and outgoing HTTP to its `allowed_outbound_hosts`.
//!
//! Differences to Spin:
//! - a variable without a value, a route that is there twice and an entry of `allowed_outbound_hosts` that cannot be
//!   understood are errors when the application is loaded;
//! - every request has a limit of time, memory, body and place in the queue, and gets a problem document when it
//!   meets one;
//! - requests to the application itself (`self`, `*.spin.internal`), static responses and TLS to PostgreSQL are not
//!   offered;
//! - a connection to PostgreSQL whose session a component may have changed is closed, not handed to the next request.

mod allowed_hosts;
mod artifact;
pub mod bench;
mod bindings;
mod engine;
mod error;
mod gen_ai;
mod guest_log;
mod host;
mod inbound;
mod instance;
mod metrics;
mod options;
mod outbound;
mod postgres;
mod problem;
mod routes;
mod server;
mod template;
mod variables;
mod worker;

pub use allowed_hosts::AllowedHosts;
pub use error::HostError;
pub use host::{ResponseBody, SpinHost};
pub use options::{HostOptions, Limits, LoadEvent, OutboundOptions, PostgresOptions, Progress, Reuse};
pub use routes::{RouteMatch, Router};
pub use template::{Template, TemplateError};
