//! Identities: where a policy must admit whoever publishes, everybody may publish what it sends, in its own name, and
//! nothing else; and can show who it is.

use std::collections::{BTreeMap, BTreeSet};

use learnflow_events::{Agent, EventType, Topic};

use super::{Check, key, topics::POSTED, triggers::matches};
use crate::graph::{Destination, EnvValue, EventPolicy, Service};

/// Something with an ingress: kind, namespace and name.
type Receiver = (&'static str, String, String);

/// How the `source` of whatever producers send begins.
const PRODUCERS: &str = "/producers/";
/// The `source` of what the gateway and the sandbox host send; agents have theirs in the catalogue.
const OTHERS: [&str; 2] = ["/learnflow/gateway", "/learnflow/sandbox"];
/// What producers send.
const ASKED: [EventType; 2] = [EventType::QuerySubmitted, EventType::CodeSubmitted];

impl Check<'_> {
    pub(super) fn identities(&mut self) {
        if !self.graph.deny_all {
            return;
        }
        for trigger in &self.graph.triggers {
            if let Destination::KafkaSink { namespace, name } = &trigger.subscriber {
                let what = key("Trigger.eventing.knative.dev", &trigger.namespace, &trigger.name);
                let subject = format!("Trigger {}/{}", trigger.namespace, trigger.name);
                let receiver = ("KafkaSink", namespace.clone(), name.clone());
                // It passes on whatever its filters let through, in whosever name.
                let passes = |event_type: EventType, _: &str| {
                    let attributes = BTreeMap::from([("type", event_type.as_str())]);
                    trigger.filters.iter().all(|filter| matches(filter, &attributes) != Some(false))
                };
                self.admitted(&what, &receiver, &subject, &passes);
            }
        }
        for source in &self.graph.sources {
            let what = key("KafkaSource.sources.knative.dev", &source.namespace, &source.name);
            let subject = format!("KafkaSource {}/{}", source.namespace, source.name);
            let receiver = ("Broker", source.namespace.clone(), source.broker.clone());
            let sends = |event_type: EventType, name: &str| {
                ASKED.contains(&event_type) && name == format!("{PRODUCERS}kafka/it")
            };
            self.admitted(&what, &receiver, &subject, &sends);
        }
        for service in &self.graph.services {
            self.publisher(service);
        }
        self.foreign_publishers();
    }

    /// Whoever posts to an ingress is admitted, and has a relay beside it that sends its token.
    fn publisher(&mut self, service: &Service) {
        let what = service.key();
        let subject = account(service);
        for (receiver, variable) in self.receivers(service) {
            let sends = |event_type: EventType, source: &str| sends(service, &receiver, event_type, source);
            self.admitted(&what, &receiver, &subject, &sends);
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

    /// The policies admit what the subject sends to the receiver, and nothing that it never sends.
    fn admitted(
        &mut self,
        what: &str,
        receiver: &Receiver,
        subject: &str,
        sends: &dyn Fn(EventType, &str) -> bool,
    ) {
        let (kind, namespace, name) = receiver;
        let policies: Vec<&EventPolicy> = self
            .graph
            .event_policies
            .iter()
            .filter(|policy| {
                policy.namespace == *namespace
                    && policy.to.contains(&((*kind).to_owned(), name.clone()))
                    && policy.from.contains(subject)
            })
            .collect();
        if policies.is_empty() {
            let message = format!("no EventPolicy lets {subject} publish to the {kind} {namespace}/{name}");
            return self.wrong(what, message);
        }
        for event_type in EventType::ALL {
            let mut missing = Vec::new();
            let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for source in sources() {
                let admitting = policies.iter().find(|policy| admits(policy, event_type, &source));
                match (admitting, sends(event_type, &source)) {
                    (None, true) => missing.push(source),
                    (Some(policy), false) => {
                        let what = key("EventPolicy.eventing.knative.dev", &policy.namespace, &policy.name);
                        extra.entry(what).or_default().push(source);
                    }
                    _ => {}
                }
            }
            if !missing.is_empty() {
                let names = missing.join(", ");
                let message = format!(
                    "no EventPolicy lets {subject} publish {event_type} to the {kind} {name} as {names}"
                );
                self.wrong(what, message);
            }
            for (what, names) in extra {
                let names = names.join(", ");
                let message =
                    format!("{subject} never publishes {event_type} to the {kind} {name} as {names}");
                self.wrong(&what, message);
            }
        }
    }

    /// Producers ask and submit, in no name of ours and for students that their policy names. (The gateway knows whom it
    /// speaks for, since people log in there.)
    fn foreign_publishers(&mut self) {
        let ours: BTreeSet<String> = self.graph.services.iter().map(account).collect();
        for policy in &self.graph.event_policies {
            let what = key("EventPolicy.eventing.knative.dev", &policy.namespace, &policy.name);
            let about_brokers = policy.to.iter().any(|(kind, _)| kind == "Broker");
            let foreign = policy.from.iter().find(|subject| !ours.contains(*subject));
            let (true, Some(subject)) = (about_brokers, foreign) else { continue };
            if !policy.about_students {
                let message = format!("{subject} could speak for every student: name them by partitionkey");
                self.wrong(&what, message);
            }
            for event_type in EventType::ALL {
                let producers =
                    |source: &String| ASKED.contains(&event_type) && source.starts_with(PRODUCERS);
                let wrong: Vec<String> = sources()
                    .into_iter()
                    .filter(|source| admits(policy, event_type, source) && !producers(source))
                    .collect();
                if !wrong.is_empty() {
                    let names = wrong.join(", ");
                    self.wrong(&what, format!("{subject} is no producer of {event_type} as {names}"));
                }
            }
        }
    }
}

fn account(service: &Service) -> String {
    format!("system:serviceaccount:{}:{}", service.namespace, service.account)
}

/// Every `source` that there is, one for the producers of each kind, and one that nobody has.
fn sources() -> Vec<String> {
    let agents = Agent::ALL.into_iter().map(Agent::source);
    let others = OTHERS.iter().map(ToString::to_string);
    let producers = ["kafka", "learning-platform"].map(|name| format!("{PRODUCERS}{name}/it"));
    agents.chain(others).chain(producers).chain(["/elsewhere".to_owned()]).collect()
}

/// Whether a policy lets such an event through, whosever it is.
fn admits(policy: &EventPolicy, event_type: EventType, source: &str) -> bool {
    let attributes = BTreeMap::from([("type", event_type.as_str()), ("source", source)]);
    policy.filters.iter().all(|filter| matches(filter, &attributes) != Some(false))
}

/// Whether a Service posts such an event to that receiver. (What it answers to an event, the dispatcher posts.)
fn sends(service: &Service, (kind, _, name): &Receiver, event_type: EventType, source: &str) -> bool {
    let own = |agent: Agent| source == agent.source();
    match (service.name.parse::<Agent>(), *kind) {
        (Ok(agent), "KafkaSink") => {
            let posted = |(posted, topic): &(EventType, Topic)| *posted == event_type && topic.name == name;
            own(agent) && POSTED.iter().any(posted)
        }
        (Ok(Agent::Triage), _) => {
            own(Agent::Triage) && matches!(event_type, EventType::QueryRouted | EventType::AgentResponded)
        }
        (Ok(agent), _) => own(agent) && event_type == EventType::AgentResponded,
        // The gateway: a dead letter is sent again as it came, and any event on the Broker may become one.
        (Err(_), _) => {
            let ours =
                source.starts_with("/learnflow/") && !POSTED.iter().any(|(posted, _)| *posted == event_type);
            let asked = ASKED.contains(&event_type);
            (ours && event_type != EventType::CodeSubmitted) || (asked && source.starts_with(PRODUCERS))
        }
    }
}
