//! Kinds that Kubernetes itself has.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    meta::{Metadata, Object, Scalar, Selector, Texts},
    pod::PodTemplate,
};

/// A Namespace; it has no `spec`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Namespace {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) metadata: Metadata,
}

/// A ServiceAccount.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceAccount {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) automount_service_account_token: Option<bool>,
}

/// A ConfigMap.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigMap {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) metadata: Metadata,
    #[serde(default)]
    pub(crate) data: Texts,
}

/// A RuntimeClass.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuntimeClass {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) handler: String,
    pub(crate) scheduling: Option<Scheduling>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Scheduling {
    node_selector: BTreeMap<String, String>,
}

/// A Deployment.
pub(crate) type Deployment = Object<DeploymentSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeploymentSpec {
    pub(crate) replicas: Option<u32>,
    pub(crate) selector: Selector,
    pub(crate) strategy: Option<Strategy>,
    pub(crate) min_ready_seconds: Option<u32>,
    pub(crate) revision_history_limit: Option<u32>,
    pub(crate) template: PodTemplate,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Strategy {
    #[serde(rename = "type")]
    kind: Option<StrategyKind>,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Deserialize)]
enum StrategyKind {
    RollingUpdate,
    Recreate,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RollingUpdate {
    max_unavailable: Option<Scalar>,
    max_surge: Option<Scalar>,
}

/// A Service of Kubernetes.
pub(crate) type Service = Object<ServiceSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceSpec {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) selector: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) ports: Vec<ServicePort>,
    pub(crate) external_name: Option<String>,
    pub(crate) session_affinity: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServicePort {
    name: Option<String>,
    port: u16,
    target_port: Option<Scalar>,
    protocol: Option<String>,
}

/// A Job.
pub(crate) type Job = Object<JobSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobSpec {
    backoff_limit: Option<u32>,
    active_deadline_seconds: Option<u32>,
    ttl_seconds_after_finished: Option<u32>,
    pub(crate) template: PodTemplate,
}

/// A HorizontalPodAutoscaler.
pub(crate) type HorizontalPodAutoscaler = Object<AutoscalerSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoscalerSpec {
    pub(crate) scale_target_ref: ScaleTarget,
    pub(crate) min_replicas: Option<u32>,
    pub(crate) max_replicas: u32,
    metrics: Vec<Metric>,
    behavior: Option<Behavior>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScaleTarget {
    api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
struct Metric {
    #[serde(rename = "type")]
    kind: String,
    resource: Option<ResourceMetric>,
    pods: Option<PodsMetric>,
}

#[derive(Debug, Deserialize)]
struct ResourceMetric {
    name: String,
    target: MetricTarget,
}

#[derive(Debug, Deserialize)]
struct PodsMetric {
    metric: MetricName,
    target: MetricTarget,
}

#[derive(Debug, Deserialize)]
struct MetricName {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricTarget {
    #[serde(rename = "type")]
    kind: String,
    average_utilization: Option<u32>,
    average_value: Option<Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Behavior {
    scale_up: Option<ScalingRules>,
    scale_down: Option<ScalingRules>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScalingRules {
    stabilization_window_seconds: Option<u32>,
}

/// A PodDisruptionBudget.
pub(crate) type PodDisruptionBudget = Object<DisruptionSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisruptionSpec {
    max_unavailable: Option<Scalar>,
    min_available: Option<Scalar>,
    selector: Selector,
}
