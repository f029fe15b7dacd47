//! The event catalogue: every type of CloudEvent that LearnFlow sends, declared once.
//!
//! * [`EventType`] names the types, [`Agent`] and [`Route`] the parties, [`Topic`] the Kafka topics.
//! * [`Envelope`] is the `data` of every event; the payloads are in [`payload`] and [`code`].
//! * [`message`] turns an envelope into a CloudEvent and back, in HTTP's binary mode.
//! * [`ids`] derives identifiers, so that a repeated publish is recognised as the same event.
//!
//! JSON Schemas, topic manifests and TypeScript types are generated from here (`cargo xtask codegen`).

pub mod attribute;
pub mod catalogue;
pub mod code;
pub mod envelope;
pub mod ids;
pub mod limits;
pub mod message;
pub mod payload;

pub use catalogue::{Agent, EventType, Route, Topic};
pub use cloudevents::Event;
pub use envelope::{Envelope, SCHEMA_VERSION};
pub use message::{Incoming, MessageError, Outgoing};
