//! A collector of OpenTelemetry spans that keeps what it gets.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use learnflow_telemetry::otlp::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse, KeyValue, MEDIA_TYPE,
    PATH, Span, SpanKind, StatusCode as SpanStatus, any_value::Value,
};
use prost::Message;
use tokio::{net::TcpListener, task::AbortHandle};

/// A server that speaks OTLP/HTTP with protobuf, as a collector does, and refuses when a test wants that.
pub struct Collector {
    address: SocketAddr,
    state: Arc<State>,
    serving: AbortHandle,
}

/// A span that it got.
#[derive(Clone, Debug)]
pub struct Collected {
    /// `service.name` of the process.
    pub service: String,
    /// The crate that made it.
    pub scope: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// Of the parent; empty for a root.
    pub parent_id: String,
    /// Its name.
    pub name: String,
    /// What it is to the other end.
    pub kind: SpanKind,
    /// Its attributes as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it failed.
    pub failed: bool,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
}

impl Collected {
    /// An attribute, empty when it is not there.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// How a collector answers a request that it does not take as a whole.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// With a status, and nothing is kept. A client may try again at once.
    Status(StatusCode),
    /// With success, but as many spans were not taken.
    Partly(i64),
}

#[derive(Default)]
struct State {
    spans: Mutex<Vec<Collected>>,
    headers: Mutex<Vec<HeaderMap>>,
    refusals: Mutex<VecDeque<Refusal>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Collector {
    /// Starts one on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State::default());
        let router = Router::new().route(PATH, post(receive)).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) }).abort_handle();
        Self { address, state, serving }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Refuses the next request.
    pub fn refuse(&self, refusal: Refusal) {
        lock(&self.state.refusals).push_back(refusal);
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Collected> {
        lock(&self.state.spans).clone()
    }

    /// The spans of one trace so far.
    pub fn trace(&self, trace_id: &str) -> Vec<Collected> {
        lock(&self.state.spans).iter().filter(|span| span.trace_id == trace_id).cloned().collect()
    }

    /// The headers of every request so far.
    pub fn headers(&self) -> Vec<HeaderMap> {
        lock(&self.state.headers).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    let is_protobuf = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == MEDIA_TYPE);
    lock(&state.headers).push(headers);
    if !is_protobuf {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let partial_success = match lock(&state.refusals).pop_front() {
        Some(Refusal::Status(status)) => return (status, [(header::RETRY_AFTER, "0")]).into_response(),
        Some(Refusal::Partly(rejected_spans)) => Some(ExportTracePartialSuccess {
            rejected_spans,
            error_message: "as the test wants it".to_owned(),
        }),
        None => None,
    };
    for resource in request.resource_spans {
        let attributes = resource.resource.map(|resource| texts(resource.attributes)).unwrap_or_default();
        let service = attributes.get("service.name").cloned().unwrap_or_default();
        for scope in resource.scope_spans {
            let name = scope.scope.map(|scope| scope.name).unwrap_or_default();
            lock(&state.spans).extend(scope.spans.into_iter().map(|span| collected(&service, &name, span)));
        }
    }
    let answer = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], answer).into_response()
}

fn collected(service: &str, scope: &str, span: Span) -> Collected {
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Collected {
        service: service.to_owned(),
        scope: scope.to_owned(),
        trace_id: hexadecimal(&span.trace_id),
        span_id: hexadecimal(&span.span_id),
        parent_id: hexadecimal(&span.parent_span_id),
        kind: span.kind(),
        failed: span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error),
        name: span.name,
        attributes: texts(span.attributes),
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Value::StringValue(text) => text,
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::DoubleValue(value) => value.to_string(),
    };
    attributes
        .into_iter()
        .filter_map(|attribute| Some((attribute.key, text(attribute.value?.value?))))
        .collect()
}
