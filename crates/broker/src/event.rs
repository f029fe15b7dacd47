//! A CloudEvent as the broker carries it: attributes as text, data as the bytes that came.
//!
//! Sources: CloudEvents 1.0.2, its HTTP and Kafka protocol bindings and its JSON format. Data is never parsed in
//! binary mode, so what a consumer gets is byte for byte what the producer sent.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use learnflow_event_log::Record;
use learnflow_events::attribute;
use learnflow_telemetry::TraceContext;
use learnflow_topology::graph::ContentMode;
use serde_json::Value;

/// The media type of structured mode.
const STRUCTURED: &str = "application/cloudevents+json";
/// What the attribute `datacontenttype` is called where it is an attribute.
const DATA_CONTENT_TYPE: &str = "datacontenttype";
/// Attributes that every event has.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
/// The headers of W3C trace context, which travel beside the event.
const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// A CloudEvent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudEvent {
    /// Every attribute except `datacontenttype`, extensions included.
    attributes: BTreeMap<String, String>,
    /// The media type of the data.
    content_type: Option<String>,
    /// The data.
    data: Bytes,
    /// Trace headers that came with the event.
    trace: BTreeMap<String, String>,
}

/// Why something is not a CloudEvent that the broker takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEvent {
    /// Neither binary nor structured mode.
    #[error(
        "this is not a CloudEvent; send ce-specversion, ce-id, ce-source and ce-type headers, or {STRUCTURED}"
    )]
    Unknown,
    /// A batch.
    #[error("a batch of events is not accepted; send them one by one")]
    Batch,
    /// A format other than JSON.
    #[error("the event format {0:?} is not supported; send {STRUCTURED}, or binary mode")]
    Format(String),
    /// A version of the specification that is not known.
    #[error("specversion {0:?} is not supported; send 1.0")]
    Version(String),
    /// A required attribute is missing or empty.
    #[error("the attribute {0:?} is missing or empty")]
    Missing(&'static str),
    /// An attribute that breaks a rule.
    #[error("the attribute {name:?} {problem}")]
    Attribute {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Structured mode, but not a JSON event.
    #[error("the structured event cannot be read: {0}")]
    Json(String),
}

impl CloudEvent {
    /// Reads an event from an HTTP message in binary or structured mode.
    ///
    /// # Errors
    /// When it is not a CloudEvent, with what to change.
    pub fn from_http(headers: &HeaderMap, body: Bytes) -> Result<Self, NotAnEvent> {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut event = if media_type.starts_with("application/cloudevents-batch") {
            return Err(NotAnEvent::Batch);
        } else if media_type == STRUCTURED {
            Self::from_json(&body)?
        } else if media_type.starts_with("application/cloudevents") {
            return Err(NotAnEvent::Format(media_type));
        } else if headers.contains_key("ce-specversion") {
            let mut event = Self { data: body, ..Self::default() };
            if !content_type.is_empty() {
                event.content_type = Some(content_type.to_owned());
            }
            for (name, value) in headers {
                if let Some(name) = name.as_str().strip_prefix("ce-") {
                    event.insert(name, attribute::decode(value.as_bytes()).into_owned())?;
                }
            }
            event.check()?
        } else {
            return Err(NotAnEvent::Unknown);
        };
        for name in TRACE_HEADERS {
            if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
                event.trace.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(event)
    }

    /// Reads a JSON event.
    fn from_json(json: &[u8]) -> Result<Self, NotAnEvent> {
        let fields: serde_json::Map<String, Value> =
            serde_json::from_slice(json).map_err(|error| NotAnEvent::Json(error.to_string()))?;
        let mut event = Self::default();
        let mut data = None;
        for (name, value) in fields {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("data", value) => data = Some(value),
                ("data_base64", Value::String(text)) => {
                    let bytes =
                        STANDARD.decode(text).map_err(|e| NotAnEvent::Json(format!("data_base64: {e}")))?;
                    event.data = bytes.into();
                }
                ("data_base64", _) => return Err(NotAnEvent::Json("data_base64 is not a string".to_owned())),
                (_, Value::String(text)) => event.insert(&name, text)?,
                (_, Value::Bool(value)) => event.insert(&name, value.to_string())?,
                (_, Value::Number(number)) => event.insert(&name, number.to_string())?,
                (_, Value::Array(_) | Value::Object(_)) => {
                    return Err(bad_attribute(&name, "is neither text nor number nor boolean"));
                }
            }
        }
        match (data, event.data.is_empty()) {
            (Some(_), false) => return Err(NotAnEvent::Json("it has both data and data_base64".to_owned())),
            (Some(Value::String(text)), true) if !is_json(event.content_type.as_deref()) => {
                event.data = text.into_bytes().into();
            }
            (Some(value), true) => {
                event.data = serde_json::to_vec(&value).map_err(|e| NotAnEvent::Json(e.to_string()))?.into();
                event.content_type.get_or_insert_with(|| "application/json".to_owned());
            }
            (None, _) => {}
        }
        event.check()
    }

    fn insert(&mut self, name: &str, value: String) -> Result<(), NotAnEvent> {
        // Header names come in lower case; JSON names have to be.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return Err(bad_attribute(name, "may have only lower-case letters and digits in its name"));
        }
        if value.chars().any(char::is_control) {
            return Err(bad_attribute(name, "holds a control character"));
        }
        if name == DATA_CONTENT_TYPE {
            self.content_type = Some(value);
        } else {
            self.attributes.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn check(self) -> Result<Self, NotAnEvent> {
        for name in REQUIRED {
            if self.attribute(name).is_none_or(str::is_empty) {
                return Err(NotAnEvent::Missing(name));
            }
        }
        match self.attribute("specversion") {
            Some("1.0" | "0.3") => Ok(self),
            other => Err(NotAnEvent::Version(other.unwrap_or_default().chars().take(20).collect())),
        }
    }

    /// An attribute, extensions and `datacontenttype` included.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        if name == DATA_CONTENT_TYPE {
            return self.content_type.as_deref();
        }
        self.attributes.get(name).map(String::as_str)
    }

    /// The same event with one more extension attribute. Characters that no attribute may hold are dropped.
    #[must_use]
    pub fn with_extension(mut self, name: &str, value: &str) -> Self {
        let value = value.chars().filter(|c| !c.is_control()).collect();
        self.attributes.insert(name.to_owned(), value);
        self
    }

    /// The span that sent the event: of the request or record that brought it, or else of the event itself.
    pub fn trace_context(&self) -> Option<TraceContext> {
        let of = |parent: Option<&str>, state: Option<&str>| TraceContext::parse(parent?, state);
        let header = |name| self.trace.get(name).map(String::as_str);
        of(header("traceparent"), header("tracestate"))
            .or_else(|| of(self.attribute("traceparent"), self.attribute("tracestate")))
    }

    /// The same event as another span sends it on. The attribute stays: it names the span that made the event.
    #[must_use]
    pub fn sent_by(mut self, span: &tracing::Span) -> Self {
        if let Some(context) = TraceContext::of(span) {
            self.trace.insert("traceparent".to_owned(), context.traceparent());
            match context.tracestate() {
                Some(state) => self.trace.insert("tracestate".to_owned(), state.to_owned()),
                None => self.trace.remove("tracestate"),
            };
        }
        self
    }

    /// The event's `id`.
    pub fn id(&self) -> &str {
        self.attribute("id").unwrap_or_default()
    }

    /// The event's `type`.
    pub fn event_type(&self) -> &str {
        self.attribute("type").unwrap_or_default()
    }

    /// The data.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// The event as headers of an HTTP request in binary mode; the body is [`Self::data`].
    pub fn http_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.attributes.len() + 6);
        if let Some(value) =
            self.content_type.as_ref().and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok())
        {
            headers.insert(CONTENT_TYPE, value);
        }
        for (name, value) in &self.attributes {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(format!("ce-{name}")), HeaderValue::from_str(&attribute::encode(value)))
            {
                headers.insert(name, value);
            }
        }
        // The span that sent the event goes on in its consumer.
        let parent =
            self.trace.get("traceparent").map(String::as_str).or_else(|| self.attribute("traceparent"));
        if let Some(value) = parent.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert("traceparent", value);
        }
        if let Some(value) = self.trace.get("tracestate").and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert("tracestate", value);
        }
        headers
    }

    /// The event as a record in a content mode.
    pub(crate) fn to_record_in(&self, content_mode: ContentMode) -> Record {
        match content_mode {
            ContentMode::Binary => self.to_record(),
            ContentMode::Structured => self.to_structured_record(),
        }
    }

    /// The event as a record in Kafka's binary mode; the key is `partitionkey`.
    pub fn to_record(&self) -> Record {
        let mut headers: Vec<(String, Vec<u8>)> = Vec::with_capacity(self.attributes.len() + 3);
        if let Some(content_type) = &self.content_type {
            headers.push(("content-type".to_owned(), content_type.clone().into_bytes()));
        }
        headers.extend(
            self.attributes.iter().map(|(name, value)| (format!("ce_{name}"), value.clone().into_bytes())),
        );
        headers.extend(self.trace.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        Record { key: self.key(), headers, value: self.data.to_vec() }
    }

    /// The event as a record in structured mode: the value is the whole event as JSON.
    pub fn to_structured_record(&self) -> Record {
        let mut fields: serde_json::Map<String, Value> =
            self.attributes.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        if let Some(content_type) = &self.content_type {
            fields.insert(DATA_CONTENT_TYPE.to_owned(), content_type.clone().into());
        }
        if !self.data.is_empty() {
            let json = is_json(self.content_type.as_deref())
                .then(|| serde_json::from_slice::<Value>(&self.data).ok())
                .flatten();
            match (json, std::str::from_utf8(&self.data)) {
                (Some(value), _) => fields.insert("data".to_owned(), value),
                (None, Ok(text)) if !is_json(self.content_type.as_deref()) => {
                    fields.insert("data".to_owned(), text.into())
                }
                _ => fields.insert("data_base64".to_owned(), STANDARD.encode(&self.data).into()),
            };
        }
        let mut headers =
            vec![("content-type".to_owned(), format!("{STRUCTURED}; charset=UTF-8").into_bytes())];
        headers.extend(self.trace.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        Record { key: self.key(), headers, value: Value::Object(fields).to_string().into_bytes() }
    }

    fn key(&self) -> Option<Vec<u8>> {
        self.attribute("partitionkey").map(|key| key.as_bytes().to_vec())
    }

    /// Reads an event from a record in either mode.
    ///
    /// # Errors
    /// When the record is not a CloudEvent.
    pub fn from_record(record: Record) -> Result<Self, NotAnEvent> {
        let text = |name: &str| {
            let (_, value) = record.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name))?;
            std::str::from_utf8(value).ok()
        };
        let content_type = text("content-type").map(str::to_owned);
        let trace: BTreeMap<String, String> = TRACE_HEADERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), text(name)?.to_owned())))
            .collect();
        let structured = content_type.as_deref().is_some_and(|text| text.starts_with(STRUCTURED));
        let event = if structured {
            Self::from_json(&record.value)?
        } else {
            let mut event = Self { content_type, ..Self::default() };
            for (name, value) in &record.headers {
                if let Some(name) = name.strip_prefix("ce_") {
                    let value =
                        std::str::from_utf8(value).map_err(|_| bad_attribute(name, "is not UTF-8"))?;
                    event.insert(name, value.to_owned())?;
                }
            }
            if event.attributes.is_empty() {
                return Err(NotAnEvent::Unknown);
            }
            event.data = record.value.into();
            event.check()?
        };
        Ok(Self { trace, ..event })
    }
}

fn bad_attribute(name: &str, problem: &'static str) -> NotAnEvent {
    NotAnEvent::Attribute { name: name.chars().take(60).collect(), problem }
}

/// Whether data of this media type is JSON; CloudEvents says that it is when nothing is said.
fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return true };
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        headers
    }

    fn any_event() -> impl Strategy<Value = CloudEvent> {
        let extensions = prop::collection::btree_map("[a-z][a-z0-9]{0,5}", "[ -~é日]{1,12}", 0..4);
        let content_type = prop::option::of(prop::sample::select(vec![
            "application/json".to_owned(),
            "text/plain; charset=utf-8".to_owned(),
            "application/octet-stream".to_owned(),
        ]));
        let data = prop::collection::vec(any::<u8>(), 0..40);
        (extensions, content_type, data).prop_map(|(mut attributes, content_type, data)| {
            attributes.remove(DATA_CONTENT_TYPE);
            for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")] {
                attributes.insert(name.to_owned(), value.to_owned());
            }
            attributes.remove("data");
            CloudEvent { attributes, content_type, data: data.into(), trace: BTreeMap::new() }
        })
    }

    proptest! {
        #[test]
        fn http_and_records_keep_everything(event in any_event()) {
            let received = CloudEvent::from_http(&event.http_headers(), event.data().clone()).unwrap();
            // A traceparent attribute is also sent as trace header.
            let received = CloudEvent { trace: BTreeMap::new(), ..received };
            prop_assert_eq!(&received, &event);
            prop_assert_eq!(CloudEvent::from_record(event.to_record()).unwrap(), event);
        }

        #[test]
        fn structured_records_keep_attributes_and_data(event in any_event()) {
            let read = CloudEvent::from_record(event.to_structured_record()).unwrap();
            prop_assert_eq!(&read.attributes, &event.attributes);
            if event.content_type.as_deref().is_none_or(|text| !text.ends_with("json")) || serde_json::from_slice::<Value>(&event.data).is_err() {
                prop_assert_eq!(&read.data, &event.data);
            }
        }

        #[test]
        fn no_input_panics(body in prop::collection::vec(any::<u8>(), 0..80), structured in any::<bool>()) {
            let kind = if structured { STRUCTURED } else { "text/plain" };
            let _ = CloudEvent::from_http(&headers(&[("content-type", kind), ("ce-specversion", "1.0")]), body.clone().into());
            let header = ("content-type".to_owned(), kind.as_bytes().to_vec());
            let _ = CloudEvent::from_record(Record { key: None, headers: vec![header], value: body });
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let read = |pairs: &[(&str, &str)], body: &'static str| {
            CloudEvent::from_http(&headers(pairs), Bytes::from_static(body.as_bytes()))
                .unwrap_err()
                .to_string()
        };
        let event = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
        assert!(read(&event[..3], "").contains("\"type\" is missing"));
        assert!(read(&[("content-type", "application/json")], "{}").contains("not a CloudEvent"));
        let json = [("content-type", STRUCTURED)];
        assert!(
            read(&json, r#"{"specversion":"1.0","id":"1","source":"/s","type":"a\nb"}"#)
                .contains("control character")
        );
        assert!(
            read(&json, r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","Big":"x"}"#)
                .contains("lower-case")
        );
        assert!(
            read(&json, r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","ext":{}}"#)
                .contains("neither text")
        );
        assert!(
            read(
                &json,
                r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1,"data_base64":"AA=="}"#
            )
            .contains("both data")
        );
    }
}
