//! One try: an event goes out by HTTP, and the answer is understood.
//!
//! Source: Knative's data plane specification, "event acknowledgement and delivery retry".

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use learnflow_telemetry::{client_span, http as span};
use tracing::Instrument;

use crate::event::CloudEvent;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that idle longer are closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read.
const ANSWER_BYTES: usize = 1024 * 1024;
/// How much of a failed answer goes into the dead letter.
const ERROR_DATA_BYTES: usize = 1024;
/// Response headers with this prefix become extension attributes of the dead letter.
const ERROR_PREFIX: &str = "kne-";

/// What a subscriber made of an event.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// It is done, and here is the next event.
    Reply(Box<CloudEvent>),
    /// It is not done.
    Failed(Failure),
}

/// A try that failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failure {
    /// Whether another try may help.
    pub(crate) retryable: bool,
    /// How long the subscriber wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// The status, when there was an answer.
    pub(crate) code: Option<u16>,
    /// The first bytes of the answer's body.
    pub(crate) data: Option<Bytes>,
    /// Extension attributes that the subscriber wants on the dead letter.
    pub(crate) extensions: Vec<(String, String)>,
    /// What happened, for the log.
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn without_answer(text: String) -> Self {
        Self { retryable: true, text, ..Self::default() }
    }

    fn of_answer(
        status: StatusCode,
        headers: &HeaderMap,
        body: &Bytes,
        retryable: bool,
        text: String,
    ) -> Self {
        let extensions = headers
            .iter()
            .filter_map(|(name, value)| {
                let name = name.as_str().strip_prefix(ERROR_PREFIX)?;
                let legal =
                    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                legal.then_some((name.to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect();
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        Self {
            retryable,
            retry_after,
            code: Some(status.as_u16()),
            data: (!body.is_empty()).then(|| body.slice(..body.len().min(ERROR_DATA_BYTES))),
            extensions,
            text,
        }
    }
}

/// Sends events.
#[derive(Clone)]
pub(crate) struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Sender {
    pub(crate) fn new() -> Self {
        let mut tcp = HttpConnector::new();
        // Without it a request on a kept connection waits for a delayed acknowledgement.
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self { client }
    }

    /// Posts the event in binary mode, after `before` tries, and understands the answer.
    pub(crate) async fn send(
        &self,
        uri: Uri,
        namespace: &str,
        event: &CloudEvent,
        before: u32,
        timeout: Duration,
    ) -> Answer {
        let mut request = Request::new(Full::new(event.data().clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = event.http_headers();
        request.headers_mut().insert("prefer", HeaderValue::from_static("reply"));
        if let Ok(namespace) = HeaderValue::from_str(namespace) {
            request.headers_mut().insert("kn-namespace", namespace);
        }
        let resent = Some(before).filter(|before| *before > 0);
        let span = client_span!(&request, None, "http.request.resend_count" = resent);
        span::continue_in(&span, request.headers_mut());
        match tokio::time::timeout(timeout, self.exchange(request).instrument(span.clone())).await {
            Ok(Ok((status, headers, body))) => {
                span::got(&span, status);
                understand(status, &headers, body)
            }
            Ok(Err(failure)) => {
                span::failed(&span, "unreachable");
                Answer::Failed(failure)
            }
            Err(_) => {
                span::failed(&span, "timeout");
                Answer::Failed(Failure::without_answer(format!("no answer within {timeout:?}")))
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        let response =
            self.client.request(request).await.map_err(|error| Failure::without_answer(chain(&error)))?;
        let (head, body) = response.into_parts();
        match Limited::new(body, ANSWER_BYTES).collect().await {
            Ok(body) => Ok((head.status, head.headers, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                let text = format!("the answer is larger than {ANSWER_BYTES} bytes");
                Err(Failure::of_answer(head.status, &head.headers, &Bytes::new(), false, text))
            }
            Err(error) => Err(Failure::without_answer(chain(&*error))),
        }
    }
}

fn understand(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Answer {
    let failed =
        |retryable, text| Answer::Failed(Failure::of_answer(status, headers, &body, retryable, text));
    if !status.is_success() {
        return failed(is_retryable(status), format!("the subscriber answered {status}"));
    }
    if body.is_empty() && !headers.contains_key("ce-specversion") {
        return Answer::Done;
    }
    match CloudEvent::from_http(headers, body.clone()) {
        Ok(reply) => Answer::Reply(Box::new(reply)),
        Err(error) => {
            failed(false, format!("the subscriber answered {status} with a body that is no event: {error}"))
        }
    }
}

/// The statuses after which Knative tries again.
fn is_retryable(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::NOT_FOUND
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::CONFLICT
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// An error with its causes: hyper's own text leaves out what went wrong.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
