//! Knative Eventing and its Kafka parts.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::meta::{Object, Reference};
use crate::strict::Located;

/// A Broker.
pub(crate) type Broker = Object<BrokerSpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct BrokerSpec {
    pub(crate) config: Option<Located<Reference>>,
    pub(crate) delivery: Option<Located<DeliverySpec>>,
}

/// A Trigger.
pub(crate) type Trigger = Object<TriggerSpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct TriggerSpec {
    pub(crate) broker: Option<Located<String>>,
    pub(crate) filter: Option<AttributesFilter>,
    pub(crate) filters: Option<Vec<Located<Dialects>>>,
    pub(crate) subscriber: Option<Located<DestinationSpec>>,
    pub(crate) delivery: Option<Located<DeliverySpec>>,
}

/// The older `filter`, which is an exact match.
#[derive(Debug, Deserialize)]
pub(crate) struct AttributesFilter {
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A filter expression: exactly one of these is set.
#[derive(Debug, Deserialize)]
pub(crate) struct Dialects {
    pub(crate) exact: Option<BTreeMap<String, String>>,
    pub(crate) prefix: Option<BTreeMap<String, String>>,
    pub(crate) suffix: Option<BTreeMap<String, String>>,
    pub(crate) all: Option<Vec<Located<Dialects>>>,
    pub(crate) any: Option<Vec<Located<Dialects>>>,
    pub(crate) not: Option<Box<Located<Dialects>>>,
    pub(crate) cesql: Option<String>,
}

/// How delivery is tried.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliverySpec {
    pub(crate) retry: Option<Located<i64>>,
    pub(crate) backoff_policy: Option<Located<String>>,
    pub(crate) backoff_delay: Option<Located<String>>,
    pub(crate) timeout: Option<Located<String>>,
    pub(crate) dead_letter_sink: Option<Located<DestinationSpec>>,
}

/// Where events go: an object, an address, or an object and a path on it.
#[derive(Debug, Deserialize)]
pub(crate) struct DestinationSpec {
    #[serde(rename = "ref")]
    pub(crate) reference: Option<Reference>,
    pub(crate) uri: Option<Located<String>>,
    #[serde(rename = "CACerts")]
    pub(crate) ca_certs: Option<String>,
    pub(crate) audience: Option<String>,
}

/// A KafkaSink.
pub(crate) type KafkaSink = Object<KafkaSinkSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KafkaSinkSpec {
    pub(crate) topic: Located<String>,
    pub(crate) content_mode: Option<ContentModeSpec>,
    #[serde(default)]
    pub(crate) bootstrap_servers: Vec<String>,
    pub(crate) num_partitions: Option<Located<i64>>,
    pub(crate) replication_factor: Option<Located<i64>>,
    pub(crate) auth: Option<SinkAuth>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ContentModeSpec {
    Binary,
    Structured,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SinkAuth {
    pub(crate) secret: SinkSecret,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SinkSecret {
    #[serde(rename = "ref")]
    pub(crate) reference: SecretName,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SecretName {
    pub(crate) name: String,
}

/// An EventPolicy.
pub(crate) type EventPolicy = Object<EventPolicySpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct EventPolicySpec {
    #[serde(default)]
    pub(crate) to: Vec<PolicyTarget>,
    #[serde(default)]
    pub(crate) from: Vec<Located<PolicySubject>>,
    #[serde(default)]
    pub(crate) filters: Vec<Located<Dialects>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PolicyTarget {
    #[serde(rename = "ref")]
    pub(crate) reference: Reference,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PolicySubject {
    #[serde(rename = "ref")]
    pub(crate) reference: Option<Reference>,
    pub(crate) sub: Option<String>,
}

/// A KafkaSource.
pub(crate) type KafkaSource = Object<KafkaSourceSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KafkaSourceSpec {
    #[serde(default)]
    pub(crate) bootstrap_servers: Vec<String>,
    #[serde(default)]
    pub(crate) topics: Vec<String>,
    pub(crate) consumer_group: Option<String>,
    pub(crate) consumers: Option<u32>,
    pub(crate) initial_offset: Option<Located<String>>,
    pub(crate) ordering: Option<Located<String>>,
    pub(crate) delivery: Option<Located<DeliverySpec>>,
    pub(crate) sink: Option<Located<DestinationSpec>>,
    pub(crate) net: Option<Net>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Net {
    pub(crate) sasl: Option<Sasl>,
    pub(crate) tls: Option<Tls>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Sasl {
    pub(crate) enable: bool,
    #[serde(rename = "type")]
    kind: Option<SecretKey>,
    pub(crate) user: Option<SecretKey>,
    password: Option<SecretKey>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tls {
    pub(crate) enable: bool,
    ca_cert: Option<SecretKey>,
    cert: Option<SecretKey>,
    key: Option<SecretKey>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretKey {
    pub(crate) secret_key_ref: super::pod::KeyReference,
}
