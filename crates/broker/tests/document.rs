//! CONFORMANCE.md is written from the cases.

use std::{collections::BTreeSet, path::Path};

use learnflow_broker::conformance;

#[test]
fn the_document_lists_the_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CONFORMANCE.md");
    let expected = conformance::document();
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let fix = "UPDATE_CONFORMANCE=1 cargo test -p learnflow-broker --test document";
    assert!(written == expected, "CONFORMANCE.md is not of these cases; run {fix}");
}

#[test]
fn every_case_has_triggers_of_its_own() {
    let manifests = conformance::manifests("n", "default", "http://sink.example/");
    let items = manifests["items"].as_array().unwrap();
    let names: BTreeSet<&str> = items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2 * conformance::cases().len());
    assert!(names.iter().all(|name| name.len() <= 63), "Kubernetes takes no longer label");
    let timeout = items.iter().find(|item| item["metadata"]["name"] == "conformance-timeout").unwrap();
    assert_eq!(timeout["spec"]["subscriber"]["uri"], "http://sink.example/timeout/in");
    assert_eq!(timeout["spec"]["delivery"]["timeout"], "PT0.5S");
    assert_eq!(timeout["spec"]["delivery"]["deadLetterSink"]["uri"], "http://sink.example/timeout/dead");
}
