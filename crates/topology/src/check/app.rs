//! The Spin application and the Services that run it: complete, and with the least reach.

use std::collections::{BTreeMap, BTreeSet};

use learnflow_events::Agent;

use super::Check;
use crate::{
    graph::{Component, EnvValue, Service},
    spin::template_names,
};

/// What a component can reach, by the application variable that its allowed hosts name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Capability {
    Database,
    Broker,
    Sinks,
    Sandbox,
    Model,
}

impl Capability {
    const ALL: [Self; 5] = [Self::Database, Self::Broker, Self::Sinks, Self::Sandbox, Self::Model];

    /// The entry in `allowed_outbound_hosts`.
    const fn host(self) -> &'static str {
        match self {
            Self::Database => "postgres://{{ database_address }}",
            Self::Broker => "{{ broker_origin }}",
            Self::Sinks => "{{ sink_origin }}",
            Self::Sandbox => "{{ sandbox_url }}",
            Self::Model => "{{ llm_origin }}",
        }
    }
}

/// The least that an agent's work needs. Whoever changes this gives an agent more reach: only agents that run code
/// (a student's, or a model's before it is shown) reach the sandbox; triage, which asks a model when it is unsure,
/// does not; whoever answers an HTTP trigger publishes the answer; progress, which knows most about a student, reaches
/// nothing but the database.
pub(super) const fn needed(agent: Agent) -> &'static [Capability] {
    use Capability::{Broker, Database, Model, Sandbox, Sinks};
    match agent {
        Agent::Triage => &[Database, Broker, Sinks, Model],
        Agent::Concepts | Agent::CodeReview | Agent::Debug | Agent::Exercise => {
            &[Database, Sandbox, Broker, Sinks, Model]
        }
        Agent::Progress => &[Database],
    }
}

impl Check<'_> {
    pub(super) fn app(&mut self) {
        for agent in Agent::ALL {
            match self.graph.app.components.get(agent.as_str()) {
                Some(component) => self.component(agent, component),
                None => self.wrong("spin.toml", format!("the agent {agent} has no component")),
            }
        }
        for name in self.graph.app.components.keys() {
            if name.parse::<Agent>().is_err() {
                self.wrong(&format!("component {name}"), format!("{name} is not an agent of the catalogue"));
            }
        }
        for service in &self.graph.services {
            self.service(service);
        }
    }

    fn component(&mut self, agent: Agent, component: &Component) {
        let what = format!("component {agent}");
        if !self.graph.app.routes.iter().any(|route| route.component == agent.as_str()) {
            self.wrong(&what, "no [[trigger.http]] leads to it");
        }
        let running: Vec<&str> = self
            .graph
            .services
            .iter()
            .filter(|service| service.components.iter().any(|name| name == agent.as_str()))
            .map(|service| service.name.as_str())
            .collect();
        match running.as_slice() {
            [_] => {}
            [] => self.wrong(&what, "no Service runs it (SPIN_COMPONENTS_TO_RETAIN)"),
            many => self.wrong(&what, format!("several Services run it: {}", many.join(", "))),
        }

        let allowed: BTreeSet<&str> =
            component.allowed_outbound_hosts.iter().map(|host| host.trim()).collect();
        let needed: BTreeSet<&str> = needed(agent).iter().map(|capability| capability.host()).collect();
        for host in allowed.difference(&needed) {
            let message = match Capability::ALL.iter().any(|capability| capability.host() == *host) {
                true => format!("{agent} may not reach {host}: its work does not need it"),
                false => format!("unknown host {host}: crates/topology lists what each agent may reach"),
            };
            self.wrong(&what, message);
        }
        for host in needed.difference(&allowed) {
            self.wrong(&what, format!("{agent} needs {host} in allowed_outbound_hosts"));
        }
        // An address without the right to use it is a mistake; a secret in an address list is a leak.
        let reachable: BTreeSet<&str> = names(component.allowed_outbound_hosts.iter());
        for name in names(component.variables.values()) {
            let is_address = name.ends_with("_origin") || name == "sandbox_url";
            if is_address && !reachable.contains(name) {
                self.wrong(&what, format!("it gets {name}, which its allowed_outbound_hosts do not name"));
            }
        }
        for name in &reachable {
            if self.graph.app.variables.get(*name).is_some_and(|variable| variable.secret) {
                self.wrong(&what, format!("allowed_outbound_hosts names the secret {name}"));
            }
        }
        let publishes = needed.contains(Capability::Broker.host());
        match (publishes, component.variables.contains_key("broker_url")) {
            (true, false) => self.wrong(&what, "without broker_url its HTTP triggers publish nothing"),
            (false, true) => {
                self.wrong(&what, "it gets broker_url, but nothing of its is published over HTTP")
            }
            _ => {}
        }
    }

    fn service(&mut self, service: &Service) {
        let what = service.key();
        for (name, value) in &service.env {
            if let EnvValue::Literal(text) = value
                && holds_password(text)
            {
                self.wrong(&what, format!("{name} holds a password: take it from a Secret"));
            }
        }
        if service.components.is_empty() {
            return;
        }
        let mut used = BTreeSet::new();
        for name in &service.components {
            match self.graph.app.components.get(name) {
                Some(component) => {
                    used.extend(names(component.variables.values().chain(&component.allowed_outbound_hosts)));
                }
                None => self.wrong(&what, format!("spin.toml has no component {name}")),
            }
        }
        let set: BTreeMap<String, &EnvValue> = service
            .env
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("SPIN_VARIABLE_")?.to_lowercase(), value)))
            .collect();
        for (name, value) in &set {
            match self.graph.app.variables.get(name) {
                None => self.wrong(&what, format!("spin.toml declares no variable {name}")),
                Some(_) if !used.contains(name.as_str()) => {
                    self.wrong(
                        &what,
                        format!("{} has no use for the variable {name}", service.components.join(", ")),
                    );
                }
                Some(variable) if variable.secret && matches!(value, EnvValue::Literal(_)) => {
                    self.wrong(&what, format!("{name} is secret: take it from a Secret"));
                }
                Some(_) => {}
            }
        }
        for name in used {
            let required =
                self.graph.app.variables.get(name).is_some_and(|variable| variable.default.is_none());
            if required && !set.contains_key(name) {
                let variable = name.to_uppercase();
                self.wrong(
                    &what,
                    format!("the variable {name} has no default: set SPIN_VARIABLE_{variable}"),
                );
            }
        }
    }
}

/// The names in the templates.
fn names<'a>(templates: impl Iterator<Item = &'a String>) -> BTreeSet<&'a str> {
    templates.flat_map(|template| template_names(template)).flatten().collect()
}

/// Whether a text is a URL with a password in it.
fn holds_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}
