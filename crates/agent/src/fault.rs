//! What can go wrong, decided where it is understood: whether trying again may help is part of the type.

use std::fmt;

/// The rows of the fault table (ARCHITECTURE.md, "Faults").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The input is wrong and stays wrong: 4xx to an HTTP caller, 422 to the broker (dead letter at once).
    Reject,
    /// The input is larger than is accepted: 413 to an HTTP caller, 422 to the broker.
    TooLarge,
    /// Something is away: 503 with Retry-After, so the broker tries again.
    Retry,
    /// An invariant of ours is broken: 500, with an id to quote.
    Bug,
}

/// A fault: one sentence for the student, one context for the operator. The context is logged and never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether trying again may help.
    pub kind: FaultKind,
    /// What the caller reads; says what to do.
    pub sentence: String,
    /// What the operator reads.
    pub context: String,
    /// When to try again, in seconds; for [`FaultKind::Retry`].
    pub retry_after_s: u32,
}

impl Fault {
    /// The input is wrong; `sentence` says how to mend it.
    pub fn reject(sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        Self { kind: FaultKind::Reject, context: sentence.clone(), sentence, retry_after_s: 0 }
    }

    /// The input is larger than `max_bytes`.
    pub fn too_large(max_bytes: usize) -> Self {
        let fault = Self::reject(format!("the body is larger than {max_bytes} bytes; please send less"));
        Self { kind: FaultKind::TooLarge, ..fault }
    }

    /// Something is away and will come back; `context` says what.
    pub fn retry(context: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::Retry,
            sentence: "The tutor is busy at the moment. Your message is kept; please try again shortly."
                .to_owned(),
            context: context.into(),
            retry_after_s: 2,
        }
    }

    /// An invariant is broken; `context` says which.
    pub fn bug(context: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::Bug,
            sentence: "Something went wrong on our side. Please tell your teacher, and quote the id below."
                .to_owned(),
            context: context.into(),
            retry_after_s: 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl std::error::Error for Fault {}

impl From<learnflow_events::MessageError> for Fault {
    fn from(error: learnflow_events::MessageError) -> Self {
        Self::reject(error.to_string())
    }
}
