//! The host: an application, loaded and ready to answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as StdError,
    fs,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header, request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use learnflow_telemetry::{TraceContext, http as span, server_span};
use learnflow_topology::SpinApp;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};
use uuid::Uuid;
use wasmtime_wasi_http::{
    Error as WasiHttpError, WasiBody,
    handler::{ExpirationError, InstantiationError, ProxyHandler, ProxyPre},
    p3::bindings::{ServicePre, http::types::ErrorCode},
};

use crate::{
    allowed_hosts::AllowedHosts,
    artifact::ArtifactCache,
    engine::{Capacity, new_engine},
    error::HostError,
    inbound,
    instance::{ComponentContext, Turn, new_linker},
    metrics::{InFlight, Metrics},
    options::HostOptions,
    outbound::HttpClient,
    postgres::Pools,
    problem::Problem,
    routes::Router,
    variables::{ComponentVariables, application_values},
    worker::{ComponentHandler, Fate, RequestContext},
};

/// The pause that is asked of a caller who came while everything was busy.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// The most instances alive at a time. Each reserves address space, of which there is an end.
const MOST_INSTANCES: usize = 4096;
const WELL_KNOWN: &str = "/.well-known/spin/";

/// A Spin application that is loaded. Cheap to clone.
#[derive(Clone)]
pub struct SpinHost {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    version: String,
    router: Router,
    components: BTreeMap<String, LoadedComponent>,
    metrics: Metrics,
    connections: usize,
}

struct LoadedComponent {
    context: Arc<ComponentContext>,
    handler: ProxyHandler<ComponentHandler>,
    turns: Arc<Semaphore>,
}

impl SpinHost {
    /// Loads an application. Blocks for seconds while a component is compiled for the first time.
    ///
    /// # Errors
    /// Everything that would make a component fail later and can be known now; see [`HostError`].
    pub fn load(app: &SpinApp, options: HostOptions) -> Result<Self, HostError> {
        options.check()?;
        let retained = retained(app, options.retain.as_ref())?;
        let routes: Vec<_> =
            app.routes.iter().filter(|route| retained.contains(route.component.as_str())).cloned().collect();
        let router = Router::new(&routes)?;
        let engine = new_engine(capacity(&retained, &options))?;
        let linker = new_linker(&engine).map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let cache = ArtifactCache::open(&options.cache_dir)?;
        let http = HttpClient::new(&options.outbound).map_err(HostError::Engine)?;
        let postgres = Arc::new(Pools::new(options.postgres.clone()));
        let metrics = Metrics::new();

        let mut components = BTreeMap::new();
        for name in retained {
            let component = &app.components[name];
            let none = BTreeMap::new();
            let values = application_values(app, name, options.variables.get(name).unwrap_or(&none))?;
            let context = Arc::new(ComponentContext {
                name: name.into(),
                variables: ComponentVariables::resolve(name, component, &values)?,
                allowed_hosts: AllowedHosts::resolve(name, &component.allowed_outbound_hosts, &values)?,
                limits: options.limits_of(name).clone(),
                reuse: options.reuse.clone(),
                http: http.clone(),
                postgres: postgres.clone(),
                metrics: metrics.clone(),
            });
            let path = app.root.join(&component.source);
            let wasm = fs::read(&path).map_err(|source| HostError::Source {
                component: name.to_owned(),
                path: path.clone(),
                build: component.build_command.clone().unwrap_or_else(|| "spin build".to_owned()),
                source,
            })?;
            let compiled = cache.load(&engine, name, &path, &wasm, &options.progress)?;
            let unfit = |error: wasmtime::Error| HostError::Unfit {
                component: name.to_owned(),
                problem: format!("{error:#}"),
            };
            let pre = linker.instantiate_pre(&compiled).and_then(ServicePre::new).map_err(unfit)?;
            let turns =
                Arc::new(Semaphore::new(context.limits.concurrent_requests.min(Semaphore::MAX_PERMITS)));
            let handler = ProxyHandler::new(ComponentHandler {
                engine: engine.clone(),
                pre: ProxyPre::P3(pre),
                component: context.clone(),
            });
            components.insert(name.to_owned(), LoadedComponent { context, handler, turns });
        }
        let inner = Inner {
            name: app.name.clone(),
            version: app.version.clone(),
            router,
            components,
            metrics,
            connections: options.connections,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers a request from inside this process, as if it came from the loopback address.
    ///
    /// The URI is absolute or there is a `Host` header. Never fails: what goes wrong is an answer with a status of
    /// 400, 404, 413, 500, 503 or 504 and a problem document.
    pub async fn call<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.call_from(request, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// [`call`](Self::call) for a request that came from the given address.
    pub async fn call_from<B>(&self, request: Request<B>, client: SocketAddr) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        if let Some(page) = parts.uri.path().strip_prefix(WELL_KNOWN) {
            return self.well_known(page).map(ResponseBody::full);
        }
        let path = parts.uri.path().to_owned();
        let Some(found) = self.inner.router.find(&path) else {
            return refuse(Problem::new(StatusCode::NOT_FOUND, "no component has a route for this path"));
        };
        let Some(component) = self.inner.components.get(found.component) else {
            return refuse(Problem::new(StatusCode::NOT_FOUND, "the component of this route is not loaded"));
        };
        if let Err(problem) = inbound::prepare(&mut parts, &found, client) {
            return refuse(problem);
        }
        let start = Instant::now();
        let name = &component.context.name;
        let in_flight = self.inner.metrics.begin(name);
        let event = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let span = server_span!(
            &parts.method,
            Some(found.route),
            &parts.headers,
            "faas.name" = &**name,
            "faas.trigger" = "http",
            "cloudevents.event_id" = event("ce-id"),
            "cloudevents.event_type" = event("ce-type"),
            "cloudevents.event_subject" = event("ce-subject"),
        );
        // The component continues the trace from here, by what it was told itself.
        span::continue_in(&span, &mut parts.headers);
        let response = component.answer(parts, body, in_flight, &span).await.unwrap_or_else(refuse);
        span::answered(&span, response.status());
        self.inner.metrics.answered(name, response.status(), start.elapsed());
        response
    }

    /// The names of the loaded components.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.inner.components.keys().map(String::as_str)
    }

    /// The routes of the loaded components: route, component.
    pub fn routes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.router.iter()
    }

    /// The metrics as Prometheus reads them.
    pub fn metrics(&self) -> String {
        self.inner.metrics.text()
    }

    /// The metrics to be gathered together with others.
    pub fn registry(&self) -> &prometheus::Registry {
        self.inner.metrics.registry()
    }

    pub(crate) fn connections(&self) -> usize {
        self.inner.connections
    }

    /// The component that answers a path.
    pub(crate) fn component_of(&self, path: &str) -> Option<String> {
        self.inner.router.find(path).map(|found| found.component.to_owned())
    }

    pub(crate) fn handler(&self, component: &str) -> Option<&ProxyHandler<ComponentHandler>> {
        self.inner.components.get(component).map(|loaded| &loaded.handler)
    }

    /// The pages that every Spin application has.
    fn well_known(&self, page: &str) -> Response<Bytes> {
        match page {
            "health" => Response::new(Bytes::from_static(b"OK")),
            "info" => {
                let info = serde_json::json!({ "name": self.inner.name, "version": self.inner.version });
                let mut response = Response::new(Bytes::from(info.to_string()));
                let json = header::HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
            _ => Problem::new(StatusCode::NOT_FOUND, "there are health and info here").into_response(),
        }
    }
}

impl LoadedComponent {
    async fn answer<B>(
        &self,
        parts: request::Parts,
        body: B,
        in_flight: InFlight,
        span: &Span,
    ) -> Result<Response<ResponseBody>, Problem>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let limits = &self.context.limits;
        if body.size_hint().lower() > limits.body_bytes as u64 {
            return Err(too_large(limits.body_bytes));
        }
        let turn = tokio::time::timeout(limits.queue_wait, self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let detail = "every instance is busy; try again after the pause that Retry-After names";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(BUSY_PAUSE));
        };
        let (id, fate) = (Uuid::new_v4(), Fate::default());
        let turn = Turn::new(turn);
        let context = RequestContext {
            id,
            trace: TraceContext::from_headers(&parts.headers),
            turn: turn.clone(),
            fate: fate.clone(),
        };
        let limit = limits.body_bytes;
        let body = Limited::new(body, limit).map_err(move |error| body_error(error, limit)).boxed_unsync();
        let start = Instant::now();
        let answer = self.handler.handle(context, Request::from_parts(parts, body));
        match answer.instrument(span.clone()).await {
            Ok(response) => {
                let held = Held { fate, _turn: turn, _in_flight: in_flight, _span: span.clone() };
                Ok(response.map(|body| ResponseBody { body, held: Some(held) }))
            }
            Err(error) => Err(self.failure(id, &error, start.elapsed())),
        }
    }

    /// What the caller is told; the operator finds the rest under the id in the log.
    fn failure(&self, id: Uuid, error: &wasmtime::Error, took: Duration) -> Problem {
        let component = &*self.context.name;
        tracing::error!(component, request = %id, "no answer: {error:?}");
        if error.is::<InstantiationError<RequestContext>>() {
            let detail =
                "there is no room for another instance; try again after the pause that Retry-After names";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_id(id).retry_after(BUSY_PAUSE);
        }
        // A busy guest is ended by its lifetime, which looks like a trap from here.
        if error.is::<ExpirationError>() || took >= self.context.limits.request_timeout {
            return Problem::new(StatusCode::GATEWAY_TIMEOUT, "the component took too long").with_id(id);
        }
        if let Some(ErrorCode::HttpRequestBodySize(_)) = error.downcast_ref() {
            return too_large(self.context.limits.body_bytes).with_id(id);
        }
        let detail = "the component failed; quote the id when you report it";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).with_id(id)
    }
}

/// The body of a response; the request's turn does not end before it is dropped.
///
/// It ends with an error when its component failed in the middle of it.
pub struct ResponseBody {
    body: WasiBody,
    /// `None` for the host's own answers.
    held: Option<Held>,
}

/// What a request occupies until its response is read.
struct Held {
    fate: Fate,
    _turn: Turn,
    _in_flight: InFlight,
    /// Ends when the response does.
    _span: Span,
}

impl ResponseBody {
    fn full(bytes: Bytes) -> Self {
        let body = Full::new(bytes).map_err(WasiHttpError::from).boxed_unsync();
        Self { body, held: None }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = WasiHttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiHttpError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() && self.held.as_ref().is_some_and(|held| held.fate.failed()) {
            return Poll::Ready(Some(Err(WasiHttpError::HttpResponseIncomplete)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn refuse(problem: Problem) -> Response<ResponseBody> {
    problem.into_response().map(ResponseBody::full)
}

fn too_large(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"))
}

fn body_error(error: Box<dyn StdError + Send + Sync>, limit: usize) -> WasiHttpError {
    if error.is::<LengthLimitError>() {
        return WasiHttpError::HttpRequestBodySize(Some(limit as u64));
    }
    match error.downcast::<hyper::Error>() {
        Ok(error) => WasiHttpError::from(*error),
        Err(error) => WasiHttpError::InternalError(Some(error.to_string())),
    }
}

/// The components to load, all of which exist, as do those of the routes.
fn retained<'a>(app: &'a SpinApp, retain: Option<&BTreeSet<String>>) -> Result<BTreeSet<&'a str>, HostError> {
    if let Some(route) = app.routes.iter().find(|route| !app.components.contains_key(&route.component)) {
        return Err(HostError::DanglingRoute {
            route: route.route.clone(),
            component: route.component.clone(),
        });
    }
    let known = app.components.keys();
    let Some(retain) = retain else { return Ok(known.map(String::as_str).collect()) };
    if let Some(name) = retain.iter().find(|name| !app.components.contains_key(*name)) {
        let known = known.cloned().collect::<Vec<_>>().join(", ");
        return Err(HostError::UnknownComponent { name: name.clone(), known });
    }
    Ok(known.filter(|name| retain.contains(*name)).map(String::as_str).collect())
}

fn capacity(retained: &BTreeSet<&str>, options: &HostOptions) -> Capacity {
    let limits = || retained.iter().map(|name| options.limits_of(name));
    let requests: usize = limits().map(|limits| limits.concurrent_requests).sum();
    // Twice, since an instance may still be busy for a moment after its request's turn is over.
    let instances = requests.saturating_mul(2).saturating_add(8).min(MOST_INSTANCES) as u32;
    let memory_bytes = limits().map(|limits| limits.memory_bytes).max().unwrap_or_default();
    Capacity { instances, memory_bytes }
}
