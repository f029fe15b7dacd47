//! The real manifests: they load, every rule holds, and what they say is readable.

use std::path::Path;

use learnflow_topology::{EnvValue, Graph, load_folder, load_overlays, render};
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

/// Who may do what is no part of what flows where.
#[test]
fn authorization_changes_no_route() {
    let plain = graph("container", "cluster");
    for (knative, eventing) in [("container", "authorized"), ("identities", "identities")] {
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
const FOLDERS: [&str; 7] = [
    "eventing/kafka",
    "eventing/kafka-single-node",
    "knative/argocd",
    "knative/examples",
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
    for service in graph("container", "cluster").services {
        for (variable, value) in service.env {
            let EnvValue::Secret { name, key } = value else { continue };
            let keys = secrets.get(&(service.namespace.clone(), name.clone()));
            assert!(
                keys.is_some_and(|keys| keys.contains(&key)),
                "{variable} of {}: {name}/{key}",
                service.name
            );
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
        let there = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
        let to = rule["to"].as_array().is_some_and(|to| to.contains(&json!({ "namespaceSelector": there })));
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
    assert_eq!(deployed.len(), 2);
    for (folder, place) in deployed {
        load_folder(root(), &folder).unwrap_or_else(|errors| panic!("{place:?}: {folder}:\n{errors}"));
    }
}
