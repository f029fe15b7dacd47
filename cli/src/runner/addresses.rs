//! Cluster addresses and where they are on this machine.

use learnflow_topology::{Destination, Graph};

/// Where each deployable listens.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The functions (`http://127.0.0.1:8080`).
    pub functions: String,
    /// The sandbox host.
    pub sandbox: String,
    /// The gateway.
    pub gateway: String,
    /// The brokers' ingress; a broker is at `/{namespace}/{name}`.
    pub broker_ingress: String,
    /// The KafkaSinks' ingress; a sink is at `/{namespace}/{name}`.
    pub sink_ingress: String,
    /// PostgreSQL, as `host:port`.
    pub database: String,
}

/// Hosts of Knative's Kafka data plane.
const BROKER_INGRESS: &str = "kafka-broker-ingress.knative-eventing.svc.cluster.local";
const SINK_INGRESS: &str = "kafka-sink-ingress.knative-eventing.svc.cluster.local";
/// PostgreSQL in the manifests.
const DATABASE: &str = "postgres.postgres.svc.cluster.local:5432";

impl Addresses {
    /// The local address of a cluster address (`http://sandbox-host.learnflow.svc.cluster.local/run`, or the
    /// database's `host:port`); addresses of other hosts stay as they are.
    pub fn localize(&self, graph: &Graph, url: &str) -> String {
        if url == DATABASE {
            return self.database.clone();
        }
        let Some(rest) = url.strip_prefix("http://") else { return url.to_owned() };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let host = authority.split(':').next().unwrap_or(authority);
        let base = match host {
            BROKER_INGRESS => Some(self.broker_ingress.as_str()),
            SINK_INGRESS => Some(self.sink_ingress.as_str()),
            _ => {
                let mut labels = host.split('.');
                let (name, namespace) =
                    (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
                self.service(graph, namespace, name)
            }
        };
        base.map_or_else(|| url.to_owned(), |base| format!("{base}{path}"))
    }

    /// The URL that events for `destination` are posted to; `None` for a destination that is not in the graph.
    pub fn resolve(&self, graph: &Graph, destination: &Destination) -> Option<String> {
        match destination {
            Destination::Service { namespace, name, path } => {
                self.service(graph, namespace, name).map(|base| format!("{base}{path}"))
            }
            Destination::KafkaSink { namespace, name } => {
                Some(format!("{}/{namespace}/{name}", self.sink_ingress))
            }
            Destination::Url(url) => Some(self.localize(graph, url)),
        }
    }

    fn service(&self, graph: &Graph, namespace: &str, name: &str) -> Option<&str> {
        let service = graph.services.iter().find(|s| s.namespace == namespace && s.name == name)?;
        match name {
            _ if !service.components.is_empty() => Some(&self.functions),
            "sandbox-host" => Some(&self.sandbox),
            "gateway" => Some(&self.gateway),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use learnflow_topology::Service;

    use super::*;

    fn graph() -> Graph {
        let service = |name: &str, components: &[&str]| Service {
            namespace: "learnflow".to_owned(),
            name: name.to_owned(),
            components: components.iter().map(|&c| c.to_owned()).collect(),
            ..Service::default()
        };
        Graph {
            services: vec![
                service("debug", &["debug"]),
                service("sandbox-host", &[]),
                service("gateway", &[]),
            ],
            ..Graph::default()
        }
    }

    fn addresses() -> Addresses {
        Addresses {
            functions: "http://f".to_owned(),
            sandbox: "http://s".to_owned(),
            gateway: "http://g".to_owned(),
            broker_ingress: "http://b".to_owned(),
            sink_ingress: "http://k".to_owned(),
            database: "127.0.0.1:5".to_owned(),
        }
    }

    #[test]
    fn cluster_names_become_local() {
        let local = |url| addresses().localize(&graph(), url);
        assert_eq!(local("http://sandbox-host.learnflow.svc.cluster.local:8000"), "http://s");
        assert_eq!(
            local("http://kafka-broker-ingress.knative-eventing.svc.cluster.local/learnflow/default"),
            "http://b/learnflow/default"
        );
        assert_eq!(local("http://debug.learnflow.svc.cluster.local/debug/events"), "http://f/debug/events");
        assert_eq!(local("postgres.postgres.svc.cluster.local:5432"), "127.0.0.1:5");
        assert_eq!(local("https://api.anthropic.com"), "https://api.anthropic.com");
        assert_eq!(
            local("http://elsewhere.other.svc.cluster.local"),
            "http://elsewhere.other.svc.cluster.local"
        );
    }

    #[test]
    fn only_what_the_graph_has_is_resolved() {
        let service = |name: &str| Destination::Service {
            namespace: "learnflow".to_owned(),
            name: name.to_owned(),
            path: "/x".to_owned(),
        };
        assert_eq!(addresses().resolve(&graph(), &service("debug")).as_deref(), Some("http://f/x"));
        assert_eq!(addresses().resolve(&graph(), &service("librarian")), None);
    }
}
