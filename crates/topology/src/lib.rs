//! What a cluster is told to run — spin.toml, knative/ and eventing/ — as one typed graph.
//!
//! The runner executes this graph, the tests check it; there is no second configuration. [`load`] reads the files,
//! strictly: an unknown kind or field is an error that names file and line, and so is what Knative's webhooks would
//! refuse.

mod argo;
mod assemble;
mod check;
mod duration;
mod error;
mod eventing;
pub mod graph;
mod hardening;
mod kafka;
mod kinds;
mod kustomize;
mod network;
mod node;
mod patch;
mod policies;
mod spin;
mod strict;
mod summary;
mod workload;
mod yaml;

use std::path::Path;

pub use error::{TopologyError, TopologyErrors};
pub use graph::{
    BackoffPolicy, Broker, Component, ContentMode, Delivery, DeliveryOrder, Destination, EnvValue,
    EventPolicy, Filter, Graph, HttpRoute, KafkaClient, KafkaCluster, KafkaListener, KafkaRight, KafkaSink,
    KafkaSource, KafkaTopic, KafkaUser, Labels, Login, NetworkPeer, NetworkPolicy, NetworkRule, Place, Pods,
    Requirement, Selector, Service, SpinApp, Trigger, VariableDeclaration,
};

/// The overlay of eventing/ that [`load`] reads.
pub const EVENTING_OVERLAY: &str = "cluster";

/// Reads `root`/spin.toml, `root`/knative/overlays/`overlay` and `root`/eventing/overlays/cluster.
///
/// # Errors
/// Everything that is wrong with the files, each with file and line.
pub fn load(root: &Path, overlay: &str) -> Result<Graph, TopologyErrors> {
    load_overlays(root, overlay, EVENTING_OVERLAY)
}

/// Like [`load`], with another overlay of eventing/.
///
/// # Errors
/// Everything that is wrong with the files, each with file and line.
pub fn load_overlays(root: &Path, knative: &str, eventing: &str) -> Result<Graph, TopologyErrors> {
    load_application(root, &[&overlay_of("knative", knative), &overlay_of("eventing", eventing)])
}

/// Like [`load_overlays`], together with the Kafka cluster that eventing/`kafka` declares: what connects to it must find
/// a way in.
///
/// # Errors
/// Everything that is wrong with the files, each with file and line.
pub fn load_with_kafka(
    root: &Path,
    knative: &str,
    eventing: &str,
    kafka: &str,
) -> Result<Graph, TopologyErrors> {
    let folders =
        [&overlay_of("knative", knative), &overlay_of("eventing", eventing), &format!("eventing/{kafka}")];
    load_application(root, &folders.map(String::as_str))
}

fn overlay_of(folder: &str, overlay: &str) -> String {
    format!("{folder}/overlays/{overlay}")
}

fn load_application(root: &Path, folders: &[&str]) -> Result<Graph, TopologyErrors> {
    let mut errors = error::Errors::default();
    let mut graph = Graph::default();
    graph.app = spin::load(root, &mut graph.places, &mut errors);
    let mut objects = Vec::new();
    for folder in folders {
        objects.extend(kustomize::build(root, folder, &mut errors));
    }
    assemble::assemble(&objects, &mut graph, &mut errors);
    errors.finish(graph)
}

/// Reads the kustomization in `folder` (relative to `root`) alone, for those that are no overlay: examples, exposure.
///
/// # Errors
/// Everything that is wrong with its files, each with file and line.
pub fn load_folder(root: &Path, folder: &str) -> Result<Graph, TopologyErrors> {
    let mut errors = error::Errors::default();
    let mut graph = Graph::default();
    let objects = kustomize::build(root, folder, &mut errors);
    assemble::assemble(&objects, &mut graph, &mut errors);
    errors.finish(graph)
}

/// What the kustomization in `folder` builds, as JSON, in the order of its resources: what `kubectl kustomize` would
/// print (a test compares the two).
///
/// # Errors
/// What is wrong with the kustomization or is no YAML; kinds are not looked at.
pub fn render(root: &Path, folder: &str) -> Result<Vec<serde_json::Value>, TopologyErrors> {
    let mut errors = error::Errors::default();
    let objects = kustomize::build(root, folder, &mut errors);
    errors.finish(objects.iter().map(node::Node::to_json).collect())
}
