//! Who may talk to whom, and how people come in.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::meta::{Object, Reference, Scalar, Selector};

/// A NetworkPolicy.
pub(crate) type NetworkPolicy = Object<NetworkPolicySpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkPolicySpec {
    pub(crate) pod_selector: Selector,
    pub(crate) policy_types: Vec<Direction>,
    #[serde(default)]
    pub(crate) ingress: Vec<IngressRule>,
    #[serde(default)]
    pub(crate) egress: Vec<EgressRule>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

#[derive(Debug, Deserialize)]
pub(crate) struct IngressRule {
    /// Empty: from anywhere.
    #[serde(default)]
    pub(crate) from: Vec<Peer>,
    #[serde(default)]
    pub(crate) ports: Vec<PeerPort>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EgressRule {
    /// Empty: to anywhere.
    #[serde(default)]
    pub(crate) to: Vec<Peer>,
    #[serde(default)]
    pub(crate) ports: Vec<PeerPort>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Peer {
    pub(crate) namespace_selector: Option<Selector>,
    pub(crate) pod_selector: Option<Selector>,
    pub(crate) ip_block: Option<IpBlock>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct IpBlock {
    pub(crate) cidr: String,
    #[serde(default)]
    pub(crate) except: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeerPort {
    protocol: Option<Protocol>,
    pub(crate) port: Scalar,
    pub(crate) end_port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Protocol {
    Tcp,
    Udp,
}

/// An Ingress.
pub(crate) type Ingress = Object<IngressSpec>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IngressSpec {
    ingress_class_name: Option<String>,
    #[serde(default)]
    pub(crate) tls: Vec<IngressTls>,
    pub(crate) rules: Vec<IngressHost>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IngressTls {
    pub(crate) hosts: Vec<String>,
    secret_name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct IngressHost {
    pub(crate) host: String,
    http: IngressPaths,
}

#[derive(Debug, Deserialize)]
struct IngressPaths {
    paths: Vec<IngressPath>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IngressPath {
    path: String,
    path_type: String,
    backend: Backend,
}

#[derive(Debug, Deserialize)]
struct Backend {
    service: BackendService,
}

#[derive(Debug, Deserialize)]
struct BackendService {
    name: String,
    port: BTreeMap<String, Scalar>,
}

/// A DomainMapping of Knative Serving.
pub(crate) type DomainMapping = Object<DomainMappingSpec>;

#[derive(Debug, Deserialize)]
pub(crate) struct DomainMappingSpec {
    #[serde(rename = "ref")]
    pub(crate) target: Reference,
    pub(crate) tls: Option<MappingTls>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MappingTls {
    secret_name: String,
}
