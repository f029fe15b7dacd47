//! A span for each event of a socket that starts work, in the trace that the browser began.

use std::{fmt, marker::PhantomData};

use http::StatusCode;
use learnflow_telemetry::{TraceContext, http::answered, in_trace};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};
use tracing::{Span, field::Empty};

use crate::problem::Problem;

/// An event's data, and the `traceparent` that a browser sends after it as an argument of its own: the data is what the
/// body of an HTTP request would be, and an event has no headers.
pub(crate) struct Traced<T> {
    data: T,
    parent: Option<TraceContext>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Traced<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A tuple is what the Socket.IO server gives all arguments to, and not only the first.
        deserializer.deserialize_tuple(2, Arguments(PhantomData))
    }
}

struct Arguments<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Arguments<T> {
    type Value = Traced<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("data, and maybe a traceparent")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut arguments: A) -> Result<Traced<T>, A::Error> {
        let data = arguments.next_element()?.ok_or_else(|| A::Error::custom("there is no data"))?;
        let traceparent: Option<Option<String>> = arguments.next_element()?;
        while arguments.next_element::<IgnoredAny>()?.is_some() {}
        let parent = traceparent.flatten().and_then(|text| TraceContext::parse(&text, None));
        Ok(Traced { data, parent })
    }
}

/// The span of an event, and its data.
pub(crate) fn begin<T, E>(event: &'static str, received: Result<Traced<T>, E>) -> (Span, Result<T, E>) {
    let (parent, data) = match received {
        Ok(Traced { data, parent }) => (parent, Ok(data)),
        Err(error) => (None, Err(error)),
    };
    let span = in_trace(parent.as_ref(), || {
        tracing::info_span!(
            "event",
            "otel.name" = event,
            "otel.kind" = "server",
            "otel.status_code" = Empty,
            "network.protocol.name" = "socket.io",
            "error.type" = Empty,
        )
    });
    (span, data)
}

/// Records how an event ended, as for a request: what is the caller's fault is no error of ours.
pub(crate) fn ended<T>(span: &Span, result: &Result<T, Problem>) {
    answered(span, result.as_ref().map_or_else(|problem| problem.status(), |_| StatusCode::OK));
}

#[cfg(test)]
mod tests {
    use learnflow_events::code::RunRequest;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(arguments: &str) -> serde_json::Result<Traced<RunRequest>> {
        serde_json::from_str(arguments)
    }

    #[test]
    fn a_traceparent_may_follow_the_data() {
        let traced = read(&format!(r#"[{{"code":"1"}},"{PARENT}"]"#)).unwrap();
        assert_eq!((&*traced.data.code, traced.parent.unwrap().traceparent()), ("1", PARENT.to_owned()));
        for without in [r#"[{"code":"1"}]"#, r#"[{"code":"1"},null]"#, r#"[{"code":"1"},"00-x","more"]"#] {
            assert_eq!(read(without).unwrap().parent, None, "{without}");
        }
    }

    #[test]
    fn the_data_is_as_strict_as_without_it() {
        for wrong in ["[]", r#"[{"code":"1","trase":true}]"#, r#"["code"]"#, r#"[{"code":"1"},7]"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
