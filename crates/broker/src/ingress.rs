//! The doors: `POST /{namespace}/{name}` of a Broker or a KafkaSink.
//!
//! | answer | when |
//! |---|---|
//! | 202 | the event is durable in the log |
//! | 400 | it is not a CloudEvent, lacks an attribute, or is a batch |
//! | 404 | nothing of that name is declared |
//! | 405 | any method but POST |
//! | 503 | the log did not take it: with Retry-After when it is away, without when the event is too large |

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{
        Method, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER},
    },
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use learnflow_event_log::{EventLog, LogError, RECORD_BYTES, Record};
use learnflow_telemetry::http;
use learnflow_topology::graph::ContentMode;
use tracing::Instrument;

use crate::{deliver::Shared, event::CloudEvent, spans};

/// Largest body: the largest record, in structured mode with its data in base64.
const BODY_BYTES: usize = RECORD_BYTES / 3 * 4 + 64 * 1024;
/// What is read of a larger body before the answer, so that a client that is still sending hears it.
const DRAINED_BYTES: usize = 16 * 1024 * 1024;
/// Longest wait for the log.
const APPEND_TIMEOUT: Duration = Duration::from_secs(10);
/// What a producer should wait when the log is away, in seconds.
const RETRY_AFTER_S: &str = "1";

/// An address that takes events.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) topic: String,
    pub(crate) content_mode: ContentMode,
}

/// All addresses behind one host name, by path.
#[derive(Clone)]
struct Doors {
    shared: Arc<Shared>,
    addresses: Arc<HashMap<String, Address>>,
}

/// A router over `/{namespace}/{name}` paths.
pub(crate) fn router(shared: Arc<Shared>, addresses: HashMap<String, Address>) -> Router {
    Router::new().fallback(receive).with_state(Doors { shared, addresses: Arc::new(addresses) })
}

/// An answer that is not 202.
struct Refusal {
    status: StatusCode,
    retry: bool,
    text: String,
}

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, retry: false, text: text.into() }
    }
}

async fn receive(State(doors): State<Doors>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let result = doors.take(request).await;
    let status = result.as_ref().err().map_or(StatusCode::ACCEPTED, |refusal| refusal.status);
    let address = doors.addresses.get_key_value(&path).map_or("", |(path, _)| path);
    doors.shared.metrics.request(address, status);
    let mut response = Response::builder().status(status);
    let mut body = Body::empty();
    if let Err(refusal) = result {
        tracing::debug!(path, %status, reason = refusal.text, "refused an event");
        response = response.header(CONTENT_TYPE, "text/plain; charset=utf-8");
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response = response.header(ALLOW, "POST");
        }
        if refusal.retry {
            response = response.header(RETRY_AFTER, RETRY_AFTER_S);
        }
        body = Body::from(refusal.text + "\n");
    }
    response.body(body).expect("constant headers are valid")
}

impl Doors {
    /// The method is looked at before the path, as Knative's ingress does.
    async fn take(&self, request: Request) -> Result<(), Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "send events with POST"));
        }
        let Some(address) = self.addresses.get(request.uri().path()) else {
            let text = format!("nothing called {} is declared in eventing/", request.uri().path());
            return Err(Refusal::new(StatusCode::NOT_FOUND, text));
        };
        let (head, body) = request.into_parts();
        let body = read(body).await?;
        let event = CloudEvent::from_http(&head.headers, body)
            .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        let span = spans::send(&address.topic, &event);
        let record = event.sent_by(&span).to_record_in(address.content_mode);
        let appended = append(&*self.shared.log, &address.topic, record).instrument(span.clone()).await;
        if let Err(refusal) = &appended {
            http::failed(&span, refusal.status.as_str());
        }
        appended
    }
}

async fn append(log: &dyn EventLog, topic: &str, record: Record) -> Result<(), Refusal> {
    let away = |text: String| {
        tracing::warn!(topic, text, "the event log did not take an event");
        let text = format!("the event was not stored; send it again: {text}");
        Refusal { retry: true, ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    };
    match tokio::time::timeout(APPEND_TIMEOUT, log.append(topic, record)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(LogError::Unavailable(text))) => Err(away(text)),
        Ok(Err(LogError::Refused(text))) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text)),
        Err(_) => Err(away("the log did not answer in time".to_owned())),
    }
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    let mut stream = body.into_data_stream();
    let mut bytes = BytesMut::new();
    let mut seen = 0usize;
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| {
            Refusal::new(StatusCode::BAD_REQUEST, format!("the body could not be read: {error}"))
        })?;
        seen += part.len();
        if seen <= BODY_BYTES {
            bytes.extend_from_slice(&part);
        } else if seen > DRAINED_BYTES {
            break;
        }
    }
    if seen > BODY_BYTES {
        let text = format!(
            "the event is too large; at most {RECORD_BYTES} bytes of data and attributes are accepted"
        );
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text));
    }
    Ok(bytes.freeze())
}
