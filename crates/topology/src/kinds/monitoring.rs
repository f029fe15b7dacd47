//! Kinds of the Prometheus operator.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::meta::{Object, Selector};
use crate::strict::Located;

/// A PrometheusRule.
pub(crate) type PrometheusRule = Object<RuleSpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct RuleSpec {
    pub(crate) groups: Vec<RuleGroup>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RuleGroup {
    name: String,
    pub(crate) rules: Vec<Located<Rule>>,
}

/// A rule that raises an alert, or records an expression under a name.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) alert: Option<String>,
    pub(crate) record: Option<String>,
    pub(crate) expr: String,
    #[serde(rename = "for")]
    duration: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A PodMonitor.
pub(crate) type PodMonitor = Object<PodMonitorSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodMonitorSpec {
    selector: Selector,
    pod_metrics_endpoints: Vec<MetricsEndpoint>,
}

#[derive(Debug, Deserialize)]
struct MetricsEndpoint {
    port: String,
    path: Option<String>,
    interval: Option<String>,
}

/// A ScrapeConfig.
pub(crate) type ScrapeConfig = Object<ScrapeSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScrapeSpec {
    scrape_interval: Option<String>,
    scrape_timeout: Option<String>,
    static_configs: Vec<StaticConfig>,
    #[serde(default)]
    relabelings: Vec<Relabeling>,
}

#[derive(Debug, Deserialize)]
struct StaticConfig {
    targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relabeling {
    source_labels: Vec<String>,
    regex: String,
    target_label: String,
    replacement: String,
}
