//! Decides which specialist answers a message, in some fifty microseconds and without a network.
//!
//! * `parts` and `words` take a message apart, [`features`] turns it into numbers, [`model`] turns those into probabilities.
//! * [`train`] makes the model from the labelled messages in `data/`, [`overlap`] keeps those that measure it apart
//!   from those; docs/triage.md has its quality.
//! * [`second_opinion`] asks a language model about messages that the words alone leave open.
//! * [`classify`] decides, [`decline`] answers what is none of the tutor's business.

mod decision;
mod decline;
pub mod features;
pub mod model;
pub mod overlap;
mod parts;
pub mod second_opinion;
pub mod train;
mod words;

pub use decision::{Decision, classify, classify_with};
pub use decline::decline;

#[cfg(target_family = "wasm")]
mod component;
