//! The types of the graph.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

mod kafka;
mod network;

pub use kafka::{KafkaClient, KafkaCluster, KafkaListener, KafkaRight, KafkaUser, Login};
pub use network::{Labels, NetworkPeer, NetworkPolicy, NetworkRule, Pods, Requirement, Selector};

/// Everything that the manifests declare.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The Spin application.
    pub app: SpinApp,
    /// Knative Services and plain Deployments with a Service, in file order.
    pub services: Vec<Service>,
    /// Brokers.
    pub brokers: Vec<Broker>,
    /// Triggers.
    pub triggers: Vec<Trigger>,
    /// KafkaSinks.
    pub sinks: Vec<KafkaSink>,
    /// Strimzi KafkaTopics.
    pub topics: Vec<KafkaTopic>,
    /// KafkaSources: topics whose records are sent on as events.
    pub sources: Vec<KafkaSource>,
    /// Kafka clusters.
    pub clusters: Vec<KafkaCluster>,
    /// Who connects to Kafka.
    pub kafka_clients: Vec<KafkaClient>,
    /// KafkaUsers with their rights.
    pub users: Vec<KafkaUser>,
    /// The pods of each workload.
    pub pods: Vec<Pods>,
    /// NetworkPolicies.
    pub network_policies: Vec<NetworkPolicy>,
    /// EventPolicies: who may publish to what.
    pub event_policies: Vec<EventPolicy>,
    /// Whether Brokers and KafkaSinks take events from nobody whom no [`EventPolicy`] names.
    pub deny_all: bool,
    /// Secrets that ExternalSecrets make, by namespace and name: their keys.
    pub secrets: BTreeMap<(String, String), BTreeSet<String>>,
    /// Prometheus expressions of alerts, by the alert's name.
    pub alerts: BTreeMap<String, String>,
    /// Prometheus expressions that are recorded, by the name that they get.
    pub recorded: BTreeMap<String, String>,
    /// Folders that Argo CD's Applications deploy.
    pub deployed: BTreeMap<String, Place>,
    /// Where each thing was declared: `Trigger.eventing.knative.dev learnflow/debug` or `component debug`.
    pub places: BTreeMap<String, Place>,
}

/// A line of a file, relative to the root that was loaded.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, with `/` between folders.
    pub file: Arc<str>,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A Spin application (manifest version 2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpinApp {
    /// `application.name`.
    pub name: String,
    /// `application.version`.
    pub version: String,
    /// The folder of spin.toml, which sources are relative to.
    pub root: PathBuf,
    /// `[variables]`.
    pub variables: BTreeMap<String, VariableDeclaration>,
    /// `[[trigger.http]]`.
    pub routes: Vec<HttpRoute>,
    /// `[component.*]`.
    pub components: BTreeMap<String, Component>,
}

/// A declared application variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VariableDeclaration {
    /// Its value when nothing sets it; without one it must be set.
    pub default: Option<String>,
    /// Whether it must never be shown.
    pub secret: bool,
}

/// An HTTP trigger of the application.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRoute {
    /// `/debug/...`: a trailing `/...` matches the prefix and everything below it.
    pub route: String,
    /// The component that answers.
    pub component: String,
}

/// A component of the application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Component {
    /// The .wasm file, relative to [`SpinApp::root`].
    pub source: PathBuf,
    /// Templates such as `{{ sandbox_url }}` are still in it.
    pub allowed_outbound_hosts: Vec<String>,
    /// Component variables: name to template.
    pub variables: BTreeMap<String, String>,
    /// The shell command that builds `source`.
    pub build_command: Option<String>,
    /// Where it runs, relative to [`SpinApp::root`].
    pub build_workdir: Option<PathBuf>,
}

/// Something with an address in the cluster: a Knative Service, or a Deployment behind a Service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is a Knative Service (scales to zero).
    pub knative: bool,
    /// The components of the Spin application that it retains; empty when it does not run the application.
    pub components: Vec<String>,
    /// The service account of its pods.
    pub account: String,
    /// Audiences of the tokens that its pods hold.
    pub tokens: BTreeSet<String>,
    /// Paths that a relay beside it sends on with a token.
    pub relayed: BTreeSet<String>,
    /// The environment of the container that serves.
    pub env: BTreeMap<String, EnvValue>,
    /// Requests that one instance handles at a time; 0 is unlimited.
    pub container_concurrency: u32,
    /// The longest a request may take.
    pub timeout: Option<Duration>,
    /// Least and most instances.
    pub scale: (u32, Option<u32>),
}

impl Service {
    /// Its key in [`Graph::places`].
    pub(crate) fn key(&self) -> String {
        let kind = if self.knative { "Service.serving.knative.dev" } else { "Service" };
        format!("{kind} {}/{}", self.namespace, self.name)
    }
}

/// Where the value of an environment variable comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum EnvValue {
    /// Written in the manifest.
    Literal(String),
    /// A key of a Secret.
    Secret {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
    },
}

/// A Knative Broker of class Kafka.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Partitions of its topic `knative-broker-{namespace}-{name}`.
    pub partitions: u32,
    /// Copies of each partition in a cluster.
    pub replication: u16,
    /// What Triggers without a delivery of their own use.
    pub delivery: Option<Delivery>,
}

/// A Trigger: which events wake whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Its namespace.
    pub namespace: String,
    /// Its name; its consumer group is `knative-trigger-{namespace}-{name}`.
    pub name: String,
    /// The Broker it reads from.
    pub broker: String,
    /// All of these must match.
    pub filters: Vec<Filter>,
    /// Who gets the events.
    pub subscriber: Destination,
    /// Replaces the Broker's delivery as a whole.
    pub delivery: Option<Delivery>,
    /// One event at a time for each partition, or as they come.
    pub order: DeliveryOrder,
}

/// A filter expression of the Subscriptions API.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every attribute equals its value.
    Exact(BTreeMap<String, String>),
    /// Every attribute starts with its value.
    Prefix(BTreeMap<String, String>),
    /// Every attribute ends with its value.
    Suffix(BTreeMap<String, String>),
    /// All match.
    All(Vec<Filter>),
    /// At least one matches.
    Any(Vec<Filter>),
    /// Does not match.
    Not(Box<Filter>),
}

/// How delivery is tried, and what happens when it fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Tries after the first.
    pub retry: u32,
    /// How the pause grows.
    pub backoff_policy: BackoffPolicy,
    /// `d` of the policy.
    pub backoff_delay: Duration,
    /// The longest one try may take.
    pub timeout: Option<Duration>,
    /// Who gets what could not be delivered.
    pub dead_letter_sink: Option<Destination>,
}

/// How the pause before try `n` (from 1) grows from a delay `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackoffPolicy {
    /// `d·n`.
    Linear,
    /// `d·2^n`.
    Exponential,
}

/// The order in which a Trigger delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeliveryOrder {
    /// One at a time for each partition.
    Ordered,
    /// As they come.
    #[default]
    Unordered,
}

/// Something that events can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// A [`Service`], Knative or plain, with the path of its `uri`.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The path, `/` when the manifest gives none.
        path: String,
    },
    /// A [`KafkaSink`].
    KafkaSink {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// An absolute URL.
    Url(String),
}

/// A KafkaSink: a topic with an HTTP address.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaSink {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// How events are written.
    pub content_mode: ContentMode,
}

/// How a CloudEvent is written to a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentMode {
    /// Attributes as `ce_*` headers, data as value.
    Binary,
    /// The whole event as JSON.
    #[default]
    Structured,
}

/// A Strimzi KafkaTopic.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaTopic {
    /// The topic.
    pub name: String,
    /// Its partitions.
    pub partitions: u32,
    /// Copies of each partition.
    pub replicas: u16,
    /// `spec.config`.
    pub config: BTreeMap<String, String>,
}

/// A KafkaSource: records of topics, sent on as events. It is read and checked, but the runner on one machine has no
/// producer that speaks only Kafka, and does not execute it.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaSource {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The topics.
    pub topics: Vec<String>,
    /// Its consumer group.
    pub consumer_group: String,
    /// The Broker of its namespace that gets the events.
    pub broker: String,
    /// How sending is tried.
    pub delivery: Option<Delivery>,
}

/// An EventPolicy, as far as checks need it.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPolicy {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Brokers and KafkaSinks of its namespace that it is about: kind and name.
    pub to: BTreeSet<(String, String)>,
    /// Who may publish: `system:serviceaccount:NAMESPACE:NAME`, or `KIND NAMESPACE/NAME` of an object with an identity.
    pub from: BTreeSet<String>,
    /// What they may publish: all of these match.
    pub filters: Vec<Filter>,
    /// Whether a filter says for which students (`partitionkey`).
    pub about_students: bool,
}
