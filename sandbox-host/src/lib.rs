//! The isolated Python execution core.
//!
//! [`Executor`] runs programs in this process, each in a fresh CPython interpreter inside wasmtime.
//! [`serve`] is the service: HTTP and CloudEvents, with executors in child processes that hold nothing worth
//! stealing. docs/sandbox.md has the whole picture.

mod answer;
pub mod artifact;
mod bindings;
mod body;
mod clock;
mod confine;
mod diff;
pub mod engine;
mod error;
mod events;
mod executor;
mod fleet;
mod frames;
mod guest;
mod immortal;
pub mod limits;
mod live;
mod mcp;
mod memory;
mod metrics;
mod pool;
mod problem;
mod process;
mod random;
mod receipt;
mod request_span;
mod service;
mod store;
mod tests;
mod trace;

pub use error::ExecutorError;
pub use executor::{Executor, ExecutorOptions, RunIo};
pub use fleet::{Fleet, FleetConfig, RunControl, RunEvent, RunHandle, TestEvent, TestHandle};
pub use guest::{Interrupt, OnOutput, Stream};
pub use limits::Limits;
pub use mcp::McpConfig;
pub use process::executor_main;
pub use receipt::{Receipt, ReplayError};
pub use service::{ServeConfig, serve, serve_on};
pub use tests::TestIo;
