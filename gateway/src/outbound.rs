//! Calls to the services behind the gateway: one pooled client.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use learnflow_events::Event;
use learnflow_telemetry::{client_span, http as span};
use tracing::Instrument;

use crate::problem::Problem;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long the broker may take to acknowledge an event.
const PUBLISH: Duration = Duration::from_secs(10);

/// The client.
pub(crate) struct Outbound {
    client: Client<HttpConnector, Body>,
}

impl Default for Outbound {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        // Small writes would otherwise wait for the peer's delayed acknowledgement.
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Self { client }
    }
}

/// Why a call gave no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the request's body was too large")]
    TooLarge,
    #[error("{0}")]
    Unreachable(String),
}

impl CallError {
    /// What a span says about it.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::TooLarge => "too_large",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl Outbound {
    /// Sends a request and waits, at most `patience`, for the head of its response.
    pub(crate) async fn call(
        &self,
        mut request: Request<Body>,
        patience: Duration,
    ) -> Result<Response<Incoming>, CallError> {
        let span = client_span!(&request, span::carried(request.headers()).as_ref());
        span::continue_in(&span, request.headers_mut());
        let exchange = self.client.request(request).instrument(span.clone());
        let result = match tokio::time::timeout(patience, exchange).await {
            Err(_) => Err(CallError::Timeout(patience)),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if is_too_large(&error) => Err(CallError::TooLarge),
            Ok(Err(error)) => Err(CallError::Unreachable(with_sources(&error))),
        };
        match &result {
            Ok(response) => span::got(&span, response.status()),
            Err(error) => span::failed(&span, error.kind()),
        }
        result
    }

    /// Publishes an event; when this returns, the broker has it.
    pub(crate) async fn publish(&self, broker_url: &str, event: &Event) -> Result<(), PublishError> {
        let (headers, body) = learnflow_events::message::to_http(event);
        self.publish_parts(broker_url, headers, body).await
    }

    /// Publishes an event given as binary-mode headers and data.
    pub(crate) async fn publish_parts(
        &self,
        broker_url: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<(), PublishError> {
        let mut request = Request::post(broker_url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request =
            request.body(Body::from(body)).map_err(|error| PublishError::Refused(error.to_string()))?;
        let response =
            self.call(request, PUBLISH).await.map_err(|error| PublishError::Away(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            Ok(())
        } else if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
            Err(PublishError::Away(format!("the ingress answered {status}")))
        } else {
            Err(PublishError::Refused(format!("the ingress answered {status}")))
        }
    }
}

/// Why an event is not in the broker.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("the broker is away: {0}")]
    Away(String),
    #[error("the broker refused the event: {0}")]
    Refused(String),
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Away(_) => Self::away(error.to_string()),
            PublishError::Refused(_) => Self::bug(error.to_string()),
        }
    }
}

fn sources<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    sources(error).any(|source| source.is::<http_body_util::LengthLimitError>())
}

fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    sources(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
