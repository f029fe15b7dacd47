//! One message at a time, then many, then badly: the whole path on both event logs.
//!
//! Everything here runs the real `learnflow` binary with the real components; see `learnflow_tests::System`.

mod bad_input;
mod classes;
mod commands;
mod conformance;
mod content;
mod contract;
mod kafka;
mod learner;
mod model;
mod once;
mod order;
mod outage;
mod saga;
mod trace;
mod turns;
