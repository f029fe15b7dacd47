//! NetworkPolicies: what all of them say together.

use super::{KOURIER, MIGRATION, NETWORK, assert_rejected};

/// The rule that lets the four agents and the gateway call the sandbox, at the sandbox's side.
const SANDBOXS_CALLERS: &str = "    - from:\n        - podSelector:\n            matchExpressions:\n              - { key: app.kubernetes.io/name, operator: In, values: [concepts, code-review, debug, exercise, gateway] }\n";

#[test]
fn connections_that_are_not_needed_or_not_there() {
    assert_rejected(
        "connections_that_are_not_needed_or_not_there",
        &[
            (
                "a policy for everybody opens the sandbox",
                NETWORK,
                "  podSelector: { matchLabels: { app.kubernetes.io/component: function } }\n  policyTypes: [Ingress]",
                "  podSelector: {}\n  policyTypes: [Ingress]",
            ),
            (
                "every pod of the namespace calls the sandbox",
                NETWORK,
                SANDBOXS_CALLERS,
                "    - from:\n        - podSelector: {}\n",
            ),
            (
                "every namespace calls the sandbox",
                NETWORK,
                SANDBOXS_CALLERS,
                "    - from:\n        - namespaceSelector: {}\n",
            ),
            (
                "a block of addresses calls the sandbox",
                NETWORK,
                SANDBOXS_CALLERS,
                "    - from:\n        - ipBlock: { cidr: 10.0.0.0/8 }\n",
            ),
            (
                "all of monitoring calls the sandbox",
                NETWORK,
                "          podSelector: { matchLabels: { app.kubernetes.io/name: prometheus } }\n",
                "",
            ),
            (
                "the agents' proxies by label of something else",
                NETWORK,
                "{ matchExpressions: [{ key: app, operator: In, values: [activator, autoscaler] }] }",
                "{ matchExpressions: [{ key: app, operator: Exists }] }",
            ),
            (
                "every namespace but one",
                NETWORK,
                "    - from:\n        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: knative-serving } }\n",
                "    - from:\n        - namespaceSelector: { matchExpressions: [{ key: kubernetes.io/metadata.name, operator: NotIn, values: [kafka] }] }\n",
            ),
            (
                "everybody may call the gateway",
                NETWORK,
                "        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ingress-nginx } }\n          podSelector: { matchLabels: { app.kubernetes.io/name: ingress-nginx } }\n        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kourier-system } }\n          podSelector: { matchLabels: { app: 3scale-kourier-gateway } }\n      ports:\n        - { protocol: TCP, port: 3000 }\n",
                "        - namespaceSelector: {}\n",
            ),
            (
                "dead letters of the source do not get in",
                NETWORK,
                "values: [kafka-broker-dispatcher, kafka-source-dispatcher]",
                "values: [kafka-broker-dispatcher]",
            ),
            (
                "dead letters at a port where nobody takes them",
                NETWORK,
                "        - { protocol: TCP, port: 3001 }\n",
                "        - { protocol: TCP, port: 3002 }\n",
            ),
            (
                "the internet for the sandbox",
                NETWORK,
                "values: [triage, concepts, code-review, debug, exercise] }\n  policyTypes: [Egress]\n  egress:\n    - to:\n        - ipBlock: {",
                "values: [triage, concepts, code-review, debug, exercise, sandbox-host] }\n  policyTypes: [Egress]\n  egress:\n    - to:\n        - ipBlock: {",
            ),
            (
                "private addresses for a model",
                NETWORK,
                "ipBlock: { cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, 100.64.0.0/10] }",
                "ipBlock: { cidr: 0.0.0.0/0 }",
            ),
            (
                "another agent writes to sinks",
                NETWORK,
                "values: [triage, concepts, code-review, debug, exercise] }",
                "values: [triage, concepts, code-review, debug, exercise, progress] }",
            ),
            (
                "the agents do not reach the sandbox",
                NETWORK,
                "        - podSelector: { matchLabels: { app.kubernetes.io/name: sandbox-host } }\n      ports:",
                "        - podSelector: { matchLabels: { app.kubernetes.io/name: sandbox } }\n      ports:",
            ),
            (
                "every port of the collector's namespace",
                NETWORK,
                "          podSelector: { matchLabels: { app.kubernetes.io/name: opentelemetry-collector } }\n      ports:\n        - { protocol: TCP, port: 4318 }\n",
                "",
            ),
            (
                "a range of ports",
                NETWORK,
                "- { protocol: TCP, port: 5432 }",
                "- { protocol: TCP, port: 5432, endPort: 5440 }",
            ),
            (
                "every pod of learnflow reaches the agents' ingress",
                KOURIER,
                "          podSelector: { matchLabels: { app.kubernetes.io/name: gateway } }\n",
                "",
            ),
            (
                "nothing closes the agents' ingress",
                KOURIER,
                "podSelector: { matchLabels: { app: 3scale-kourier-gateway } }",
                "podSelector: { matchLabels: { app: kourier } }",
            ),
            (
                "a workload that nobody described",
                MIGRATION,
                "name: migrate\n  namespace",
                "name: migration\n  namespace",
            ),
            (
                "an ingress rule for all and everything",
                NETWORK,
                SANDBOXS_CALLERS,
                "    - {}\n    - from:\n        - podSelector: {}\n",
            ),
            (
                "a peer of both sorts",
                NETWORK,
                "        - ipBlock: {",
                "        - podSelector: {}\n          ipBlock: {",
            ),
            ("a peer of no sort", NETWORK, "        - ipBlock: {", "        - {}\n        - ipBlock: {"),
        ],
    );
}
