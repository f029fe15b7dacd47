//! The cases that can also be pointed at a cluster.

use std::path::PathBuf;

use learnflow_broker::conformance::{self, Target};
use learnflow_topology::{Trigger, load_folder};
use tokio::net::TcpListener;

use crate::support::Bed;

/// The Triggers of all cases, read from the manifests that a cluster would be given.
fn triggers(bed: &Bed, sink_url: &str) -> Vec<Trigger> {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&bed.namespace);
    std::fs::create_dir_all(root.join("triggers")).unwrap();
    let manifests = conformance::manifests(&bed.namespace, "default", sink_url);
    let documents: Vec<String> =
        manifests["items"].as_array().unwrap().iter().map(|item| format!("---\n{item}\n")).collect();
    std::fs::write(root.join("triggers/triggers.yaml"), documents.concat()).unwrap();
    let kustomization =
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [triggers.yaml]\n";
    std::fs::write(root.join("triggers/kustomization.yaml"), kustomization).unwrap();
    let triggers = load_folder(&root, "triggers").unwrap_or_else(|errors| panic!("{errors}")).triggers;
    std::fs::remove_dir_all(root).unwrap();
    triggers
}

pub async fn every_case_is_kept(bed: &Bed) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let sink_url = format!("http://{}", listener.local_addr().unwrap());
    let triggers = triggers(bed, &sink_url);
    assert_eq!(triggers, conformance::triggers(&bed.namespace, "default", &sink_url));
    let mut graph = bed.graph(triggers);
    graph.brokers[0].delivery = Some(conformance::broker_delivery(&sink_url));
    let running = bed.start_graph(&graph, &bed.log).await;
    let broker_url = format!("{}/{}/default", running.ingress, bed.namespace);
    let target = Target { broker_url: &broker_url, sink_url: &sink_url, broker_delivery: true };
    let verdicts = conformance::run(target, listener).await.unwrap();
    assert_eq!(verdicts.len(), conformance::cases().len());
    let broken: Vec<_> =
        verdicts.iter().filter(|v| !v.failures.is_empty()).map(|v| (v.case.name, &v.failures)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}
