//! Requests that components make: only to allowed hosts, over connections that are kept.

use std::{
    error::Error as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use learnflow_telemetry::{TraceContext, client_span, http as span};
use tokio::time::Sleep;
use tracing::{Instrument, Span};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{instance::ComponentContext, options::OutboundOptions};

/// The client that all components share.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, WasiBody>,
    options: OutboundOptions,
}

impl HttpClient {
    pub(crate) fn new(options: &OutboundOptions) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(options.connect_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| error.to_string())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(options.idle)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, options: options.clone() })
    }

    async fn send(
        &self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<WasiBody>, Error> {
        let options = options.unwrap_or_default();
        let first_byte = options.first_byte_timeout.unwrap_or(self.options.first_byte_timeout);
        let between_bytes = options.between_bytes_timeout.unwrap_or(self.options.between_bytes_timeout);
        let response = tokio::time::timeout(first_byte, self.client.request(request))
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| client_error(&error))?;
        Ok(response.map(|body| Timed::new(body, between_bytes).boxed_unsync()))
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send>;

/// The outgoing side of one instance.
pub(crate) struct OutboundHttp {
    component: Arc<ComponentContext>,
    /// The span of the request being handled, where it is known which that is.
    pub trace: Option<TraceContext>,
}

impl OutboundHttp {
    pub(crate) fn new(component: Arc<ComponentContext>) -> Self {
        Self { component, trace: None }
    }

    /// The span of an outgoing request, which then carries it. A component that only hands on what it was told is
    /// continued from here; one that names another trace is left in it.
    fn span(&self, request: &mut Request<WasiBody>) -> Span {
        let told = TraceContext::from_headers(request.headers());
        let parent = match (&self.trace, told) {
            (Some(own), Some(told)) if !own.is_same_trace(&told) => Some(told),
            (Some(own), _) => Some(own.clone()),
            (None, told) => told,
        };
        let span = client_span!(&*request, parent.as_ref(), "faas.name" = &*self.component.name);
        match (TraceContext::of(&span), parent) {
            (Some(context), _) => context.inject(request.headers_mut()),
            (None, Some(parent)) if !request.headers().contains_key("traceparent") => {
                parent.inject(request.headers_mut());
            }
            (None, _) => {}
        }
        span
    }

    fn allows(&self, uri: &Uri) -> bool {
        let scheme = uri.scheme_str().unwrap_or("https");
        uri.host().is_some_and(|host| self.component.allowed_hosts.allows(scheme, host, uri.port_u16()))
    }
}

impl WasiHttpHooks for OutboundHttp {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Sent {
        if !self.allows(request.uri()) {
            let name = &*self.component.name;
            self.component.metrics.denied(name);
            tracing::warn!(
                component = name,
                host = request.uri().authority().map(tracing::field::display),
                "a request was denied: its host is not in allowed_outbound_hosts"
            );
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let span = self.span(&mut request);
        let client = self.component.http.clone();
        Box::new(async move {
            match client.send(request, options).instrument(span.clone()).await {
                Ok(response) => {
                    span::got(&span, response.status());
                    // The client drives its connections itself, so there is nothing left to be polled.
                    Ok((response, Box::new(async { Ok(()) }) as Io))
                }
                Err(error) => {
                    span::failed(&span, "unreachable");
                    Err(error)
                }
            }
        })
    }
}

/// A response's body that fails when nothing arrives for too long.
struct Timed {
    body: Incoming,
    pause: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Timed {
    fn new(body: Incoming, pause: Duration) -> Self {
        Self { body, pause, timer: Box::pin(tokio::time::sleep(pause)) }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let deadline = tokio::time::Instant::now() + self.pause;
            self.timer.as_mut().reset(deadline);
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The code that fits an error of the client best.
fn client_error(error: &hyper_util::client::legacy::Error) -> Error {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let kind = causes.find_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind));
    let text = || {
        let causes = std::iter::successors(error.source(), |cause| (*cause).source());
        causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
    };
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(io::ErrorKind::TimedOut) => Error::ConnectionTimeout,
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => {
            Error::ConnectionTerminated
        }
        _ if text().contains("dns error") => Error::DnsError { rcode: Some(text()), info_code: None },
        _ if error.is_connect() => Error::DestinationUnavailable,
        _ => Error::InternalError(Some(text())),
    }
}
