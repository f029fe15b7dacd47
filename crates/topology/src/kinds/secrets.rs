//! Kinds of the External Secrets Operator.

use serde::Deserialize;

use super::meta::Object;

/// An ExternalSecret.
pub(crate) type ExternalSecret = Object<ExternalSecretSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExternalSecretSpec {
    refresh_interval: Option<String>,
    secret_store_ref: StoreReference,
    pub(crate) target: SecretTarget,
    pub(crate) data: Vec<SecretData>,
}

#[derive(Debug, Deserialize)]
struct StoreReference {
    kind: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretTarget {
    pub(crate) name: String,
    creation_policy: Option<String>,
    deletion_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretData {
    pub(crate) secret_key: String,
    remote_ref: RemoteReference,
}

#[derive(Debug, Deserialize)]
struct RemoteReference {
    key: String,
    property: Option<String>,
    version: Option<String>,
}
