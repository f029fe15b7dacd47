//! The real manifests: they load, every rule holds, and what they say is readable.

use std::path::Path;

use learnflow_topology::{EnvValue, Graph, load_folder, load_overlays};

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

/// Argo CD deploys folders that exist.
#[test]
fn what_argo_cd_deploys_loads() {
    let deployed = load_folder(root(), "knative/argocd").unwrap().deployed;
    assert_eq!(deployed.len(), 2);
    for (folder, place) in deployed {
        load_folder(root(), &folder).unwrap_or_else(|errors| panic!("{place:?}: {folder}:\n{errors}"));
    }
}
