//! Publishing from an HTTP trigger: a POST to the broker's ingress. (A handler of an event publishes by
//! answering; it needs none of this.)

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use learnflow_agent::Fault;
use learnflow_events::{Event, message};

use crate::outbound;

/// A client of the broker's ingress.
pub struct Publisher {
    broker_url: String,
}

impl Publisher {
    /// A client of the ingress at `broker_url`.
    pub fn new(broker_url: impl Into<String>) -> Self {
        Self { broker_url: broker_url.into() }
    }

    /// Publishes an event; when this returns, the broker has it on its log.
    ///
    /// # Errors
    /// [`learnflow_agent::FaultKind::Retry`] when the broker is away: the turn is stored, and the same request
    /// sent again publishes the same event.
    pub async fn publish(&self, event: &Event) -> Result<(), Fault> {
        let (headers, body) = message::to_http(event);
        let mut request = http::Request::post(&self.broker_url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Fault::bug(format!("event to HTTP: {error}")))?;
        let response = outbound::send(request)
            .await
            .map_err(|error| Fault::retry(format!("broker ingress: {error:?}")))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let context =
            format!("broker ingress: {status} {}", String::from_utf8_lossy(&body[..body.len().min(400)]));
        Err(if status.is_server_error() { Fault::retry(context) } else { Fault::bug(context) })
    }
}
