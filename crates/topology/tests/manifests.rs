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
    assert_eq!(graph("container", "authorized").to_string(), graph("container", "cluster").to_string());
}

#[test]
fn one_kafka_broker_holds_one_copy() {
    let graph = graph("container", "single-node");
    assert!(graph.topics.iter().all(|topic| topic.replicas == 1));
    assert!(graph.brokers.iter().all(|broker| broker.replication == 1));
}

#[test]
fn folders_that_are_no_overlay() {
    for folder in ["knative/examples", "knative/exposure/ingress"] {
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
