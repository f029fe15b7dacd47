//! Pods, as far as Deployments, Jobs and Knative Services of ours describe them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::meta::{Scalar, Selector, TemplateMetadata};
use crate::strict::Located;

/// The template of a Deployment or a Job.
#[derive(Debug, Deserialize)]
pub(crate) struct PodTemplate {
    #[serde(default)]
    pub(crate) metadata: TemplateMetadata,
    pub(crate) spec: PodSpec,
}

/// `spec` of a pod.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSpec {
    pub(crate) containers: Vec<Located<Container>>,
    #[serde(default)]
    pub(crate) init_containers: Vec<Container>,
    #[serde(default)]
    pub(crate) volumes: Vec<Volume>,
    pub(crate) restart_policy: Option<RestartPolicy>,
    pub(crate) service_account_name: Option<String>,
    pub(crate) automount_service_account_token: Option<bool>,
    pub(crate) enable_service_links: Option<bool>,
    pub(crate) termination_grace_period_seconds: Option<u32>,
    pub(crate) security_context: Option<PodSecurity>,
    pub(crate) runtime_class_name: Option<Located<String>>,
    pub(crate) priority_class_name: Option<String>,
    #[serde(default)]
    pub(crate) node_selector: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) topology_spread_constraints: Vec<Spread>,
    #[serde(default)]
    pub(crate) image_pull_secrets: Vec<LocalReference>,
}

#[derive(Debug, Deserialize)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spread {
    max_skew: u32,
    topology_key: String,
    when_unsatisfiable: Unsatisfiable,
    label_selector: Selector,
}

#[derive(Debug, Deserialize)]
enum Unsatisfiable {
    DoNotSchedule,
    ScheduleAnyway,
}

/// A Secret, ConfigMap or pull secret of the same namespace.
#[derive(Debug, Deserialize)]
pub(crate) struct LocalReference {
    pub(crate) name: String,
    pub(crate) optional: Option<bool>,
}

/// A container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) image: Option<Located<String>>,
    pub(crate) image_pull_policy: Option<PullPolicy>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    pub(crate) working_dir: Option<String>,
    #[serde(default)]
    pub(crate) ports: Vec<Port>,
    #[serde(default)]
    pub(crate) env: Vec<Located<Env>>,
    #[serde(default)]
    pub(crate) env_from: Vec<EnvFrom>,
    pub(crate) resources: Option<Resources>,
    pub(crate) startup_probe: Option<Probe>,
    pub(crate) liveness_probe: Option<Probe>,
    pub(crate) readiness_probe: Option<Probe>,
    pub(crate) lifecycle: Option<Lifecycle>,
    pub(crate) security_context: Option<ContainerSecurity>,
    #[serde(default)]
    pub(crate) volume_mounts: Vec<VolumeMount>,
}

#[derive(Debug, Deserialize)]
pub(crate) enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Port {
    pub(crate) name: Option<String>,
    pub(crate) container_port: u16,
    pub(crate) protocol: Option<String>,
}

/// An environment variable.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Env {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    pub(crate) value_from: Option<EnvSource>,
}

/// Where its value comes from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvSource {
    pub(crate) secret_key_ref: Option<KeyReference>,
    pub(crate) config_map_key_ref: Option<KeyReference>,
    pub(crate) field_ref: Option<FieldReference>,
}

/// A key of a Secret or ConfigMap.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyReference {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) optional: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldReference {
    field_path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvFrom {
    pub(crate) prefix: Option<String>,
    pub(crate) secret_ref: Option<LocalReference>,
    pub(crate) config_map_ref: Option<LocalReference>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Resources {
    #[serde(default)]
    pub(crate) requests: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Probe {
    pub(crate) http_get: Option<HttpGet>,
    pub(crate) tcp_socket: Option<TcpSocket>,
    pub(crate) initial_delay_seconds: Option<u32>,
    pub(crate) period_seconds: Option<u32>,
    pub(crate) timeout_seconds: Option<u32>,
    pub(crate) success_threshold: Option<u32>,
    pub(crate) failure_threshold: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HttpGet {
    pub(crate) path: String,
    pub(crate) port: Option<Scalar>,
    pub(crate) scheme: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TcpSocket {
    pub(crate) port: Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lifecycle {
    pub(crate) pre_stop: Option<Handler>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handler {
    pub(crate) http_get: Option<HttpGet>,
    pub(crate) sleep: Option<Sleep>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Sleep {
    seconds: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSecurity {
    pub(crate) run_as_non_root: Option<bool>,
    pub(crate) run_as_user: Option<u32>,
    pub(crate) run_as_group: Option<u32>,
    pub(crate) fs_group: Option<u32>,
    pub(crate) seccomp_profile: Option<Seccomp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerSecurity {
    pub(crate) run_as_non_root: Option<bool>,
    pub(crate) run_as_user: Option<u32>,
    pub(crate) run_as_group: Option<u32>,
    pub(crate) read_only_root_filesystem: Option<bool>,
    pub(crate) allow_privilege_escalation: Option<bool>,
    pub(crate) capabilities: Option<Capabilities>,
    pub(crate) seccomp_profile: Option<Seccomp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Capabilities {
    #[serde(default)]
    pub(crate) add: Vec<String>,
    #[serde(default)]
    pub(crate) drop: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seccomp {
    #[serde(rename = "type")]
    kind: SeccompKind,
    localhost_profile: Option<String>,
}

#[derive(Debug, Deserialize)]
enum SeccompKind {
    RuntimeDefault,
    Localhost,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeMount {
    pub(crate) name: String,
    pub(crate) mount_path: String,
    pub(crate) sub_path: Option<String>,
    pub(crate) read_only: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) empty_dir: Option<EmptyDir>,
    pub(crate) config_map: Option<LocalReference>,
    pub(crate) secret: Option<SecretVolume>,
    pub(crate) projected: Option<Projected>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EmptyDir {
    medium: Option<String>,
    size_limit: Option<Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretVolume {
    pub(crate) secret_name: String,
    default_mode: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Projected {
    pub(crate) sources: Vec<ProjectedSource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectedSource {
    pub(crate) service_account_token: ServiceAccountToken,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceAccountToken {
    pub(crate) audience: String,
    expiration_seconds: Option<u32>,
    path: String,
}
