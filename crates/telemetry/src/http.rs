//! Spans of HTTP requests, with the attributes of OpenTelemetry's semantic conventions for HTTP.
//!
//! The path and the query are left out on purpose: they hold ids, searches and codes of people. The route says enough.

use http::{HeaderMap, Method, StatusCode, Uri};
use tracing::Span;

use crate::TraceContext;

/// The span of a request that is answered here, in the caller's trace: `server_span!(method, route, headers, more =
/// fields)`. The route is an `Option<&str>`. [`answered`](crate::http::answered) ends its story.
#[macro_export]
macro_rules! server_span {
    ($method:expr, $route:expr, $headers:expr $(, $($field:tt)+)?) => {{
        let method = $crate::http::method_name($method);
        let route: Option<&str> = $route;
        $crate::in_trace($crate::TraceContext::from_headers($headers).as_ref(), || {
            $crate::tracing::info_span!(
                "request",
                "otel.name" = $crate::http::span_name(method, route),
                "otel.kind" = "server",
                "otel.status_code" = $crate::tracing::field::Empty,
                "http.request.method" = method,
                "http.route" = route,
                "url.scheme" = "http",
                "http.response.status_code" = $crate::tracing::field::Empty,
                "error.type" = $crate::tracing::field::Empty,
                $($($field)+)?
            )
        })
    }};
}

/// The span of a request that is made: `client_span!(&request, parent, more = fields)`. The parent is an
/// `Option<&TraceContext>`: `carried(request.headers()).as_ref()` where there may be a current span.
/// [`continue_in`](crate::http::continue_in) makes it the parent of what the request causes.
#[macro_export]
macro_rules! client_span {
    ($request:expr, $parent:expr $(, $($field:tt)+)?) => {{
        let request = $request;
        let method = $crate::http::method_name(request.method());
        $crate::in_trace($parent, || {
            $crate::tracing::info_span!(
                "call",
                "otel.name" = method,
                "otel.kind" = "client",
                "otel.status_code" = $crate::tracing::field::Empty,
                "http.request.method" = method,
                "server.address" = request.uri().host(),
                "server.port" = $crate::http::port(request.uri()),
                "http.response.status_code" = $crate::tracing::field::Empty,
                "error.type" = $crate::tracing::field::Empty,
                $($($field)+)?
            )
        })
    }};
}

/// Whether a path is asked every few seconds and says nothing, so that it gets no span.
pub fn is_probe(path: &str) -> bool {
    ["/health", "/ready", "/metrics"].contains(&path)
}

/// Records how a request was answered here: what is the caller's fault is no error of ours.
pub fn answered(span: &Span, status: StatusCode) {
    record_status(span, status, status.is_server_error());
}

/// Records what a request was answered with.
pub fn got(span: &Span, status: StatusCode) {
    record_status(span, status, status.is_client_error() || status.is_server_error());
}

/// Records that something failed; `error_type` is one of few words.
pub fn failed(span: &Span, error_type: &str) {
    span.record("error.type", error_type);
    span.record("otel.status_code", "error");
}

/// Makes a span the parent of what a request causes. Where nobody records spans, the request stays as it is.
pub fn continue_in(span: &Span, headers: &mut HeaderMap) {
    if let Some(context) = TraceContext::of(span) {
        context.inject(headers);
    }
}

fn record_status(span: &Span, status: StatusCode, is_error: bool) {
    span.record("http.response.status_code", status.as_u16());
    if is_error {
        failed(span, status.as_str());
    }
}

/// The parent of a [`client_span!`](crate::client_span): what the request carries already, unless there is a current span.
pub fn carried(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::current().is_none().then(|| TraceContext::from_headers(headers)).flatten()
}

/// A method that HTTP knows; a stranger must not make names.
#[doc(hidden)]
pub fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

#[doc(hidden)]
pub fn span_name(method: &str, route: Option<&str>) -> String {
    let method = if method == "_OTHER" { "HTTP" } else { method };
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

#[doc(hidden)]
pub fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| uri.scheme_str().map(|scheme| if scheme == "https" { 443 } else { 80 }))
}
