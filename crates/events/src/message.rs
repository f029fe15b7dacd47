//! CloudEvents 1.0 in HTTP's binary mode: `ce-*` headers and a JSON body that is an [`Envelope`].
//!
//! Source: CloudEvents HTTP Protocol Binding 1.0.2, section 3.1.

use chrono::{DateTime, Utc};
use cloudevents::{
    AttributesReader, AttributesWriter, Event, EventBuilder, EventBuilderV10, binding::http::to_event,
    event::ExtensionValue,
};
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::{EventType, SCHEMA_VERSION, attribute, envelope::Envelope, limits, payload::Payload};

/// Names of the extension attributes that LearnFlow's events carry.
pub mod extension {
    /// The record's key on Kafka: the student's id.
    pub const PARTITION_KEY: &str = "partitionkey";
    /// W3C trace context.
    pub const TRACE_PARENT: &str = "traceparent";
    /// The agent that answers (routed) or answered (responded).
    pub const AGENT: &str = "agent";
    /// The saga that an event is a step of.
    pub const SAGA_ID: &str = "sagaid";
    /// The step of the saga.
    pub const STEP: &str = "step";
    /// The idea that a debug answer wants explained.
    pub const CONCEPT: &str = "concept";
}

/// The step by which a debug answer asks concepts for an explanation.
pub const STEP_EXPLAIN: &str = "concept-explanation";
/// The step by which concepts answers it.
pub const STEP_EXPLAINED: &str = "concept-explanation-complete";

/// Why an event was refused. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not a CloudEvent.
    #[error(
        "not a CloudEvent: {0}; send ce-specversion, ce-id, ce-source and ce-type headers with a JSON body"
    )]
    NotACloudEvent(String),
    /// A type that the catalogue does not have.
    #[error(transparent)]
    UnknownType(#[from] crate::catalogue::UnknownName),
    /// A type that this consumer does not handle.
    #[error("this endpoint does not handle {0}")]
    Unhandled(EventType),
    /// More data than is accepted.
    #[error("the event has {0} bytes of data; at most {max} are accepted", max = limits::EVENT_BYTES)]
    TooLarge(usize),
    /// The data is not the envelope of this type.
    #[error("the event's data is not a {event_type} envelope: {reason}")]
    BadData {
        /// The event's type.
        event_type: EventType,
        /// What serde says.
        reason: String,
    },
    /// An envelope of a version that this build cannot read.
    #[error("schema_version {0:?} is not supported; send {SCHEMA_VERSION}")]
    UnknownVersion(String),
    /// A field that breaks a rule.
    #[error("{field} {problem}")]
    BadField {
        /// The field.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// An event that came in and that the catalogue knows.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its type.
    pub event_type: EventType,
    /// The whole CloudEvent.
    pub event: Event,
    /// W3C trace context of whoever delivered it or, without that, of the event itself: what its handling continues.
    pub traceparent: Option<String>,
    data: Vec<u8>,
}

impl Incoming {
    /// Reads a CloudEvent from an HTTP request in binary or structured mode.
    ///
    /// # Errors
    /// When it is not a CloudEvent, too large, or of an unknown type.
    pub fn from_http(headers: &HeaderMap, body: Vec<u8>) -> Result<Self, MessageError> {
        if body.len() > limits::EVENT_BYTES {
            return Err(MessageError::TooLarge(body.len()));
        }
        let delivered_in = headers.get(extension::TRACE_PARENT).and_then(|value| value.to_str().ok());
        let incoming = Self::new(read_http(headers, body)?)?;
        let traceparent = delivered_in.map(str::to_owned).or(incoming.traceparent);
        Ok(Self { traceparent, ..incoming })
    }

    /// Reads a CloudEvent that is already parsed.
    ///
    /// # Errors
    /// When its type is unknown.
    pub fn new(event: Event) -> Result<Self, MessageError> {
        let event_type = event.ty().parse()?;
        let data = match event.data() {
            Some(cloudevents::Data::Binary(bytes)) => bytes.clone(),
            Some(cloudevents::Data::String(text)) => text.clone().into_bytes(),
            Some(cloudevents::Data::Json(value)) => value.to_string().into_bytes(),
            None => Vec::new(),
        };
        check_id("id", event.id())?;
        let traceparent = event.extension(extension::TRACE_PARENT).map(ToString::to_string);
        Ok(Self { event_type, event, traceparent, data })
    }

    /// The envelope, checked: its version is supported and its ids are within the limits.
    ///
    /// # Errors
    /// When the event has another type than `P`, or its data is not a valid envelope of it.
    pub fn envelope<P: Payload>(&self) -> Result<Envelope<P>, MessageError> {
        if self.event_type != P::EVENT_TYPE {
            return Err(MessageError::Unhandled(self.event_type));
        }
        let bad_data = |reason: serde_json::Error| MessageError::BadData {
            event_type: self.event_type,
            reason: reason.to_string(),
        };
        // The version first: another major version may well have another payload.
        let version: Version = serde_json::from_slice(&self.data).map_err(bad_data)?;
        if version.schema_version.split('.').next() != Some("1") {
            return Err(MessageError::UnknownVersion(version.schema_version.chars().take(40).collect()));
        }
        let envelope: Envelope<P> = serde_json::from_slice(&self.data).map_err(bad_data)?;
        check_id("student_id", &envelope.student_id)?;
        check_id("trace_id", &envelope.trace_id)?;
        // Who may publish for whom is decided by the attribute (EventPolicies see no data); so they must agree.
        if self.extension(extension::PARTITION_KEY).is_some_and(|key| key != envelope.student_id) {
            return Err(MessageError::BadField {
                field: "student_id",
                problem: "is another than the attribute partitionkey; send the same in both".to_owned(),
            });
        }
        Ok(envelope)
    }

    /// An extension attribute as text.
    pub fn extension(&self, name: &str) -> Option<String> {
        self.event.extension(name).map(ToString::to_string)
    }
}

#[derive(serde::Deserialize)]
struct Version {
    schema_version: String,
}

/// Refuses ids that are too long or hold control characters (NUL among them).
///
/// # Errors
/// Says which field is wrong and what is allowed.
pub fn check_id(field: &'static str, id: &str) -> Result<(), MessageError> {
    if id.len() > limits::ID_BYTES {
        return Err(MessageError::BadField {
            field,
            problem: format!("has {} bytes; at most {} are allowed", id.len(), limits::ID_BYTES),
        });
    }
    if id.chars().any(char::is_control) {
        return Err(MessageError::BadField {
            field,
            problem: "holds a control character; use printable characters".to_owned(),
        });
    }
    Ok(())
}

/// An event to send: what stays the same for every payload.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Unique within `source`; derive it with [`crate::ids::caused_event`].
    pub id: Uuid,
    /// `/learnflow/<agent>`.
    pub source: String,
    /// The turn.
    pub subject: Option<String>,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Whose event it is.
    pub student_id: String,
    /// W3C `traceparent` of the span that sends it, if it is traced.
    pub traceparent: Option<String>,
    /// Further extension attributes.
    pub extensions: Vec<(&'static str, String)>,
}

impl Outgoing {
    /// The CloudEvent that carries `payload`.
    ///
    /// # Panics
    /// Never: the attributes that CloudEvents requires are all set.
    pub fn event<P: Payload>(self, payload: P) -> Event {
        let trace_id =
            self.traceparent.as_deref().and_then(|parent| parent.split('-').nth(1)).unwrap_or_default();
        let envelope = Envelope {
            schema_version: SCHEMA_VERSION.to_owned(),
            message_id: self.id,
            timestamp: self.time,
            student_id: self.student_id.clone(),
            trace_id: trace_id.to_owned(),
            payload,
        };
        let data = serde_json::to_value(&envelope).expect("an envelope is always JSON");
        let mut builder = EventBuilderV10::new()
            .id(self.id.to_string())
            .source(self.source)
            .ty(P::EVENT_TYPE.as_str())
            .time(self.time)
            .data("application/json", data)
            .extension(extension::PARTITION_KEY, self.student_id);
        if let Some(subject) = self.subject {
            builder = builder.subject(subject);
        }
        if let Some(parent) = self.traceparent {
            builder = builder.extension(extension::TRACE_PARENT, parent);
        }
        for (name, value) in self.extensions {
            builder = builder.extension(name, value);
        }
        builder.build().expect("id, source and type are set")
    }
}

/// Reads any CloudEvent from an HTTP request in binary or structured mode.
///
/// # Errors
/// When it is not a CloudEvent.
pub fn read_http(headers: &HeaderMap, body: Vec<u8>) -> Result<Event, MessageError> {
    let not_an_event = |error: &dyn std::fmt::Display| MessageError::NotACloudEvent(error.to_string());
    let mut printable = headers.clone();
    for (name, value) in &mut printable {
        // The library reads ASCII only, and it leaves decoding to us.
        if name.as_str().starts_with("ce-") && value.to_str().is_err() {
            let encoded = attribute::encode(&attribute::decode(value.as_bytes())).into_owned();
            *value = HeaderValue::try_from(encoded).map_err(|error| not_an_event(&error))?;
        }
    }
    let mut event = to_event(&printable, body).map_err(|error| not_an_event(&error))?;
    if headers.contains_key("ce-specversion") {
        decode_attributes(&mut event);
    }
    Ok(event)
}

/// Undoes the percent-encoding of an event's attributes.
fn decode_attributes(event: &mut Event) {
    let decoded = |value: &str| value.contains('%').then(|| attribute::decode(value.as_bytes()).into_owned());
    if let Some(id) = decoded(event.id()) {
        event.set_id(id);
    }
    if let Some(subject) = event.subject().and_then(decoded) {
        event.set_subject(Some(subject));
    }
    if let Some(source) = decoded(event.source()) {
        event.set_source(source);
    }
    if let Some(event_type) = decoded(event.ty()) {
        event.set_type(event_type);
    }
    let extensions: Vec<_> = event
        .iter_extensions()
        .filter_map(|(name, value)| match value {
            ExtensionValue::String(text) => Some((name.to_owned(), decoded(text)?)),
            _ => None,
        })
        .collect();
    for (name, value) in extensions {
        event.set_extension(&name, value);
    }
}

/// An event as HTTP headers (`content-type` and `ce-*`) and a body, in binary mode.
pub fn to_http(event: &Event) -> (Vec<(String, String)>, Vec<u8>) {
    let mut headers = Vec::with_capacity(12);
    for (name, value) in event.iter() {
        let name = if name == "datacontenttype" { "content-type".to_owned() } else { format!("ce-{name}") };
        let value = value.to_string();
        let value = if name == "content-type" { value } else { attribute::encode(&value).into_owned() };
        headers.push((name, value));
    }
    let body = match event.data() {
        Some(cloudevents::Data::Binary(bytes)) => bytes.clone(),
        Some(cloudevents::Data::String(text)) => text.clone().into_bytes(),
        Some(cloudevents::Data::Json(value)) => value.to_string().into_bytes(),
        None => Vec::new(),
    };
    (headers, body)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::payload::QuerySubmitted;

    fn sample() -> Event {
        Outgoing {
            id: Uuid::nil(),
            source: "/learnflow/gateway".to_owned(),
            subject: Some("turn".to_owned()),
            time: DateTime::UNIX_EPOCH,
            student_id: "ada".to_owned(),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
            extensions: vec![(extension::AGENT, "debug".to_owned())],
        }
        .event(QuerySubmitted { query_text: "why?".to_owned(), ..QuerySubmitted::default() })
    }

    fn http(event: &Event) -> (HeaderMap, Vec<u8>) {
        let (headers, body) = to_http(event);
        let headers = headers
            .into_iter()
            .map(|(name, value)| (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap()))
            .collect();
        (headers, body)
    }

    #[test]
    fn an_event_survives_http() {
        let (headers, body) = http(&sample());
        let incoming = Incoming::from_http(&headers, body).unwrap();
        let envelope: Envelope<QuerySubmitted> = incoming.envelope().unwrap();
        assert_eq!(envelope.payload.query_text, "why?");
        assert_eq!(envelope.trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(incoming.extension(extension::AGENT).as_deref(), Some("debug"));
        assert_eq!(incoming.extension(extension::PARTITION_KEY).as_deref(), Some("ada"));
        assert_eq!(incoming.event.subject(), Some("turn"));
    }

    #[test]
    fn the_trace_goes_on_from_the_delivery_and_without_one_from_the_event() {
        let (mut headers, body) = http(&sample());
        let of_event = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let incoming = Incoming::from_http(&headers, body.clone()).unwrap();
        assert_eq!(incoming.traceparent.as_deref(), Some(of_event));
        let of_delivery = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
        headers.insert("traceparent", HeaderValue::from_static(of_delivery));
        let incoming = Incoming::from_http(&headers, body).unwrap();
        assert_eq!(incoming.traceparent.as_deref(), Some(of_delivery));
    }

    #[test]
    fn names_in_any_script_survive_http() {
        for student in ["Zoë 7", "日本", "100%25", "\"quoted\""] {
            let event = Outgoing {
                id: Uuid::nil(),
                source: "/school".to_owned(),
                subject: Some(format!("{student}'s")),
                time: DateTime::UNIX_EPOCH,
                student_id: student.to_owned(),
                traceparent: None,
                extensions: Vec::new(),
            }
            .event(QuerySubmitted::default());
            let (headers, body) = http(&event);
            assert!(headers.values().all(|value| value.to_str().is_ok()), "{headers:?}");
            let incoming = Incoming::from_http(&headers, body).unwrap();
            assert_eq!(incoming.extension(extension::PARTITION_KEY).as_deref(), Some(student));
            assert_eq!(incoming.event.subject(), Some(format!("{student}'s").as_str()));
        }
    }

    #[test]
    fn plain_utf8_is_understood_and_structured_events_are_taken_literally() {
        let (mut headers, body) = http(&sample());
        headers.insert("ce-partitionkey", HeaderValue::from_bytes("Zoë".as_bytes()).unwrap());
        let incoming = Incoming::from_http(&headers, body).unwrap();
        assert_eq!(incoming.extension(extension::PARTITION_KEY).as_deref(), Some("Zoë"));

        let mut structured = serde_json::to_value(sample()).unwrap();
        structured["partitionkey"] = "Zo%C3%AB".into();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/cloudevents+json"));
        let incoming = Incoming::from_http(&headers, structured.to_string().into_bytes()).unwrap();
        assert_eq!(incoming.extension(extension::PARTITION_KEY).as_deref(), Some("Zo%C3%AB"));
    }

    #[test]
    fn the_wire_format_is_stable() {
        let (headers, body) = to_http(&sample());
        let mut lines: Vec<_> = headers.into_iter().map(|(n, v)| format!("{n}: {v}")).collect();
        lines.sort();
        lines.push(String::from_utf8(body).unwrap());
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn another_major_version_is_refused_by_name() {
        let (headers, body) = http(&sample());
        let body = String::from_utf8(body).unwrap().replace("\"1.0\"", "\"2.0\"").into_bytes();
        let incoming = Incoming::from_http(&headers, body).unwrap();
        let error = incoming.envelope::<QuerySubmitted>().unwrap_err();
        insta::assert_snapshot!(error, @r#"schema_version "2.0" is not supported; send 1.0"#);
    }

    #[test]
    fn newer_minor_versions_with_unknown_fields_are_read() {
        let (headers, body) = http(&sample());
        let body = String::from_utf8(body)
            .unwrap()
            .replace("\"1.0\"", "\"1.7\"")
            .replace("\"payload\":{", "\"payload\":{\"mood\":\"good\",")
            .into_bytes();
        let incoming = Incoming::from_http(&headers, body).unwrap();
        assert_eq!(incoming.envelope::<QuerySubmitted>().unwrap().payload.query_text, "why?");
    }

    #[test]
    fn an_event_speaks_for_the_student_that_its_key_names() {
        let (mut headers, body) = http(&sample());
        headers.insert("ce-partitionkey", HeaderValue::from_static("mallory"));
        let incoming = Incoming::from_http(&headers, body.clone()).unwrap();
        let error = incoming.envelope::<QuerySubmitted>().unwrap_err();
        insta::assert_snapshot!(error, @"student_id is another than the attribute partitionkey; send the same in both");
        // Without a key there is nothing to contradict.
        headers.remove("ce-partitionkey");
        let incoming = Incoming::from_http(&headers, body).unwrap();
        assert!(incoming.envelope::<QuerySubmitted>().is_ok());
    }

    #[test]
    fn ids_with_control_characters_are_refused() {
        assert!(check_id("student_id", "a\0b").is_err());
        assert!(check_id("student_id", &"x".repeat(256)).is_err());
        assert!(check_id("student_id", "Zoë 7").is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let (headers, _) = http(&sample());
            if let Ok(incoming) = Incoming::from_http(&headers, body) {
                let _ = incoming.envelope::<QuerySubmitted>();
            }
        }
    }
}
