//! What is applied by itself: the way in, alerts, and ConfigMaps of files.

use super::{ALERTS, INGRESS, TELEMETRY, assert_rejected};

#[test]
fn folders_of_their_own() {
    assert_rejected(
        "folders_of_their_own",
        &[
            ("a host without TLS", INGRESS, "hosts: [learn.example.org]", "hosts: [example.org]"),
            (
                "an alert that says nothing",
                ALERTS,
                "          annotations:\n            summary:",
                "          annotations:\n            about:",
            ),
            ("an alert that does not say what to do", ALERTS, "            action:", "            todo:"),
            ("an alert without severity", ALERTS, "severity: ", "level: "),
            ("an alert of another severity", ALERTS, "severity: warning", "severity: notice"),
            ("two alerts of one name", ALERTS, "alert: DeadLetters", "alert: EventsWait"),
            (
                "a rule that raises and records",
                ALERTS,
                "        - record: agent_queue_depth\n",
                "        - record: agent_queue_depth\n          alert: Depth\n",
            ),
            (
                "a rule that does neither",
                ALERTS,
                "        - alert: EventsWait\n          expr:",
                "        - expr:",
            ),
            (
                "two records of one name",
                ALERTS,
                "        - alert: EventsWait\n",
                "        - record: agent_queue_depth\n",
            ),
            ("a name with a hash", TELEMETRY, "disableNameSuffixHash: true", "disableNameSuffixHash: false"),
            (
                "a file outside the checkout",
                TELEMETRY,
                "files: [learnflow.json]",
                "files: [../../../learnflow.json]",
            ),
            ("a file that is not there", TELEMETRY, "files: [learnflow.json]", "files: [learnfow.json]"),
        ],
    );
}
