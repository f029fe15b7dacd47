//! Knative's Kafka broker and KafkaSink, on one machine: the same manifests, the same answers, on an [`EventLog`].
//!
//! * [`Broker::start`] takes the graph of the manifests and begins to dispatch.
//! * [`BrokerHandle::ingress_router`] is `kafka-broker-ingress`, [`BrokerHandle::sink_router`] is `kafka-sink-ingress`.
//! * A Trigger is a consumer group `knative-trigger-{namespace}-{name}` on its broker's topic. An offset is committed
//!   only after the subscriber's reply is in the log: delivery is at least once, and telling repeats apart is the
//!   consumer's part.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::Router;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use learnflow_event_log::{EventLog, LogError, TopicSpec, usual_settings};
use learnflow_topology::graph::{
    self, BackoffPolicy, ContentMode, Delivery, Destination, Graph, KafkaTopic, Trigger,
};
use prometheus::Registry;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

mod backoff;
pub mod conformance;
mod deliver;
mod destination;
mod dispatch;
pub mod event;
pub mod filter;
mod ingress;
mod metrics;
mod send;
mod spans;
mod tracker;

pub use destination::Resolver;
pub use event::CloudEvent;

use deliver::{Delivering, Shared};
use destination::{Destinations, label};
use dispatch::Dispatcher;
use ingress::Address;

/// Kafka's own default.
const RETENTION_MS: u64 = 7 * 24 * 3_600_000;
/// What a topic has that nobody declares anything for: Knative's defaults.
const PARTITIONS: u32 = 12;

/// Groups that are joined at the same time when a broker starts.
const JOINED_AT_ONCE: usize = 8;

/// What the manifests do not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Requests that a Trigger has under way at a time when its Service does not limit them.
    pub concurrency: usize,
    /// How long in-flight deliveries may take once the broker is told to stop.
    pub drain_timeout: Duration,
    /// How often the lag of each Trigger is measured.
    pub lag_interval: Duration,
    /// Where the collectors are registered.
    pub registry: Registry,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 64,
            drain_timeout: Duration::from_secs(10),
            lag_interval: Duration::from_secs(5),
            registry: Registry::new(),
        }
    }
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A Trigger reads from a Broker that is not declared.
    #[error("trigger {trigger} reads from broker {broker:?}, which is not declared in its namespace")]
    UnknownBroker {
        /// The Trigger.
        trigger: String,
        /// The name of the Broker.
        broker: String,
    },
    /// A destination that cannot be resolved.
    #[error("{owner} sends to {destination}: {reason}")]
    Unresolved {
        /// The Trigger.
        owner: String,
        /// The destination.
        destination: String,
        /// Why not.
        reason: String,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The registry has other collectors of these names.
    #[error("the metrics of the broker cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// The data plane.
pub struct Broker;

impl Broker {
    /// Makes the topics, joins the groups of all Triggers and begins to dispatch. Whatever is appended after this
    /// returns is seen by every Trigger.
    ///
    /// # Errors
    /// When the graph names something that is not there, or the log does not work.
    pub async fn start(
        graph: &Graph,
        log: Arc<dyn EventLog>,
        resolver: Arc<dyn Resolver>,
        options: Options,
    ) -> Result<BrokerHandle, BrokerError> {
        let destinations = Destinations::new(graph, resolver);
        check(graph, &destinations)?;
        log.ensure_topics(&topics(graph)).await?;
        let shared = Arc::new(Shared {
            log,
            destinations,
            sender: send::Sender::new(),
            metrics: metrics::Metrics::register(&options.registry)?,
            stop: CancellationToken::new(),
        });
        // A start that fails half-way must not leave dispatchers behind.
        let undo = shared.stop.clone().drop_guard();
        let mut tasks = Vec::with_capacity(graph.triggers.len() + 1);
        let joined: Vec<_> = stream::iter(&graph.triggers)
            .map(async |trigger| {
                let dispatcher = dispatcher(graph, trigger, &shared, &options);
                Ok::<_, LogError>((dispatcher.join().await?, dispatcher))
            })
            .buffered(JOINED_AT_ONCE)
            .try_collect()
            .await?;
        let mut measured = Vec::with_capacity(joined.len());
        for (consumer, dispatcher) in joined {
            measured.push(Arc::clone(&dispatcher.delivering));
            tasks.push(tokio::spawn(dispatcher.run(consumer)));
        }
        tasks.push(tokio::spawn(measure_lag(Arc::clone(&shared), measured, options.lag_interval)));
        undo.disarm();

        let brokers = graph.brokers.iter().map(|broker| {
            let topic = broker_topic(&broker.namespace, &broker.name);
            (path(&broker.namespace, &broker.name), Address { topic, content_mode: ContentMode::Binary })
        });
        let sinks = graph.sinks.iter().map(|sink| {
            let address = Address { topic: sink.topic.clone(), content_mode: sink.content_mode };
            (path(&sink.namespace, &sink.name), address)
        });
        Ok(BrokerHandle { brokers: brokers.collect(), sinks: sinks.collect(), shared, tasks })
    }
}

/// A running data plane. Dropping it stops at once; [`Self::shutdown`] finishes what is in flight.
pub struct BrokerHandle {
    brokers: HashMap<String, Address>,
    sinks: HashMap<String, Address>,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl BrokerHandle {
    /// `POST /{namespace}/{broker}`.
    pub fn ingress_router(&self) -> Router {
        ingress::router(Arc::clone(&self.shared), self.brokers.clone())
    }

    /// `POST /{namespace}/{sink}`.
    pub fn sink_router(&self) -> Router {
        ingress::router(Arc::clone(&self.shared), self.sinks.clone())
    }

    /// Stops reading, lets what is in flight finish within [`Options::drain_timeout`], and commits. What waits for
    /// another try is left for the next start.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        for task in std::mem::take(&mut self.tasks) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the broker panicked");
            }
        }
    }
}

impl Drop for BrokerHandle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The topic of a Broker.
pub fn broker_topic(namespace: &str, name: &str) -> String {
    format!("knative-broker-{namespace}-{name}")
}

/// The consumer group of a Trigger.
pub fn trigger_group(namespace: &str, name: &str) -> String {
    format!("knative-trigger-{namespace}-{name}")
}

fn path(namespace: &str, name: &str) -> String {
    format!("/{namespace}/{name}")
}

fn broker_of<'a>(graph: &'a Graph, trigger: &Trigger) -> Option<&'a graph::Broker> {
    graph.brokers.iter().find(|broker| broker.namespace == trigger.namespace && broker.name == trigger.broker)
}

/// A Trigger's delivery replaces its Broker's as a whole; without either there is one try.
fn delivery_of(graph: &Graph, trigger: &Trigger) -> Delivery {
    let inherited = || broker_of(graph, trigger)?.delivery.clone();
    trigger.delivery.clone().or_else(inherited).unwrap_or(Delivery {
        retry: 0,
        backoff_policy: BackoffPolicy::Exponential,
        backoff_delay: Duration::ZERO,
        timeout: None,
        dead_letter_sink: None,
    })
}

fn check(graph: &Graph, destinations: &Destinations) -> Result<(), BrokerError> {
    for trigger in &graph.triggers {
        let name = format!("{}/{}", trigger.namespace, trigger.name);
        if broker_of(graph, trigger).is_none() {
            return Err(BrokerError::UnknownBroker { trigger: name, broker: trigger.broker.clone() });
        }
        let dead_letter_sink = delivery_of(graph, trigger).dead_letter_sink;
        for destination in std::iter::once(&trigger.subscriber).chain(&dead_letter_sink) {
            destinations.target(destination).map_err(|reason| BrokerError::Unresolved {
                owner: format!("trigger {name}"),
                destination: label(destination),
                reason,
            })?;
        }
    }
    Ok(())
}

/// The topics of Brokers and KafkaSinks, and every other one that is declared.
fn topics(graph: &Graph) -> Vec<TopicSpec> {
    let mut specs: Vec<TopicSpec> = Vec::new();
    let mut add = |spec: TopicSpec| {
        if specs.iter().all(|known| known.name != spec.name) {
            specs.push(spec);
        }
    };
    graph.topics.iter().map(declared).for_each(&mut add);
    for broker in &graph.brokers {
        add(TopicSpec {
            name: broker_topic(&broker.namespace, &broker.name),
            partitions: broker.partitions,
            replication: broker.replication.into(),
            retention_ms: RETENTION_MS,
            settings: usual_settings(),
        });
    }
    for sink in &graph.sinks {
        let known = learnflow_events::Topic::ALL.into_iter().find(|topic| topic.name == sink.topic);
        add(TopicSpec {
            name: sink.topic.clone(),
            partitions: known.map_or(PARTITIONS, |topic| topic.partitions),
            replication: known.map_or(1, |topic| topic.replication),
            retention_ms: known.map_or(RETENTION_MS, |topic| topic.retention_ms),
            settings: usual_settings(),
        });
    }
    specs
}

/// A topic as its manifest has it.
fn declared(topic: &KafkaTopic) -> TopicSpec {
    let mut settings = topic.config.clone();
    let retention_ms = settings.remove("retention.ms").and_then(|ms| ms.parse().ok());
    TopicSpec {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication: topic.replicas.into(),
        retention_ms: retention_ms.unwrap_or(RETENTION_MS),
        settings,
    }
}

fn dispatcher(graph: &Graph, trigger: &Trigger, shared: &Arc<Shared>, options: &Options) -> Dispatcher {
    let concurrency = match service_of(graph, &trigger.subscriber) {
        Some(service) if service.container_concurrency > 0 => {
            service.container_concurrency as usize * service.scale.1.unwrap_or(1).max(1) as usize
        }
        _ => options.concurrency,
    };
    Dispatcher {
        filters: trigger.filters.clone(),
        order: trigger.order,
        drain_timeout: options.drain_timeout,
        delivering: Arc::new(Delivering {
            shared: Arc::clone(shared),
            namespace: trigger.namespace.clone(),
            trigger: trigger.name.clone(),
            group: trigger_group(&trigger.namespace, &trigger.name),
            broker_topic: broker_topic(&trigger.namespace, &trigger.broker),
            subscriber: trigger.subscriber.clone(),
            delivery: delivery_of(graph, trigger),
            slots: Semaphore::new(concurrency.clamp(1, 1024)),
        }),
    }
}

fn service_of<'a>(graph: &'a Graph, destination: &Destination) -> Option<&'a graph::Service> {
    let Destination::Service { namespace, name, .. } = destination else { return None };
    graph.services.iter().find(|service| service.namespace == *namespace && service.name == *name)
}

/// Measures how far each Trigger is behind.
async fn measure_lag(shared: Arc<Shared>, triggers: Vec<Arc<Delivering>>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while shared.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        for delivering in &triggers {
            let agent = match &delivering.subscriber {
                Destination::Service { name, .. } | Destination::KafkaSink { name, .. } => name,
                Destination::Url(url) => url,
            };
            let group = &delivering.group;
            match shared.log.lag(group, &delivering.broker_topic).await {
                Ok(records) => shared.metrics.depth(agent, &delivering.trigger, records),
                Err(error) => tracing::debug!(%error, group, "the lag cannot be measured"),
            }
        }
    }
}
