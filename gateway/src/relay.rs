//! Publishing with an identity: a relay beside a program that cannot read its pod's files.
//!
//! With Knative's sender identity (OIDC) the ingress of a Broker or a KafkaSink takes an event only with a token of the
//! sender's service account, made for that very receiver. The kubelet writes such tokens into files and renews them; a
//! Spin component sees no files of its pod, so its posts go to this relay on the pod's loopback address, which adds
//! the token of the receiver that the path names.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use learnflow_events::limits::EVENT_BYTES;

use crate::outbound::{CallError, Outbound};

/// How long an ingress may take to acknowledge an event.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest token that is read; Kubernetes' are about one KiB.
const TOKEN_BYTES: u64 = 16 * 1024;
/// Headers of an event besides `ce-*`.
static PASSED_ON: [HeaderName; 3] =
    [header::CONTENT_TYPE, HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];

/// Where events of a path go, and with which token: `/learnflow/default=http://ingress=/var/run/tokens/broker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The receiver's path at its ingress, which is also the path here.
    pub path: String,
    /// Scheme (`http`), host and port of the ingress.
    pub origin: String,
    /// The file of the token, which is read for every event: the kubelet renews it.
    pub token: PathBuf,
}

/// A route that is not written as [`Route`] says.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no route: PATH=ORIGIN=TOKEN_FILE, such as /learnflow/default=http://ingress=/var/run/tokens/broker"
)]
pub struct RouteError(String);

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let wrong = || RouteError(text.to_owned());
        let (path, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (origin, token) = rest.rsplit_once('=').ok_or_else(wrong)?;
        let origin = origin.trim_end_matches('/');
        let host = origin.strip_prefix("http://");
        let plain = |text: &str| !text.is_empty() && !text.contains(['{', '}', '?', '#', ' ']);
        if !path.starts_with('/') || !plain(path) || !host.is_some_and(plain) || !token.starts_with('/') {
            return Err(wrong());
        }
        Ok(Self { path: path.to_owned(), origin: origin.to_owned(), token: token.into() })
    }
}

/// The routes of `RELAY_ROUTES`: separated by spaces or line ends.
///
/// # Errors
/// Names the first that is not one; there must be at least one.
pub fn routes(text: &str) -> Result<Vec<Route>, RouteError> {
    let routes = text.split_whitespace().map(str::parse).collect::<Result<Vec<Route>, _>>()?;
    if routes.is_empty() { Err(RouteError(String::new())) } else { Ok(routes) }
}

/// The relay's HTTP service.
pub fn router(routes: Vec<Route>) -> Router {
    let outbound = Arc::new(Outbound::default());
    let mut router = Router::new().route("/health", get(async || "healthy"));
    for route in routes {
        let state = Arc::new(Target { route: route.clone(), outbound: outbound.clone() });
        router = router.route(&route.path, post(relay).with_state(state));
    }
    router.layer(DefaultBodyLimit::max(EVENT_BYTES))
}

/// Serves the relay at `listen`, and `/health` alone at `health` where the kubelet can ask it.
///
/// # Errors
/// When an address cannot be listened at.
pub async fn serve(
    listen: SocketAddr,
    health: Option<SocketAddr>,
    routes: Vec<Route>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "the relay listens");
    let relay = axum::serve(listener, router(routes));
    let Some(health) = health else { return relay.await };
    let listener = tokio::net::TcpListener::bind(health).await?;
    let health = axum::serve(listener, Router::new().route("/health", get(async || "healthy")));
    tokio::try_join!(relay.into_future(), health.into_future()).map(|_| ())
}

struct Target {
    route: Route,
    outbound: Arc<Outbound>,
}

/// Why an event did not reach its receiver.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the token {path} cannot be read: {problem}", path = .0.display(), problem = .1)]
    Token(PathBuf, String),
    #[error("the event is larger than {EVENT_BYTES} bytes")]
    TooLarge,
    #[error("the ingress is away: {0}")]
    Away(String),
}

impl IntoResponse for RelayError {
    fn into_response(self) -> Response {
        tracing::warn!(error = %self, "an event was not relayed");
        match self {
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, self.to_string()).into_response(),
            // Who publishes tries again, as if the ingress itself had been away.
            Self::Token(..) | Self::Away(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], self.to_string())
                    .into_response()
            }
        }
    }
}

async fn relay(State(target): State<Arc<Target>>, request: Request) -> Result<Response, RelayError> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, EVENT_BYTES).collect().await.map_err(|_| RelayError::TooLarge)?.to_bytes();
    let mut outgoing = http::Request::new(Body::from(body));
    *outgoing.method_mut() = http::Method::POST;
    let address = format!("{}{}", target.route.origin, target.route.path);
    *outgoing.uri_mut() =
        address.parse().map_err(|error: http::uri::InvalidUri| RelayError::Away(error.to_string()))?;
    *outgoing.headers_mut() = event_headers(&parts.headers);
    outgoing.headers_mut().insert(header::AUTHORIZATION, target.token().await?);
    let response = target.outbound.call(outgoing, PATIENCE).await.map_err(|error| match error {
        CallError::TooLarge => RelayError::TooLarge,
        CallError::Timeout(_) | CallError::Unreachable(_) => RelayError::Away(error.to_string()),
    })?;
    Ok(response.map(Body::new).into_response())
}

impl Target {
    async fn token(&self) -> Result<HeaderValue, RelayError> {
        let path = &self.route.token;
        let wrong = |problem: String| RelayError::Token(path.clone(), problem);
        let size = tokio::fs::metadata(path).await.map_err(|error| wrong(error.to_string()))?.len();
        if size > TOKEN_BYTES {
            return Err(wrong(format!("it has {size} bytes, at most {TOKEN_BYTES} are expected")));
        }
        let token = tokio::fs::read_to_string(path).await.map_err(|error| wrong(error.to_string()))?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| wrong("it holds no token".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// An event in binary or structured mode, and nothing else that the caller sent.
fn event_headers(headers: &HeaderMap) -> HeaderMap {
    let of_event = |name: &HeaderName| name.as_str().starts_with("ce-") || PASSED_ON.contains(name);
    headers
        .iter()
        .filter(|(name, _)| of_event(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::routing::any;

    use super::*;

    #[test]
    fn routes_are_path_origin_and_file() {
        let found = routes("/a/b=http://x:80=/t/1\n /c=http://y/=/t/2").unwrap();
        assert_eq!(
            found[0],
            Route { path: "/a/b".into(), origin: "http://x:80".into(), token: "/t/1".into() }
        );
        assert_eq!(found[1].origin, "http://y");
        for wrong in [
            "",
            "/a",
            "/a=http://x",
            "a=http://x=/t",
            "/a=x=/t",
            "/a=https://x=/t",
            "/a=http://=/t",
            "/{a}=http://x=/t",
            "/a=http://x=t",
        ] {
            assert!(routes(wrong).is_err(), "{wrong:?}");
        }
    }

    /// An ingress that answers with the headers that it got.
    async fn ingress() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route(
            "/learnflow/default",
            any(async |headers: HeaderMap, body: String| {
                let lines =
                    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
                let mut lines: Vec<String> = lines.collect();
                lines.push(body);
                (StatusCode::ACCEPTED, lines.join("\n"))
            }),
        );
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        format!("http://{address}")
    }

    async fn relayed(
        route: Route,
        event: http::request::Builder,
        body: &'static str,
    ) -> (StatusCode, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, router(vec![route])).await.unwrap() });
        let request = event.uri(format!("http://{address}/learnflow/default")).method("POST");
        let response =
            Outbound::default().call(request.body(Body::from(body)).unwrap(), PATIENCE).await.unwrap();
        let status = response.status();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_event_goes_on_with_the_token_of_the_file_as_it_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("broker");
        let route =
            Route { path: "/learnflow/default".into(), origin: ingress().await, token: token.clone() };
        for written in ["first", "renewed\n"] {
            std::fs::write(&token, written).unwrap();
            let event = http::Request::builder()
                .header("ce-id", "1")
                .header("content-type", "application/json")
                .header("authorization", "Bearer forged")
                .header("cookie", "a=b");
            let (status, seen) = relayed(route.clone(), event, "{}").await;
            assert_eq!(status, StatusCode::ACCEPTED);
            for line in ["ce-id: 1", "content-type: application/json", "{}"] {
                assert!(seen.lines().any(|each| each == line), "{line}\n{seen}");
            }
            let authorization = format!("authorization: Bearer {}", written.trim());
            assert!(seen.lines().any(|each| each == authorization), "{seen}");
            assert!(!seen.contains("forged") && !seen.contains("cookie"), "{seen}");
        }
    }

    #[tokio::test]
    async fn without_a_token_or_an_ingress_the_publisher_is_asked_to_try_again() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("broker");
        let route =
            Route { path: "/learnflow/default".into(), origin: ingress().await, token: token.clone() };
        let (status, said) = relayed(route.clone(), http::Request::builder(), "{}").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(said.contains("the token"), "{said}");

        std::fs::write(&token, "token").unwrap();
        // Nobody listens at a port that was just free.
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let away = Route { origin: format!("http://{free}"), ..route };
        let (status, _) = relayed(away, http::Request::builder(), "{}").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
