//! The isolated Python execution core.
//!
//! [`Executor`] runs programs in this process, each in a fresh CPython interpreter inside wasmtime.
//! [`serve`] is the service: HTTP and CloudEvents, with executors in child processes that hold nothing worth
//! stealing. docs/sandbox.md has the whole picture.

mod bindings;
mod clock;
pub mod engine;
mod error;
mod executor;
mod guest;
pub mod limits;
mod random;
mod trace;

pub use engine::artifact_key;
pub use error::ExecutorError;
pub use executor::{Executor, ExecutorOptions, RunIo};
pub use guest::{Interrupt, OnOutput, Stream};
pub use limits::Limits;
