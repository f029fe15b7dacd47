//! What the service and an executor process say to each other: JSON with a length in front.

use bytes::{Bytes, BytesMut};
use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest, TestVerdict};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::codec::LengthDelimitedCodec;

use crate::guest::Stream;

/// Largest message, in bytes: a report with the longest trace and output fits.
const FRAME_BYTES: usize = 64 << 20;

/// To the executor process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Run a program; with `interactive`, lines follow.
    Run { id: u64, request: Box<RunRequest>, interactive: bool, streamed: bool },
    /// Run a program against tests.
    Test { id: u64, request: Box<TestRequest> },
    /// A line for a run.
    Line { id: u64, text: String },
    /// No more lines for a run.
    EndOfInput { id: u64 },
    /// Interrupt a run or tests.
    Interrupt { id: u64 },
}

/// From the executor process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// A warm run has succeeded.
    Ready { confinement: Vec<String> },
    /// How many programs wait for a line of input now.
    Waiting { programs: usize },
    /// Something was printed.
    Output { id: u64, stream: Stream, text: String },
    /// A run ended.
    Ran { id: u64, report: Box<RunReport> },
    /// One of several tests ended.
    Judged { id: u64, verdict: Box<TestVerdict> },
    /// Tests ended.
    Tested { id: u64, report: Box<TestReport> },
    /// It could not be done.
    Failed { id: u64, failure: Failed },
}

/// An [`crate::ExecutorError`] on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failed {
    Invalid(String),
    Busy(usize),
    Broken(String),
}

pub(crate) fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(FRAME_BYTES).new_codec()
}

pub(crate) fn encode(message: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(message).expect("frames are always JSON"))
}

pub(crate) fn decode<T: DeserializeOwned>(frame: &BytesMut) -> Result<T, serde_json::Error> {
    serde_json::from_slice(frame)
}
