//! The cases that can also be pointed at a cluster.

use learnflow_broker::conformance;
use tokio::net::TcpListener;

use crate::support::Bed;

pub async fn every_case_is_kept(bed: &Bed) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let sink_url = format!("http://{}", listener.local_addr().unwrap());
    let running = bed.start(conformance::triggers(&bed.namespace, "default", &sink_url)).await;
    let broker_url = format!("{}/{}/default", running.ingress, bed.namespace);
    let verdicts = conformance::run(&broker_url, listener, &sink_url).await.unwrap();
    assert_eq!(verdicts.len(), conformance::cases().len());
    let broken: Vec<_> =
        verdicts.iter().filter(|v| !v.failures.is_empty()).map(|v| (v.case.name, &v.failures)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}
