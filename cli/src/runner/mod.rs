//! The graph of the manifests, executed on one machine.
//!
//! `up` is the only entry. Each file is one part that a cluster would provide: PostgreSQL and its roles
//! (Secrets), addresses (DNS), the sandbox's Deployment; the broker, the functions and the gateway come from
//! their crates as they are.

mod addresses;
pub mod build;
mod model;
mod roles;
pub mod sandbox;
mod system;
mod variables;

pub use model::ModelVariables;
pub use system::{System, SystemOptions};
