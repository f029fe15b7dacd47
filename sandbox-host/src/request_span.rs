//! A span for each request, in the caller's trace.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use learnflow_telemetry::{http, server_span};
use tracing::Instrument;

/// Handles a request inside its span, and logs how it ended.
pub(crate) async fn trace(mut request: Request, next: Next) -> Response {
    if http::is_probe(request.uri().path()) {
        return next.run(request).await;
    }
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = server_span!(request.method(), route.as_ref().map(MatchedPath::as_str), request.headers());
    // What is done elsewhere for the request (a tool's call, the event that answers) reads it there.
    http::continue_in(&span, request.headers_mut());
    let started = Instant::now();
    async {
        let response = next.run(request).await;
        let (status, took_us) = (response.status(), started.elapsed().as_micros());
        http::answered(&span, status);
        tracing::info!(status = status.as_u16(), took_us, "answered");
        response
    }
    .instrument(span.clone())
    .await
}
