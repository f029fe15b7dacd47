//! From objects to the graph: every object is read as its kind; what the runner executes becomes part of the graph.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::{
    error::Errors,
    eventing,
    graph::Graph,
    hardening,
    kinds::{self, argo, kubernetes, monitoring, network, secrets, serving, strimzi},
    kustomize,
    node::Node,
    policies, strict,
    workload::{self, Workloads},
};

/// Reads all objects into `graph`, and notes where each was declared.
pub(crate) fn assemble(objects: &[Node], graph: &mut Graph, errors: &mut Errors) {
    for object in objects {
        graph.places.entry(kustomize::identity(object)).or_insert_with(|| object.at.clone());
    }
    let mut assembly =
        Assembly { graph, errors, workloads: Workloads::default(), config_maps: BTreeMap::new() };
    // Brokers refer to ConfigMaps, wherever those are written.
    for object in objects.iter().filter(|object| object.text(&["kind"]) == "ConfigMap") {
        assembly.config_map(object);
    }
    assembly.deny_all();
    for object in objects {
        assembly.object(object);
    }
    let Assembly { workloads, .. } = assembly;
    workloads.join(graph, errors);
}

struct Assembly<'a> {
    graph: &'a mut Graph,
    errors: &'a mut Errors,
    workloads: Workloads,
    config_maps: BTreeMap<(String, String), kubernetes::ConfigMap>,
}

impl Assembly<'_> {
    fn config_map(&mut self, object: &Node) {
        if let Some(map) = strict::read::<kubernetes::ConfigMap>(object, self.errors) {
            let name = (map.metadata.namespace.clone(), map.metadata.name.value.clone());
            self.config_maps.insert(name, map);
        }
    }

    fn deny_all(&mut self) {
        let features = self.config_maps.get(&("knative-eventing".into(), "config-features".into()));
        let mode = features.and_then(|map| map.data.get("default-authorization-mode"));
        self.graph.deny_all = mode.is_some_and(|mode| mode.value == "deny-all");
    }

    fn object(&mut self, object: &Node) {
        let kind = (object.text(&["apiVersion"]), object.text(&["kind"]));
        match kind {
            ("v1", "ConfigMap") => {}
            ("v1", "Namespace") => self.check::<kubernetes::Namespace>(object),
            ("v1", "ServiceAccount") => self.check::<kubernetes::ServiceAccount>(object),
            ("node.k8s.io/v1", "RuntimeClass") => self.check::<kubernetes::RuntimeClass>(object),
            ("batch/v1", "Job") => {
                if let Some(job) = self.read::<kubernetes::Job>(object) {
                    hardening::pod(&job.spec.value.template, &job.spec.at, self.errors);
                }
            }
            ("policy/v1", "PodDisruptionBudget") => self.check::<kubernetes::PodDisruptionBudget>(object),
            ("autoscaling/v2", "HorizontalPodAutoscaler") => {
                if let Some(scaler) = self.read::<kubernetes::HorizontalPodAutoscaler>(object) {
                    self.workloads.autoscaler(scaler);
                }
            }
            ("apps/v1", "Deployment") => {
                if let Some(deployment) = self.read::<kubernetes::Deployment>(object) {
                    self.workloads.deployment(deployment);
                }
            }
            ("v1", "Service") => {
                if let Some(service) = self.read::<kubernetes::Service>(object) {
                    self.workloads.service(service);
                }
            }
            ("serving.knative.dev/v1", "Service") => {
                if let Some(service) = self.read::<serving::Service>(object) {
                    let flag = self.config_maps.get(&("knative-serving".into(), "config-features".into()));
                    let service = workload::knative_service(service, flag, self.errors);
                    self.graph.services.push(service);
                }
            }
            ("eventing.knative.dev/v1", "Broker") => {
                if let Some(broker) = self.read::<kinds::eventing::Broker>(object) {
                    let broker = eventing::broker(broker, &self.config_maps, self.errors);
                    self.graph.brokers.extend(broker);
                }
            }
            ("eventing.knative.dev/v1", "Trigger") => {
                if let Some(trigger) = self.read::<kinds::eventing::Trigger>(object) {
                    self.graph.triggers.extend(eventing::trigger(trigger, &object.at, self.errors));
                }
            }
            ("eventing.knative.dev/v1alpha1", "KafkaSink") => {
                if let Some(sink) = self.read::<kinds::eventing::KafkaSink>(object) {
                    self.graph.sinks.push(eventing::kafka_sink(sink, &object.at, self.errors));
                }
            }
            ("kafka.strimzi.io/v1", "KafkaTopic") => {
                if let Some(topic) = self.read::<strimzi::KafkaTopic>(object) {
                    self.graph.topics.push(eventing::kafka_topic(topic, self.errors));
                }
            }
            ("sources.knative.dev/v1", "KafkaSource") => {
                if let Some(source) = self.read::<kinds::eventing::KafkaSource>(object) {
                    self.graph.sources.extend(eventing::kafka_source(source, &object.at, self.errors));
                }
            }
            ("networking.k8s.io/v1", "NetworkPolicy") => {
                if let Some(policy) = self.read::<network::NetworkPolicy>(object) {
                    let policy = policies::network(policy, &object.at, self.errors);
                    self.graph.network_policies.push(policy);
                }
            }
            ("networking.k8s.io/v1", "Ingress") => {
                if let Some(ingress) = self.read::<network::Ingress>(object) {
                    policies::ingress(&ingress, &object.at, self.errors);
                }
            }
            ("serving.knative.dev/v1beta1", "DomainMapping") => self.check::<network::DomainMapping>(object),
            ("eventing.knative.dev/v1alpha1", "EventPolicy") => {
                if let Some(policy) = self.read::<kinds::eventing::EventPolicy>(object) {
                    let policy = policies::event(policy, &object.at, self.errors);
                    self.graph.event_policies.push(policy);
                }
            }
            ("kafka.strimzi.io/v1", "KafkaUser") => {
                if let Some(user) = self.read::<strimzi::KafkaUser>(object) {
                    policies::kafka_user(&user, &object.at, self.errors);
                }
            }
            ("kafka.strimzi.io/v1", "Kafka") => self.check::<strimzi::Kafka>(object),
            ("kafka.strimzi.io/v1", "KafkaNodePool") => self.check::<strimzi::KafkaNodePool>(object),
            ("monitoring.coreos.com/v1", "PodMonitor") => self.check::<monitoring::PodMonitor>(object),
            ("monitoring.coreos.com/v1alpha1", "ScrapeConfig") => {
                self.check::<monitoring::ScrapeConfig>(object)
            }
            ("monitoring.coreos.com/v1", "PrometheusRule") => {
                if let Some(rules) = self.read::<monitoring::PrometheusRule>(object) {
                    policies::alerts(rules, self.graph, self.errors);
                }
            }
            ("argoproj.io/v1alpha1", "Application") => {
                if let Some(application) = self.read::<argo::Application>(object) {
                    let path = application.spec.value.source.path;
                    self.graph.deployed.insert(path.value, path.at);
                }
            }
            ("external-secrets.io/v1", "ExternalSecret") => {
                if let Some(secret) = self.read::<secrets::ExternalSecret>(object) {
                    let keys = secret.spec.value.data.into_iter().map(|data| data.secret_key);
                    let name = (secret.metadata.namespace, secret.spec.value.target.name);
                    self.graph.secrets.entry(name).or_default().extend(keys);
                }
            }
            ("", _) | (_, "") => self.errors.at(&object.at, "an object needs apiVersion and kind"),
            (api_version, kind) => {
                let message =
                    format!("unknown kind {kind} of {api_version}: crates/topology has to learn it first");
                self.errors.at(&object.at, message);
            }
        }
    }

    fn read<T: DeserializeOwned>(&mut self, object: &Node) -> Option<T> {
        strict::read(object, self.errors)
    }

    /// For kinds that have no part in the graph.
    fn check<T: DeserializeOwned>(&mut self, object: &Node) {
        let _: Option<T> = strict::read(object, self.errors);
    }
}
