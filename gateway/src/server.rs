//! Puts the parts together and runs them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::{get, post},
    serve::ListenerExt,
};
use learnflow_events::limits::{BODY_BYTES, EVENT_BYTES};
use sqlx::postgres::PgPoolOptions;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    accounts, alerts,
    app::{App, Shared},
    archive, audit, authoring, classes, code,
    config::GatewayConfig,
    course, dead_letters, docs, erasure, exercises, export, health, health_report, history, identity,
    learning, live, metrics, oidc, operator, overview,
    problem::Problem,
    proxy, quotas, request_span, security, sockets, struggles, students, sweep,
    token::{KeyRing, TokenError},
    turns, web,
};

/// How long open requests may take to end when the gateway stops.
const GRACE: Duration = Duration::from_secs(3);
/// How long runs that are not written down yet may take then.
const RECORDING_GRACE: Duration = Duration::from_secs(5);

/// Why a gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The signing keys cannot be used.
    #[error(transparent)]
    Keys(#[from] TokenError),
    /// The address of the database is not one.
    #[error("DATABASE_URL is not a PostgreSQL address: {0}")]
    Database(sqlx::Error),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {error}; choose another address or stop what uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        error: std::io::Error,
    },
}

/// The gateway.
pub struct Gateway;

/// A running gateway; dropping it stops it without waiting for open requests.
pub struct GatewayHandle {
    address: SocketAddr,
    internal_address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    app: Shared,
}

impl Gateway {
    /// Starts a gateway. It serves when this returns; `/ready` says when it also reads events.
    ///
    /// # Errors
    /// When the keys, the database's address or an address to listen on cannot be used. A database that is away
    /// is no error: requests get 503 until it is back.
    pub async fn start(config: GatewayConfig) -> Result<GatewayHandle, StartError> {
        let keys = KeyRing::open(&config.key_file)?;
        let db = PgPoolOptions::new()
            .max_connections(config.database_connections)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy(&config.database_url)
            .map_err(StartError::Database)?;
        let (listener, address) = listen(config.listen).await?;
        let internal = match config.internal_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let app = Arc::new(App::new(config, db, keys));
        let stop = app.stop.clone();
        let mut tasks = JoinSet::new();
        let mut public = public(&app);
        let internal_address = match internal {
            Some((listener, address)) => {
                let events = events().layer(from_fn(request_span::trace)).with_state(app.clone());
                serve(&mut tasks, listener, events, &stop);
                address
            }
            None => {
                let guarded = events().layer(from_fn(this_machine_only)).with_state(app.clone());
                public = public.merge(guarded);
                address
            }
        };
        serve(&mut tasks, listener, outside(public, &app), &stop);
        tasks.spawn(live::consume(app.clone(), stop.clone()));
        tasks.spawn(sweep::run(app.clone(), stop.clone()));
        tracing::info!(%address, %internal_address, "the gateway listens");
        Ok(GatewayHandle { address, internal_address, stop, tasks, app })
    }
}

impl GatewayHandle {
    /// Where people connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the broker delivers dead letters (`/events/dead-letters`); the same unless it was set apart.
    pub fn internal_address(&self) -> SocketAddr {
        self.internal_address
    }

    /// Stops: no new requests; open ones get a moment to end, and what students ran is written down.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(io) = self.app.sockets() {
            io.close().await;
        }
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::info!("requests that were still open are cut");
        }
        self.tasks.shutdown().await;
        let recording = &self.app.recording;
        recording.close();
        if tokio::time::timeout(RECORDING_GRACE, recording.wait()).await.is_err() {
            tracing::error!(runs = recording.len(), "the gateway stops with runs that could not be recorded");
        }
        self.app.db.close().await;
    }
}

impl Drop for GatewayHandle {
    fn drop(&mut self) {
        self.stop.cancel();
        self.app.forget_sockets();
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn serve(tasks: &mut JoinSet<()>, listener: TcpListener, router: Router, stop: &CancellationToken) {
    let stop = stop.clone().cancelled_owned();
    // Without this, small responses on a kept connection wait for the peer's delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop).await {
            tracing::error!(%error, "the server ended");
        }
    });
}

/// The documented API.
fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(docs::Document::openapi())
        .merge(accounts::routes())
        .merge(erasure::routes())
        .merge(archive::routes())
        .merge(quotas::routes())
        .merge(oidc::routes())
        .merge(code::routes())
        .merge(proxy::routes())
        .merge(turns::routes())
        .merge(history::routes())
        .merge(learning::routes())
        .merge(exercises::routes())
        .merge(classes::routes())
        .merge(overview::routes())
        .merge(course::routes())
        .merge(authoring::routes())
        .merge(export::routes())
        .merge(alerts::routes())
        .merge(students::routes())
        .merge(struggles::routes())
        .merge(operator::routes())
        .merge(audit::routes())
        .merge(health_report::routes())
}

/// The API as an OpenAPI document.
pub fn openapi() -> serde_json::Value {
    docs::complete(&api().into_openapi())
}

fn public(app: &Shared) -> Router {
    let (api, document) = api().split_for_parts();
    let api = api
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn_with_state(app.clone(), identity::identify));
    let (socket_layer, io) = sockets::server(app.clone());
    app.set_sockets(io);
    api.route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .merge(docs::routes(docs::complete(&document)))
        .merge(web::routes(app.config.web_root.as_deref()))
        .layer(socket_layer)
        .with_state(app.clone())
}

/// What the cluster calls, not people.
fn events() -> Router<Shared> {
    Router::new()
        .route("/events/dead-letters", post(dead_letters::receive))
        .route("/metrics", get(metrics::show))
        .layer(DefaultBodyLimit::max(EVENT_BYTES))
}

/// What every request of people goes through.
fn outside(router: Router, app: &Shared) -> Router {
    router
        .layer(from_fn_with_state(app.clone(), security::guard))
        .layer(CatchPanicLayer::custom(security::panicked))
        .layer(from_fn_with_state(app.clone(), metrics::measure))
        .layer(from_fn_with_state(app.clone(), security::set_headers))
        .layer(from_fn(request_span::trace))
}

async fn method_not_allowed() -> Problem {
    Problem::reject(
        http::StatusCode::METHOD_NOT_ALLOWED,
        "This path takes another method; /docs lists what there is.",
    )
}

/// Middleware: for callers on this machine that came through no proxy.
async fn this_machine_only(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let proxied =
        ["forwarded", "x-forwarded-for", "origin"].iter().any(|name| request.headers().contains_key(*name));
    if peer.ip().to_canonical().is_loopback() && !proxied {
        Ok(next.run(request).await)
    } else {
        Err(Problem::forbidden("This path is for the broker and for monitoring on this machine."))
    }
}
