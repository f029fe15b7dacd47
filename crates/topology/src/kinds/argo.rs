//! Argo CD's Application.

use serde::Deserialize;

use super::meta::Object;
use crate::strict::Located;

/// An Application.
pub(crate) type Application = Object<ApplicationSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApplicationSpec {
    project: String,
    pub(crate) sources: Vec<Source>,
    destination: ClusterDestination,
    #[serde(default)]
    ignore_differences: Vec<Difference>,
    sync_policy: Option<SyncPolicy>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Source {
    #[serde(rename = "repoURL")]
    repo_url: String,
    #[serde(rename = "targetRevision")]
    target_revision: String,
    /// A folder of the checkout.
    pub(crate) path: Located<String>,
}

#[derive(Debug, Deserialize)]
struct ClusterDestination {
    server: String,
    namespace: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    group: String,
    kind: String,
    name: Option<String>,
    json_pointers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SyncPolicy {
    automated: Option<Automated>,
    #[serde(default)]
    sync_options: Vec<String>,
    retry: Option<Retry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Automated {
    prune: bool,
    self_heal: bool,
}

#[derive(Debug, Deserialize)]
struct Retry {
    limit: u32,
    backoff: Option<RetryBackoff>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RetryBackoff {
    duration: String,
    factor: u32,
    max_duration: String,
}
