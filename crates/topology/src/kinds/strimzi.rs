//! Strimzi's kinds (API version v1).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::meta::{Object, Scalar};
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
