//! Knative Serving.

use serde::Deserialize;

use super::{
    meta::{Object, TemplateMetadata},
    pod::{Container, PodSecurity, Volume},
};
use crate::strict::Located;

/// A Knative Service.
pub(crate) type Service = Object<ServiceSpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct ServiceSpec {
    pub(crate) template: RevisionTemplate,
    #[serde(default)]
    pub(crate) traffic: Vec<TrafficTarget>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RevisionTemplate {
    #[serde(default)]
    pub(crate) metadata: TemplateMetadata,
    pub(crate) spec: RevisionSpec,
}

/// What a revision runs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevisionSpec {
    pub(crate) containers: Vec<Located<Container>>,
    #[serde(default)]
    pub(crate) volumes: Vec<Volume>,
    pub(crate) container_concurrency: Option<Located<i64>>,
    pub(crate) timeout_seconds: Option<Located<i64>>,
    pub(crate) response_start_timeout_seconds: Option<Located<i64>>,
    pub(crate) idle_timeout_seconds: Option<Located<i64>>,
    pub(crate) runtime_class_name: Option<Located<String>>,
    pub(crate) service_account_name: Option<String>,
    pub(crate) automount_service_account_token: Option<bool>,
    pub(crate) enable_service_links: Option<bool>,
    pub(crate) security_context: Option<PodSecurity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrafficTarget {
    revision_name: Option<String>,
    latest_revision: Option<bool>,
    percent: Option<u8>,
    tag: Option<String>,
}
