//! What can be set when an application is loaded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use learnflow_events::limits::EVENT_BYTES;

use crate::error::HostError;

/// How an application is loaded and run.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Where compiled components are kept. Only its owner may be able to write there, since its files are executed.
    pub cache_dir: PathBuf,
    /// The components to load; `None` is all. Routes to the others do not exist then.
    pub retain: Option<BTreeSet<String>>,
    /// For each component, values of application variables (what its Service sets as `SPIN_VARIABLE_<NAME>`).
    pub variables: BTreeMap<String, BTreeMap<String, String>>,
    /// The limits of every component that has none of its own.
    pub limits: Limits,
    /// The limits of single components.
    pub component_limits: BTreeMap<String, Limits>,
    /// Whether an instance may answer more than one request.
    pub reuse: Reuse,
    /// Connections to PostgreSQL.
    pub postgres: PostgresOptions,
    /// Outgoing HTTP.
    pub outbound: OutboundOptions,
    /// The connections that [`serve`](crate::SpinHost::serve) holds open at a time; others wait.
    pub connections: usize,
    /// Told about each component while loading.
    pub progress: Progress,
}

impl HostOptions {
    /// The defaults, with the given folder for compiled components.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            retain: None,
            variables: BTreeMap::new(),
            limits: Limits::default(),
            component_limits: BTreeMap::new(),
            reuse: Reuse::default(),
            postgres: PostgresOptions::default(),
            outbound: OutboundOptions::default(),
            connections: 1024,
            progress: Progress::default(),
        }
    }

    pub(crate) fn limits_of(&self, component: &str) -> &Limits {
        self.component_limits.get(component).unwrap_or(&self.limits)
    }

    pub(crate) fn check(&self) -> Result<(), HostError> {
        let positive = |name: &'static str, value: usize| match value {
            0 => Err(HostError::Option { name, problem: "it must be at least 1".to_owned() }),
            _ => Ok(()),
        };
        for limits in self.component_limits.values().chain([&self.limits]) {
            positive("limits.concurrent_requests", limits.concurrent_requests)?;
            positive("limits.memory_bytes", limits.memory_bytes)?;
        }
        positive("reuse.requests", self.reuse.requests)?;
        positive("reuse.concurrent", self.reuse.concurrent)?;
        positive("postgres.connections", self.postgres.connections)?;
        positive("connections", self.connections)
    }
}

/// What one component may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of an instance, in bytes.
    pub memory_bytes: usize,
    /// Requests handled at a time (a Service's `containerConcurrency`).
    pub concurrent_requests: usize,
    /// The longest a request waits for its turn before it is answered with 503.
    pub queue_wait: Duration,
    /// From a request's turn to the head of its response; after it the answer is 504.
    pub request_timeout: Duration,
    /// From the head of the response to its end; after it the body is cut off.
    pub stream_timeout: Duration,
    /// The body of a request, in bytes.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            concurrent_requests: 64,
            queue_wait: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            stream_timeout: Duration::from_secs(300),
            // A structured-mode event is its data and some attributes.
            body_bytes: EVENT_BYTES + 64 * 1024,
        }
    }
}

/// How often an instance is used. A trap in a reused instance may fail its other requests, so the default is once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Requests that one instance answers in its life.
    pub requests: usize,
    /// Requests that one instance answers at a time.
    pub concurrent: usize,
    /// How long an unused instance is kept.
    pub idle: Duration,
}

impl Default for Reuse {
    fn default() -> Self {
        Self { requests: 1, concurrent: 1, idle: Duration::from_secs(1) }
    }
}

/// Connections to PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The most connections to one address.
    pub connections: usize,
    /// The longest a component waits for one of them, including the time to make it.
    pub connect_timeout: Duration,
    /// The largest result of a query, in bytes.
    pub result_bytes: usize,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { connections: 12, connect_timeout: Duration::from_secs(5), result_bytes: 32 << 20 }
    }
}

/// Outgoing HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundOptions {
    /// The longest it may take to connect.
    pub connect_timeout: Duration,
    /// From the request to the head of the response, where the component sets nothing.
    pub first_byte_timeout: Duration,
    /// Between two pieces of the response, where the component sets nothing.
    pub between_bytes_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(600),
            between_bytes_timeout: Duration::from_secs(600),
            idle: Duration::from_secs(60),
        }
    }
}

/// What happens while an application is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadEvent {
    /// A component is not in the cache, so it is compiled now, which takes seconds.
    Compiling {
        /// The component.
        component: String,
    },
    /// A component is ready.
    Ready {
        /// The component.
        component: String,
        /// Whether it came from the cache.
        cached: bool,
        /// How long that took.
        took: Duration,
    },
}

/// Receives [`LoadEvent`]s.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(LoadEvent) + Send + Sync>);

impl Progress {
    /// Calls the function for each event, on the thread that loads.
    pub fn new(receive: impl Fn(LoadEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(receive))
    }

    pub(crate) fn tell(&self, event: LoadEvent) {
        (self.0)(event);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
