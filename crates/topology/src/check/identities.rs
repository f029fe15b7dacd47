//! Identities: where a policy must admit whoever publishes, everybody who does is admitted and can show who it is.

use std::collections::BTreeSet;

use super::{Check, key, service_key};
use crate::graph::{Destination, EnvValue, Service};

/// Something with an ingress: kind and name, in the namespace of LearnFlow's events.
type Receiver = (&'static str, String, String);

impl Check<'_> {
    pub(super) fn identities(&mut self) {
        if !self.graph.deny_all {
            return;
        }
        for trigger in &self.graph.triggers {
            if let Destination::KafkaSink { namespace, name } = &trigger.subscriber {
                let what = key("Trigger.eventing.knative.dev", &trigger.namespace, &trigger.name);
                let subject = format!("Trigger {}/{}", trigger.namespace, trigger.name);
                self.admitted(&what, &("KafkaSink", namespace.clone(), name.clone()), &subject);
            }
        }
        for source in &self.graph.sources {
            let what = key("KafkaSource.sources.knative.dev", &source.namespace, &source.name);
            let subject = format!("KafkaSource {}/{}", source.namespace, source.name);
            self.admitted(&what, &("Broker", source.namespace.clone(), source.broker.clone()), &subject);
        }
        for service in &self.graph.services {
            self.publisher(service);
        }
        self.foreign_publishers();
    }

    /// Whoever posts to an ingress is admitted, and has a relay beside it that sends its token.
    fn publisher(&mut self, service: &Service) {
        let what = service_key(service);
        let subject = format!("system:serviceaccount:{}:{}", service.namespace, service.account);
        for (receiver, variable) in self.receivers(service) {
            self.admitted(&what, &receiver, &subject);
            let (kind, namespace, name) = &receiver;
            let audience = format!("eventing.knative.dev/{}/{namespace}/{name}", kind.to_lowercase());
            if !service.tokens.contains(&audience) {
                self.wrong(
                    &what,
                    format!("it publishes to {kind} {name}, but no volume has a token for {audience}"),
                );
            }
            let path = format!("/{namespace}/{name}");
            if !service.relayed.contains(&path) {
                self.wrong(
                    &what,
                    format!("it publishes to {kind} {name}, but no relay beside it sends {path} on"),
                );
            }
            let loopback = matches!(service.env.get(&variable), Some(EnvValue::Literal(url))
                if url.starts_with("http://127.0.0.1:"));
            if !loopback {
                self.wrong(
                    &what,
                    format!("{variable} must be the relay's loopback address, or no token is sent"),
                );
            }
        }
    }

    /// What a Service posts to, each with the variable that says where that is.
    fn receivers(&self, service: &Service) -> BTreeSet<(Receiver, String)> {
        let mut receivers = BTreeSet::new();
        let mut add = |kind, path: &str, variable: &str| {
            if let Some((namespace, name)) = path.trim_start_matches('/').split_once('/') {
                receivers.insert(((kind, namespace.to_owned(), name.to_owned()), variable.to_owned()));
            }
        };
        let components = service.components.iter().filter_map(|name| self.graph.app.components.get(name));
        for template in components.flat_map(|component| component.variables.values()) {
            for (kind, origin, variable) in [
                ("Broker", "{{ broker_origin }}", "SPIN_VARIABLE_BROKER_ORIGIN"),
                ("KafkaSink", "{{ sink_origin }}", "SPIN_VARIABLE_SINK_ORIGIN"),
            ] {
                if let Some(path) = template.strip_prefix(origin) {
                    add(kind, path, variable);
                }
            }
        }
        const GATEWAYS: &str = "GATEWAY_BROKER_URL";
        if let Some(EnvValue::Literal(url)) = service.env.get(GATEWAYS) {
            let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
            add("Broker", path.map(|(_, path)| path).unwrap_or_default(), GATEWAYS);
        }
        receivers
    }

    fn admitted(&mut self, what: &str, (kind, namespace, name): &Receiver, subject: &str) {
        let admitted = self.graph.event_policies.iter().any(|policy| {
            policy.namespace == *namespace
                && policy.to.contains(&((*kind).to_owned(), name.clone()))
                && policy.from.contains(subject)
        });
        if !admitted {
            self.wrong(
                what,
                format!("no EventPolicy lets {subject} publish to the {kind} {namespace}/{name}"),
            );
        }
    }

    /// The gateway knows whom it speaks for, since people log in there. Nobody else does.
    fn foreign_publishers(&mut self) {
        let ours: BTreeSet<String> = self
            .graph
            .services
            .iter()
            .map(|service| format!("system:serviceaccount:{}:{}", service.namespace, service.account))
            .collect();
        for policy in &self.graph.event_policies {
            let about_brokers = policy.to.iter().any(|(kind, _)| kind == "Broker");
            let foreign = policy.from.iter().find(|subject| !ours.contains(*subject));
            if let (true, Some(subject), false) = (about_brokers, foreign, policy.about_students) {
                let what = key("EventPolicy.eventing.knative.dev", &policy.namespace, &policy.name);
                let message = format!("{subject} could speak for every student: name them by partitionkey");
                self.wrong(&what, message);
            }
        }
    }
}
