//! Kafka clusters and their users, and how whatever connects to Kafka does so.

use std::collections::BTreeMap;

use crate::{
    error::Errors,
    graph::{EnvValue, KafkaClient, KafkaCluster, KafkaListener, KafkaRight, KafkaUser, Login},
    kinds::{
        eventing::{KafkaSinkSpec, KafkaSourceSpec},
        kubernetes::ConfigMap,
        strimzi::{self, AclOperation, AclPattern, AclResourceKind},
    },
    node::Place,
    strict::Located,
};

/// A cluster; each listener says whom the network lets through.
pub(crate) fn cluster(kafka: strimzi::Kafka, errors: &mut Errors) -> KafkaCluster {
    let spec = kafka.spec.value.kafka;
    let listeners = spec.listeners.iter().map(|Located { at, value: listener }| {
        if listener.network_policy_peers.is_empty() {
            let message = "every pod of the cluster may connect: list the callers in networkPolicyPeers";
            errors.at(at, message);
        }
        KafkaListener {
            port: listener.port,
            tls: listener.tls,
            authenticated: listener.authentication.is_some(),
        }
    });
    KafkaCluster {
        listeners: listeners.collect(),
        authorized: spec.authorization.is_some(),
        namespace: kafka.metadata.namespace,
        name: kafka.metadata.name.value,
    }
}

/// A KafkaUser has the rights that are written down, on names that are not "everything".
pub(crate) fn user(user: &strimzi::KafkaUser, at: &Place, errors: &mut Errors) -> Option<KafkaUser> {
    let Some(authorization) = &user.spec.value.authorization else {
        errors.at(at, "without authorization the user may do everything or nothing, as the cluster pleases");
        return None;
    };
    for Located { at, value: acl } in &authorization.acls {
        let name = acl.resource.name.as_deref().unwrap_or_default();
        if matches!(name, "" | "*") && acl.resource.kind != AclResourceKind::Cluster {
            errors.at(at, "this is about every topic or group: name it");
        }
        if acl.operations.is_empty() {
            errors.at(at, "there are no operations");
        }
        let writes_group =
            acl.resource.kind == AclResourceKind::Group && acl.operations.contains(&AclOperation::Write);
        if writes_group {
            errors.at(at, "a group has no operation Write");
        }
    }
    let rights = authorization.acls.iter().map(|Located { value: acl, .. }| KafkaRight {
        kind: acl.resource.kind.as_str().to_owned(),
        name: acl.resource.name.clone().unwrap_or_default(),
        prefix: acl.resource.pattern_type == Some(AclPattern::Prefix),
        operations: acl.operations.iter().map(|operation| format!("{operation:?}")).collect(),
    });
    Some(KafkaUser {
        namespace: user.metadata.namespace.clone(),
        name: user.metadata.name.value.clone(),
        rights: rights.collect(),
    })
}

/// The data plane as a client of a Broker's Kafka. The Secret says how to connect; ours say SASL_SSL.
pub(crate) fn of_broker(what: String, config: &ConfigMap) -> KafkaClient {
    let text = |key: &str| config.data.get(key).map(|text| text.value.clone());
    let servers = text("bootstrap.servers").unwrap_or_default();
    let secret = text("auth.secret.ref.name");
    KafkaClient { what, servers: listed(&servers), tls: secret.is_some(), login: secret.map(Login::Secret) }
}

/// The data plane as a client of a KafkaSink's Kafka.
pub(crate) fn of_sink(what: String, sink: &KafkaSinkSpec) -> KafkaClient {
    let secret = sink.auth.as_ref().map(|auth| auth.secret.reference.name.clone());
    let servers = sink.bootstrap_servers.clone();
    KafkaClient { what, servers, tls: secret.is_some(), login: secret.map(Login::Secret) }
}

/// The data plane as a client of a KafkaSource's Kafka.
pub(crate) fn of_source(what: String, source: &KafkaSourceSpec) -> KafkaClient {
    let net = source.net.as_ref();
    let sasl = net.and_then(|net| net.sasl.as_ref()).filter(|sasl| sasl.enable);
    let secret = sasl.and_then(|sasl| sasl.user.as_ref()).map(|user| user.secret_key_ref.name.clone());
    KafkaClient {
        what,
        servers: source.bootstrap_servers.clone(),
        tls: net.and_then(|net| net.tls.as_ref()).is_some_and(|tls| tls.enable),
        login: secret.map(Login::Secret),
    }
}

/// A workload of ours as a client, if it is one.
pub(crate) fn of_environment(what: String, env: &BTreeMap<String, EnvValue>) -> Option<KafkaClient> {
    let text = |name: &str| match env.get(name) {
        Some(EnvValue::Literal(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let servers = text("KAFKA_BOOTSTRAP_SERVERS")?;
    let protocol = text("KAFKA_SECURITY_PROTOCOL").unwrap_or_default();
    let sasl = protocol.starts_with("SASL_");
    Some(KafkaClient {
        what,
        servers: listed(&servers),
        tls: protocol.ends_with("SSL"),
        login: sasl.then(|| Login::User(text("KAFKA_SASL_USERNAME").unwrap_or_default())),
    })
}

fn listed(servers: &str) -> Vec<String> {
    servers.split(',').map(|server| server.trim().to_owned()).collect()
}
