//! Strimzi's kinds (API version v1).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    meta::{Object, Scalar},
    network::Peer,
};
use crate::strict::Located;

/// A KafkaTopic.
pub(crate) type KafkaTopic = Object<KafkaTopicSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KafkaTopicSpec {
    pub(crate) topic_name: Option<String>,
    pub(crate) partitions: Located<u32>,
    pub(crate) replicas: Located<u16>,
    #[serde(default)]
    pub(crate) config: BTreeMap<String, Scalar>,
}

/// A KafkaUser.
pub(crate) type KafkaUser = Object<KafkaUserSpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct KafkaUserSpec {
    authentication: Authentication,
    pub(crate) authorization: Option<Authorization>,
    quotas: Option<Quotas>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Authentication {
    #[serde(rename = "type")]
    kind: AuthenticationKind,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AuthenticationKind {
    Tls,
    TlsExternal,
    #[serde(rename = "scram-sha-512")]
    Scram,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Authorization {
    #[serde(rename = "type")]
    kind: AuthorizationKind,
    pub(crate) acls: Vec<Located<Acl>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AuthorizationKind {
    Simple,
}

/// What a user may do with a resource.
#[derive(Debug, Deserialize)]
pub(crate) struct Acl {
    pub(crate) resource: AclResource,
    pub(crate) operations: Vec<AclOperation>,
    host: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AclResource {
    #[serde(rename = "type")]
    pub(crate) kind: AclResourceKind,
    pub(crate) name: Option<String>,
    pub(crate) pattern_type: Option<AclPattern>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AclResourceKind {
    Topic,
    Group,
    Cluster,
    TransactionalId,
}

impl AclResourceKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Group => "group",
            Self::Cluster => "cluster",
            Self::TransactionalId => "transactionalId",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AclPattern {
    Literal,
    Prefix,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum AclOperation {
    Create,
    Delete,
    Describe,
    DescribeConfigs,
    Read,
    Write,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Quotas {
    producer_byte_rate: Option<u64>,
    consumer_byte_rate: Option<u64>,
    request_percentage: Option<u32>,
}

/// A Kafka cluster.
pub(crate) type Kafka = Object<KafkaSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KafkaSpec {
    pub(crate) kafka: KafkaCluster,
    entity_operator: Option<EntityOperator>,
    kafka_exporter: Option<KafkaExporter>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KafkaCluster {
    pub(crate) listeners: Vec<Located<Listener>>,
    pub(crate) authorization: Option<ClusterAuthorization>,
    #[serde(default)]
    config: BTreeMap<String, ConfigValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listener {
    name: String,
    pub(crate) port: u16,
    #[serde(rename = "type")]
    kind: String,
    pub(crate) tls: bool,
    pub(crate) authentication: Option<Authentication>,
    #[serde(default)]
    pub(crate) network_policy_peers: Vec<Peer>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ClusterAuthorization {
    #[serde(rename = "type")]
    kind: AuthorizationKind,
}

/// A setting of the cluster.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ConfigValue {
    Switch(bool),
    Value(Scalar),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntityOperator {
    topic_operator: Option<Defaults>,
    user_operator: Option<Defaults>,
}

/// An operator as it comes.
#[derive(Debug, Deserialize)]
struct Defaults {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KafkaExporter {
    topic_regex: Option<String>,
    group_regex: Option<String>,
}

/// A KafkaNodePool.
pub(crate) type KafkaNodePool = Object<NodePoolSpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct NodePoolSpec {
    replicas: u32,
    roles: Vec<NodeRole>,
    storage: Storage,
    resources: Option<super::pod::Resources>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NodeRole {
    Controller,
    Broker,
}

#[derive(Debug, Deserialize)]
struct Storage {
    #[serde(rename = "type")]
    kind: String,
    volumes: Vec<StorageVolume>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StorageVolume {
    id: u32,
    #[serde(rename = "type")]
    kind: String,
    /// Of a claim; what is ephemeral has none.
    size: Option<Scalar>,
    delete_claim: Option<bool>,
    kraft_metadata: Option<String>,
}
