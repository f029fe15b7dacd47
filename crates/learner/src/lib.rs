//! What a student knows of what there is to learn.
//!
//! Everything here is a function of its arguments: time is an input, and storage belongs to the progress agent.
//!
//! - [`curriculum`]: what there is to learn, from a crate of its own that build scripts use too.
//! - [`naming`]: which topics a message names.
//! - [`program`]: which topics a program that ran has used.
//! - [`tracing`]: Bayesian knowledge tracing with forgetting, one topic at a time.
//! - [`state`]: the fold of a student's observations into mastery, level, strengths and achievements.
//! - [`recommend`]: what to learn next, by prerequisites.
//! - [`struggle`]: rules that notice when somebody is stuck.
//! - [`parameters`]: every number of the above, in one place.

pub mod achievement;
pub mod naming;
pub mod parameters;
pub mod program;
pub mod recommend;
pub mod state;
pub mod struggle;
pub mod tracing;

pub use learnflow_curriculum as curriculum;
pub use state::{LearnerState, StoredObservation};
