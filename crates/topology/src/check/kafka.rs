//! Kafka: whoever connects finds a listener that takes it, and has the rights that its work needs and no others.

use learnflow_events::Topic;

use super::{Check, key};
use crate::graph::{KafkaClient, KafkaCluster, KafkaUser, Login};

/// The KafkaUser as which Knative's data plane connects (the Secret `kafka-credentials` names it).
const DATA_PLANE: &str = "knative-eventing";
/// How the gateway's consumer groups are called, one for each replica.
const GATEWAYS_GROUPS: &str = "gateway-";

impl Check<'_> {
    pub(super) fn kafka(&mut self) {
        for client in &self.graph.kafka_clients {
            for server in &client.servers {
                self.listener(client, server);
            }
            if let Some(Login::User(name)) = &client.login {
                self.known_user(&client.what, name);
            }
        }
        if self.graph.kafka_clients.iter().any(|client| matches!(client.login, Some(Login::Secret(_)))) {
            self.known_user("eventing", DATA_PLANE);
        }
        for user in &self.graph.users {
            match user.name.as_str() {
                DATA_PLANE => self.rights(user, &self.of_the_data_plane()),
                "gateway" => self.rights(user, &of_the_gateway()),
                _ => self.producer(user),
            }
        }
    }

    fn known_user(&mut self, what: &str, name: &str) {
        if !self.graph.users.iter().any(|user| user.name == name) {
            self.wrong(what, format!("there is no KafkaUser {name:?} to log in as"));
        }
    }

    /// The clusters of the manifests are there when they were loaded; a cluster of somebody else is not.
    fn listener(&mut self, client: &KafkaClient, server: &str) {
        if self.graph.clusters.is_empty() {
            return;
        }
        let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
        let Some(cluster) = self.graph.clusters.iter().find(|cluster| is_address(cluster, host)) else {
            return self.wrong(&client.what, format!("no Kafka cluster has the address {server}"));
        };
        let name = &cluster.name;
        let Some(listener) = cluster.listeners.iter().find(|listener| listener.port.to_string() == port)
        else {
            return self.wrong(&client.what, format!("Kafka {name} has no listener at port {port}"));
        };
        if listener.tls != client.tls {
            let (listens, speaks) = if listener.tls { ("", "does not") } else { ("no ", "does") };
            let message = format!("port {port} of Kafka {name} speaks {listens}TLS, but the client {speaks}");
            self.wrong(&client.what, message);
        }
        let message = match (listener.authenticated, &client.login) {
            (true, None) => Some(format!("port {port} of Kafka {name} wants a login, but there is none")),
            (false, Some(_)) => Some(format!("port {port} of Kafka {name} takes no login, but there is one")),
            (false, None) if cluster.authorized => Some(format!(
                "Kafka {name} allows what an ACL says, but at port {port} nobody has a name: all would be denied"
            )),
            _ => None,
        };
        if let Some(message) = message {
            self.wrong(&client.what, message);
        }
    }

    fn of_the_data_plane(&self) -> Vec<Right> {
        let mut rights = Vec::new();
        for broker in &self.graph.brokers {
            let topic = format!("knative-broker-{}-{}", broker.namespace, broker.name);
            rights.push(Right::topic(&topic, &["Describe", "Read", "Write"]));
        }
        for trigger in &self.graph.triggers {
            let group = format!("knative-trigger-{}-{}", trigger.namespace, trigger.name);
            rights.push(Right::group(&group));
        }
        for sink in &self.graph.sinks {
            rights.push(Right::topic(&sink.topic, &["Describe", "Write"]));
        }
        for source in &self.graph.sources {
            rights.push(Right::group(&source.consumer_group));
            rights.extend(source.topics.iter().map(|topic| Right::topic(topic, &["Describe", "Read"])));
        }
        rights
    }

    /// Every right that is needed is there, and none is about something else.
    fn rights(&mut self, user: &KafkaUser, needed: &[Right]) {
        let what = key("KafkaUser.kafka.strimzi.io", &user.namespace, &user.name);
        for right in needed {
            for operation in &right.operations {
                let covered = |given: &crate::KafkaRight| given.covers(right.kind, &right.name, operation);
                if !user.rights.iter().any(covered) {
                    let message =
                        format!("{} may not {operation} the {} {}", user.name, right.kind, right.name);
                    self.wrong(&what, message);
                }
            }
        }
        const HARMLESS: [&str; 2] = ["Describe", "DescribeConfigs"];
        for given in &user.rights {
            for operation in &given.operations {
                // Groups are many and come and go; topics are few and have names.
                let about = |right: &&Right| {
                    let many = given.kind == "group" && given.prefix && right.name.starts_with(&given.name);
                    right.kind == given.kind && (many || !given.prefix && right.name == given.name)
                };
                let mut uses = needed.iter().filter(about).peekable();
                let used = uses.peek().is_some()
                    && (HARMLESS.contains(&operation.as_str())
                        // Knative makes and removes its own topic, and groups go when their Trigger goes.
                        || matches!(operation.as_str(), "Create" | "Delete") && owned(given)
                        || uses.any(|right| right.operations.contains(&operation.as_str())));
                if !used {
                    let message =
                        format!("{} need not {operation} the {} {}", user.name, given.kind, given.name);
                    self.wrong(&what, message);
                }
            }
        }
    }

    /// Somebody else's user writes to topics that a KafkaSource reads, and that is all.
    fn producer(&mut self, user: &KafkaUser) {
        let what = key("KafkaUser.kafka.strimzi.io", &user.namespace, &user.name);
        for right in &user.rights {
            let source = self.graph.sources.iter().any(|source| source.topics.contains(&right.name));
            if right.kind != "topic" || right.prefix || !source {
                let message = format!("no KafkaSource reads what {} writes to {}", user.name, right.name);
                self.wrong(&what, message);
            }
            if let Some(more) =
                right.operations.iter().find(|name| !["Describe", "Write"].contains(&name.as_str()))
            {
                self.wrong(&what, format!("a producer writes: {} need not {more} {}", user.name, right.name));
            }
        }
    }
}

/// What somebody's work needs.
struct Right {
    kind: &'static str,
    name: String,
    operations: Vec<&'static str>,
}

impl Right {
    fn topic(name: &str, operations: &[&'static str]) -> Self {
        Self { kind: "topic", name: name.to_owned(), operations: operations.to_vec() }
    }

    fn group(name: &str) -> Self {
        Self { kind: "group", name: name.to_owned(), operations: vec!["Describe", "Read"] }
    }
}

fn of_the_gateway() -> Vec<Right> {
    let topics = Topic::TOLD.iter().map(|topic| Right::topic(topic.name, &["Describe", "Read"]));
    topics.chain([Right::group(GATEWAYS_GROUPS)]).collect()
}

/// Whether something belongs to who has the right, so that it comes and goes with it.
fn owned(right: &crate::KafkaRight) -> bool {
    right.kind == "group" || right.name.starts_with("knative-broker-")
}

fn is_address(cluster: &KafkaCluster, host: &str) -> bool {
    let service = format!("{}-kafka-bootstrap.{}.svc", cluster.name, cluster.namespace);
    host.strip_prefix(&service).is_some_and(|rest| matches!(rest, "" | ".cluster.local"))
}
