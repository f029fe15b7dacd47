//! For every rule a wrong manifest that is rejected. Each case changes one place of the real manifests; the snapshot
//! shows what somebody who made that mistake would read.

use std::{fmt::Write, fs, path::Path};

use learnflow_topology::{TopologyErrors, load_overlays};
use tempfile::TempDir;

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
    let (knative, eventing) = match file.contains("/identities/") {
        true => ("identities", "identities"),
        false => ("container", "authorized"),
    };
    let graph = load_overlays(copy.path(), knative, eventing);
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

#[test]
fn files_that_are_not_what_they_should_be() {
    assert_rejected(
        "files_that_are_not_what_they_should_be",
        &[
            ("broken YAML", BROKER, "metadata:", "metadata: ["),
            ("duplicate key", BROKER, "  name: default\n", "  name: default\n  name: default\n"),
            ("anchor", BROKER, "metadata:", "metadata: &meta"),
            ("tag", BROKER, "  name: default", "  name: !!str default"),
            ("unknown kind", BROKER, "kind: Broker", "kind: Brokr"),
            ("old version of a kind", TOPICS, "kafka.strimzi.io/v1", "kafka.strimzi.io/v1beta2"),
            ("no kind", BROKER, "kind: Broker\n", ""),
            ("unknown field", AGENTS, "  broker: default", "  brokr: default"),
            ("two unknown fields at once", AGENTS, "    retry: 5\n", "    retries: 5\n    backof: 1\n"),
            ("unknown field deep in a pod", SANDBOX, "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
            ("wrong type", AGENTS, "retry: 5", "retry: \"5\""),
            (
                "number where a label needs text",
                TOPICS,
                "strimzi.io/cluster: learnflow",
                "strimzi.io/cluster: 1",
            ),
            ("missing name", BROKER, "  name: default\n", ""),
            ("the same object twice", SINKS, "name: learning.routed", "name: student-queries"),
            ("broken TOML", SPIN, "[application]", "[application"),
            (
                "unknown field in spin.toml",
                SPIN,
                "[component.triage]",
                "[component.triage]\nallowed_http_hosts = []",
            ),
        ],
    );
}

#[test]
fn kustomizations() {
    assert_rejected(
        "kustomizations",
        &[
            ("a generator we do not have", CONTAINER, "patches:", "generators: []\npatches:"),
            ("a resource that is not there", CONTAINER, "  - ../../base", "  - ../../basis"),
            ("a resource outside the checkout", CONTAINER, "  - ../../base", "  - ../../../../base"),
            ("a base that includes its overlay", CONTAINER, "  - ../../base", "  - ../container"),
            (
                "a patch that matches nothing",
                CONTAINER,
                "group: serving.knative.dev",
                "group: serving.knative.com",
            ),
            (
                "a patch to a place that is not there",
                SPIN_CLI,
                "containers/0/command",
                "containers/1/command",
            ),
            ("an operation we do not have", SPIN_CLI, "- op: add", "- op: test"),
            ("an error inside a patch is at the patch", SPIN_CLI, "mountPath", "mountpath"),
        ],
    );
}

#[test]
fn what_only_webhooks_refuse() {
    assert_rejected(
        "what_only_webhooks_refuse",
        &[
            ("trigger without broker", AGENTS, "  broker: default\n", ""),
            ("trigger with an empty broker", AGENTS, "  broker: default", "  broker: \"\""),
            (
                "trigger without subscriber",
                AGENTS,
                "  subscriber:\n    ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: triage, namespace: learnflow }\n    uri: /triage/events\n",
                "",
            ),
            ("subscriber without ref and uri", AGENTS, "    uri: /events\n", "    uri: events\n"),
            ("bad backoffPolicy", AGENTS, "backoffPolicy: exponential", "backoffPolicy: quadratic"),
            ("bad backoffDelay", AGENTS, "backoffDelay: PT0.5S", "backoffDelay: 0.5s"),
            ("timeout over 600 s", AGENTS, "timeout: PT120S", "timeout: PT11M"),
            ("negative retry", AGENTS, "retry: 5", "retry: -1"),
            (
                "two dialects in one filter",
                AGENTS,
                "- exact: { type: learnflow.query.submitted.v1 }",
                "- { exact: { type: learnflow.query.submitted.v1 }, prefix: { source: / } }",
            ),
            ("empty filter", AGENTS, "- exact: { type: learnflow.query.submitted.v1 }", "- exact: {}"),
            (
                "attribute names that CloudEvents does not have",
                AGENTS,
                "agent: concepts",
                "Agent-Name: concepts",
            ),
            (
                "CESQL",
                AGENTS,
                "- exact: { type: learnflow.query.submitted.v1 }",
                "- cesql: \"type = 'learnflow.query.submitted.v1'\"",
            ),
            ("misspelt annotation for KEDA", AGENTS, "dev/lag-threshold", "dev/lagThreshold"),
            ("a lag that is no number", AGENTS, "lag-threshold: \"20\"", "lag-threshold: many"),
            ("bad delivery.order", AGENTS, "delivery.order: unordered", "delivery.order: fifo"),
            ("another broker class", BROKER, "broker.class: Kafka", "broker.class: MTChannelBasedBroker"),
            ("broker without config", BROKER, "    name: kafka-broker\n", "    name: kafka-brokers\n"),
            ("partitions that are no number", BROKER, "partitions: \"12\"", "partitions: \"0\""),
            (
                "sink without bootstrap servers",
                SINK_CREDENTIALS,
                "path: /spec/bootstrapServers, value: [",
                "path: /spec/bootstrapServers, value: [] } #",
            ),
            (
                "sink without partitions",
                SINKS,
                "contentMode: binary",
                "contentMode: binary\n  numPartitions: 0",
            ),
            ("source with a bad offset", SOURCES, "initialOffset: earliest", "initialOffset: first"),
            (
                "source without sink",
                SOURCES,
                "  sink:\n    ref: { apiVersion: eventing.knative.dev/v1, kind: Broker, name: default, namespace: learnflow }\n",
                "",
            ),
            ("service without image", TRIAGE, "          image: learnflow-functions\n", ""),
            ("negative concurrency", TRIAGE, "containerConcurrency: 50", "containerConcurrency: -1"),
            ("negative min-scale", TRIAGE, "min-scale: \"0\"", "min-scale: \"-1\""),
            ("min above max", TRIAGE, "min-scale: \"0\"", "min-scale: \"30\""),
            ("timeout of a service over 600 s", TRIAGE, "timeoutSeconds: 120", "timeoutSeconds: 601"),
            ("misspelt scaling annotation", TRIAGE, "dev/max-scale", "dev/maxscale"),
            ("host PID", TRIAGE, "      enableServiceLinks", "      hostPID: true\n      enableServiceLinks"),
            (
                "runtimeClassName without its feature flag",
                TRIAGE,
                "      enableServiceLinks",
                "      runtimeClassName: wasmtime-spin-v2\n      enableServiceLinks",
            ),
            ("topic that no operator owns", TOPICS, "strimzi.io/cluster: learnflow, ", ""),
        ],
    );
}

#[test]
fn events_that_would_go_nowhere() {
    assert_rejected(
        "events_that_would_go_nowhere",
        &[
            (
                "a type that is not in the catalogue",
                AGENTS,
                "type: learnflow.query.submitted.v1",
                "type: learnflow.query.sent.v1",
            ),
            ("a route that is not in the catalogue", AGENTS, "agent: debug", "agent: debugger"),
            (
                "a prefix of no type",
                AGENTS,
                "- exact: { type: learnflow.query.submitted.v1 }",
                "- prefix: { type: learnflow.question. }",
            ),
            (
                "a trigger for every event",
                AGENTS,
                "- exact: { type: learnflow.code.submitted.v1 }",
                "- exact: { source: /x }",
            ),
            (
                "a type that nobody consumes",
                COPIES,
                "- exact: { type: learnflow.mastery.updated.v1 }",
                "- exact: { type: learnflow.code.executed.v1 }",
            ),
            ("two specialists for one route", AGENTS, "agent: debug", "agent: concepts"),
            ("a broker that is not there", AGENTS, "  broker: default", "  broker: other"),
            ("a subscriber that is not there", AGENTS, "name: triage, namespace", "name: triages, namespace"),
            ("a sink that is not there", COPIES, "name: feedback, namespace", "name: feed-back, namespace"),
            ("a path that no route serves", AGENTS, "uri: /triage/events", "uri: /events/triage"),
            ("another component's path", AGENTS, "uri: /triage/events", "uri: /debug/events"),
            ("no retries", AGENTS, "    retry: 5\n", ""),
            (
                "no dead letters",
                AGENTS,
                "    deadLetterSink:\n      ref: { apiVersion: v1, kind: Service, name: gateway, namespace: learnflow }\n      uri: /events/dead-letters\n",
                "",
            ),
            (
                "a dead-letter sink that is not there",
                AGENTS,
                "name: gateway, namespace",
                "name: gatweay, namespace",
            ),
            (
                "a service of ours by address",
                AGENTS,
                "    ref: { apiVersion: v1, kind: Service, name: sandbox-host, namespace: learnflow }\n    uri: /events\n",
                "    uri: http://sandbox-host.learnflow.svc.cluster.local/events\n",
            ),
            ("less time than the delivery allows", TRIAGE, "timeoutSeconds: 120", "timeoutSeconds: 60"),
            ("a topic without sink", SINKS, "topic: feedback", "topic: feed.back"),
            ("a structured sink", SINKS, "contentMode: binary", "contentMode: structured"),
            (
                "partitions unlike the catalogue's",
                TOPICS,
                "  name: feedback\n  namespace: kafka\n  labels: { strimzi.io/cluster: learnflow, app.kubernetes.io/part-of: learnflow }\nspec:\n  partitions: 12",
                "  name: feedback\n  namespace: kafka\n  labels: { strimzi.io/cluster: learnflow, app.kubernetes.io/part-of: learnflow }\nspec:\n  partitions: 6",
            ),
            ("retention unlike the catalogue's", TOPICS, "retention.ms: 600000\n", "retention.ms: 60000\n"),
            ("a topic that nobody asked for", TOPICS, "name: producer-events", "name: producers"),
            ("all copies needed to write", TOPICS, "min.insync.replicas: 1", "min.insync.replicas: 2"),
            (
                "a source that feeds a topic back",
                SOURCES,
                "topics: [producer-events]",
                "topics: [producer-events, feedback]",
            ),
        ],
    );
}

#[test]
fn identities_that_are_missing_or_too_wide() {
    assert_rejected(
        "identities_that_are_missing_or_too_wide",
        &[
            (
                "a publisher that no policy names",
                POLICIES,
                "    - sub: system:serviceaccount:learnflow:gateway\n",
                "    - sub: system:serviceaccount:learnflow:progress\n",
            ),
            (
                "a sink whose Trigger no policy names",
                SINK_POLICIES,
                "kind: Trigger, name: copy-feedback",
                "kind: Trigger, name: copy-feedbacks",
            ),
            ("a source that no policy names", POLICIES, "name: producers,", "name: producer,"),
            (
                "a producer that may speak for everybody",
                POLICIES,
                ", partitionkey: \"learning-platform:\"",
                "",
            ),
            (
                "a producer for students without a name",
                POLICIES,
                "partitionkey: \"learning-platform:\"",
                "partitionkey: \"\"",
            ),
            (
                "a token for another receiver",
                TRIAGE_RELAY,
                "audience: eventing.knative.dev/broker/learnflow/default",
                "audience: eventing.knative.dev/broker/learnflow/defaults",
            ),
            (
                "around the relay",
                TRIAGE_RELAY,
                "env/5/value, value: \"http://127.0.0.1:8010\"",
                "env/5/value, value: \"http://kafka-broker-ingress.knative-eventing.svc.cluster.local\"",
            ),
            (
                "a relay that does not know the path",
                TRIAGE_RELAY,
                "/learnflow/agent-logs=http",
                "/learnflow/agent-log=http",
            ),
            (
                "a relay without probes",
                GATEWAY_RELAY,
                "    livenessProbe:\n      httpGet: { path: /health, port: 8011 }\n      periodSeconds: 10\n",
                "",
            ),
            (
                "a relay that may write its files",
                TRIAGE_RELAY,
                "readOnlyRootFilesystem: true",
                "readOnlyRootFilesystem: false",
            ),
            (
                "two containers with ports",
                TRIAGE_RELAY,
                "    command: [relay]\n",
                "    command: [relay]\n    ports: [{ containerPort: 8010 }]\n",
            ),
        ],
    );
}

#[test]
fn reach_that_is_not_needed() {
    assert_rejected(
        "reach_that_is_not_needed",
        &[
            (
                "progress reaches the sandbox",
                SPIN,
                "[component.progress]\nsource = \"target/wasm32-wasip2/release/progress.wasm\"\nallowed_outbound_hosts = [\"postgres://{{ database_address }}\"]",
                "[component.progress]\nsource = \"target/wasm32-wasip2/release/progress.wasm\"\nallowed_outbound_hosts = [\"postgres://{{ database_address }}\", \"{{ sandbox_url }}\"]",
            ),
            (
                "triage reaches the sandbox",
                SPIN,
                "\"{{ broker_origin }}\", ",
                "\"{{ broker_origin }}\", \"{{ sandbox_url }}\", ",
            ),
            ("triage lacks the broker", SPIN, "\"{{ broker_origin }}\", ", ""),
            (
                "answers that nobody hears of",
                SPIN,
                "sandbox_url = \"{{ sandbox_url }}\"\nbroker_url = \"{{ broker_origin }}/learnflow/default\"\n",
                "sandbox_url = \"{{ sandbox_url }}\"\n",
            ),
            (
                "progress publishes",
                SPIN,
                "[component.progress.variables]\n",
                "[component.progress.variables]\nbroker_url = \"{{ broker_origin }}/learnflow/default\"\n",
            ),
            ("a host with a path", SPIN, "\"{{ broker_origin }}\"", "\"http://broker/learnflow\""),
            ("a host without scheme", SPIN, "\"{{ broker_origin }}\"", "\"broker:80\""),
            ("every host", SPIN, "\"{{ broker_origin }}\"", "\"*://*:*\""),
            ("a secret as host", SPIN, "postgres://{{ database_address }}", "{{ database_url }}"),
            (
                "a variable that is not declared",
                SPIN,
                "broker_url = \"{{ broker_origin }}",
                "broker_url = \"{{ broker }}",
            ),
            (
                "a template without end",
                SPIN,
                "broker_url = \"{{ broker_origin }}",
                "broker_url = \"{{ broker_origin",
            ),
            (
                "a variable with neither default nor duty",
                SPIN,
                "database_url = { required = true, secret = true }",
                "database_url = { secret = true }",
            ),
            ("a route to no component", SPIN, "component = \"triage\"", "component = \"triag\""),
            (
                "a component name that Spin does not take",
                SPIN,
                "[component.triage.variables]",
                "[component.Triage_2]\nsource = \"x.wasm\"\n\n[component.triage.variables]",
            ),
            ("a variable name that Spin does not take", SPIN, "sandbox_url = {", "sandbox-url = {"),
            (
                "a component without route",
                SPIN,
                "[[trigger.http]]\nroute = \"/debug/...\"\ncomponent = \"debug\"\n",
                "",
            ),
            (
                "a component that no service runs",
                PROGRESS,
                "SPIN_COMPONENTS_TO_RETAIN, value: progress",
                "SPIN_COMPONENTS_TO_RETAIN, value: debug",
            ),
            (
                "a service of an unknown component",
                PROGRESS,
                "SPIN_COMPONENTS_TO_RETAIN, value: progress",
                "SPIN_COMPONENTS_TO_RETAIN, value: progres",
            ),
            (
                "a variable that the component has no use for",
                PROGRESS,
                "            - { name: OTEL_SERVICE_NAME, value: progress }\n",
                "            - { name: SPIN_VARIABLE_SANDBOX_URL, value: \"http://sandbox\" }\n",
            ),
            (
                "a variable that nobody declared",
                PROGRESS,
                "SPIN_VARIABLE_DATABASE_ADDRESS",
                "SPIN_VARIABLE_DATABASE_ADRESS",
            ),
            (
                "a secret in plain sight",
                PROGRESS,
                "valueFrom: { secretKeyRef: { name: progress-database, key: url } }",
                "value: postgres://progress:hunter2@postgres/learnflow",
            ),
            (
                "a required variable that is not set",
                PROGRESS,
                "            - name: SPIN_VARIABLE_DATABASE_URL\n              valueFrom: { secretKeyRef: { name: progress-database, key: url } }\n",
                "",
            ),
            (
                "the sandbox calls another pod",
                NETWORK,
                "  podSelector: { matchLabels: { app.kubernetes.io/name: sandbox-host } }\n  policyTypes: [Ingress, Egress]\n",
                "  podSelector: { matchLabels: { app.kubernetes.io/name: sandbox-host } }\n  policyTypes: [Ingress, Egress]\n  egress:\n    - to: [{ podSelector: { matchLabels: { app.kubernetes.io/name: gateway } } }]\n",
            ),
            (
                "another agent calls the sandbox",
                NETWORK,
                "[concepts, code-review, debug, exercise, gateway]",
                "[concepts, code-review, debug, exercise, gateway, triage]",
            ),
            (
                "another agent publishes",
                NETWORK,
                "values: [triage, concepts, code-review, debug, exercise, gateway]",
                "values: [triage, concepts, code-review, debug, exercise, gateway, progress]",
            ),
            ("no default deny", NETWORK, "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]"),
            ("rules that mean nothing", NETWORK, "policyTypes: [Egress]", "policyTypes: [Ingress]"),
            (
                "egress to anywhere",
                NETWORK,
                "    - to:\n        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: postgres } }\n      ports:",
                "    - ports:",
            ),
            ("root", SANDBOX, "runAsNonRoot: true", "runAsNonRoot: false"),
            (
                "a writable file system",
                SANDBOX,
                "readOnlyRootFilesystem: true",
                "readOnlyRootFilesystem: false",
            ),
            ("more privileges", TRIAGE, "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
            ("capabilities", TRIAGE, "drop: [ALL]", "drop: [NET_RAW]"),
            ("no memory limit", SANDBOX, "limits: { cpu: \"4\", memory: 2Gi }", "limits: { cpu: \"4\" }"),
            (
                "a token for the cluster's API",
                TRIAGE,
                "automountServiceAccountToken: false",
                "automountServiceAccountToken: true",
            ),
            (
                "no probe",
                SANDBOX,
                "          readinessProbe:\n            httpGet: { path: /ready, port: http }\n            periodSeconds: 5\n",
                "",
            ),
            (
                "a policy for any account",
                POLICIES,
                "serviceaccount:learnflow:gateway",
                "serviceaccount:learnflow:*",
            ),
            (
                "a policy for a type that is not in the catalogue",
                POLICIES,
                "type: learnflow.query.failed.v1",
                "type: learnflow.query.fail.v1",
            ),
            (
                "a policy for every type",
                POLICIES,
                "        - exact: { type: learnflow.agent.logged.v1 }\n        - exact: { type: learnflow.response.delta.v1 }\n",
                "        - prefix: { source: / }\n",
            ),
            (
                "rights on every topic",
                USERS,
                "name: producer-events, patternType: literal",
                "name: \"*\", patternType: literal",
            ),
            (
                "an operation that groups do not have",
                USERS,
                "operations: [Describe, Read, Delete]",
                "operations: [Describe, Write]",
            ),
        ],
    );
}
