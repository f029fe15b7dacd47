//! Which agents are at work, as far as the events say: the source of `agent-status`.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use uuid::Uuid;

/// After this time a turn is no sign of work any more: its end was missed.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AgentStatus {
    /// At least one turn waits for its answer.
    Active,
    /// Its turns are all answered.
    Idle,
    /// Its last turn failed.
    Error,
}

/// Turns that wait for an answer, and what was last said about each agent.
#[derive(Default)]
pub(crate) struct Activity(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    waiting: HashMap<Uuid, (String, Instant)>,
    said: HashMap<String, AgentStatus>,
}

impl Activity {
    /// A turn went to an agent. Returns what to tell, when it is news.
    pub(crate) fn routed(&self, query_id: Uuid, agent: &str) -> Option<(String, AgentStatus)> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waiting.retain(|_, (_, since)| since.elapsed() < FORGOTTEN);
        inner.waiting.insert(query_id, (agent.to_owned(), Instant::now()));
        inner.say(agent, AgentStatus::Active)
    }

    /// A turn has its answer.
    pub(crate) fn answered(&self, query_id: Uuid) -> Option<(String, AgentStatus)> {
        self.ended(query_id, AgentStatus::Idle)
    }

    /// A turn failed.
    pub(crate) fn failed(&self, query_id: Uuid) -> Option<(String, AgentStatus)> {
        self.ended(query_id, AgentStatus::Error)
    }

    fn ended(&self, query_id: Uuid, status: AgentStatus) -> Option<(String, AgentStatus)> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (agent, _) = inner.waiting.remove(&query_id)?;
        let busy = inner.waiting.values().any(|(other, _)| *other == agent);
        let status = if busy && status == AgentStatus::Idle { AgentStatus::Active } else { status };
        inner.say(&agent, status)
    }
}

impl Inner {
    fn say(&mut self, agent: &str, status: AgentStatus) -> Option<(String, AgentStatus)> {
        let before = self.said.insert(agent.to_owned(), status);
        (before != Some(status)).then(|| (agent.to_owned(), status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let activity = Activity::default();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let debug = |status| Some(("debug".to_owned(), status));
        assert_eq!(activity.routed(one, "debug"), debug(AgentStatus::Active));
        assert_eq!(activity.routed(two, "debug"), None);
        assert_eq!(activity.answered(one), None);
        assert_eq!(activity.answered(one), None);
        assert_eq!(activity.answered(two), debug(AgentStatus::Idle));
        activity.routed(one, "debug");
        assert_eq!(activity.failed(one), debug(AgentStatus::Error));
    }
}
