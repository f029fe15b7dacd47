//! HTTP in and out of a component: its routes, bodies with limits, faults as problem details (RFC 9457).

use std::{collections::BTreeMap, fmt::Display};

use bytes::Bytes;
use futures::channel::mpsc;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use learnflow_agent::{Fault, FaultKind, llm::ModelFaultKind};
use learnflow_events::{Agent, Event, Incoming, limits, message};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spin_sdk::http::{BoxBody, Request, box_body};
use uuid::Uuid;

use crate::Environment;

/// What a component answers.
pub type Response = http::Response<BoxBody>;

/// The header by which the gateway says whose request it is. Only the gateway reaches the functions' HTTP
/// triggers (knative/, NetworkPolicy), and it drops the header from what clients send.
pub const STUDENT_HEADER: &str = "x-learnflow-student";

/// A request to one of the agent's HTTP triggers.
pub struct TriggerRequest {
    /// The path below the agent's own (`analyze`).
    pub action: String,
    /// The student, as the gateway authenticated it.
    pub student_id: String,
    /// Makes a repeat of the request the same turn.
    pub idempotency_key: Option<String>,
    /// Whether the caller wants server-sent events.
    pub event_stream: bool,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl TriggerRequest {
    /// The turn's id: derived from the idempotency key, so that a repeat is the same turn, or new.
    pub fn query_id(&self) -> Uuid {
        match &self.idempotency_key {
            Some(key) => learnflow_events::ids::turn_of_request(&self.student_id, key),
            None => Uuid::now_v7(),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`FaultKind::Reject`], saying where the JSON is wrong.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Fault::reject(format!("the body is not the JSON that is expected here: {error}"))
        })
    }
}

/// Serves one request of an agent: `/<agent>/events`, `/health`, `/ready`, `/metrics`, `/status` and its HTTP triggers.
///
/// `on_event` gets a CloudEvent of a known type and returns the event to reply with, if any.
/// `on_trigger` gets a POST to one of `triggers`.
pub async fn route(
    agent: Agent,
    triggers: &[&str],
    request: Request,
    on_event: impl AsyncFnOnce(Incoming) -> Result<Option<Event>, Fault>,
    on_trigger: impl AsyncFnOnce(TriggerRequest) -> Result<Response, Fault>,
) -> Response {
    let path = request.uri().path().to_owned();
    let action = path.strip_prefix('/').and_then(|path| path.strip_prefix(agent.as_str()));
    let action = action.and_then(|action| action.strip_prefix('/')).unwrap_or_default();
    match (request.method(), action) {
        (&Method::GET, "health") => json_response(StatusCode::OK, &json!({"status": "healthy"})),
        (&Method::GET, "ready") => match ready(agent).await {
            Ok(()) => json_response(StatusCode::OK, &json!({"status": "ready"})),
            Err(fault) => problem(agent, &fault, FaultStatus::Http),
        },
        (&Method::GET, "metrics") => match metrics(agent, triggers).await {
            Ok(text) => text_response(text),
            Err(fault) => problem(agent, &fault, FaultStatus::Http),
        },
        (&Method::GET, "status") => match status(agent).await {
            Ok(health) => json_response(StatusCode::OK, &health),
            Err(fault) => problem(agent, &fault, FaultStatus::Http),
        },
        (&Method::POST, "events") => {
            let event = async {
                let (headers, body) = read(request, limits::EVENT_BYTES).await?;
                on_event(Incoming::from_http(&headers, body.into())?).await
            };
            match event.await {
                Ok(Some(reply)) => event_response(&reply),
                Ok(None) => empty(StatusCode::NO_CONTENT),
                Err(fault) => problem(agent, &fault, FaultStatus::Event),
            }
        }
        (&Method::POST, action) if triggers.contains(&action) => {
            let answer = async { on_trigger(trigger_request(action.to_owned(), request).await?).await };
            match answer.await {
                Ok(response) => response,
                Err(fault) => problem(agent, &fault, FaultStatus::Http),
            }
        }
        (_, action) => not_found(agent, triggers, action),
    }
}

async fn ready(agent: Agent) -> Result<(), Fault> {
    Environment::open(agent, None).await?.database.ping().await
}

/// How the agent is doing, by what it did and what waits for it: there is nobody to ask between two messages.
async fn status(agent: Agent) -> Result<Value, Fault> {
    let database = Environment::open(agent, None).await?.database;
    database.value("SELECT agent_health($1)", vec![agent.as_str().to_owned().into()]).await
}

/// What `agent_counts` says (migrations/0041_agent_totals.sql): an instance lives for one request, so the database counts.
#[derive(Deserialize)]
struct Counts {
    requests: Vec<Requests>,
    /// The upper bounds of all buckets but the last, in seconds.
    bounds: Vec<f64>,
    durations: Vec<Durations>,
    waiting: u64,
    used: Used,
    counters: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Requests {
    endpoint: String,
    status: String,
    requests: u64,
}

#[derive(Deserialize)]
struct Durations {
    endpoint: String,
    /// How many ended within each bound and not within the one before it.
    buckets: Vec<u64>,
    seconds: f64,
}

#[derive(Deserialize)]
struct Used {
    input_tokens: u64,
    output_tokens: u64,
    cost_micros: u64,
    cpu_us: u64,
}

/// What may become of a turn. Both are shown from the first scrape on: what rises from nothing is no rise to Prometheus.
const OUTCOMES: [&str; 2] = ["answered", "failed"];

/// What agents with a model count, beside a model's faults.
const OCCURRENCES: [&str; 7] = [
    "cache_hits",
    "cache_misses",
    "exercises_refused",
    "grounding_fallbacks",
    "leaks_lowered",
    "llm_calls",
    "outputs_replaced",
];

const MODEL_FAULTS: [ModelFaultKind; 14] = [
    ModelFaultKind::RateLimited,
    ModelFaultKind::Key,
    ModelFaultKind::BadRequest,
    ModelFaultKind::Server,
    ModelFaultKind::Overloaded,
    ModelFaultKind::Connection,
    ModelFaultKind::Timeout,
    ModelFaultKind::Cut,
    ModelFaultKind::Malformed,
    ModelFaultKind::TooLong,
    ModelFaultKind::BreakerOpen,
    ModelFaultKind::StudentBudget,
    ModelFaultKind::SiteBudget,
    ModelFaultKind::Cancelled,
];

/// The research document's metrics, and what a model and the sandbox took.
async fn metrics(agent: Agent, triggers: &[&str]) -> Result<String, Fault> {
    let database = Environment::open(agent, None).await?.database;
    let counts: Counts =
        database.value("SELECT agent_counts($1)", vec![agent.as_str().to_owned().into()]).await?;
    Ok(exposition(agent, triggers, counts))
}

fn exposition(agent: Agent, triggers: &[&str], counts: Counts) -> String {
    let mut text = Exposition { agent, text: String::new() };
    let endpoints = || triggers.iter().copied().chain(["events"]);

    let mut requests: BTreeMap<(String, String), u64> = endpoints()
        .flat_map(|endpoint| OUTCOMES.map(|status| ((endpoint.to_owned(), status.to_owned()), 0)))
        .collect();
    requests.extend(counts.requests.into_iter().map(|r| ((r.endpoint, r.status), r.requests)));
    text.family("agent_requests_total", "counter", "Requests that were handled and turns that failed.");
    for ((endpoint, status), number) in &requests {
        text.sample("agent_requests_total", &[("endpoint", endpoint), ("status", status)], number);
    }

    let bounds = &counts.bounds;
    let mut durations: BTreeMap<String, (Vec<u64>, f64)> =
        endpoints().map(|endpoint| (endpoint.to_owned(), (vec![0; bounds.len() + 1], 0.0))).collect();
    durations.extend(counts.durations.into_iter().map(|d| (d.endpoint, (d.buckets, d.seconds))));
    text.family("agent_request_duration_seconds", "histogram", "Time that turns took at the agent.");
    for (endpoint, (buckets, seconds)) in &durations {
        let mut total = 0;
        for (place, number) in buckets.iter().enumerate() {
            total += number;
            let bound = bounds.get(place).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            let labels = [("endpoint", endpoint.as_str()), ("le", bound.as_str())];
            text.sample("agent_request_duration_seconds_bucket", &labels, total);
        }
        text.sample("agent_request_duration_seconds_sum", &[("endpoint", endpoint)], seconds);
        text.sample("agent_request_duration_seconds_count", &[("endpoint", endpoint)], total);
    }

    text.family("agent_turns_waiting", "gauge", "Turns that are the agent's and not done yet.");
    text.sample("agent_turns_waiting", &[], counts.waiting);
    let used = &counts.used;
    text.family("agent_tokens_total", "counter", "Tokens of a language model, by direction.");
    text.sample("agent_tokens_total", &[("direction", "input")], used.input_tokens);
    text.sample("agent_tokens_total", &[("direction", "output")], used.output_tokens);
    text.family("agent_model_cost_dollars_total", "counter", "Price of the tokens.");
    text.sample("agent_model_cost_dollars_total", &[], used.cost_micros as f64 / 1e6);
    text.family("agent_run_seconds_total", "counter", "Run time in the sandbox.");
    text.sample("agent_run_seconds_total", &[], used.cpu_us as f64 / 1e6);

    // Progress asks no model.
    let mut counters = BTreeMap::new();
    if agent != Agent::Progress {
        counters.extend(OCCURRENCES.map(|kind| (kind.to_owned(), 0)));
        counters.extend(MODEL_FAULTS.map(|kind| (format!("llm_errors_{}", kind.as_str()), 0)));
    }
    counters.extend(counts.counters);
    let counted = |name: &str| counters.get(name).copied().unwrap_or_default() as f64;
    let asked = counted("cache_hits") + counted("cache_misses");
    let hit_ratio = if asked > 0.0 { counted("cache_hits") / asked } else { 0.0 };
    text.family(
        "agent_cache_hit_ratio",
        "gauge",
        "Share of questions with a key that the response cache answered.",
    );
    text.sample("agent_cache_hit_ratio", &[], hit_ratio);
    text.family(
        "agent_occurrences_total",
        "counter",
        "Calls of a model, its errors, cache hits and misses, leaks and false claims caught.",
    );
    for (kind, number) in &counters {
        text.sample("agent_occurrences_total", &[("kind", kind)], number);
    }
    text.text
}

/// Prometheus' text format, version 0.0.4. Every sample has the label `agent`.
struct Exposition {
    agent: Agent,
    text: String,
}

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// Label values are names of ours, which need no escapes.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: String = labels.iter().map(|(label, of)| format!(",{label}=\"{of}\"")).collect();
        self.text.push_str(&format!("{name}{{agent=\"{}\"{labels}}} {value}\n", self.agent));
    }
}

async fn read(request: Request, max_bytes: usize) -> Result<(HeaderMap, Bytes), Fault> {
    let (parts, body) = request.into_parts();
    match Limited::new(body, max_bytes).collect().await {
        Ok(body) => Ok((parts.headers, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(Fault::too_large(max_bytes)),
        Err(error) => Err(Fault::reject(format!("the body broke off: {error}"))),
    }
}

async fn trigger_request(action: String, request: Request) -> Result<TriggerRequest, Fault> {
    let (headers, body) = read(request, limits::BODY_BYTES).await?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let student_id = header(STUDENT_HEADER).filter(|id| !id.is_empty()).ok_or_else(|| {
        Fault::reject(format!("the {STUDENT_HEADER} header is missing; call through the gateway"))
    })?;
    message::check_id("student id", &student_id)?;
    let idempotency_key = header("idempotency-key");
    if let Some(key) = &idempotency_key {
        message::check_id("idempotency-key", key)?;
    }
    let event_stream = header("accept").is_some_and(|accept| accept.contains("text/event-stream"));
    Ok(TriggerRequest {
        action,
        student_id,
        idempotency_key,
        event_stream,
        traceparent: header("traceparent"),
        body,
    })
}

/// A JSON body.
pub fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_vec(body).unwrap_or_default();
    with_body(status, "application/json", text)
}

/// Server-sent events: `delta` events with pieces of the text, then `answered` with the whole answer. A piece whose
/// `index` is 0 begins the answer, also where others came before it.
pub fn event_stream(text: &str, answered: &impl Serialize) -> Response {
    let mut body = String::new();
    for (index, piece) in text.split_inclusive("\n\n").enumerate() {
        let data = json!({"index": index, "text": piece});
        body.push_str(&format!("event: delta\ndata: {data}\n\n"));
    }
    let data = serde_json::to_string(answered).unwrap_or_default();
    body.push_str(&format!("event: answered\ndata: {data}\n\n"));
    with_body(StatusCode::OK, "text/event-stream", body.into_bytes())
}

/// A response of server-sent events that are still to be made, and where they are put in.
pub fn live_event_stream() -> (mpsc::Sender<Bytes>, Response) {
    let (sender, body) = spin_sdk::http::body::stream::<Bytes>();
    let mut response = Response::new(box_body(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect a response would take the streaming out of it.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    (sender, response)
}

/// Puts an event in. What does not fit any more is left out: the last event has the whole answer.
pub fn send_event(sender: &mut mpsc::Sender<Bytes>, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    let _ = sender.try_send(Bytes::from(format!("event: {name}\ndata: {data}\n\n")));
}

/// Puts a comment in, which readers ignore; `false` when nobody reads any more.
pub fn send_comment(sender: &mut mpsc::Sender<Bytes>) -> bool {
    match sender.try_send(Bytes::from_static(b": still at it\n\n")) {
        Ok(()) => true,
        Err(error) => !error.is_disconnected(),
    }
}

/// What a reader of a stream is told about a fault; the operator reads its context in the log.
pub fn failure(agent: Agent, fault: &Fault) -> Value {
    let id = log_fault(agent, fault);
    json!({"message": fault.sentence, "instance": format!("urn:uuid:{id}"), "retry": fault.kind == FaultKind::Retry})
}

fn log_fault(agent: Agent, fault: &Fault) -> Uuid {
    let id = Uuid::new_v4();
    let level = if fault.kind == FaultKind::Bug { "ERROR" } else { "WARN" };
    eprintln!("{}", json!({"level": level, "agent": agent, "fault": id, "context": fault.context}));
    id
}

fn text_response(text: String) -> Response {
    with_body(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into_bytes())
}

fn event_response(event: &Event) -> Response {
    let (headers, body) = message::to_http(event);
    let mut response = with_body(StatusCode::OK, "application/json", body);
    for (name, value) in headers {
        let name = http::HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(box_body(Full::new(Bytes::new())));
    *response.status_mut() = status;
    response
}

fn with_body(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(box_body(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Who is answered: the broker sends a 422 to the dead-letter sink at once, a person gets a precise 4xx.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FaultStatus {
    Http,
    Event,
}

fn problem(agent: Agent, fault: &Fault, status: FaultStatus) -> Response {
    let status = match (fault.kind, status) {
        (FaultKind::Reject | FaultKind::TooLarge, FaultStatus::Event) => StatusCode::UNPROCESSABLE_ENTITY,
        (FaultKind::TooLarge, FaultStatus::Http) => StatusCode::PAYLOAD_TOO_LARGE,
        (FaultKind::Reject, FaultStatus::Http) => StatusCode::BAD_REQUEST,
        (FaultKind::Retry, _) => StatusCode::SERVICE_UNAVAILABLE,
        (FaultKind::Bug, _) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let id = log_fault(agent, fault);
    let mut response = with_body(
        status,
        "application/problem+json",
        json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": fault.sentence,
            "instance": format!("urn:uuid:{id}"),
        })
        .to_string()
        .into_bytes(),
    );
    if fault.kind == FaultKind::Retry {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(fault.retry_after_s));
    }
    response
}

fn not_found(agent: Agent, triggers: &[&str], action: &str) -> Response {
    let known = action.is_empty() || ["health", "ready", "metrics", "status", "events"].contains(&action);
    let status = if known || triggers.contains(&action) {
        StatusCode::METHOD_NOT_ALLOWED
    } else {
        StatusCode::NOT_FOUND
    };
    let posts: Vec<_> =
        triggers.iter().chain(&["events"]).map(|action| format!("/{agent}/{action}")).collect();
    let detail = format!(
        "POST to {}, or GET /{agent}/health, /{agent}/ready, /{agent}/metrics, /{agent}/status",
        posts.join(", ")
    );
    with_body(
        status,
        "application/problem+json",
        json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
        })
        .to_string()
        .into_bytes(),
    )
}
