//! Files that are no manifests of ours, and kustomizations that build nothing.

use super::{
    AGENTS, BROKER, CONTAINER, SANDBOX, SINK_CREDENTIALS, SINKS, SPIN, SPIN_CLI, TOPICS, assert_rejected,
};

#[test]
fn files_that_are_not_what_they_should_be() {
    assert_rejected(
        "files_that_are_not_what_they_should_be",
        &[
            ("broken YAML", BROKER, "metadata:", "metadata: ["),
            ("duplicate key", BROKER, "  name: default\n", "  name: default\n  name: default\n"),
            ("anchor", BROKER, "metadata:", "metadata: &meta"),
            ("a value that readers differ on", AGENTS, "    retry: 5\n", "    retry: 0o5\n"),
            ("a boolean of old", AGENTS, "  broker: default", "  broker: no"),
            ("a key that is no string", BROKER, "metadata:\n", "metadata:\n  ? [a]\n  : b\n"),
            (
                "a list where a map belongs",
                SINK_CREDENTIALS,
                "value: { secret: { ref: { name: kafka-credentials } } }",
                "value: []",
            ),
            ("a map where a word belongs", SINKS, "contentMode: binary", "contentMode: {}"),
            ("a word that is not one of few", SINKS, "contentMode: binary", "contentMode: raw"),
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
            ("another version of spin.toml", SPIN, "spin_manifest_version = 2", "spin_manifest_version = 3"),
            (
                "a number that is too large",
                SPIN,
                "spin_manifest_version = 2",
                "spin_manifest_version = 99999999999999999999",
            ),
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
            (
                "a kind of kustomize's that we do not have",
                CONTAINER,
                "kind: Kustomization",
                "kind: Component",
            ),
            ("two documents", CONTAINER, "resources:", "---\nresources:"),
            (
                "a patch with both",
                CONTAINER,
                "  - path: spin-cli.yaml",
                "  - path: spin-cli.yaml\n    patch: \"- { op: remove, path: /spec }\"",
            ),
            (
                "a patch outside the checkout",
                CONTAINER,
                "path: spin-cli.yaml",
                "path: ../../../../spin-cli.yaml",
            ),
            (
                "a path without its slash",
                SPIN_CLI,
                "path: /spec/template/spec/containers/0/command",
                "path: spec/template",
            ),
            ("a patch without value", SPIN_CLI, "  value: [spin]\n", ""),
            (
                "nothing to replace",
                SPIN_CLI,
                "- op: add\n  path: /spec/template/spec/containers/0/command",
                "- op: replace\n  path: /spec/template/spec/containers/0/command",
            ),
            (
                "nothing to remove",
                SPIN_CLI,
                "- op: add\n  path: /spec/template/spec/containers/0/command",
                "- op: remove\n  path: /spec/template/spec/containers/0/command",
            ),
            (
                "no item to remove",
                SPIN_CLI,
                "- op: add\n  path: /spec/template/spec/containers/0/command",
                "- op: remove\n  path: /spec/template/spec/containers/7",
            ),
            (
                "an item after the end",
                SPIN_CLI,
                "path: /spec/template/spec/containers/0/command",
                "path: /spec/template/spec/containers/7",
            ),
            (
                "no index",
                SPIN_CLI,
                "path: /spec/template/spec/containers/0/command",
                "path: /spec/template/spec/containers/first",
            ),
            (
                "below a word",
                SPIN_CLI,
                "path: /spec/template/spec/containers/0/command",
                "path: /spec/template/spec/serviceAccountName/x",
            ),
            (
                "a patch that merges lists",
                SPIN_CLI,
                "- op: add\n  path: /spec/template/spec/containers/0/command\n  value: [spin]\n",
                "spec: { template: { spec: { containers: [] } } }\n---\n- op: add\n  path: /spec/template/spec/containers/0/command\n  value: [spin]\n",
            ),
            (
                "a patch that is a word",
                SPIN_CLI,
                "- op: add\n  path: /spec/template/spec/containers/0/command\n  value: [spin]\n",
                "word\n---\n- op: add\n  path: /spec/template/spec/containers/0/command\n  value: [spin]\n",
            ),
            ("an operation we do not have", SPIN_CLI, "- op: add", "- op: test"),
            ("an error inside a patch is at the patch", SPIN_CLI, "mountPath", "mountpath"),
        ],
    );
}
