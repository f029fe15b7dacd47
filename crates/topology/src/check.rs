//! What must hold between the parts, beyond each part being well-formed: the event system has no dead ends, and
//! nobody has more reach than its work needs.

mod app;
mod identities;
mod topics;
mod triggers;

use crate::{
    error::{Errors, TopologyErrors},
    graph::{Graph, Place, Service},
};

impl Graph {
    /// Checks the rules of the system:
    ///
    /// * every filter names a type of the catalogue, every type has a consumer, every route wakes exactly one
    ///   specialist;
    /// * every Trigger has a Broker, an existing subscriber that really serves its path, retries, a dead-letter sink,
    ///   and no more time than its subscriber takes;
    /// * every topic of the catalogue has a KafkaTopic and a KafkaSink as declared, and something that feeds it;
    /// * every component has a route and one Service, every Service sets the variables that its components need and
    ///   no others, secrets come from Secrets;
    /// * every component reaches what its work needs and nothing else: only the agents that run code reach the
    ///   sandbox, progress reaches nothing but PostgreSQL; NetworkPolicies say the same;
    /// * where nobody may publish who is not named, everybody who publishes is named and sends a token, and
    ///   others are held to the students that their policy names.
    ///
    /// # Errors
    /// Everything that does not hold, each with the file and line of the part that is wrong.
    pub fn check(&self) -> Result<(), TopologyErrors> {
        let mut check = Check { graph: self, errors: Errors::default() };
        check.triggers();
        check.topics();
        check.app();
        check.network();
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

/// The key of a Service, of Knative or of Kubernetes.
fn service_key(service: &Service) -> String {
    key(
        if service.knative { "Service.serving.knative.dev" } else { "Service" },
        &service.namespace,
        &service.name,
    )
}
