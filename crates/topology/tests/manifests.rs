//! The real manifests: they load, every rule holds, and what they say is readable.

use std::path::Path;

use learnflow_topology::{EnvValue, Graph, Login, load_folder, load_overlays, load_with_kafka, render};
use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn graph(knative: &str, eventing: &str) -> Graph {
    let graph =
        load_overlays(root(), knative, eventing).unwrap_or_else(|errors| panic!("{knative}:\n{errors}"));
    graph.check().unwrap_or_else(|errors| panic!("{knative} with {eventing}:\n{errors}"));
    graph
}

#[test]
fn the_overlay_for_any_cluster() {
    insta::assert_snapshot!(graph("container", "cluster"));
}

/// Only how a function is started differs, which is no part of the graph.
#[test]
fn spinkube_runs_the_same_graph() {
    assert_eq!(graph("spinkube", "cluster").to_string(), graph("container", "cluster").to_string());
}

/// What is installed together, with the Kafka cluster of ours that it is for.
const INSTALLATIONS: [(&str, &str, &str); 5] = [
    ("container", "cluster", "kafka"),
    ("spinkube", "cluster", "kafka"),
    ("local", "single-node", "kafka-single-node"),
    ("authorized", "authorized", "kafka-authorized"),
    ("identities", "identities", "kafka-authorized"),
];

/// Whoever connects to Kafka gets in.
#[test]
fn every_installation_fits_together() {
    for (knative, eventing, kafka) in INSTALLATIONS {
        let about = format!("{knative} with {eventing} and {kafka}");
        let graph = load_with_kafka(root(), knative, eventing, kafka);
        let graph = graph.unwrap_or_else(|errors| panic!("{about}:\n{errors}"));
        graph.check().unwrap_or_else(|errors| panic!("{about}:\n{errors}"));
        assert_eq!(graph.clusters.len(), 1, "{about}");
        // The Broker, its source, every sink, and the gateway behind two Services.
        assert_eq!(graph.kafka_clients.len(), 1 + 1 + graph.sinks.len() + 2, "{about}");
    }
}

/// What fits another cluster does not fit this one.
#[test]
fn a_cluster_that_asks_for_a_login_and_clients_that_have_none_do_not_fit() {
    for (knative, eventing, kafka) in
        [("container", "cluster", "kafka-authorized"), ("authorized", "authorized", "kafka")]
    {
        let graph = load_with_kafka(root(), knative, eventing, kafka).unwrap();
        let errors = graph.check().expect_err(kafka);
        // One for each client, where it is declared.
        assert_eq!(errors.0.len(), graph.kafka_clients.len(), "{errors}");
    }
}

/// Who may do what is no part of what flows where.
#[test]
fn authorization_changes_no_route() {
    let plain = graph("container", "cluster");
    for (knative, eventing) in [("authorized", "authorized"), ("identities", "identities")] {
        let graph = graph(knative, eventing);
        assert_eq!(graph.triggers, plain.triggers, "{knative} with {eventing}");
        assert_eq!(graph.sinks, plain.sinks, "{knative} with {eventing}");
        assert_eq!(graph.topics, plain.topics, "{knative} with {eventing}");
        assert_eq!(graph.sources, plain.sources, "{knative} with {eventing}");
    }
}

#[test]
fn one_kafka_broker_holds_one_copy() {
    let graph = graph("local", "single-node");
    assert!(graph.topics.iter().all(|topic| topic.replicas == 1));
    assert!(graph.brokers.iter().all(|broker| broker.replication == 1));
    let gateway = graph.service("learnflow", "gateway-web").unwrap();
    let origins = EnvValue::Literal("http://localhost:3000".to_owned());
    assert_eq!(gateway.env["GATEWAY_PUBLIC_ORIGINS"], origins, "people come by port-forward");
    assert_eq!(gateway.env["GATEWAY_FORWARDED_HOPS"], EnvValue::Literal("0".to_owned()));
    assert_eq!(graph.service("learnflow", "sandbox-host").unwrap().scale.0, 1);
}

/// What is applied by itself.
const FOLDERS: [&str; 10] = [
    "eventing/kafka",
    "eventing/kafka-authorized",
    "eventing/kafka-single-node",
    "knative/argocd",
    "knative/examples",
    "knative/examples/openid-connect",
    "knative/kourier",
    "knative/exposure/domain-mapping",
    "knative/exposure/ingress",
    "knative/observability",
];

#[test]
fn folders_that_are_no_overlay() {
    for folder in FOLDERS {
        load_folder(root(), folder).unwrap_or_else(|errors| panic!("{folder}:\n{errors}"));
    }
}

/// Whoever copies the example has every Secret that a pod asks for.
#[test]
fn the_example_makes_every_secret() {
    let secrets = load_folder(root(), "knative/examples").unwrap().secrets;
    let has = |namespace: &str, name: &str, key: &str| {
        secrets.get(&(namespace.to_owned(), name.to_owned())).is_some_and(|keys| keys.contains(key))
    };
    let graph = graph("identities", "identities");
    let openid = load_folder(root(), "knative/examples/openid-connect").unwrap();
    for service in graph.services.iter().chain(&openid.services) {
        for (variable, value) in &service.env {
            let EnvValue::Secret { name, key } = value else { continue };
            assert!(has(&service.namespace, name, key), "{variable} of {}: {name}/{key}", service.name);
        }
    }
    // Knative reads these by names of its own; the gateway has files.
    for client in &graph.kafka_clients {
        let (name, keys): (&str, &[&str]) = match &client.login {
            Some(Login::Secret(name)) => {
                (name, &["protocol", "sasl.mechanism", "ca.crt", "user", "password"])
            }
            Some(Login::User(_)) => ("gateway-kafka", &["password", "ca.crt"]),
            None => panic!("{} logs in", client.what),
        };
        for key in keys {
            assert!(has("learnflow", name, key), "{}: {name}/{key}", client.what);
        }
    }
}

/// Every program that serves is told of the collector, and its network lets it get there.
#[test]
fn spans_have_a_way_out() {
    let objects =
        |folder: &str| render(root(), folder).unwrap_or_else(|errors| panic!("{folder}:\n{errors}"));
    let observed = objects("knative/observability");
    let telemetry = observed.iter().find(|object| object["metadata"]["name"] == "telemetry").unwrap();
    let endpoint = telemetry["data"]["OTEL_EXPORTER_OTLP_ENDPOINT"].as_str().unwrap();
    let (host, port) = endpoint.strip_prefix("http://").unwrap().split_once(':').unwrap();
    let namespace = host.split('.').nth(1).unwrap();

    let told = json!({ "configMapRef": { "name": "telemetry", "optional": true } });
    let deployed = objects("knative/overlays/identities");
    let mut containers = 0;
    for object in &deployed {
        let pod = &object["spec"]["template"]["spec"];
        if object["kind"] == "Job" {
            continue;
        }
        for container in pod["containers"].as_array().into_iter().flatten() {
            let from = container["envFrom"].as_array().is_some_and(|from| from.contains(&told));
            assert!(from, "{} of {}", container["name"], object["metadata"]["name"]);
            containers += 1;
        }
    }
    // Six agents, five of them with a relay, the gateway with one, the sandbox host.
    assert_eq!(containers, 14);

    let leads_there = |rule: &Value| {
        let collector = json!({
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
            "podSelector": { "matchLabels": { "app.kubernetes.io/name": "opentelemetry-collector" } },
        });
        let to = rule["to"].as_array().is_some_and(|to| to.contains(&collector));
        let port: u16 = port.parse().unwrap();
        to && rule["ports"] == json!([{ "protocol": "TCP", "port": port }])
    };
    let for_all = |object: &&Value| {
        object["kind"] == "NetworkPolicy"
            && object["metadata"]["namespace"] == telemetry["metadata"]["namespace"]
            && object["spec"]["podSelector"] == json!({})
    };
    let egress = deployed.iter().filter(for_all).filter_map(|policy| policy["spec"]["egress"].as_array());
    assert!(egress.flatten().any(leads_there), "no NetworkPolicy leads to {endpoint}");
}

/// Argo CD deploys folders that exist.
#[test]
fn what_argo_cd_deploys_loads() {
    let deployed = load_folder(root(), "knative/argocd").unwrap().deployed;
    // Together they are an installation, so that nothing waits for what nobody deploys.
    let folders: Vec<&str> = deployed.keys().map(String::as_str).collect();
    assert_eq!(folders, ["eventing/overlays/cluster", "knative/overlays/container"]);
    for (folder, place) in deployed {
        load_folder(root(), &folder).unwrap_or_else(|errors| panic!("{place:?}: {folder}:\n{errors}"));
    }
}
