//! The Model Context Protocol at `/mcp` (streamable HTTP): the sandbox as tools of a language model.
//!
//! Clients of protocol versions before 2026-07-28 get a session, which is where their cancellations find the call;
//! later ones are served request by request.

mod call;
mod tool;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use learnflow_events::limits::BODY_BYTES;
use rmcp::{
    model::ProtocolVersion,
    transport::{
        StreamableHttpServerConfig,
        streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager},
    },
};
use tokio_util::sync::CancellationToken;

use self::call::SandboxTools;
use crate::{problem::Problem, service::Service};

/// Most sessions that are open at a time. One that is idle for five minutes ends.
const SESSIONS: usize = 256;

/// Who may use the tools. A page that a browser shows can reach services of the same machine, by its own name
/// when its DNS answers change (rebinding), so both names are checked.
#[derive(Clone, Debug, Default)]
pub struct McpConfig {
    /// Values of `Host` that are accepted besides the loopback names, with or without a port.
    pub hosts: Vec<String>,
    /// Values of `Origin` that are accepted, for example `https://ide.example.org`. A request without one does not
    /// come from a page and is accepted.
    pub origins: Vec<String>,
}

/// The route `/mcp`. Sessions end when `stopping` is cancelled.
pub(crate) fn router(service: Service, config: &McpConfig, stopping: &CancellationToken) -> Router<Service> {
    let loopback = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let server = StreamableHttpServerConfig::default()
        .with_allowed_hosts(loopback.into_iter().chain(config.hosts.iter().cloned()))
        .with_allowed_origins(config.origins.iter().cloned())
        .enforce_origin_validation()
        .with_max_request_body_bytes(BODY_BYTES)
        .with_cancellation_token(stopping.child_token());
    let sessions = Arc::new(LocalSessionManager::default());
    let limit =
        SessionLimit { sessions: Arc::clone(&sessions), opening: Arc::default(), service: service.clone() };
    let tools = move || Ok(SandboxTools::new(service.clone()));
    Router::new()
        .route_service("/mcp", StreamableHttpService::new(tools, sessions, server))
        .layer(middleware::from_fn_with_state(limit, admit))
}

/// Counts sessions, and requests that may open one.
#[derive(Clone)]
struct SessionLimit {
    sessions: Arc<LocalSessionManager>,
    opening: Arc<AtomicUsize>,
    service: Service,
}

/// A request that may open a session, while it is handled.
struct Opening(Arc<AtomicUsize>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Refuses requests that would open one session too many.
async fn admit(State(limit): State<SessionLimit>, request: Request, next: Next) -> Response {
    if !may_open_a_session(request.headers()) {
        return next.run(request).await;
    }
    let before = limit.opening.fetch_add(1, Ordering::SeqCst);
    let opening = Opening(Arc::clone(&limit.opening));
    let open = limit.sessions.sessions.read().await.len();
    if open + before >= SESSIONS {
        return Problem::retry(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{open} MCP sessions are open; try again when one has ended"),
        )
        .into_response();
    }
    let response = next.run(request).await;
    drop(opening);
    limit.service.metrics().sessions(limit.sessions.sessions.read().await.len());
    response
}

/// Whether rmcp may answer with a new session: it has none, and is not of a version that has no sessions.
fn may_open_a_session(headers: &HeaderMap) -> bool {
    let version = headers.get("mcp-protocol-version").and_then(|version| version.to_str().ok());
    let stateless = version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28.as_str());
    !headers.contains_key("mcp-session-id") && !stateless
}
