//! How an agent's pure core becomes a Spin component.
//!
//! A component's `src/component.rs` calls [`serve`] (specialists) or [`http::route`] with handlers of its own
//! (triage, progress). All SQL is in [`database`], all outbound HTTP in [`sandbox`] and [`publish`].

pub mod database;
pub mod environment;
pub mod http;
pub mod publish;
pub mod sandbox;
pub mod specialist;

pub use environment::Environment;
pub use specialist::serve;
