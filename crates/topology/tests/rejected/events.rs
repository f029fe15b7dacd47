//! Events that nobody would get, or that would be lost.

use super::{AGENTS, COPIES, SINKS, SOURCES, TOPICS, TRIAGE, assert_rejected};

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
            (
                "a suffix of no type",
                AGENTS,
                "- exact: { type: learnflow.query.submitted.v1 }",
                "- suffix: { type: .v2 }",
            ),
            (
                "a path of the agent where it takes no events",
                AGENTS,
                "uri: /triage/events",
                "uri: /triage/analyze",
            ),
            (
                "a path of the sandbox where it takes no events",
                AGENTS,
                "    uri: /events\n",
                "    uri: /run\n",
            ),
            ("dead letters where nobody keeps them", AGENTS, "uri: /events/dead-letters", "uri: /events"),
            (
                "dead letters of a source where nobody keeps them",
                SOURCES,
                "uri: /events/dead-letters",
                "uri: /dead-letters",
            ),
            ("a source that does not try again", SOURCES, "    retry: 5\n", ""),
            (
                "a source without dead letters",
                SOURCES,
                "    deadLetterSink:\n      ref: { apiVersion: v1, kind: Service, name: gateway, namespace: learnflow }\n      uri: /events/dead-letters\n",
                "",
            ),
            (
                "a source without any delivery",
                SOURCES,
                "  delivery:\n    retry: 5\n    backoffPolicy: exponential\n    backoffDelay: PT0.5S\n    deadLetterSink:\n      ref: { apiVersion: v1, kind: Service, name: gateway, namespace: learnflow }\n      uri: /events/dead-letters\n",
                "",
            ),
            (
                "a source for a broker that is not there",
                SOURCES,
                "kind: Broker, name: default, namespace: learnflow }",
                "kind: Broker, name: other, namespace: learnflow }",
            ),
            (
                "a source of a topic that is not there",
                SOURCES,
                "topics: [producer-events]",
                "topics: [producer-event]",
            ),
            (
                "a type that only a topic gets",
                AGENTS,
                "        - exact: { type: learnflow.feedback.given.v1 }\n",
                "",
            ),
            (
                "a terminal type that wakes somebody",
                AGENTS,
                "        - exact: { type: learnflow.feedback.given.v1 }\n",
                "        - exact: { type: learnflow.feedback.given.v1 }\n        - exact: { type: learnflow.query.failed.v1 }\n",
            ),
            (
                "a failure that nobody is told of",
                COPIES,
                "        - exact: { type: learnflow.query.failed.v1 }\n",
                "",
            ),
            ("a route that wakes nobody", AGENTS, "agent: code-runner", "agent: out-of-scope"),
            (
                "a sink that nothing feeds",
                COPIES,
                "name: feedback, namespace",
                "name: mastery-updates, namespace",
            ),
            ("a sink that no function posts to", SINKS, "name: response-deltas\n", "name: deltas\n"),
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
            ("more copies than the catalogue's", TOPICS, "  replicas: 2\n", "  replicas: 3\n"),
            (
                "another compression",
                TOPICS,
                "  name: feedback\n  namespace: kafka\n  labels: { strimzi.io/cluster: learnflow, app.kubernetes.io/part-of: learnflow }\nspec:\n  partitions: 12\n  replicas: 3\n  config:\n    cleanup.policy: delete\n    compression.type: lz4",
                "  name: feedback\n  namespace: kafka\n  labels: { strimzi.io/cluster: learnflow, app.kubernetes.io/part-of: learnflow }\nspec:\n  partitions: 12\n  replicas: 3\n  config:\n    cleanup.policy: compact\n    compression.type: zstd",
            ),
            (
                "a name that Kafka does not take",
                TOPICS,
                "spec:\n  partitions: 6\n",
                "spec:\n  topicName: response deltas\n  partitions: 6\n",
            ),
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
