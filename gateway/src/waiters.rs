//! Who waits for which turn: the event consumer wakes them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::broadcast;
use uuid::Uuid;

/// Pieces that may wait for a slow reader; a reader that falls further behind reads PostgreSQL again.
const BACKLOG: usize = 256;

/// Something that happened to a turn.
#[derive(Clone, Debug)]
pub(crate) enum TurnEvent {
    /// Triage decided; the data of the SSE event.
    Routed(Arc<Value>),
    /// A piece of the answer.
    Delta(Arc<Value>),
    /// The turn is final, or has a follow-up: PostgreSQL has it.
    Changed,
}

/// Who waits for which turn.
#[derive(Clone, Default)]
pub(crate) struct Waiters(Arc<Mutex<HashMap<Uuid, broadcast::Sender<TurnEvent>>>>);

impl Waiters {
    /// Listens to a turn. Subscribe first and read PostgreSQL then, so that nothing falls in between.
    pub(crate) fn subscribe(&self, query_id: Uuid) -> Subscription {
        let events =
            self.lock().entry(query_id).or_insert_with(|| broadcast::Sender::new(BACKLOG)).subscribe();
        Subscription { waiters: self.clone(), query_id, events: Some(events) }
    }

    /// Wakes those who wait for a turn.
    pub(crate) fn wake(&self, query_id: Uuid, event: TurnEvent) {
        if let Some(sender) = self.lock().get(&query_id) {
            // An error only says that the last listener has just left.
            let _ = sender.send(event);
        }
    }

    /// Turns that somebody waits for.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, broadcast::Sender<TurnEvent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One listener; dropping it stops listening.
pub(crate) struct Subscription {
    waiters: Waiters,
    query_id: Uuid,
    events: Option<broadcast::Receiver<TurnEvent>>,
}

impl Subscription {
    /// The next thing that happens. A listener that was too slow is told [`TurnEvent::Changed`].
    pub(crate) async fn next(&mut self) -> TurnEvent {
        match &mut self.events {
            Some(events) => events.recv().await.unwrap_or(TurnEvent::Changed),
            None => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.events = None;
        let mut turns = self.waiters.lock();
        if turns.get(&self.query_id).is_some_and(|sender| sender.receiver_count() == 0) {
            turns.remove(&self.query_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_listener_clears_up() {
        let waiters = Waiters::default();
        let turn = Uuid::now_v7();
        let mut first = waiters.subscribe(turn);
        let second = waiters.subscribe(turn);
        drop(second);
        waiters.wake(turn, TurnEvent::Changed);
        assert!(matches!(first.next().await, TurnEvent::Changed));
        assert_eq!(waiters.count(), 1);
        drop(first);
        assert_eq!(waiters.count(), 0);
    }
}
