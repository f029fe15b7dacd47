//! The real manifests: they load, every rule holds, and what they say is readable.

use std::path::Path;

use learnflow_topology::{Graph, load};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn graph(overlay: &str) -> Graph {
    let graph = load(root(), overlay).unwrap_or_else(|errors| panic!("{overlay}:\n{errors}"));
    graph.check().unwrap_or_else(|errors| panic!("{overlay}:\n{errors}"));
    graph
}

#[test]
fn the_overlay_for_any_cluster() {
    insta::assert_snapshot!(graph("container"));
}

/// Only how a function is started differs, which is no part of the graph.
#[test]
fn spinkube_runs_the_same_graph() {
    assert_eq!(graph("spinkube").to_string(), graph("container").to_string());
}
