//! How an agent's pure core becomes a Spin component.
//!
//! A component's `src/component.rs` calls [`serve`] (specialists) or [`http::route`] with handlers of its own
//! (triage, progress). All SQL is in [`database`]; outbound HTTP is in
//! [`sandbox`], [`publish`], [`model`] and [`activity`], and goes out through `outbound`. [`tutor`] decides who writes an answer; [`runs`] keeps the budget of run time.

pub mod activity;
pub mod database;
pub mod environment;
pub mod http;
pub mod model;
mod outbound;
pub mod publish;
pub mod runs;
pub mod sandbox;
pub mod specialist;
pub mod tutor;

pub use environment::Environment;
pub use specialist::serve;
