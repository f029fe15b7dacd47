//! A span for each request, in the caller's trace.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use learnflow_telemetry::{http, server_span};
use tracing::{Instrument, Span};

/// Handles a request inside its span, and logs how it ended.
pub(crate) async fn trace(mut request: Request, next: Next) -> Response {
    if http::is_probe(request.uri().path()) {
        return next.run(request).await;
    }
    let span = span_of(&request);
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

/// The request's span; that of an event names it, and with it the turn that it is about.
fn span_of(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>();
    let event = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    server_span!(
        request.method(),
        route.map(MatchedPath::as_str),
        request.headers(),
        "cloudevents.event_id" = event("ce-id"),
        "cloudevents.event_type" = event("ce-type"),
        "cloudevents.event_subject" = event("ce-subject"),
    )
}
