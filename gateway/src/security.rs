//! What every request and response goes through: origin, size, headers, and a net for panics.

use std::{any::Any, net::SocketAddr, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use learnflow_events::limits::BODY_BYTES;
use tokio::time::timeout;

use crate::{
    app::Shared,
    config::GatewayConfig,
    identity::client_address,
    problem::{Problem, too_large},
};

/// How much of a body that is too large is read, so that its sender hears why it was refused, and for how long.
const DISCARD_BYTES: usize = 16 * BODY_BYTES;
const DISCARD_DEADLINE: Duration = Duration::from_secs(5);

/// Where Socket.IO is.
const SOCKETS: &str = "/socket.io";
/// For a year browsers come back over TLS only. Other services of the school's domain are none of our business, so it
/// says nothing about subdomains.
const TLS_ONLY: &str = "max-age=31536000";

/// What a page from here may load and do. Styles may be inline because the code editor sets them on elements.
const POLICY_BUT_SCRIPTS: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self' data:; worker-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// The policy of a page whose inline scripts have these hashes (each with a space before it).
pub(crate) fn content_security_policy(script_hashes: &str) -> String {
    format!("{POLICY_BUT_SCRIPTS}; script-src 'self'{script_hashes}")
}

/// Whether a page of this origin may use the gateway: its own pages, and those it was told of. Callers that are
/// no browsers send no origin.
pub(crate) fn is_allowed_origin(config: &GatewayConfig, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if config.public_origins.iter().any(|allowed| allowed.trim_end_matches('/') == origin) {
        return true;
    }
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    own.is_some() && own == authority
}

/// Whether a request opens a new socket. The requests after it name the session (Engine.IO protocol, "Handshake").
fn opens_socket(uri: &Uri) -> bool {
    let session = |pair: &str| pair.split('=').next() == Some("sid");
    uri.path().starts_with(SOCKETS) && !uri.query().unwrap_or_default().split('&').any(session)
}

/// Middleware: refuses requests that other sites' pages make, too many new sockets, and bodies that say they are too
/// large.
pub(crate) async fn guard(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let socket = request.uri().path().starts_with(SOCKETS);
    if (!safe || socket) && !is_allowed_origin(&app.config, request.headers()) {
        return Err(Problem::forbidden("This page may not use this service."));
    }
    if opens_socket(request.uri()) {
        // Here and not when a socket logs in: one that never does would cost as much.
        app.limits.handshakes.take(&client_address(request.headers(), peer, app.config.forwarded_hops))?;
    }
    let length = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    // Events from the broker have a limit of their own.
    let event = request.uri().path().starts_with("/events/");
    if !event && length.is_some_and(|length| length > BODY_BYTES as u64) {
        // A client that is still writing would see a broken connection instead of the answer.
        let _ = timeout(DISCARD_DEADLINE, discard(request.into_body())).await;
        return Err(too_large());
    }
    Ok(next.run(request).await)
}

/// Reads a body that nobody wants, up to a limit.
async fn discard(body: Body) {
    let mut body = body.into_data_stream();
    let mut bytes = 0;
    while let Some(Ok(piece)) = body.next().await {
        bytes += piece.len();
        if bytes > DISCARD_BYTES {
            return;
        }
    }
}

/// Middleware: the headers that keep browsers from doing what nobody meant.
pub(crate) async fn set_headers(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if app.has_tls() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY_BUT_SCRIPTS));
    }
    if api && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Answers for a handler that panicked. The id is in the log beside the panic's text.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text");
    Problem::bug(format!("a handler panicked: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_opened_by_a_request_without_a_session() {
        for (uri, opens) in [
            ("/socket.io/?EIO=4&transport=polling", true),
            ("/socket.io/", true),
            ("/socket.io/?EIO=4&transport=polling&sid=x", false),
            ("/socket.io/?EIO=4&resid=x", true),
            ("/api/me", false),
        ] {
            assert_eq!(opens_socket(&uri.parse().unwrap()), opens, "{uri}");
        }
    }
}
