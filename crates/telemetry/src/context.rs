//! W3C trace context: which trace a span belongs to, and how that is told to others.

use std::cell::RefCell;

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;
use tracing_subscriber::{Registry, registry::LookupSpan};

use crate::layer::SpanData;

/// The header that names trace and span; `ce-` before it makes it CloudEvents' attribute.
const TRACEPARENT: &str = "traceparent";
/// The header of what vendors add.
const TRACESTATE: &str = "tracestate";
/// A longer `tracestate` is not passed on: the recommendation's own limit.
const TRACESTATE_BYTES: usize = 512;

/// A span's place in a trace, as <https://www.w3.org/TR/trace-context/> writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) sampled: bool,
    /// What vendors add; often empty.
    pub(crate) state: String,
}

impl TraceContext {
    /// The root of a new trace that is recorded.
    pub fn new_root() -> Self {
        Self { trace_id: new_trace_id(), span_id: new_span_id(), sampled: true, state: String::new() }
    }

    /// Reads a `traceparent` and a `tracestate`. Anything that is not valid is nothing, as the recommendation asks.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have more parts; version 255 is forbidden.
        hexadecimal(version, 2).filter(|version| *version != 0xff)?;
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let usable = |state: &&str| {
            state.len() <= TRACESTATE_BYTES && state.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        Some(Self {
            trace_id: hexadecimal(trace, 32).filter(|id| *id != 0)?,
            span_id: u64::try_from(hexadecimal(span, 16)?).ok().filter(|id| *id != 0)?,
            sampled: hexadecimal(flags, 2)? & 1 == 1,
            state: tracestate.filter(usable).unwrap_or_default().to_owned(),
        })
    }

    /// The caller's context: of the request itself, or of the CloudEvent that it carries in binary mode.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let of_request = || Self::parse(text(TRACEPARENT)?, text(TRACESTATE));
        let of_event = || Self::parse(text("ce-traceparent")?, text("ce-tracestate"));
        of_request().or_else(of_event)
    }

    /// The context of a record of an event log, in Kafka's binary mode.
    pub fn from_record(headers: &[(String, Vec<u8>)]) -> Option<Self> {
        let text = |wanted: &str| {
            let (_, value) = headers.iter().find(|(name, _)| name == wanted)?;
            std::str::from_utf8(value).ok()
        };
        let of_record = || Self::parse(text(TRACEPARENT)?, text(TRACESTATE));
        let of_event = || Self::parse(text("ce_traceparent")?, text("ce_tracestate"));
        of_record().or_else(of_event)
    }

    /// The context for what is done for a request: the current span's or, where nobody records spans, its caller's, or
    /// a new trace's.
    pub fn for_request(headers: &HeaderMap) -> Self {
        Self::current().or_else(|| Self::from_headers(headers)).unwrap_or_else(Self::new_root)
    }

    /// Makes this the context of a request.
    pub fn inject(&self, headers: &mut HeaderMap) {
        let value =
            HeaderValue::try_from(self.traceparent()).expect("hexadecimal digits are a header's value");
        headers.insert(HeaderName::from_static(TRACEPARENT), value);
        match HeaderValue::try_from(&self.state) {
            Ok(state) if !state.is_empty() => headers.insert(HeaderName::from_static(TRACESTATE), state),
            _ => headers.remove(TRACESTATE),
        };
    }

    /// The `traceparent`.
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }

    /// The `tracestate`, if there is any.
    pub fn tracestate(&self) -> Option<&str> {
        Some(self.state.as_str()).filter(|state| !state.is_empty())
    }

    /// Whether another context is in the same trace.
    pub fn is_same_trace(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id
    }

    /// The context of a span; `None` when nobody records spans, as in a test without [`crate::Setup`].
    pub fn of(span: &Span) -> Option<Self> {
        span.with_subscriber(|(id, dispatch)| {
            let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
            let extensions = span.extensions();
            extensions.get::<SpanData>().map(|data| data.context.clone())
        })
        .flatten()
    }

    /// The context of the span that the caller is in.
    pub fn current() -> Option<Self> {
        Self::of(&Span::current())
    }

    /// The context for something that is told to others: the current span's, or a new trace's.
    pub fn current_or_new() -> Self {
        Self::current().unwrap_or_else(Self::new_root)
    }
}

/// The number that exactly `digits` lower-case hexadecimal digits write.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let plain = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

pub(crate) fn new_trace_id() -> u128 {
    fastrand::u128(1..)
}

pub(crate) fn new_span_id() -> u64 {
    fastrand::u64(1..)
}

thread_local! {
    /// The parent of the span that is being made.
    static PARENT: RefCell<Option<TraceContext>> = const { RefCell::new(None) };
}

/// Makes a span whose parent is outside of this process. Without one it is the child of the current span, or the root of
/// a new trace.
pub fn in_trace(parent: Option<&TraceContext>, make: impl FnOnce() -> Span) -> Span {
    PARENT.set(parent.cloned());
    let span = make();
    // Nobody takes it when the span is not recorded.
    PARENT.take();
    span
}

/// The parent from outside of the span that is being made.
pub(crate) fn take_parent() -> Option<TraceContext> {
    PARENT.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn only_a_valid_parent_is_continued() {
        let parent = |version: &str| format!("{version}-{TRACE}-{SPAN}-01");
        assert_eq!(TraceContext::parse(&parent("00"), None).unwrap().traceparent(), parent("00"));
        let newer = TraceContext::parse(&format!("{}-more", parent("cc")), None).unwrap();
        assert_eq!(newer.traceparent(), parent("00"));
        for broken in [
            String::new(),
            "00-0".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
        ] {
            assert_eq!(TraceContext::parse(&broken, None), None, "{broken}");
        }
    }

    #[test]
    fn the_sampled_flag_and_the_state_travel_on() {
        let context = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-02"), Some("a=1,b=2")).unwrap();
        assert!(!context.sampled);
        let mut headers = HeaderMap::new();
        context.inject(&mut headers);
        assert_eq!(headers["traceparent"], format!("00-{TRACE}-{SPAN}-00"));
        assert_eq!(headers["tracestate"], "a=1,b=2");
        // A state of another context must not stay beside this one's parent.
        TraceContext::new_root().inject(&mut headers);
        assert!(!headers.contains_key("tracestate"));
        let long = "a=".to_owned() + &"x".repeat(TRACESTATE_BYTES);
        assert_eq!(TraceContext::parse(&context.traceparent(), Some(&long)).unwrap().tracestate(), None);
    }

    #[test]
    fn a_request_outranks_the_event_that_it_carries() {
        let of_event = format!("00-{TRACE}-{SPAN}-01");
        let of_request = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::from_headers(&headers), None);
        headers.insert("ce-traceparent", of_event.parse().unwrap());
        assert_eq!(TraceContext::from_headers(&headers).unwrap().traceparent(), of_event);
        headers.insert("traceparent", of_request.parse().unwrap());
        assert_eq!(TraceContext::from_headers(&headers).unwrap().traceparent(), of_request);
        headers.insert("traceparent", "broken".parse().unwrap());
        assert_eq!(TraceContext::from_headers(&headers).unwrap().traceparent(), of_event);
    }
}
