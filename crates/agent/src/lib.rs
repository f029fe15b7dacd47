//! What the specialists share, free of network, clock and storage.
//!
//! A specialist is an `async fn answer(&Question, …) -> Result<Answer, Fault>` in the `lib.rs` of its crate
//! under `functions/`. What it needs from outside it gets as a trait ([`Sandbox`]) or a value
//! ([`StudentContext`]); the adapters are in `learnflow-agent-spin` (components) and in the CLI.

pub mod answer;
pub mod context;
pub mod fault;
pub mod guard;
pub mod llm;
pub mod sandbox;
pub mod tutoring;
pub mod write;

pub use answer::{Answer, Question, check_query};
pub use context::{LearningStyle, RecentQuery, SkillLevel, StudentContext};
pub use fault::{Fault, FaultKind};
pub use guard::Guard;
pub use sandbox::Sandbox;
pub use tutoring::{CourseNote, Tutoring};
