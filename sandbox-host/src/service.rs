//! The service: HTTP over the executor processes.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event as SseEvent, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures::{Stream as FutureStream, StreamExt, stream};
use learnflow_events::{
    code::{RunReport, RunRequest, TestRequest},
    limits::{BODY_BYTES, EVENT_BYTES},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    error::ExecutorError,
    events,
    fleet::{Fleet, FleetConfig, RunControl, RunEvent, RunHandle},
    metrics::Metrics,
    problem::Problem,
    store::Store,
};

/// Longest line that may be typed into a running program, in bytes.
const LINE_BYTES: usize = 64 * 1024;

/// How the service is set up.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// PostgreSQL, where runs of students are kept; without it nothing is kept.
    pub database_url: Option<String>,
    /// The executor processes.
    pub fleet: FleetConfig,
}

/// What requests share.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    fleet: Arc<Fleet>,
    metrics: Metrics,
    store: Option<Store>,
    live: Mutex<HashMap<Uuid, RunControl>>,
}

impl Service {
    pub(crate) fn store(&self) -> Option<&Store> {
        self.0.store.as_ref()
    }

    /// Runs a program to its end.
    pub(crate) async fn run(&self, request: RunRequest) -> Result<RunReport, Problem> {
        let handle = self.start(request, false, false)?;
        let report = handle.report().await?;
        self.0.metrics.ran(&report);
        Ok(report)
    }

    fn start(&self, request: RunRequest, interactive: bool, streamed: bool) -> Result<RunHandle, Problem> {
        if !self.0.fleet.is_ready() && self.0.fleet.restarts() == 0 {
            return Err(Problem::retry(
                StatusCode::SERVICE_UNAVAILABLE,
                "the sandbox is starting; try again in a second",
            ));
        }
        self.0.fleet.run(request, interactive, streamed).map_err(|error| self.refuse(error))
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
        live: Mutex::default(),
    }));
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        // Small answers on kept connections would wait for acknowledgements otherwise.
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, router(service)).with_graceful_shutdown(stop).await?;
    fleet.close();
    Ok(())
}

fn router(service: Service) -> Router {
    Router::new()
        .route("/run", post(run))
        .route("/runs/{id}/stdin", post(run_stdin))
        .route("/runs/{id}/interrupt", post(run_interrupt))
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
        .with_state(service)
}

/// The body as JSON, or what is wrong with it.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        Problem::new(status, format!("the body is not the JSON that is expected here: {error}"))
    })
}

fn body(body: Result<Bytes, axum::extract::rejection::BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|error| {
        let detail = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            format!("the body is larger than {BODY_BYTES} bytes")
        } else {
            error.body_text()
        };
        Problem::new(error.status(), detail)
    })
}

type Raw = Result<Bytes, axum::extract::rejection::BytesRejection>;

#[derive(Deserialize)]
struct RunQuery {
    /// Whether lines of input will be sent while it runs; by default, when it is streamed without `stdin`.
    interactive: Option<bool>,
}

async fn run(
    State(service): State<Service>,
    Query(query): Query<RunQuery>,
    headers: HeaderMap,
    raw: Raw,
) -> Result<Response, Problem> {
    let request: RunRequest = parse(&body(raw)?)?;
    let streamed = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    if !streamed {
        return Ok(Json(service.run(request).await?).into_response());
    }
    let interactive = query.interactive.unwrap_or(request.stdin.is_empty());
    let handle = service.start(request, interactive, true)?;
    let id = Uuid::new_v4();
    service.0.live.lock().expect("no panic while locked").insert(id, handle.control());
    let live = Live { service, id, handle };
    Ok(Sse::new(live.events()).keep_alive(KeepAlive::default()).into_response())
}

/// A run that is streamed; when the client goes away, the run ends.
struct Live {
    service: Service,
    id: Uuid,
    handle: RunHandle,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.service.0.live.lock().expect("no panic while locked").remove(&self.id);
    }
}

impl Live {
    fn events(self) -> impl FutureStream<Item = Result<SseEvent, Infallible>> {
        let started = SseEvent::default().event("run").data(json!({ "run_id": self.id }).to_string());
        let rest = stream::unfold(Some(self), |live| async {
            let mut live = live?;
            Some(match live.handle.events.recv().await? {
                RunEvent::Output(stream, text) => {
                    let data = json!({ "stream": stream, "text": text }).to_string();
                    (SseEvent::default().event("output").data(data), Some(live))
                }
                RunEvent::Ended(result) => match *result {
                    Ok(report) => {
                        live.service.0.metrics.ran(&report);
                        let data = serde_json::to_string(&report).expect("a report is always JSON");
                        (SseEvent::default().event("report").data(data), None)
                    }
                    Err(error) => {
                        let data = json!({ "detail": error.to_string() }).to_string();
                        (SseEvent::default().event("problem").data(data), None)
                    }
                },
            })
        });
        stream::once(async { started }).chain(rest).map(Ok)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    /// What was typed; a newline is added when it has none.
    #[serde(default)]
    text: String,
    /// No more will come.
    #[serde(default)]
    eof: bool,
}

async fn run_stdin(
    State(service): State<Service>,
    Path(id): Path<Uuid>,
    raw: Raw,
) -> Result<StatusCode, Problem> {
    let typed: Typed = parse(&body(raw)?)?;
    if typed.text.len() > LINE_BYTES {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("text has {} bytes; at most {LINE_BYTES} are accepted", typed.text.len()),
        ));
    }
    let control = control(&service, id)?;
    let mut there = true;
    if !typed.text.is_empty() || !typed.eof {
        let mut text = typed.text;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        for line in text.split_inclusive('\n') {
            there = control.line(line.to_owned());
        }
    }
    if typed.eof {
        there = control.end_of_input();
    }
    if there { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

async fn run_interrupt(State(service): State<Service>, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    if control(&service, id)?.interrupt() { Ok(StatusCode::NO_CONTENT) } else { Err(gone()) }
}

fn control(service: &Service, id: Uuid) -> Result<RunControl, Problem> {
    service.0.live.lock().expect("no panic while locked").get(&id).cloned().ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such run; it may have ended")
}

async fn tests(State(service): State<Service>, raw: Raw) -> Result<Response, Problem> {
    let request: TestRequest = parse(&body(raw)?)?;
    let report = service.0.fleet.test(request).await.map_err(|error| service.refuse(error))?;
    service.0.metrics.tested();
    Ok(Json(report).into_response())
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
