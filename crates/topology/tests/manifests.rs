//! The real manifests: they load, every rule holds, and what they say is readable.

use std::{collections::BTreeSet, fs, path::Path};

use learnflow_topology::{EnvValue, Graph, load_folder, load_overlays};
use serde_json::Value;

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
    let plain = graph("container", "cluster").to_string();
    for overlay in ["authorized", "identities"] {
        assert_eq!(graph("container", overlay).to_string(), plain, "{overlay}");
    }
}

#[test]
fn one_kafka_broker_holds_one_copy() {
    let graph = graph("container", "single-node");
    assert!(graph.topics.iter().all(|topic| topic.replicas == 1));
    assert!(graph.brokers.iter().all(|broker| broker.replication == 1));
}

/// What is applied by itself.
const FOLDERS: [&str; 6] = [
    "eventing/kafka",
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

/// Names of metrics in an expression of Prometheus.
fn metrics(expression: &str) -> BTreeSet<&str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = ["agent_", "gateway_", "sandbox_"];
    words
        .filter(|word| ours.iter().any(|prefix| word.starts_with(prefix)))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word))
        .collect()
}

/// A renamed metric would leave an alert that never fires and a panel that stays empty.
#[test]
fn alerts_and_dashboard_ask_for_metrics_that_exist() {
    let sources = ["gateway/src/metrics.rs", "sandbox-host/src/metrics.rs", "crates/agent-spin/src/http.rs"]
        .map(|file| fs::read_to_string(root().join(file)).unwrap())
        .concat();
    let alerts = load_folder(root(), "knative/observability").unwrap().alerts;
    let dashboard = fs::read_to_string(root().join("knative/observability/learnflow.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    expressions.extend(alerts.values().map(String::as_str));
    assert!(expressions.len() > 20);
    for expression in expressions {
        for metric in metrics(expression) {
            let declared = [format!("\"{metric}\""), format!("TYPE {metric} ")];
            assert!(
                declared.iter().any(|name| sources.contains(name)),
                "no metric {metric}, asked for by {expression}"
            );
        }
        let (open, close) = (expression.matches('(').count(), expression.matches(')').count());
        assert_eq!(open, close, "parentheses of {expression}");
    }
}

/// Panels lie beside and below each other.
#[test]
fn panels_do_not_overlap() {
    let text = fs::read_to_string(root().join("knative/observability/learnflow.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{panel}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}
