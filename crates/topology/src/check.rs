//! What must hold between the parts, beyond each part being well-formed: the event system has no dead ends, and
//! nobody has more reach than its work needs.

mod app;
mod identities;
mod kafka;
mod network;
mod topics;
mod triggers;

use crate::{
    error::{Errors, TopologyErrors},
    graph::{Graph, Place, Service},
};

impl Graph {
    /// Checks the rules of the system:
    ///
    /// * every filter names a type of the catalogue, every type wakes somebody or is terminal and told to people, every
    ///   route wakes exactly one specialist;
    /// * every Trigger and KafkaSource has a Broker, retries and a dead-letter sink; subscribers and dead-letter sinks
    ///   exist and really serve their path, and a Trigger gives no more time than its subscriber takes;
    /// * every topic of the catalogue has a KafkaTopic and a KafkaSink as declared, and something that feeds it;
    /// * every component has a route and one Service, every Service sets the variables that its components need and
    ///   no others, secrets come from Secrets;
    /// * every component reaches what its work needs and nothing else: only the agents that run code reach the
    ///   sandbox, progress reaches nothing but PostgreSQL; NetworkPolicies, added up, say the same;
    /// * whoever connects to Kafka finds a listener that takes it, and KafkaUsers have the rights that are needed and
    ///   no others;
    /// * where nobody may publish who is not named, everybody may publish the types that it sends, in its own name,
    ///   and no others; it sends a token; and others are held to the students that their policy names.
    ///
    /// # Errors
    /// Everything that does not hold, each with the file and line of the part that is wrong.
    pub fn check(&self) -> Result<(), TopologyErrors> {
        let mut check = Check { graph: self, errors: Errors::default() };
        check.triggers();
        check.topics();
        check.app();
        check.network();
        check.kafka();
        check.identities();
        check.errors.finish(())
    }

    /// The Service of that name.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.namespace == namespace && service.name == name)
    }

    /// Where something was declared (a key of [`Graph::places`]).
    pub fn place(&self, what: &str) -> Place {
        self.places.get(what).cloned().unwrap_or_else(|| Place::file(what))
    }
}

struct Check<'a> {
    graph: &'a Graph,
    errors: Errors,
}

impl Check<'_> {
    /// Adds an error about something that was declared.
    fn wrong(&mut self, what: &str, message: impl Into<String>) {
        let place = self.graph.place(what);
        self.errors.at(&place, message);
    }
}

/// The key of [`Graph::places`] of an object.
fn key(kind: &str, namespace: &str, name: &str) -> String {
    format!("{kind} {namespace}/{name}")
}
