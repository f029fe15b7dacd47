//! The `data` of every event.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The version of the envelope and its payloads that this build writes.
///
/// Readers accept every `1.x`: new fields are optional, and unknown fields are ignored.
pub const SCHEMA_VERSION: &str = "1.0";

/// The envelope around a payload; also the value of the Kafka record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope<P> {
    /// `major.minor`; see [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// Equal to the CloudEvent's `id`.
    pub message_id: Uuid,
    /// When the event happened.
    pub timestamp: DateTime<Utc>,
    /// Whose event it is; empty for events about no student.
    pub student_id: String,
    /// W3C trace id (32 hex digits), empty when the cause was not traced.
    #[serde(default)]
    pub trace_id: String,
    /// What happened.
    pub payload: P,
}

impl<P> Envelope<P> {
    /// Whether this build can read the version that the envelope says it has.
    pub fn is_supported(&self) -> bool {
        self.schema_version.split('.').next() == Some("1")
    }
}
