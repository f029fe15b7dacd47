//! Who may publish what.

use super::{GATEWAY_RELAY, POLICIES, SINK_POLICIES, TRIAGE_RELAY, assert_rejected};

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
                "a type that the gateway may not replay",
                POLICIES,
                "                - exact: { type: learnflow.agent.responded.v1 }\n",
                "",
            ),
            (
                "sources that the gateway may not replay",
                POLICIES,
                "            - prefix: { source: /producers/ }\n",
                "            - prefix: { source: /producers/kafka/ }\n",
            ),
            (
                "an agent in another's name",
                POLICIES,
                "        - exact: { source: /learnflow/concepts }",
                "        - exact: { source: /learnflow/debug }",
            ),
            (
                "an agent in everybody's name",
                POLICIES,
                "        - exact: { source: /learnflow/triage }",
                "        - prefix: { source: /learnflow/ }",
            ),
            (
                "an agent with a type of triage's",
                POLICIES,
                "        - exact: { type: learnflow.agent.responded.v1 }\n        - exact: { source: /learnflow/debug }",
                "        - any:\n            - exact: { type: learnflow.agent.responded.v1 }\n            - exact: { type: learnflow.query.routed.v1 }\n        - exact: { source: /learnflow/debug }",
            ),
            (
                "a log that holds answers",
                POLICIES,
                "exact: { type: learnflow.agent.logged.v1, source: /learnflow/triage }",
                "exact: { type: learnflow.response.delta.v1, source: /learnflow/triage }",
            ),
            (
                "a log that anybody's agent writes",
                POLICIES,
                "exact: { type: learnflow.agent.logged.v1, source: /learnflow/triage }",
                "exact: { type: learnflow.agent.logged.v1 }",
            ),
            (
                "a sink for more than its Trigger copies",
                SINK_POLICIES,
                "    - exact: { type: learnflow.query.submitted.v1 }",
                "    - any:\n        - exact: { type: learnflow.query.submitted.v1 }\n        - exact: { type: learnflow.code.submitted.v1 }",
            ),
            (
                "a producer that answers",
                POLICIES,
                "            - exact: { type: learnflow.query.submitted.v1 }\n            - exact: { type: learnflow.code.submitted.v1 }\n        - prefix: { source: /producers/learning-platform/",
                "            - exact: { type: learnflow.query.submitted.v1 }\n            - exact: { type: learnflow.agent.responded.v1 }\n        - prefix: { source: /producers/learning-platform/",
            ),
            (
                "a producer in an agent's name",
                POLICIES,
                "prefix: { source: /producers/learning-platform/,",
                "prefix: { source: /,",
            ),
            (
                "a policy about nothing",
                POLICIES,
                "  to:\n    - ref: { apiVersion: eventing.knative.dev/v1, kind: Broker, name: default }\n",
                "",
            ),
            (
                "a policy about something else",
                POLICIES,
                "kind: Broker, name: default }",
                "kind: Channel, name: default }",
            ),
            (
                "a policy for nobody",
                POLICIES,
                "  from:\n    - sub: system:serviceaccount:learnflow:gateway\n",
                "",
            ),
            (
                "a subject of both sorts",
                POLICIES,
                "    - sub: system:serviceaccount:learnflow:gateway\n",
                "    - sub: system:serviceaccount:learnflow:gateway\n      ref: { apiVersion: v1, kind: ServiceAccount, name: gateway }\n",
            ),
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
