//! The documents below `/docs`, held to their specifications by readers that share no code with us.

use std::{path::Path, process::Command};

use learnflow_provision::{documents, tools_dir};
use serde_json::{Value, json};

use crate::harness::Harness;

async fn document(harness: &Harness, name: &str) -> Value {
    let response = harness.client.get(harness.url(&format!("/docs/{name}"))).send().await.unwrap();
    assert_eq!(response.status(), 200, "{name}");
    assert_eq!(response.headers()["content-type"], "application/json", "{name}");
    response.json().await.unwrap()
}

/// Runs a program on a document; what it prints when the document is wrong.
fn faults(
    program: &Path,
    arguments: &[&str],
    python_path: Option<&Path>,
    document: &Value,
) -> Option<String> {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), document.to_string()).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).arg(file.path());
    if let Some(packages) = python_path {
        command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    }
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

/// The web app's types are made of the committed document (`cargo xtask codegen`).
#[test]
fn the_committed_document_is_that_of_the_routes() {
    let file = learnflow_testkit::checkout().join("docs/api/gateway.openapi.json");
    let document = format!("{}\n", serde_json::to_string_pretty(&learnflow_gateway::openapi()).unwrap());
    // As for every snapshot.
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&file, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == document, "{} is out of date; write it with INSTA_UPDATE=always", file.display());
}

#[test]
fn what_is_answered_is_described_as_it_is_written() {
    let document = learnflow_gateway::openapi();
    let schemas = &document["components"]["schemas"];
    // A field without a value is there, as null; a field that may be left out of a request is not required.
    let required = |name: &str| schemas[name]["required"].as_array().cloned().unwrap_or_default();
    assert!(required("Turn").contains(&json!("answer")));
    assert!(!required("Feedback").contains(&json!("comment")));
    // What events carry as well is what the catalogue says.
    assert_eq!(schemas["QuerySubmitted"]["properties"]["query_text"]["type"], "string");
    assert_eq!(required("RoutingDecision").len(), 5);
}

#[tokio::test]
async fn the_http_surfaces_are_valid_openapi() {
    let harness = Harness::start().await;
    let checkout = learnflow_testkit::checkout();
    let (python, packages) =
        tokio::task::spawn_blocking(move || documents::openapi_validator(&tools_dir(&checkout)))
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{error}"));
    let module = ["-m", "openapi_spec_validator"];
    for name in ["openapi.json", "functions.json", "sandbox.json"] {
        let mut document = document(&harness, name).await;
        let found = faults(&python, &module, Some(&packages), &document);
        assert_eq!(found, None, "{name}");
        // A validator that takes anything shows nothing.
        let paths = document["paths"].as_object_mut().unwrap();
        assert!(paths.len() > 5, "{name}");
        let methods = paths.values_mut().next().unwrap().as_object_mut().unwrap();
        methods.values_mut().next().unwrap()["responses"] = serde_json::json!("none");
        assert!(faults(&python, &module, Some(&packages), &document).is_some(), "{name}");
    }
}

#[tokio::test]
async fn the_events_are_valid_asyncapi() {
    let harness = Harness::start().await;
    let folder = tokio::task::spawn_blocking(|| documents::asyncapi_parser(&learnflow_testkit::checkout()))
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{error}"));
    let script = folder.join("asyncapi.mjs");
    let script = [script.to_str().unwrap()];
    let mut document = document(&harness, "asyncapi.json").await;
    assert_eq!(faults(Path::new("node"), &script, None, &document), None);
    // A message that is not there is found. (Examples are held to their schemas by crates/events/tests/contract.rs:
    // this parser does not look at them.)
    document["operations"]["triage"]["messages"][0]["$ref"] = "#/channels/broker/messages/nothing".into();
    assert!(faults(Path::new("node"), &script, None, &document).is_some());
}
