//! Knative Services, and Deployments behind Services of Kubernetes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    error::Errors,
    graph::{EnvValue, Graph, Service},
    hardening,
    kinds::{
        kubernetes::{self, Deployment, HorizontalPodAutoscaler},
        meta::Texts,
        pod::{Container, Env, Volume},
        serving,
    },
    node::Place,
    strict::Located,
};

/// Serving's own upper bound of `timeoutSeconds`.
const MAX_TIMEOUT_SECONDS: i64 = 600;
/// Serving's own upper bound of `containerConcurrency`.
const MAX_CONCURRENCY: i64 = 1_000;
/// The feature flag without which Serving refuses `runtimeClassName`.
const RUNTIME_CLASS_FLAG: &str = "kubernetes.podspec-runtimeclassname";

/// A Knative Service, with what Serving's webhook would say about it.
pub(crate) fn knative_service(
    service: serving::Service,
    features: Option<&kubernetes::ConfigMap>,
    errors: &mut Errors,
) -> Service {
    let template = service.spec.value.template;
    let spec = template.spec;
    let Some((container, sidecars)) = serving_container(&spec.containers, &service.spec.at, errors) else {
        return Service::default();
    };
    hardening::account(spec.automount_service_account_token, &service.spec.at, errors);
    for each in &spec.containers {
        hardening::container(&each.value, spec.security_context.as_ref(), &each.at, errors);
    }
    // Containers beside it may have none: Knative asks nobody else before it sends requests.
    if container.readiness_probe.is_none() || container.liveness_probe.is_none() {
        let message = format!("container {} lacks a readiness or liveness probe", container.name);
        errors.at(&service.spec.at, message);
    }
    if let Some(class) = &spec.runtime_class_name {
        let flag = features.and_then(|map| map.data.get(RUNTIME_CLASS_FLAG));
        if flag.is_none_or(|flag| flag.value != "enabled") {
            errors.at(
                &class.at,
                format!(
                    "runtimeClassName needs {RUNTIME_CLASS_FLAG}: enabled in knative-serving/config-features"
                ),
            );
        }
    }
    let concurrency = within(&spec.container_concurrency, "containerConcurrency", 0, MAX_CONCURRENCY, errors);
    let timeout = within(&spec.timeout_seconds, "timeoutSeconds", 1, MAX_TIMEOUT_SECONDS, errors);
    for (field, name) in [
        (&spec.response_start_timeout_seconds, "responseStartTimeoutSeconds"),
        (&spec.idle_timeout_seconds, "idleTimeoutSeconds"),
    ] {
        within(field, name, 0, timeout.unwrap_or(300), errors);
    }
    let env = environment(container, errors);
    Service {
        namespace: service.metadata.namespace,
        name: service.metadata.name.value,
        knative: true,
        components: components(&env),
        account: spec.service_account_name.unwrap_or_default(),
        tokens: audiences(&spec.volumes),
        relayed: relayed(&sidecars, errors),
        env,
        container_concurrency: concurrency.unwrap_or(0) as u32,
        timeout: timeout.map(|seconds| Duration::from_secs(seconds as u64)),
        scale: scale(&template.metadata.annotations, errors),
    }
}

/// The container that requests go to, and those beside it. Serving, too, knows it by its ports.
fn serving_container<'a>(
    containers: &'a [Located<Container>],
    at: &Place,
    errors: &mut Errors,
) -> Option<(&'a Container, Vec<&'a Container>)> {
    if let [container] = containers {
        return Some((&container.value, Vec::new()));
    }
    let (serving, beside): (Vec<_>, Vec<_>) = containers
        .iter()
        .map(|container| &container.value)
        .partition(|container| !container.ports.is_empty());
    let [container] = serving.as_slice() else {
        let message = format!("of several containers one has ports; found {}", serving.len());
        errors.at(at, message);
        return None;
    };
    Some((*container, beside))
}

/// Audiences of the tokens that a pod's volumes hold.
fn audiences(volumes: &[Volume]) -> BTreeSet<String> {
    let projected = volumes.iter().filter_map(|volume| volume.projected.as_ref());
    let sources = projected.flat_map(|projected| &projected.sources);
    sources.map(|source| source.service_account_token.audience.clone()).collect()
}

/// What relays send on: the paths of their RELAY_ROUTES, `PATH=ORIGIN=TOKEN_FILE …`.
fn relayed(sidecars: &[&Container], errors: &mut Errors) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for sidecar in sidecars {
        if let Some(EnvValue::Literal(routes)) = environment(sidecar, errors).get("RELAY_ROUTES") {
            let routes = routes.split_whitespace().filter_map(|route| route.split_once('='));
            paths.extend(routes.map(|(path, _)| path.to_owned()));
        }
    }
    paths
}

fn within(field: &Option<Located<i64>>, name: &str, min: i64, max: i64, errors: &mut Errors) -> Option<i64> {
    let Located { at, value } = field.as_ref()?;
    if (min..=max).contains(value) {
        return Some(*value);
    }
    errors.at(at, format!("{name} is {value}, outside {min} to {max}"));
    None
}

/// Annotations of the autoscaler that Serving knows. Nobody else notices a misspelt one.
const SCALING: [&str; 12] = [
    "activation-scale",
    "class",
    "initial-scale",
    "max-scale",
    "metric",
    "min-scale",
    "panic-threshold-percentage",
    "panic-window-percentage",
    "scale-down-delay",
    "scale-to-zero-pod-retention-period",
    "target",
    "window",
];

fn scale(annotations: &Texts, errors: &mut Errors) -> (u32, Option<u32>) {
    let mut bounds = (0, None);
    for (name, text) in annotations {
        let Some(name) = name.strip_prefix("autoscaling.knative.dev/") else { continue };
        if !SCALING.contains(&name) && name != "target-utilization-percentage" {
            let known = SCALING.join(", ");
            errors
                .at(&text.at, format!("unknown annotation autoscaling.knative.dev/{name}; expected {known}"));
        }
        if let "min-scale" | "max-scale" | "initial-scale" | "target" = name {
            match text.value.parse::<u32>() {
                Ok(number) if name == "min-scale" => bounds.0 = number,
                // 0 means without bound.
                Ok(number) if name == "max-scale" => bounds.1 = (number > 0).then_some(number),
                Ok(_) => {}
                Err(_) if name == "target" && text.value.parse::<f64>().is_ok_and(|number| number > 0.0) => {}
                Err(_) => {
                    errors.at(&text.at, format!("{name} is {:?}, not a whole number from 0", text.value))
                }
            }
        }
    }
    if let (min, Some(max)) = bounds
        && min > max
        && let Some(text) = annotations.get("autoscaling.knative.dev/min-scale")
    {
        errors.at(&text.at, format!("min-scale {min} is above max-scale {max}"));
    }
    bounds
}

fn environment(container: &Container, errors: &mut Errors) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for Located { at, value: Env { name, value, value_from } } in &container.env {
        let found = match (value, value_from) {
            (Some(text), None) => EnvValue::Literal(text.clone()),
            (None, None) => EnvValue::Literal(String::new()),
            (None, Some(source)) => {
                match (&source.secret_key_ref, &source.config_map_key_ref, &source.field_ref) {
                    (Some(secret), None, None) => {
                        EnvValue::Secret { name: secret.name.clone(), key: secret.key.clone() }
                    }
                    // Known only inside the cluster.
                    (None, None, Some(_)) => continue,
                    _ => {
                        errors.at(at, format!("{name}: expected secretKeyRef or fieldRef"));
                        continue;
                    }
                }
            }
            (Some(_), Some(_)) => {
                errors.at(at, format!("{name} has both value and valueFrom"));
                continue;
            }
        };
        if env.insert(name.clone(), found).is_some() {
            errors.at(at, format!("{name} is set twice"));
        }
    }
    env
}

/// The components that SPIN_COMPONENTS_TO_RETAIN leaves of the application.
fn components(env: &BTreeMap<String, EnvValue>) -> Vec<String> {
    match env.get("SPIN_COMPONENTS_TO_RETAIN") {
        Some(EnvValue::Literal(names)) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Kubernetes' own workloads, until Services have found their Deployments.
#[derive(Default)]
pub(crate) struct Workloads {
    deployments: Vec<Deployment>,
    services: Vec<kubernetes::Service>,
    autoscalers: Vec<HorizontalPodAutoscaler>,
}

impl Workloads {
    pub(crate) fn deployment(&mut self, deployment: Deployment) {
        self.deployments.push(deployment);
    }

    pub(crate) fn service(&mut self, service: kubernetes::Service) {
        self.services.push(service);
    }

    pub(crate) fn autoscaler(&mut self, autoscaler: HorizontalPodAutoscaler) {
        self.autoscalers.push(autoscaler);
    }

    /// Adds a [`Service`] for each Service of Kubernetes, with the Deployment whose pods it selects.
    pub(crate) fn join(self, graph: &mut Graph, errors: &mut Errors) {
        for service in &self.services {
            // Another namespace, outside the manifests, is behind an external name.
            if service.spec.value.external_name.is_some() {
                continue;
            }
            let at: &Place = &service.metadata.name.at;
            let selected = self.deployments.iter().find(|deployment| {
                let labels = &deployment.spec.value.template.metadata.labels;
                deployment.metadata.namespace == service.metadata.namespace
                    && !service.spec.value.selector.is_empty()
                    && service
                        .spec
                        .value
                        .selector
                        .iter()
                        .all(|(name, value)| labels.get(name).is_some_and(|label| label.value == *value))
            });
            let Some(deployment) = selected else {
                errors.at(
                    at,
                    format!("Service {} selects the pods of no Deployment", service.metadata.name.value),
                );
                continue;
            };
            graph.services.push(self.plain(service, deployment, errors));
        }
        for deployment in &self.deployments {
            hardening::pod(&deployment.spec.value.template, &deployment.spec.at, errors);
            let template = &deployment.spec.value.template.metadata.labels;
            for (name, value) in &deployment.spec.value.selector.match_labels {
                if template.get(name).is_none_or(|label| label.value != *value) {
                    let message =
                        format!("the selector's label {name}: {value} is not one of the template's");
                    errors.at(&deployment.spec.at, message);
                }
            }
        }
        for autoscaler in &self.autoscalers {
            let target = &autoscaler.spec.value.scale_target_ref;
            let exists = self.deployments.iter().any(|deployment| {
                deployment.metadata.name.value == target.name
                    && deployment.metadata.namespace == autoscaler.metadata.namespace
            });
            if target.kind != "Deployment" || !exists {
                errors.at(&autoscaler.spec.at, format!("there is no {} {}", target.kind, target.name));
            }
        }
    }

    fn plain(&self, service: &kubernetes::Service, deployment: &Deployment, errors: &mut Errors) -> Service {
        let spec = &deployment.spec.value;
        let autoscaler = self
            .autoscalers
            .iter()
            .map(|autoscaler| &autoscaler.spec.value)
            .find(|autoscaler| autoscaler.scale_target_ref.name == deployment.metadata.name.value);
        let pod = &spec.template.spec;
        let found = serving_container(&pod.containers, &deployment.spec.at, errors);
        let (env, relayed) = match found {
            Some((container, sidecars)) => (environment(container, errors), relayed(&sidecars, errors)),
            None => (BTreeMap::new(), BTreeSet::new()),
        };
        Service {
            namespace: service.metadata.namespace.clone(),
            name: service.metadata.name.value.clone(),
            knative: false,
            components: components(&env),
            account: pod.service_account_name.clone().unwrap_or_default(),
            tokens: audiences(&pod.volumes),
            relayed,
            env,
            container_concurrency: 0,
            timeout: None,
            scale: match autoscaler {
                Some(autoscaler) => (autoscaler.min_replicas.unwrap_or(1), Some(autoscaler.max_replicas)),
                None => (spec.replicas.unwrap_or(1), Some(spec.replicas.unwrap_or(1))),
            },
        }
    }
}
