//! Decides which specialist answers a message, in well under a millisecond and without a network.
//!
//! * [`features`] turns a message into numbers, [`model`] turns those into probabilities.
//! * [`train`] makes the model from the labelled messages in `data/`; docs/triage.md has its quality.
//! * [`classify`] decides, [`decline`] answers what is none of the tutor's business.

mod decision;
mod decline;
pub mod features;
pub mod model;
pub mod train;

pub use decision::{Decision, classify, classify_with};
pub use decline::decline;

#[cfg(target_family = "wasm")]
mod component;
