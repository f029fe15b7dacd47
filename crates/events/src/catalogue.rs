//! Names: event types, agents, routes and topics.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the six agents. The kebab-case name is also the folder, the Spin component, the Knative
/// Service, the consumer in the inbox and the `service.name` of its telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Agent {
    /// Decides who answers.
    Triage,
    /// Explains ideas of the language.
    Concepts,
    /// Reviews working code.
    CodeReview,
    /// Finds why code does not do what was meant.
    Debug,
    /// Sets and grades practice.
    Exercise,
    /// Keeps the model of what a student knows.
    Progress,
}

impl Agent {
    /// All agents, in the order in which people meet them.
    pub const ALL: [Self; 6] =
        [Self::Triage, Self::Concepts, Self::CodeReview, Self::Debug, Self::Exercise, Self::Progress];

    /// The kebab-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Concepts => "concepts",
            Self::CodeReview => "code-review",
            Self::Debug => "debug",
            Self::Exercise => "exercise",
            Self::Progress => "progress",
        }
    }

    /// The CloudEvents `source` of what this agent sends.
    pub fn source(self) -> String {
        format!("/learnflow/{self}")
    }
}

/// Where triage sends a message; the value of the `agent` extension attribute of a routed query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Explain an idea.
    Concepts,
    /// Review working code.
    CodeReview,
    /// Diagnose failing code.
    Debug,
    /// Give or grade practice.
    Exercise,
    /// Report on learning.
    Progress,
    /// Just run the program.
    CodeRunner,
    /// Not about learning Python: declined politely by triage itself.
    OutOfScope,
}

impl Route {
    /// All routes, in the order of the classifier's output.
    pub const ALL: [Self; 7] = [
        Self::Concepts,
        Self::CodeReview,
        Self::Debug,
        Self::Exercise,
        Self::Progress,
        Self::CodeRunner,
        Self::OutOfScope,
    ];

    /// The kebab-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Concepts => "concepts",
            Self::CodeReview => "code-review",
            Self::Debug => "debug",
            Self::Exercise => "exercise",
            Self::Progress => "progress",
            Self::CodeRunner => "code-runner",
            Self::OutOfScope => "out-of-scope",
        }
    }
}

/// A type of CloudEvent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventType {
    /// A student asked something.
    QuerySubmitted,
    /// Triage decided who answers.
    QueryRouted,
    /// An agent answered.
    AgentResponded,
    /// A piece of an answer that is still being written (best effort, never the record).
    ResponseDelta,
    /// A program to run.
    CodeSubmitted,
    /// What a program did.
    CodeExecuted,
    /// A student's mastery of a topic changed.
    MasteryUpdated,
    /// A student seems to be stuck.
    StudentStruggling,
    /// A student rated an answer.
    FeedbackGiven,
    /// An agent's activity (best effort).
    AgentLogged,
    /// A query could not be answered.
    QueryFailed,
}

impl EventType {
    /// All types.
    pub const ALL: [Self; 11] = [
        Self::QuerySubmitted,
        Self::QueryRouted,
        Self::AgentResponded,
        Self::ResponseDelta,
        Self::CodeSubmitted,
        Self::CodeExecuted,
        Self::MasteryUpdated,
        Self::StudentStruggling,
        Self::FeedbackGiven,
        Self::AgentLogged,
        Self::QueryFailed,
    ];

    /// The CloudEvents `type` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuerySubmitted => "learnflow.query.submitted.v1",
            Self::QueryRouted => "learnflow.query.routed.v1",
            Self::AgentResponded => "learnflow.agent.responded.v1",
            Self::ResponseDelta => "learnflow.response.delta.v1",
            Self::CodeSubmitted => "learnflow.code.submitted.v1",
            Self::CodeExecuted => "learnflow.code.executed.v1",
            Self::MasteryUpdated => "learnflow.mastery.updated.v1",
            Self::StudentStruggling => "learnflow.student.struggling.v1",
            Self::FeedbackGiven => "learnflow.feedback.given.v1",
            Self::AgentLogged => "learnflow.agent.logged.v1",
            Self::QueryFailed => "learnflow.query.failed.v1",
        }
    }

    /// Whether the event is the end of a chain: no agent and no sandbox is woken by it, people are told
    /// ([`Topic::TOLD`]), and that is all.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::ResponseDelta
            | Self::MasteryUpdated
            | Self::StudentStruggling
            | Self::AgentLogged
            | Self::QueryFailed => true,
            Self::QuerySubmitted
            | Self::QueryRouted
            | Self::AgentResponded
            | Self::CodeSubmitted
            | Self::CodeExecuted
            | Self::FeedbackGiven => false,
        }
    }
}

/// A Kafka topic that is fed by a KafkaSink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic {
    /// The topic's name.
    pub name: &'static str,
    /// Number of partitions.
    pub partitions: u32,
    /// Copies of each partition in a cluster.
    pub replication: u32,
    /// How long records are kept, in milliseconds.
    pub retention_ms: u64,
}

const HOUR_MS: u64 = 3_600_000;
const WEEK_MS: u64 = 7 * 24 * HOUR_MS;

const fn topic(name: &'static str) -> Topic {
    Topic { name, partitions: 12, replication: 3, retention_ms: WEEK_MS }
}

impl Topic {
    /// What students asked.
    pub const STUDENT_QUERIES: Self = topic("student-queries");
    /// Triage's decisions, under the names of both original descriptions.
    pub const LEARNING_ROUTED: Self = topic("learning.routed");
    /// Triage's decisions.
    pub const TRIAGE_ROUTING: Self = topic("triage-routing");
    /// Answers.
    pub const LEARNING_RESPONSE: Self = topic("learning.response");
    /// Answers and failures.
    pub const AGENT_RESPONSES: Self = topic("agent-responses");
    /// Pieces of answers.
    pub const RESPONSE_DELTAS: Self =
        Topic { name: "response-deltas", partitions: 6, replication: 2, retention_ms: 600_000 };
    /// Programs to run.
    pub const CODE_SUBMITTED: Self = topic("code.submitted");
    /// What programs did.
    pub const CODE_EXECUTED: Self = topic("code.executed");
    /// Changes of mastery.
    pub const MASTERY_UPDATES: Self = topic("mastery-updates");
    /// Students who seem to be stuck.
    pub const STUDENT_STRUGGLE: Self =
        Topic { name: "student-struggle", partitions: 6, replication: 2, retention_ms: 24 * HOUR_MS };
    /// Ratings.
    pub const FEEDBACK: Self = topic("feedback");
    /// Activity.
    pub const AGENT_LOGS: Self =
        Topic { name: "agent-logs", partitions: 6, replication: 2, retention_ms: 24 * HOUR_MS };

    /// The topics that the gateway reads, to tell people.
    pub const TOLD: [Self; 7] = [
        Self::AGENT_RESPONSES,
        Self::TRIAGE_ROUTING,
        Self::RESPONSE_DELTAS,
        Self::MASTERY_UPDATES,
        Self::STUDENT_STRUGGLE,
        Self::AGENT_LOGS,
        Self::CODE_EXECUTED,
    ];

    /// Every topic: the shared ones, then `<agent>-requests` and `<agent>-responses` of the specialists.
    pub const ALL: [Self; 22] = [
        Self::STUDENT_QUERIES,
        Self::LEARNING_ROUTED,
        Self::TRIAGE_ROUTING,
        Self::LEARNING_RESPONSE,
        Self::AGENT_RESPONSES,
        Self::RESPONSE_DELTAS,
        Self::CODE_SUBMITTED,
        Self::CODE_EXECUTED,
        Self::MASTERY_UPDATES,
        Self::STUDENT_STRUGGLE,
        Self::FEEDBACK,
        Self::AGENT_LOGS,
        topic("concepts-requests"),
        topic("concepts-responses"),
        topic("code-review-requests"),
        topic("code-review-responses"),
        topic("debug-requests"),
        topic("debug-responses"),
        topic("exercise-requests"),
        topic("exercise-responses"),
        topic("progress-requests"),
        topic("progress-responses"),
    ];
}

/// A name that the catalogue does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}; expected one of {expected}")]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    expected: String,
}

macro_rules! named {
    ($type:ident, $kind:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                Self::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| UnknownName {
                    kind: $kind,
                    name: name.chars().take(80).collect(),
                    expected: Self::ALL.map(Self::as_str).join(", "),
                })
            }
        }
    };
}

named!(Agent, "agent");
named!(Route, "route");
named!(EventType, "event type");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for agent in Agent::ALL {
            assert_eq!(agent.as_str().parse(), Ok(agent));
            assert_eq!(serde_json::to_value(agent).unwrap(), agent.as_str());
        }
        for route in Route::ALL {
            assert_eq!(route.as_str().parse(), Ok(route));
            assert_eq!(serde_json::to_value(route).unwrap(), route.as_str());
        }
        for event_type in EventType::ALL {
            assert_eq!(event_type.as_str().parse(), Ok(event_type));
        }
    }

    #[test]
    fn an_unknown_name_says_what_is_known() {
        let error = "librarian".parse::<Agent>().unwrap_err();
        insta::assert_snapshot!(error, @r#"unknown agent "librarian"; expected one of triage, concepts, code-review, debug, exercise, progress"#);
    }

    #[test]
    fn topics_are_unique() {
        let names: std::collections::BTreeSet<_> = Topic::ALL.iter().map(|t| t.name).collect();
        assert_eq!(names.len(), Topic::ALL.len());
    }
}
