//! What every request handler and background task shares.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use socketioxide::SocketIo;
use sqlx::PgPool;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    activity::Activity, config::GatewayConfig, connections::Connections, identity::Known, limits::Limits,
    metrics::Metrics, oidc::Provider, outbound::Outbound, password::Passwords, token::KeyRing,
    waiters::Waiters,
};

/// What every request handler and background task shares.
pub struct App {
    pub(crate) config: GatewayConfig,
    pub(crate) db: PgPool,
    pub(crate) keys: KeyRing,
    pub(crate) known: Known,
    pub(crate) connections: Connections,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) outbound: Outbound,
    pub(crate) passwords: Passwords,
    pub(crate) provider: Provider,
    pub(crate) waiters: Waiters,
    pub(crate) activity: Activity,
    /// Runs that are being written down; the gateway stops when they are.
    pub(crate) recording: TaskTracker,
    /// Cancelled when the gateway stops: whoever waits for an event goes home.
    pub(crate) stop: CancellationToken,
    /// The socket server holds the application and this holds the server, until [`App::forget_sockets`].
    sockets: RwLock<Option<SocketIo>>,
    consuming: AtomicBool,
}

/// [`App`] as handlers get it.
pub type Shared = Arc<App>;

impl App {
    pub(crate) fn new(config: GatewayConfig, db: PgPool, keys: KeyRing) -> Self {
        Self {
            limits: Limits::new(&config.rates),
            config,
            db,
            keys,
            known: Known::default(),
            connections: Connections::default(),
            metrics: Metrics::default(),
            outbound: Outbound::default(),
            passwords: Passwords::default(),
            provider: Provider::default(),
            waiters: Waiters::default(),
            activity: Activity::default(),
            recording: TaskTracker::new(),
            stop: CancellationToken::new(),
            sockets: RwLock::default(),
            consuming: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_sockets(&self, io: SocketIo) {
        *self.sockets.write().unwrap_or_else(PoisonError::into_inner) = Some(io);
    }

    /// Lets the socket server go, so that nothing keeps the application and its database connections alive when the
    /// gateway is gone.
    pub(crate) fn forget_sockets(&self) {
        *self.sockets.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn sockets(&self) -> Option<SocketIo> {
        self.sockets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the event log is being read.
    pub(crate) fn is_consuming(&self) -> bool {
        self.consuming.load(Ordering::Acquire)
    }

    pub(crate) fn set_consuming(&self, consuming: bool) {
        self.consuming.store(consuming, Ordering::Release);
    }
}
