//! What every request handler and background task shares.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use socketioxide::SocketIo;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    activity::Activity, config::GatewayConfig, identity::Known, limits::Limits, metrics::Metrics,
    outbound::Outbound, password::Passwords, token::KeyRing, waiters::Waiters,
};

/// What every request handler and background task shares.
pub struct App {
    pub(crate) config: GatewayConfig,
    pub(crate) db: PgPool,
    pub(crate) keys: KeyRing,
    pub(crate) known: Known,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) outbound: Outbound,
    pub(crate) passwords: Passwords,
    pub(crate) waiters: Waiters,
    pub(crate) activity: Activity,
    /// Cancelled when the gateway stops: whoever waits for an event goes home.
    pub(crate) stop: CancellationToken,
    sockets: OnceLock<SocketIo>,
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
            metrics: Metrics::default(),
            outbound: Outbound::default(),
            passwords: Passwords::default(),
            waiters: Waiters::default(),
            activity: Activity::default(),
            stop: CancellationToken::new(),
            sockets: OnceLock::new(),
            consuming: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_sockets(&self, io: SocketIo) {
        // Set once, while the gateway starts; a second call would have nothing to add.
        let _ = self.sockets.set(io);
    }

    pub(crate) fn sockets(&self) -> Option<&SocketIo> {
        self.sockets.get()
    }

    /// Whether the event log is being read.
    pub(crate) fn is_consuming(&self) -> bool {
        self.consuming.load(Ordering::Acquire)
    }

    pub(crate) fn set_consuming(&self, consuming: bool) {
        self.consuming.store(consuming, Ordering::Release);
    }
}
