//! The progress agent: folds what every turn showed into the model of what a student knows, and reports on it.
//!
//! [`observe`] turns events into observations and decides what follows from them; [`report`] writes the report that a
//! student reads.

#[cfg(target_family = "wasm")]
mod component;
pub mod observe;
pub mod report;

pub use observe::{Change, Reply, observe};
pub use report::report;
