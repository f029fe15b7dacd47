//! For every rule a wrong manifest that is rejected. Each case changes one place of the real manifests; the snapshot
//! shows what somebody who made that mistake would read.

use std::{fmt::Write, fs, path::Path};

use learnflow_topology::{TopologyErrors, load_folder, load_with_kafka};
use tempfile::TempDir;

mod alone;
mod argo;
mod events;
mod files;
mod identities;
mod kafka;
mod network;
mod reach;
mod webhooks;

const TRIAGE: &str = "knative/base/functions/triage.yaml";
const PROGRESS: &str = "knative/base/functions/progress.yaml";
const SANDBOX: &str = "knative/base/sandbox-host.yaml";
const CONTAINER: &str = "knative/overlays/container/kustomization.yaml";
const SPIN_CLI: &str = "knative/overlays/container/spin-cli.yaml";
const NETWORK: &str = "knative/base/network-policies.yaml";
const BROKER: &str = "eventing/base/broker.yaml";
const AGENTS: &str = "eventing/base/triggers/agents.yaml";
const COPIES: &str = "eventing/base/triggers/topics.yaml";
const SINKS: &str = "eventing/base/sinks.yaml";
const TOPICS: &str = "eventing/base/topics.yaml";
const SOURCES: &str = "eventing/base/sources.yaml";
const POLICIES: &str = "eventing/overlays/identities/event-policies.yaml";
const SINK_POLICIES: &str = "eventing/overlays/identities/sink-policies.yaml";
const TRIAGE_RELAY: &str = "knative/overlays/identities/triage.yaml";
const GATEWAY_RELAY: &str = "knative/overlays/identities/gateway.yaml";
const SINK_CREDENTIALS: &str = "eventing/overlays/authorized/sink-credentials.yaml";
const USERS: &str = "eventing/overlays/authorized/kafka-users.yaml";
const SPIN: &str = "spin.toml";
const ACCOUNTS: &str = "knative/base/service-accounts.yaml";
const MIGRATION: &str = "knative/base/migration.yaml";
const NAMESPACES: &str = "knative/base/namespaces.yaml";
const KOURIER: &str = "knative/kourier/internal-callers.yaml";
const GATEWAY_LOGIN: &str = "knative/overlays/authorized/gateway.yaml";
const SOURCE_LOGIN: &str = "eventing/overlays/authorized/source-credentials.yaml";
const KAFKA: &str = "eventing/kafka/cluster.yaml";
const LISTENER: &str = "eventing/kafka-authorized/listener.yaml";
const INGRESS: &str = "knative/exposure/ingress/ingress.yaml";
const ALERTS: &str = "knative/observability/alerts.yaml";
const TELEMETRY: &str = "knative/observability/kustomization.yaml";

/// What is wrong, the file, what is replaced there (first occurrence), and by what.
type Case = (&'static str, &'static str, &'static str, &'static str);

/// Copies the manifests, makes the change, and loads and checks the outcome.
fn errors_of((name, file, from, to): Case) -> TopologyErrors {
    let copy = TempDir::new().unwrap();
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for folder in ["knative", "eventing"] {
        copy_folder(&root.join(folder), &copy.path().join(folder));
    }
    fs::copy(root.join(SPIN), copy.path().join(SPIN)).unwrap();
    let path = copy.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{name}: {file} does not contain {from:?}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    // What is no part of an installation is read by itself.
    let alone = ["knative/exposure/ingress", "knative/observability"];
    if let Some(folder) = alone.into_iter().find(|folder| file.starts_with(folder)) {
        return load_folder(copy.path(), folder).expect_err(name);
    }
    let (knative, eventing, kafka) = match file {
        KAFKA => ("container", "cluster", "kafka"),
        file if file.contains("/identities/") => ("identities", "identities", "kafka-authorized"),
        _ => ("authorized", "authorized", "kafka-authorized"),
    };
    let graph = load_with_kafka(copy.path(), knative, eventing, kafka);
    graph.and_then(|graph| graph.check()).expect_err(name)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The cases and what they say, compared with the snapshot of that name.
fn assert_rejected(snapshot: &str, cases: &[Case]) {
    let mut settings = insta::Settings::clone_current();
    // The cases are in this file already.
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(snapshot, report(cases)));
}

fn report(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let errors = errors_of(*case);
        writeln!(text, "# {}\n{errors}\n", case.0).unwrap();
    }
    text
}
