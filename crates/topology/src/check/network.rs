//! Who may connect to whom: what all NetworkPolicies together say about a pod is what its work needs, no less and no
//! more.

use std::collections::{BTreeMap, BTreeSet};

use learnflow_events::Agent;

use super::{
    Check,
    app::{Capability, needed},
    key,
};
use crate::graph::{Destination, NetworkPeer, NetworkPolicy, NetworkRule, Pods};

/// `PEER:PORT`, the port at the side that is called.
type Reach = BTreeSet<String>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// Names resolved, rows stored, spans told: every pod of ours does these.
const COMMON: [&str; 3] = ["kube-system:53", "postgres:5432", "monitoring/opentelemetry-collector:4318"];
/// The whole world but private addresses.
const INTERNET: &str =
    "0.0.0.0/0 except 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 100.64.0.0/10";
/// Kourier's pods.
const INGRESS: &str = "kourier-system/3scale-kourier-gateway";
/// The labels by which namespaces and pods have names.
const NAMESPACE: [&str; 1] = ["kubernetes.io/metadata.name"];
const NAME: [&str; 2] = ["app", "app.kubernetes.io/name"];
/// Ports of the proxy beside each agent.
const PROXY_PORTS: [u16; 5] = [8012, 8013, 8112, 9090, 9091];

impl<'a> Check<'a> {
    pub(super) fn network(&mut self) {
        let namespaces: BTreeSet<&str> =
            self.graph.services.iter().map(|service| service.namespace.as_str()).collect();
        for namespace in namespaces {
            let denies = |rules: &Option<Vec<NetworkRule>>| rules.as_ref().is_some_and(Vec::is_empty);
            let closed = self.graph.network_policies.iter().any(|policy| {
                policy.namespace == namespace
                    && policy.pods.is_everything()
                    && denies(&policy.ingress)
                    && denies(&policy.egress)
            });
            if !closed {
                let message = format!("no NetworkPolicy closes the namespace {namespace} by default");
                self.wrong("knative", message);
            }
        }
        for pods in &self.graph.pods {
            let about = &pods.name;
            let Some((callers, callees)) = self.expected(pods) else {
                let what = key(&pods.kind, &pods.namespace, about);
                self.wrong(&what, format!("crates/topology does not know whom {about} talks to"));
                continue;
            };
            self.compare(pods, Direction::Ingress, &callers, &format!("who may call {about}"));
            self.compare(pods, Direction::Egress, &callees, &format!("whom {about} may call"));
        }
        self.local_ingress();
    }

    /// Agents believe whoever reaches them, and all reach them through the cluster-local ingress.
    fn local_ingress(&mut self) {
        let agents = self.graph.services.iter().any(|service| !service.components.is_empty());
        if !agents {
            return;
        }
        let Some((namespace, app)) = INGRESS.split_once('/') else { return };
        let pods = Pods {
            namespace: namespace.to_owned(),
            name: app.to_owned(),
            kind: "Deployment.apps".to_owned(),
            labels: [("app".to_owned(), app.to_owned())].into(),
        };
        let callers = [
            "knative-eventing/kafka-broker-dispatcher",
            "learnflow/gateway",
            "monitoring/prometheus",
            "knative-serving",
        ];
        let mut expected: Reach = ports(&callers, &[8081, 8444, 8090]);
        // The outer listeners, on which no agent is.
        expected.extend(ports(&["anybody"], &[8080, 8443]));
        self.compare(&pods, Direction::Ingress, &expected, "who may call the cluster-local ingress");
    }

    /// Who calls a pod and whom it calls, when it does its work; `None` for a pod that nobody described.
    fn expected(&self, pods: &Pods) -> Option<(Reach, Reach)> {
        let mut callees: Reach = COMMON.map(str::to_owned).into();
        let mut callers = Reach::new();
        let may = |capability| having(capability, &[]).contains(&pods.name);
        match pods.name.as_str() {
            "gateway" => {
                callees.extend(ports(&["sandbox-host"], &[8000]));
                callees.extend(ports(&["knative-eventing/kafka-broker-receiver"], &[8080, 8443]));
                callees.extend(ports(&["kafka"], &[9092, 9093]));
                callees.extend(ports(&[INGRESS], &[8081, 8444]));
                let people = ["ingress-nginx/ingress-nginx", INGRESS];
                callers.extend(ports(&people, &[3000]));
                callers.extend(self.dispatchers(pods, 3001));
                callers.extend(ports(&["monitoring/prometheus"], &[3001]));
            }
            "sandbox-host" => {
                // The gateway passes people's own runs on.
                let names = having(Capability::Sandbox, &["gateway"]);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                callers.extend(ports(&names, &[8000]));
                callers.extend(self.dispatchers(pods, 8000));
                callers.extend(ports(&["monitoring/prometheus"], &[8000]));
            }
            "migrate" => {}
            name => {
                name.parse::<Agent>().ok()?;
                let through = ["knative-serving/activator", "knative-serving/autoscaler", INGRESS];
                callers.extend(ports(&through, &PROXY_PORTS));
                if may(Capability::Sandbox) {
                    callees.extend(ports(&["sandbox-host"], &[8000]));
                }
                if may(Capability::Broker) {
                    callees.extend(ports(&["knative-eventing/kafka-broker-receiver"], &[8080, 8443]));
                }
                if may(Capability::Sinks) {
                    callees.extend(ports(&["knative-eventing/kafka-sink-receiver"], &[8080, 8443]));
                }
                if may(Capability::Model) {
                    callees.extend(ports(&[INTERNET], &[443]));
                }
            }
        }
        Some((callers, callees))
    }

    /// Which of Knative's dispatchers deliver to the pods' Service, events or dead letters.
    fn dispatchers(&self, pods: &Pods, port: u16) -> Reach {
        let here = |destination: &Destination| {
            matches!(destination, Destination::Service { namespace, name, .. }
                if *namespace == pods.namespace && *name == pods.name)
        };
        let dead = |delivery: &Option<crate::Delivery>| {
            let sink = delivery.as_ref().and_then(|delivery| delivery.dead_letter_sink.as_ref());
            sink.is_some_and(here)
        };
        let by_triggers =
            self.graph.triggers.iter().any(|trigger| here(&trigger.subscriber) || dead(&trigger.delivery))
                || self.graph.brokers.iter().any(|broker| dead(&broker.delivery));
        let by_sources = self.graph.sources.iter().any(|source| dead(&source.delivery));
        let mut reach = Reach::new();
        for (delivers, dispatcher) in [
            (by_triggers, "knative-eventing/kafka-broker-dispatcher"),
            (by_sources, "knative-eventing/kafka-source-dispatcher"),
        ] {
            if delivers {
                reach.extend(ports(&[dispatcher], &[port]));
            }
        }
        reach
    }

    fn compare(&mut self, pods: &Pods, direction: Direction, expected: &Reach, about: &str) {
        let found = self.allowed(pods, direction);
        let mut extra: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (reach, policy) in found.iter().filter(|(reach, _)| !expected.contains(*reach)) {
            let what = key("NetworkPolicy.networking.k8s.io", &policy.namespace, &policy.name);
            extra.entry(what).or_default().push(reach);
        }
        for (what, reach) in extra {
            self.wrong(&what, format!("{about}: not needed is {}", listed(&reach)));
        }
        let missing: Vec<&str> =
            expected.iter().filter(|reach| !found.contains_key(*reach)).map(String::as_str).collect();
        if !missing.is_empty() {
            let what = key(&pods.kind, &pods.namespace, &pods.name);
            let what = if self.graph.places.contains_key(&what) { what } else { "knative".to_owned() };
            self.wrong(&what, format!("{about}: no NetworkPolicy allows {}", listed(&missing)));
        }
    }

    /// What the policies that select a pod allow together, each with the policy that says so.
    fn allowed(&self, pods: &Pods, direction: Direction) -> BTreeMap<String, &'a NetworkPolicy> {
        let mut allowed = BTreeMap::new();
        for policy in &self.graph.network_policies {
            if policy.namespace != pods.namespace || !policy.pods.selects(&pods.labels) {
                continue;
            }
            let rules = match direction {
                Direction::Ingress => &policy.ingress,
                Direction::Egress => &policy.egress,
            };
            for rule in rules.iter().flatten() {
                let peers: BTreeSet<String> = match rule.peers.as_slice() {
                    [] => [String::from("anybody")].into(),
                    peers => peers.iter().flat_map(|peer| self.names(policy, peer)).collect(),
                };
                let every = [String::from("every port")];
                let ports = if rule.ports.is_empty() { &every[..] } else { &rule.ports };
                for peer in &peers {
                    allowed.extend(ports.iter().map(|port| (format!("{peer}:{port}"), policy)));
                }
            }
        }
        allowed
    }

    /// What to call a peer: our own pods by their names, others by namespace and the values of their labels.
    fn names(&self, policy: &NetworkPolicy, peer: &NetworkPeer) -> Vec<String> {
        match peer {
            NetworkPeer::Here(selector) => {
                let ours = self.graph.pods.iter().filter(|pods| pods.namespace == policy.namespace);
                let selected = ours.filter(|pods| selector.selects(&pods.labels));
                let names: Vec<String> = selected.map(|pods| pods.name.clone()).collect();
                if names.is_empty() { vec![format!("pods with {selector}")] } else { names }
            }
            NetworkPeer::Elsewhere { namespaces, pods } => {
                let spaces: Vec<String> = match namespaces.values_of(&NAMESPACE) {
                    Some(values) => values.iter().cloned().collect(),
                    None if namespaces.is_everything() => vec!["every namespace".to_owned()],
                    None => vec![format!("namespaces with {namespaces}")],
                };
                let names: Vec<String> = match pods.values_of(&NAME) {
                    Some(values) => values.iter().map(|value| format!("/{value}")).collect(),
                    None if pods.is_everything() => vec![String::new()],
                    None => vec![format!("/pods with {pods}")],
                };
                let pairs = spaces.iter().flat_map(|space| names.iter().map(move |name| (space, name)));
                pairs.map(|(space, name)| format!("{space}{name}")).collect()
            }
            NetworkPeer::Addresses { block, except } if except.is_empty() => vec![block.clone()],
            NetworkPeer::Addresses { block, except } => vec![format!("{block} except {}", except.join(" "))],
        }
    }
}

/// `PEER:PORT`s as people read them, each peer once.
fn listed(reach: &[&str]) -> String {
    let mut peers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (peer, port) in reach.iter().filter_map(|reach| reach.rsplit_once(':')) {
        peers.entry(peer).or_default().push(port);
    }
    peers.iter().map(|(peer, ports)| format!("{peer}:{}", ports.join("/"))).collect::<Vec<_>>().join(", ")
}

/// Each peer at each port.
fn ports(peers: &[&str], ports: &[u16]) -> Reach {
    peers.iter().flat_map(|peer| ports.iter().map(move |port| format!("{peer}:{port}"))).collect()
}

/// Agents with a capability, and others that have it too.
fn having(capability: Capability, others: &[&str]) -> BTreeSet<String> {
    let agents = Agent::ALL.into_iter().filter(|agent| needed(*agent).contains(&capability));
    agents.map(|agent| agent.to_string()).chain(others.iter().map(ToString::to_string)).collect()
}
