//! What a gateway is started with.

use std::{fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use learnflow_event_log::EventLog;

/// What a gateway is started with. [`GatewayConfig::new`] sets everything that has a sensible default.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Where people connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the broker's dispatcher delivers dead letters (`/events/dead-letters`) and metrics are scraped.
    /// Without one they are on `listen`, for callers on this machine only.
    pub internal_listen: Option<SocketAddr>,
    /// `postgres://…`.
    pub database_url: String,
    /// Most connections to PostgreSQL.
    pub database_connections: u32,
    /// Where events are read from.
    pub event_log: Arc<dyn EventLog>,
    /// Where the functions' HTTP triggers are; `{agent}` in it is replaced by the agent's name, for clusters
    /// where each agent has an address of its own.
    pub functions_url: String,
    /// Where the sandbox host is.
    pub sandbox_url: String,
    /// The broker's ingress.
    pub broker_url: String,
    /// The file of the signing keys; made when there is none.
    pub key_file: PathBuf,
    /// The exported web app; without one `/` says that there is none.
    pub web_root: Option<PathBuf>,
    /// This replica's name; its consumer group is `gateway-{replica_id}`.
    pub replica_id: String,
    /// Origins (`https://learn.example.org`) of pages that may use this gateway, besides its own address.
    pub public_origins: Vec<String>,
    /// Reverse proxies in front, each of which appends to `X-Forwarded-For`; 0 ignores that header.
    pub forwarded_hops: usize,
    /// When waiting turns are published again, and what is deleted when.
    pub sweep: SweepConfig,
    /// How often somebody may call.
    pub rates: RateConfig,
    /// Programs that a student may run in a day.
    pub runs_per_day: u32,
    /// Sockets that a user may have open on one replica: pages, and other devices.
    pub sockets_per_user: u32,
    /// The agents' `llm_site_usd_per_day` in millionths of a US dollar, for the operator's page; `None` where there is
    /// no language model.
    pub site_micros_per_day: Option<i64>,
    /// The language model that the agents may ask, when there is one.
    pub model: Option<ModelOffer>,
    /// Where people may log in besides here.
    pub oidc: Option<OidcConfig>,
    /// Consumer groups whose lag operators see, besides the gateway's own.
    pub groups: Vec<WatchedGroup>,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Clone)]
pub struct OidcConfig {
    /// What it is called on the login page.
    pub name: String,
    /// Its `issuer`, an `https://` URL as the provider writes it.
    pub issuer: String,
    /// Us, at the provider.
    pub client_id: String,
    /// Our secret there, unless we are a public client.
    pub client_secret: Option<String>,
    /// Our `/api/auth/oidc/callback` as browsers reach it, which the provider has been told.
    pub redirect_url: String,
}

/// What students are told about the language model: the agents know the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelOffer {
    /// The agents' `llm_student_tokens_per_day`.
    pub student_tokens_per_day: i64,
}

/// A consumer group on a topic of the event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedGroup {
    /// Its name.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The topic's partitions.
    pub partitions: u32,
}

/// When waiting turns are published again, and what is deleted when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepConfig {
    /// How often to look.
    pub every: Duration,
    /// How long a turn may wait for triage.
    pub received_deadline: Duration,
    /// How long a turn may wait for its answer.
    pub routed_deadline: Duration,
    /// Most turns published in one go.
    pub batch: u32,
    /// Publications after which a turn is given up, and its student told.
    pub attempts: u32,
    /// How often expired rows are deleted.
    pub retention_every: Duration,
    /// How long the inbox remembers an event, and erasures are repeated; longer than the broker keeps an event.
    pub inbox_age: Duration,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(5),
            received_deadline: Duration::from_secs(30),
            routed_deadline: Duration::from_secs(180),
            batch: 100,
            attempts: 10,
            retention_every: Duration::from_secs(3600),
            inbox_age: Duration::from_secs(8 * 24 * 3600),
        }
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls at once.
    pub burst: NonZeroU32,
    /// Calls a minute in the long run.
    pub per_minute: NonZeroU32,
}

impl Rate {
    /// A rate of at least one call.
    pub const fn new(burst: u32, per_minute: u32) -> Self {
        const fn at_least_one(number: u32) -> NonZeroU32 {
            match NonZeroU32::new(number) {
                Some(number) => number,
                None => NonZeroU32::MIN,
            }
        }
        Self { burst: at_least_one(burst), per_minute: at_least_one(per_minute) }
    }
}

/// How often somebody may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateConfig {
    /// Any request, by network address (a whole school may share one).
    pub address: Rate,
    /// New sockets, by network address: after a restart a whole school comes back at once.
    pub handshakes: Rate,
    /// Logins and registrations, by network address.
    pub login_address: Rate,
    /// Logins, by e-mail address.
    pub login_account: Rate,
    /// Any request, by user.
    pub user: Rate,
    /// Messages to the agents, by user.
    pub questions: Rate,
    /// Programs, by user.
    pub runs: Rate,
    /// Tries of a class's join code, by user.
    pub joins: Rate,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self {
            address: Rate::new(2_000, 30_000),
            handshakes: Rate::new(10_000, 30_000),
            login_address: Rate::new(60, 120),
            login_account: Rate::new(10, 10),
            user: Rate::new(400, 1_200),
            questions: Rate::new(150, 120),
            runs: Rate::new(60, 120),
            joins: Rate::new(10, 10),
        }
    }
}

impl GatewayConfig {
    /// A configuration with defaults for everything that has one.
    pub fn new(
        listen: SocketAddr,
        database_url: impl Into<String>,
        event_log: Arc<dyn EventLog>,
        functions_url: impl Into<String>,
        sandbox_url: impl Into<String>,
        broker_url: impl Into<String>,
        key_file: impl Into<PathBuf>,
    ) -> Self {
        Self {
            listen,
            internal_listen: None,
            database_url: database_url.into(),
            database_connections: 10,
            event_log,
            functions_url: functions_url.into(),
            sandbox_url: sandbox_url.into(),
            broker_url: broker_url.into(),
            key_file: key_file.into(),
            web_root: None,
            replica_id: "0".to_owned(),
            public_origins: Vec::new(),
            forwarded_hops: 0,
            sweep: SweepConfig::default(),
            rates: RateConfig::default(),
            runs_per_day: 2_000,
            sockets_per_user: 32,
            site_micros_per_day: None,
            model: None,
            oidc: None,
            groups: Vec::new(),
        }
    }

    /// The gateway's own consumer group.
    pub(crate) fn own_group(&self) -> String {
        format!("gateway-{}", self.replica_id)
    }

    /// Every group whose lag operators see.
    pub(crate) fn watched_groups(&self) -> Vec<WatchedGroup> {
        let own = crate::live::TOPICS.map(|topic| WatchedGroup {
            group: self.own_group(),
            topic: topic.name.to_owned(),
            partitions: topic.partitions,
        });
        self.groups.iter().cloned().chain(own).collect()
    }
}

impl fmt::Debug for GatewayConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The database's address holds a password.
        f.debug_struct("GatewayConfig")
            .field("listen", &self.listen)
            .field("internal_listen", &self.internal_listen)
            .field("functions_url", &self.functions_url)
            .field("sandbox_url", &self.sandbox_url)
            .field("broker_url", &self.broker_url)
            .field("key_file", &self.key_file)
            .field("web_root", &self.web_root)
            .field("replica_id", &self.replica_id)
            .finish_non_exhaustive()
    }
}
