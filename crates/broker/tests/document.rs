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

#[test]
fn behaviour_beside_the_cases_has_its_tests() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["tests/kafka.rs", "tests/postgres.rs", "src/deliver.rs"];
    let suite = std::fs::read_dir(crate_dir.join("tests/suite")).unwrap().map(|entry| entry.unwrap().path());
    let sources: String = files
        .map(|file| crate_dir.join(file))
        .into_iter()
        .chain(suite)
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    for test in conformance::BESIDE.iter().flat_map(|(_, tests)| *tests) {
        assert!(sources.contains(&format!("fn {test}(")), "there is no test {test}");
    }
}

#[test]
fn the_brokers_own_delivery_is_printed_for_a_cluster_and_for_a_data_plane() {
    let patch = conformance::broker_patch("http://sink.example");
    assert_eq!(patch["spec"]["delivery"]["deadLetterSink"]["uri"], "http://sink.example/broker/dead");
    let contract = conformance::contract("n", "default", "http://sink.example", "kafka:9092");
    let resource = &contract["resources"][0];
    assert_eq!(resource["egressConfig"]["deadLetter"], "http://sink.example/broker/dead");
    let egress = |name: &str| {
        let egresses = resource["egresses"].as_array().unwrap();
        egresses.iter().find(|egress| egress["uid"] == format!("conformance-{name}")).unwrap().clone()
    };
    assert!(egress("inherited-delivery").get("egressConfig").is_none());
    assert_eq!(egress("own-delivery")["egressConfig"]["retry"], 2);
    assert!(egress("legacy-filter").get("dialectedFilter").is_none());
    assert_eq!(egress("legacy-filter")["filter"]["attributes"]["agent"], "debug");
    assert!(egress("filters-win").get("dialectedFilter").is_some());
    assert!(egress("filters-win").get("filter").is_some());
}
