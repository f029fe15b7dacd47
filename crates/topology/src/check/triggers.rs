//! Triggers: who is woken by what, and what happens when that fails.

use std::{collections::BTreeMap, time::Duration};

use learnflow_events::{Agent, EventType, Route, Topic};

use super::{Check, key, topics::POSTED};
use crate::graph::{Delivery, Destination, Filter, HttpRoute, KafkaSink, Service, Trigger};

/// The role of a destination for what cannot be delivered.
const DEAD_LETTERS: &str = "dead-letter sink";

/// What Knative gives one try when a delivery names no timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

impl Check<'_> {
    pub(super) fn triggers(&mut self) {
        for trigger in &self.graph.triggers {
            let what = key("Trigger.eventing.knative.dev", &trigger.namespace, &trigger.name);
            let broker = |broker: &&crate::Broker| {
                broker.namespace == trigger.namespace && broker.name == trigger.broker
            };
            let broker = self.graph.brokers.iter().find(broker);
            if broker.is_none() {
                self.wrong(&what, format!("there is no Broker {}/{}", trigger.namespace, trigger.broker));
            }
            self.filters(&what, trigger);
            self.destination(&what, "subscriber", &trigger.subscriber);
            let delivery = trigger.delivery.as_ref().or_else(|| broker?.delivery.as_ref());
            self.delivery(&what, delivery);
            let timeout = delivery.and_then(|delivery| delivery.timeout).unwrap_or(DEFAULT_TIMEOUT);
            self.enough_time(&what, trigger, timeout);
        }
        for source in &self.graph.sources {
            let what = key("KafkaSource.sources.knative.dev", &source.namespace, &source.name);
            self.delivery(&what, source.delivery.as_ref());
        }
        for route in Route::ALL {
            self.route(route);
        }
        for event_type in EventType::ALL {
            self.consumer(event_type);
        }
    }

    /// What fails is tried again, and kept when that does not help.
    fn delivery(&mut self, what: &str, delivery: Option<&Delivery>) {
        if delivery.is_none_or(|delivery| delivery.retry == 0) {
            self.wrong(what, "failed deliveries are not retried: set delivery.retry");
        }
        match delivery.and_then(|delivery| delivery.dead_letter_sink.as_ref()) {
            Some(sink) => self.destination(what, DEAD_LETTERS, sink),
            None => self.wrong(what, "there is no dead-letter sink: what cannot be delivered would be lost"),
        }
    }

    /// Filters may only name types, agents and routes that exist.
    fn filters(&mut self, what: &str, trigger: &Trigger) {
        let mut values = Vec::new();
        trigger.filters.iter().for_each(|filter| collect(filter, &mut values));
        if !values.iter().any(|(_, name, _)| *name == "type") {
            self.wrong(what, "no filter names a type: the subscriber would get every event");
        }
        for (how, name, value) in values {
            let error = match (how, name) {
                (How::Exact, "type") => value.parse::<EventType>().err().map(|error| error.to_string()),
                (How::Exact, "agent") => match (value.parse::<Route>(), value.parse::<Agent>()) {
                    (Err(error), Err(_)) => Some(error.to_string()),
                    _ => None,
                },
                (How::Prefix, "type") => none_of(value, "starts", |known| known.starts_with(value)),
                (How::Suffix, "type") => none_of(value, "ends", |known| known.ends_with(value)),
                _ => None,
            };
            if let Some(error) = error {
                self.wrong(what, format!("filter on {name}: {error}"));
            }
        }
    }

    fn destination(&mut self, what: &str, role: &str, destination: &Destination) {
        match destination {
            Destination::Service { namespace, name, path } => {
                let Some(service) = self.graph.service(namespace, name) else {
                    return self.wrong(what, format!("{role}: there is no Service {namespace}/{name}"));
                };
                let takes = match role {
                    // Nobody else keeps them.
                    DEAD_LETTERS => name == "gateway" && path == "/events/dead-letters",
                    _ => self.takes_events(service, path),
                };
                if !takes {
                    self.wrong(what, format!("{role}: {name} takes no events at {path}"));
                }
            }
            Destination::KafkaSink { namespace, name } => {
                let known =
                    self.graph.sinks.iter().any(|sink| sink.namespace == *namespace && sink.name == *name);
                if !known {
                    self.wrong(what, format!("{role}: there is no KafkaSink {namespace}/{name}"));
                }
            }
            Destination::Url(url) => {
                // A Service of our own is named by a ref, so that a rename cannot go unnoticed.
                if url.contains(".svc.cluster.local") || url.contains(".svc/") {
                    self.wrong(
                        what,
                        format!("{role}: name {url} by ref, so that its existence can be checked"),
                    );
                }
            }
        }
    }

    /// Whether events may be posted to a path of a Service.
    fn takes_events(&self, service: &Service, path: &str) -> bool {
        let routes = &self.graph.app.routes;
        let by_component = service.components.iter().any(|component| {
            let serves =
                |route: &HttpRoute| route.component == *component && route_serves(&route.route, path);
            path == format!("/{component}/events") && routes.iter().any(serves)
        });
        by_component || (service.name == "sandbox-host" && path == "/events")
    }

    /// A subscriber that is cut off before the broker gives up would be tried again for nothing.
    fn enough_time(&mut self, what: &str, trigger: &Trigger, timeout: Duration) {
        let Destination::Service { namespace, name, .. } = &trigger.subscriber else { return };
        let Some(limit) = self.graph.service(namespace, name).and_then(|service| service.timeout) else {
            return;
        };
        if limit < timeout {
            self.wrong(
                what,
                format!(
                    "a delivery may take {timeout:?}, but {name} is cut off after {limit:?} (timeoutSeconds)"
                ),
            );
        }
    }

    /// Each decision of triage wakes one specialist; what is out of scope triage answers itself.
    fn route(&mut self, route: Route) {
        let attributes =
            BTreeMap::from([("type", EventType::QueryRouted.as_str()), ("agent", route.as_str())]);
        let woken: Vec<&str> = self
            .graph
            .triggers
            .iter()
            .filter(|trigger| matches!(trigger.subscriber, Destination::Service { .. }))
            .filter(|trigger| {
                trigger.filters.iter().all(|filter| matches(filter, &attributes) != Some(false))
            })
            .map(|trigger| trigger.name.as_str())
            .collect();
        match (route, woken.as_slice()) {
            (Route::OutOfScope, []) => {}
            (Route::OutOfScope, _) | (_, [_, _, ..]) => {
                let what = key("Trigger.eventing.knative.dev", "learnflow", woken[0]);
                self.wrong(&what, format!("what is routed to {route} wakes {}", woken.join(" and ")));
            }
            (_, []) => {
                self.wrong("eventing", format!("no Trigger wakes anybody for what is routed to {route}"))
            }
            (_, [_]) => {}
        }
    }

    /// An event wakes somebody, or is the end of a chain and told to people. A copy in a topic that nobody of ours
    /// reads is no reason for an event to exist.
    fn consumer(&mut self, event_type: EventType) {
        let attributes = BTreeMap::from([("type", event_type.as_str())]);
        let takes = |trigger: &&Trigger| {
            trigger.filters.iter().all(|filter| matches(filter, &attributes) != Some(false))
        };
        let takers: Vec<&Trigger> = self.graph.triggers.iter().filter(takes).collect();
        let woken = takers.iter().find(|trigger| matches!(trigger.subscriber, Destination::Service { .. }));
        let posted = POSTED.iter().filter(|(posted, _)| *posted == event_type).map(|(_, topic)| topic.name);
        let copied = takers.iter().filter_map(|trigger| match &trigger.subscriber {
            Destination::KafkaSink { namespace, name } => {
                let of = |sink: &&KafkaSink| sink.namespace == *namespace && sink.name == *name;
                self.graph.sinks.iter().find(of).map(|sink| sink.topic.as_str())
            }
            _ => None,
        });
        let told = copied.chain(posted).any(|name| Topic::TOLD.iter().any(|topic| topic.name == name));
        match (event_type.is_terminal(), woken) {
            (false, None) => {
                self.wrong("eventing", format!("{event_type} wakes nobody, and is not marked as terminal"));
            }
            (true, Some(trigger)) => {
                let what = key("Trigger.eventing.knative.dev", &trigger.namespace, &trigger.name);
                self.wrong(&what, format!("{event_type} is marked as terminal in crates/events"));
            }
            (true, None) if !told => {
                self.wrong(
                    "eventing",
                    format!("nobody is told of {event_type}: no topic that the gateway reads has it"),
                );
            }
            _ => {}
        }
    }
}

#[derive(Clone, Copy)]
enum How {
    Exact,
    Prefix,
    Suffix,
}

fn collect<'a>(filter: &'a Filter, values: &mut Vec<(How, &'a str, &'a str)>) {
    let mut flat = |how, map: &'a BTreeMap<String, String>| {
        values.extend(map.iter().map(|(name, value)| (how, name.as_str(), value.as_str())));
    };
    match filter {
        Filter::Exact(map) => flat(How::Exact, map),
        Filter::Prefix(map) => flat(How::Prefix, map),
        Filter::Suffix(map) => flat(How::Suffix, map),
        Filter::All(filters) | Filter::Any(filters) => {
            filters.iter().for_each(|filter| collect(filter, values))
        }
        Filter::Not(filter) => collect(filter, values),
    }
}

fn none_of(value: &str, how: &str, test: impl Fn(&str) -> bool) -> Option<String> {
    let known = EventType::ALL.into_iter().any(|event_type| test(event_type.as_str()));
    (!known).then(|| format!("no event type {how} with {value:?}"))
}

/// Whether a filter matches an event of which only these attributes are known; `None` when that depends on others.
pub(super) fn matches(filter: &Filter, attributes: &BTreeMap<&str, &str>) -> Option<bool> {
    let every = |map: &BTreeMap<String, String>, test: fn(&str, &str) -> bool| {
        conjunction(
            map.iter().map(|(name, value)| attributes.get(name.as_str()).map(|found| test(found, value))),
        )
    };
    match filter {
        Filter::Exact(map) => every(map, |found, value| found == value),
        Filter::Prefix(map) => every(map, |found, value| found.starts_with(value)),
        Filter::Suffix(map) => every(map, |found, value| found.ends_with(value)),
        Filter::All(filters) => conjunction(filters.iter().map(|filter| matches(filter, attributes))),
        Filter::Any(filters) => {
            conjunction(filters.iter().map(|filter| matches(filter, attributes).map(|m| !m)))
                .map(|none| !none)
        }
        Filter::Not(filter) => matches(filter, attributes).map(|matches| !matches),
    }
}

/// Kleene's "and".
fn conjunction(terms: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for term in terms {
        all = match (all, term) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
    }
    all
}

/// Whether a Spin route (`/debug/...` or exact) serves a path.
pub(super) fn route_serves(route: &str, path: &str) -> bool {
    match route.strip_suffix("/...") {
        Some(prefix) => path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')),
        None => route == path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(name: &str, value: &str) -> Filter {
        Filter::Exact(BTreeMap::from([(name.into(), value.into())]))
    }

    #[test]
    fn what_is_not_known_stays_open() {
        let attributes = BTreeMap::from([("type", "a")]);
        let (yes, no, open) = (exact("type", "a"), exact("type", "b"), exact("step", "x"));
        assert_eq!(matches(&yes, &attributes), Some(true));
        assert_eq!(matches(&open, &attributes), None);
        assert_eq!(matches(&Filter::All(vec![yes.clone(), open.clone()]), &attributes), None);
        assert_eq!(matches(&Filter::All(vec![no.clone(), open.clone()]), &attributes), Some(false));
        assert_eq!(matches(&Filter::Any(vec![yes, open.clone()]), &attributes), Some(true));
        assert_eq!(matches(&Filter::Any(vec![no, open.clone()]), &attributes), None);
        assert_eq!(matches(&Filter::Not(Box::new(open)), &attributes), None);
    }

    #[test]
    fn routes_match_whole_segments() {
        assert!(route_serves("/debug/...", "/debug/events"));
        assert!(route_serves("/debug/...", "/debug"));
        assert!(!route_serves("/debug/...", "/debugger/events"));
        assert!(!route_serves("/debug", "/debug/events"));
    }
}
