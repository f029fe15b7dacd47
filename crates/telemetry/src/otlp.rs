//! The messages of OTLP traces, as far as they are sent here, in protobuf.
//!
//! Source: `opentelemetry/proto/{collector/trace,trace,common,resource}/v1` of opentelemetry-proto 1.x. A test reads what
//! the reference implementation wrote. Public for collectors in tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::layer::{FinishedSpan, Value};

/// The path below a collector's address.
pub const PATH: &str = "/v1/traces";
/// The media type of requests and responses.
pub const MEDIA_TYPE: &str = "application/x-protobuf";

/// A request to a collector.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportTraceServiceRequest {
    /// Spans, by the process that made them.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// A collector's answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportTraceServiceResponse {
    /// Set when it did not take all spans.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<ExportTracePartialSuccess>,
}

/// What a collector did not take.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportTracePartialSuccess {
    /// How many spans.
    #[prost(int64, tag = "1")]
    pub rejected_spans: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// The spans of a process.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceSpans {
    /// The process.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// Its spans, by what made them.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
}

/// A process.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// What describes it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// The spans of a part of a process.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScopeSpans {
    /// The part.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// Its spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
}

/// A part of a process: here a crate.
#[derive(Clone, PartialEq, prost::Message)]
pub struct InstrumentationScope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A span.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// W3C `tracestate`.
    #[prost(string, tag = "3")]
    pub trace_state: String,
    /// 8 bytes, or none for a root.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// Its name.
    #[prost(string, tag = "5")]
    pub name: String,
    /// Its kind.
    #[prost(enumeration = "SpanKind", tag = "6")]
    pub kind: i32,
    /// Nanoseconds since 1970.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// Nanoseconds since 1970.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// Its attributes.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// How it ended.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
    /// The W3C flags in the lowest byte.
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
}

/// What a span is to the one at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SpanKind {
    /// Not known.
    Unspecified = 0,
    /// Work within a process.
    Internal = 1,
    /// A request that is answered.
    Server = 2,
    /// A request that is made.
    Client = 3,
    /// A message that is sent.
    Producer = 4,
    /// A message that is received.
    Consumer = 5,
}

impl SpanKind {
    /// The kind that the field `otel.kind` names.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "server" => Self::Server,
            "client" => Self::Client,
            "producer" => Self::Producer,
            "consumer" => Self::Consumer,
            _ => Self::Internal,
        }
    }
}

/// How a span ended.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// Whether it failed.
    #[prost(enumeration = "StatusCode", tag = "3")]
    pub code: i32,
}

/// Whether a span failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum StatusCode {
    /// Nothing was said.
    Unset = 0,
    /// It went well.
    Ok = 1,
    /// It failed.
    Error = 2,
}

impl StatusCode {
    /// The status that the field `otel.status_code` names.
    pub(crate) fn named(name: &str) -> Self {
        if name.eq_ignore_ascii_case("error") {
            Self::Error
        } else if name.eq_ignore_ascii_case("ok") {
            Self::Ok
        } else {
            Self::Unset
        }
    }
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyValue {
    /// One of the kinds that are sent here.
    #[prost(oneof = "any_value::Value", tags = "1, 2, 3, 4")]
    pub value: Option<any_value::Value>,
}

/// The kinds of values.
pub mod any_value {
    /// A value.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        /// A text.
        #[prost(string, tag = "1")]
        StringValue(String),
        /// Yes or no.
        #[prost(bool, tag = "2")]
        BoolValue(bool),
        /// A whole number.
        #[prost(int64, tag = "3")]
        IntValue(i64),
        /// Another number.
        #[prost(double, tag = "4")]
        DoubleValue(f64),
    }
}

impl KeyValue {
    pub(crate) fn text(key: &str, value: &str) -> Self {
        Self::new(key, any_value::Value::StringValue(value.to_owned()))
    }

    fn new(key: &str, value: any_value::Value) -> Self {
        Self { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }
}

impl ExportTraceServiceRequest {
    /// The request that carries `spans` of one process.
    pub(crate) fn of(resource: &Resource, spans: Vec<FinishedSpan>) -> Self {
        let mut scopes: Vec<ScopeSpans> = Vec::new();
        for span in spans {
            let scope = span.scope;
            let of_scope = |known: &ScopeSpans| known.scope.as_ref().is_some_and(|known| known.name == scope);
            let index = scopes.iter().position(of_scope).unwrap_or_else(|| {
                let scope = Some(InstrumentationScope { name: scope.to_owned() });
                scopes.push(ScopeSpans { scope, spans: Vec::new() });
                scopes.len() - 1
            });
            scopes[index].spans.push(span.into());
        }
        Self { resource_spans: vec![ResourceSpans { resource: Some(resource.clone()), scope_spans: scopes }] }
    }
}

impl From<FinishedSpan> for Span {
    fn from(span: FinishedSpan) -> Self {
        let attributes = span.fields.attributes.into_iter().map(|(key, value)| {
            let value = match value {
                Value::Text(text) => any_value::Value::StringValue(text),
                Value::Bool(value) => any_value::Value::BoolValue(value),
                Value::Integer(value) => any_value::Value::IntValue(value),
                Value::Float(value) => any_value::Value::DoubleValue(value),
            };
            KeyValue::new(key, value)
        });
        Self {
            trace_id: span.context.trace_id.to_be_bytes().to_vec(),
            span_id: span.context.span_id.to_be_bytes().to_vec(),
            trace_state: span.context.state,
            parent_span_id: span.parent_id.map(|id| id.to_be_bytes().to_vec()).unwrap_or_default(),
            name: span.fields.name.into_owned(),
            kind: span.fields.kind.into(),
            start_time_unix_nano: nanoseconds(span.started),
            end_time_unix_nano: nanoseconds(span.ended),
            attributes: attributes.collect(),
            status: Some(Status { code: span.fields.status.into() }),
            flags: u32::from(span.context.sampled),
        }
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use prost::Message;

    use super::*;

    /// Written by the Python package opentelemetry-proto 1.45.2, which is generated from the definitions.
    const REQUEST: &str = "CvMBChsKGQoMc2VydmljZS5uYW1lEgkKB2dhdGV3YXkS0wEKEwoRbGVhcm5mbG93X2dhdGV3YXkSuwEKEAr3ZRkWz\
        UPdhEjrIRyAMZwSCLeta3FpIDMxGgNhPTEiCADwZ6oLqQK3KhpQT1NUIC9hcGkve2FnZW50fS97YWN0aW9ufTACOQEAAAAAAAAAQQMAAAAA\
        AAAQShQKCmh0dHAucm91dGUSBgoEL2FwaUogChlodHRwLnJlc3BvbnNlLnN0YXR1c19jb2RlEgMY9wNKCQoDeWVzEgIQAUoRCgRoYWxmEgk\
        hAAAAAAAA4D96AhgChQEBAAAA";
    const ANSWER: &str = "CgYIAxICbm8=";

    #[test]
    fn requests_are_written_as_the_reference_implementation_writes_them() {
        use any_value::Value::{BoolValue, DoubleValue, IntValue};
        let span = Span {
            trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes().to_vec(),
            span_id: 0xb7ad_6b71_6920_3331_u64.to_be_bytes().to_vec(),
            trace_state: "a=1".to_owned(),
            parent_span_id: 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes().to_vec(),
            name: "POST /api/{agent}/{action}".to_owned(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: 1,
            end_time_unix_nano: (1 << 60) + 3,
            attributes: vec![
                KeyValue::text("http.route", "/api"),
                KeyValue::new("http.response.status_code", IntValue(503)),
                KeyValue::new("yes", BoolValue(true)),
                KeyValue::new("half", DoubleValue(0.5)),
            ],
            status: Some(Status { code: StatusCode::Error.into() }),
            flags: 1,
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource { attributes: vec![KeyValue::text("service.name", "gateway")] }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope { name: "learnflow_gateway".to_owned() }),
                    spans: vec![span],
                }],
            }],
        };
        let reference = STANDARD.decode(REQUEST).unwrap();
        assert_eq!(ExportTraceServiceRequest::decode(&*reference).unwrap(), request);
        assert_eq!(request.encode_to_vec(), reference);
    }

    #[test]
    fn a_collectors_regret_is_understood() {
        let answer = ExportTraceServiceResponse::decode(&*STANDARD.decode(ANSWER).unwrap()).unwrap();
        assert_eq!(answer.partial_success.unwrap().rejected_spans, 3);
    }
}
