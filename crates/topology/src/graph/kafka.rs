//! Kafka clusters, who connects to them, and what users may do there.

use std::collections::BTreeSet;

/// A cluster that Strimzi runs.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaCluster {
    /// Its namespace.
    pub namespace: String,
    /// Its name; its address is `{name}-kafka-bootstrap.{namespace}.svc.cluster.local`.
    pub name: String,
    /// Where clients connect.
    pub listeners: Vec<KafkaListener>,
    /// Whether a client may do only what an ACL allows its user.
    pub authorized: bool,
}

/// A port of a [`KafkaCluster`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaListener {
    /// The port.
    pub port: u16,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// Whether clients have to say who they are.
    pub authenticated: bool,
}

/// Something that connects to Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaClient {
    /// A key of [`Graph::places`](super::Graph::places).
    pub what: String,
    /// `host:port`.
    pub servers: Vec<String>,
    /// As whom; `None` for as nobody.
    pub login: Option<Login>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// As whom a [`KafkaClient`] connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// As the user in this Secret, which is the user of Knative's data plane.
    Secret(String),
    /// As this user.
    User(String),
}

/// A KafkaUser that has ACLs.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaUser {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub rights: Vec<KafkaRight>,
}

/// What a [`KafkaUser`] may do with a topic or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaRight {
    /// `topic`, `group`, `cluster` or `transactionalId`.
    pub kind: String,
    /// Its name, or how it begins.
    pub name: String,
    /// Whether `name` is how names begin.
    pub prefix: bool,
    /// `Read`, `Write`, …
    pub operations: BTreeSet<String>,
}

impl KafkaRight {
    /// Whether it covers an operation on something.
    pub fn covers(&self, kind: &str, name: &str, operation: &str) -> bool {
        let named = if self.prefix { name.starts_with(&self.name) } else { name == self.name };
        self.kind == kind && named && self.operations.contains(operation)
    }
}
