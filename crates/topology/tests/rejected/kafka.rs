//! Who connects to Kafka, as whom, and with which rights.

use super::{GATEWAY_LOGIN, KAFKA, LISTENER, SINK_CREDENTIALS, SOURCE_LOGIN, USERS, assert_rejected};

#[test]
fn connections_that_kafka_would_refuse() {
    assert_rejected(
        "connections_that_kafka_would_refuse",
        &[
            (
                "rights are asked for, but nobody has a name",
                KAFKA,
                "    config:\n",
                "    authorization: { type: simple }\n    config:\n",
            ),
            (
                "a login that nobody asks for",
                LISTENER,
                "- op: add\n  path: /spec/kafka/listeners/0/authentication\n  value: { type: scram-sha-512 }\n",
                "",
            ),
            (
                "a client without a login",
                GATEWAY_LOGIN,
                "value: { name: KAFKA_SECURITY_PROTOCOL, value: SASL_SSL }",
                "value: { name: KAFKA_SECURITY_PROTOCOL, value: SSL }",
            ),
            (
                "a client without TLS",
                GATEWAY_LOGIN,
                "value: { name: KAFKA_SECURITY_PROTOCOL, value: SASL_SSL }",
                "value: { name: KAFKA_SECURITY_PROTOCOL, value: SASL_PLAINTEXT }",
            ),
            (
                "a source without TLS",
                SOURCE_LOGIN,
                "    tls:\n      enable: true",
                "    tls:\n      enable: false",
            ),
            (
                "a source without a login",
                SOURCE_LOGIN,
                "    sasl:\n      enable: true",
                "    sasl:\n      enable: false",
            ),
            ("a port without listener", GATEWAY_LOGIN, ".local:9093", ".local:9092"),
            ("another cluster", GATEWAY_LOGIN, "learnflow-kafka-bootstrap", "other-kafka-bootstrap"),
            ("a user that is not there", GATEWAY_LOGIN, "value: gateway }", "value: gatekeeper }"),
            (
                "sinks without credentials",
                SINK_CREDENTIALS,
                "- { op: add, path: /spec/auth, value: { secret: { ref: { name: kafka-credentials } } } }\n",
                "",
            ),
            (
                "a listener for the whole cluster",
                LISTENER,
                "- { op: replace, path: /spec/kafka/listeners/0/name, value: tls }\n",
                "- { op: replace, path: /spec/kafka/listeners/0/name, value: tls }\n- { op: remove, path: /spec/kafka/listeners/0/networkPolicyPeers }\n",
            ),
        ],
    );
}

#[test]
fn rights_that_are_missing_or_too_wide() {
    assert_rejected(
        "rights_that_are_missing_or_too_wide",
        &[
            (
                "a sink that the data plane may not write",
                USERS,
                "name: feedback, patternType: literal }\n        operations: [Describe, DescribeConfigs, Write]",
                "name: feedback, patternType: literal }\n        operations: [Describe, DescribeConfigs]",
            ),
            (
                "a topic that the gateway may not read",
                USERS,
                "name: agent-logs, patternType: literal }\n        operations: [Describe, Read]",
                "name: agent-log, patternType: literal }\n        operations: [Describe, Read]",
            ),
            (
                "groups that the gateway may not join",
                USERS,
                "name: gateway-, patternType: prefix",
                "name: gateway, patternType: literal",
            ),
            (
                "a gateway that writes",
                USERS,
                "name: code.executed, patternType: literal }\n        operations: [Describe, Read]",
                "name: code.executed, patternType: literal }\n        operations: [Describe, Read, Write]",
            ),
            (
                "every topic of a prefix",
                USERS,
                "name: code.executed, patternType: literal }\n        operations: [Describe, Read]",
                "name: c, patternType: prefix }\n        operations: [Describe, Read]",
            ),
            (
                "a producer that reads",
                USERS,
                "operations: [Describe, Write]\n  quotas",
                "operations: [Describe, Read, Write]\n  quotas",
            ),
            (
                "a producer that writes what nobody sends on",
                USERS,
                "name: producer-events, patternType: literal }\n        operations: [Describe, Write]",
                "name: feedback, patternType: literal }\n        operations: [Describe, Write]",
            ),
            (
                "a user without authorization",
                USERS,
                "  authorization:\n    type: simple\n    acls:\n      - resource: { type: topic, name: producer-events, patternType: literal }\n        operations: [Describe, Write]\n",
                "",
            ),
            ("a right to nothing", USERS, "operations: [Describe, Write]", "operations: []"),
            (
                "an operation that Kafka does not have",
                USERS,
                "operations: [Describe, Write]",
                "operations: [Append]",
            ),
        ],
    );
}
