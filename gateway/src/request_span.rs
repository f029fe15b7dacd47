//! A span for each request, in the caller's trace.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use learnflow_telemetry::{http, server_span};
use tracing::Instrument;

/// Long polls and sockets, which last as long as somebody is there.
const SOCKETS: &str = "/socket.io";

/// Middleware: handles a request inside its span.
pub(crate) async fn trace(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if http::is_probe(path) || path.starts_with(SOCKETS) {
        return next.run(request).await;
    }
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = server_span!(request.method(), route.as_ref().map(MatchedPath::as_str), request.headers());
    let response = next.run(request).instrument(span.clone()).await;
    http::answered(&span, response.status());
    response
}
