//! The service: HTTP over the executor processes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use learnflow_events::{
    code::{RunReport, RunRequest, TestReport, TestRequest},
    limits::{BODY_BYTES, EVENT_BYTES},
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    body::{Raw, json_body},
    error::ExecutorError,
    events,
    fleet::{Fleet, FleetConfig, RunHandle, TestHandle},
    live::{self, LiveRuns},
    mcp::{self, McpConfig},
    metrics::Metrics,
    problem::Problem,
    request_span,
    store::Store,
};

/// How the service is set up.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// PostgreSQL, where runs of students are kept; without it nothing is kept.
    pub database_url: Option<String>,
    /// The executor processes.
    pub fleet: FleetConfig,
    /// Who may use the tools at `/mcp`.
    pub mcp: McpConfig,
    /// How long runs in progress may go on after the service was told to stop.
    pub grace: Duration,
}

impl ServeConfig {
    /// How long runs may go on by default: less than a cluster waits before it kills.
    pub const GRACE: Duration = Duration::from_secs(50);
}

/// What requests share.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    fleet: Arc<Fleet>,
    metrics: Metrics,
    store: Option<Store>,
    live: LiveRuns,
}

impl Service {
    pub(crate) fn store(&self) -> Option<&Store> {
        self.0.store.as_ref()
    }

    pub(crate) fn live(&self) -> &LiveRuns {
        &self.0.live
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Runs a program to its end. When nobody waits any more, it is stopped.
    pub(crate) async fn run(&self, request: RunRequest) -> Result<RunReport, Problem> {
        let report = self.start(request, false, false)?.report().await?;
        self.0.metrics.ran(&report);
        Ok(report)
    }

    /// Starts a program.
    pub(crate) fn start(
        &self,
        request: RunRequest,
        interactive: bool,
        streamed: bool,
    ) -> Result<RunHandle, Problem> {
        self.started()?;
        self.0.fleet.run(request, interactive, streamed).map_err(|error| self.refuse(error))
    }

    /// Starts a program's tests.
    pub(crate) fn start_tests(&self, request: TestRequest) -> Result<TestHandle, Problem> {
        self.started()?;
        self.0.fleet.test(request).map_err(|error| self.refuse(error))
    }

    async fn test(&self, request: TestRequest) -> Result<TestReport, Problem> {
        let report = self.start_tests(request)?.report().await?;
        self.0.metrics.tested(&report);
        Ok(report)
    }

    /// Refuses while no process has ever been ready; later, what waits for a process is soon served.
    fn started(&self) -> Result<(), Problem> {
        if self.0.fleet.is_ready() || self.0.fleet.restarts() > 0 {
            return Ok(());
        }
        Err(Problem::retry(StatusCode::SERVICE_UNAVAILABLE, "the sandbox is starting; try again in a second"))
    }

    fn refuse(&self, error: ExecutorError) -> Problem {
        if matches!(error, ExecutorError::Busy { .. }) {
            self.0.metrics.refused();
        }
        error.into()
    }
}

/// Runs the service until `stop` completes.
///
/// # Errors
/// When the address cannot be bound or the database URL is not one.
pub async fn serve(
    config: ServeConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen).await?;
    serve_on(listener, config, stop).await
}

/// Like [`serve`], on a socket that is already bound.
///
/// # Errors
/// When the database URL is not one, or the socket fails.
pub async fn serve_on(
    listener: TcpListener,
    config: ServeConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let store = config.database_url.as_deref().map(Store::connect).transpose()?;
    let fleet = Fleet::start(config.fleet);
    tracing::info!(address = %listener.local_addr()?, stored = store.is_some(), "the sandbox listens");
    let service = Service(Arc::new(Inner {
        fleet: Arc::clone(&fleet),
        metrics: Metrics::new(),
        store,
        live: LiveRuns::default(),
    }));
    let stopping = CancellationToken::new();
    let router = router(service, &config.mcp, &stopping);
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        // Small answers on kept connections would wait for acknowledgements otherwise.
        let _ = socket.set_nodelay(true);
    });
    let told = stopping.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        told.cancel();
    });
    let out_of_time = async {
        stopping.cancelled().await;
        tokio::time::sleep(config.grace).await;
    };
    let served = tokio::select! {
        served = server => served,
        () = out_of_time => Ok(()),
    };
    fleet.close();
    Ok(served?)
}

/// All addresses. MCP sessions end when `stopping` is cancelled.
fn router(service: Service, mcp: &McpConfig, stopping: &CancellationToken) -> Router {
    Router::new()
        .route("/run", post(run))
        .route("/runs/{id}/stdin", post(live::stdin))
        .route("/runs/{id}/interrupt", post(live::interrupt))
        .route("/tests", post(tests))
        .route("/health", get(async || "ok"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .route("/events", post(events::receive).layer(DefaultBodyLimit::max(EVENT_BYTES + 1)))
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "there is no such address here; docs/sandbox.md lists them")
        })
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method")
        })
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(|_| {
            Problem::bug(&"a handler panicked").into_response()
        }))
        .merge(mcp::router(service.clone(), mcp, stopping))
        .layer(middleware::from_fn(request_span::trace))
        .with_state(service)
}

#[derive(Deserialize)]
struct RunQuery {
    /// Whether lines of input will be sent while it runs; by default, when it is streamed without `stdin`.
    interactive: Option<bool>,
}

async fn run(
    State(service): State<Service>,
    query: Result<Query<RunQuery>, QueryRejection>,
    headers: HeaderMap,
    raw: Raw,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            format!("{}; write interactive=true or =false", error.body_text()),
        )
    })?;
    let request: RunRequest = json_body(&headers, raw)?;
    let streamed = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if !streamed {
        return Ok(Json(service.run(request).await?).into_response());
    }
    let interactive = query.interactive.unwrap_or(request.stdin.is_empty());
    let handle = service.start(request, interactive, true)?;
    Ok(live::stream(service, handle).into_response())
}

async fn tests(
    State(service): State<Service>,
    headers: HeaderMap,
    raw: Raw,
) -> Result<Json<TestReport>, Problem> {
    Ok(Json(service.test(json_body(&headers, raw)?).await?))
}

async fn ready(State(service): State<Service>) -> Response {
    let ready = service.0.fleet.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": ready, "confinement": service.0.fleet.confinement() });
    (status, Json(body)).into_response()
}

async fn metrics(State(service): State<Service>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], service.0.metrics.text(&service.0.fleet))
        .into_response()
}
