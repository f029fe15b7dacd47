//! From objects to the graph: every object is read as its kind; what the runner executes becomes part of the graph.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::{
    argo,
    error::Errors,
    eventing,
    graph::{Graph, Pods},
    hardening, kafka,
    kinds::{
        self,
        argo::Application,
        kubernetes,
        meta::{Metadata, Texts},
        monitoring,
        network::{DomainMapping, Ingress, NetworkPolicy},
        secrets, serving, strimzi,
    },
    kustomize, network,
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
    for service in &graph.services {
        graph.kafka_clients.extend(kafka::of_environment(service.key(), &service.env));
    }
    argo::order(objects, errors);
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
                    self.pods("Job.batch", &job.metadata, &job.spec.value.template.metadata.labels);
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
                    let labels = &deployment.spec.value.template.metadata.labels;
                    self.pods("Deployment.apps", &deployment.metadata, labels);
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
                    let labels = &service.spec.value.template.metadata.labels;
                    self.pods("Service.serving.knative.dev", &service.metadata, labels);
                    let flag = self.config_maps.get(&("knative-serving".into(), "config-features".into()));
                    let service = workload::knative_service(service, flag, self.errors);
                    self.graph.services.push(service);
                }
            }
            ("eventing.knative.dev/v1", "Broker") => {
                if let Some(broker) = self.read::<kinds::eventing::Broker>(object) {
                    let read = eventing::broker(broker, &self.config_maps, self.errors);
                    if let Some((broker, config)) = read {
                        let client = kafka::of_broker(kustomize::identity(object), config);
                        self.graph.kafka_clients.push(client);
                        self.graph.brokers.push(broker);
                    }
                }
            }
            ("eventing.knative.dev/v1", "Trigger") => {
                if let Some(trigger) = self.read::<kinds::eventing::Trigger>(object) {
                    self.graph.triggers.extend(eventing::trigger(trigger, &object.at, self.errors));
                }
            }
            ("eventing.knative.dev/v1alpha1", "KafkaSink") => {
                if let Some(sink) = self.read::<kinds::eventing::KafkaSink>(object) {
                    let client = kafka::of_sink(kustomize::identity(object), &sink.spec.value);
                    self.graph.kafka_clients.push(client);
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
                    let client = kafka::of_source(kustomize::identity(object), &source.spec.value);
                    self.graph.kafka_clients.push(client);
                    self.graph.sources.extend(eventing::kafka_source(source, &object.at, self.errors));
                }
            }
            ("networking.k8s.io/v1", "NetworkPolicy") => {
                if let Some(policy) = self.read::<NetworkPolicy>(object) {
                    let policy = network::policy(policy, &object.at, self.errors);
                    self.graph.network_policies.push(policy);
                }
            }
            ("networking.k8s.io/v1", "Ingress") => {
                if let Some(ingress) = self.read::<Ingress>(object) {
                    network::ingress(&ingress, &object.at, self.errors);
                }
            }
            ("serving.knative.dev/v1beta1", "DomainMapping") => self.check::<DomainMapping>(object),
            ("eventing.knative.dev/v1alpha1", "EventPolicy") => {
                if let Some(policy) = self.read::<kinds::eventing::EventPolicy>(object) {
                    let policy = policies::event(policy, &object.at, self.errors);
                    self.graph.event_policies.push(policy);
                }
            }
            ("kafka.strimzi.io/v1", "KafkaUser") => {
                if let Some(user) = self.read::<strimzi::KafkaUser>(object) {
                    self.graph.users.extend(kafka::user(&user, &object.at, self.errors));
                }
            }
            ("kafka.strimzi.io/v1", "Kafka") => {
                if let Some(cluster) = self.read::<strimzi::Kafka>(object) {
                    self.graph.clusters.push(kafka::cluster(cluster, self.errors));
                }
            }
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
                if let Some(application) = self.read::<Application>(object) {
                    let paths = application.spec.value.sources.into_iter().map(|source| source.path);
                    self.graph.deployed.extend(paths.map(|path| (path.value, path.at)));
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

    /// Notes the pods of a workload.
    fn pods(&mut self, kind: &str, workload: &Metadata, labels: &Texts) {
        self.graph.pods.push(Pods {
            namespace: workload.namespace.clone(),
            name: workload.name.value.clone(),
            kind: kind.to_owned(),
            labels: labels.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect(),
        });
    }

    fn read<T: DeserializeOwned>(&mut self, object: &Node) -> Option<T> {
        strict::read(object, self.errors)
    }

    /// For kinds that have no part in the graph.
    fn check<T: DeserializeOwned>(&mut self, object: &Node) {
        let _: Option<T> = strict::read(object, self.errors);
    }
}
