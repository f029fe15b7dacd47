//! Commits of all groups of this process, written together.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Shared, log_error};
use crate::LogError;

/// Commits that may wait.
const WAITING: usize = 4096;
/// Longest wait for one statement.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a member wants its group to go on.
pub(super) struct Request {
    pub(super) group: Arc<str>,
    pub(super) member: Uuid,
    pub(super) topic: i32,
    pub(super) partition: i32,
    pub(super) next_offset: i64,
    pub(super) done: oneshot::Sender<Result<(), LogError>>,
}

/// Starts the writer. It ends when the last sender is dropped.
pub(super) fn start(shared: &Arc<Shared>) -> mpsc::Sender<Request> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(run(Arc::clone(shared), receiver));
    sender
}

async fn run(shared: Arc<Shared>, mut requests: mpsc::Receiver<Request>) {
    let mut batch = Vec::new();
    while requests.recv_many(&mut batch, WAITING).await > 0 {
        let written = tokio::time::timeout(WRITE_TIMEOUT, write(&shared, &batch))
            .await
            .unwrap_or_else(|_| Err(LogError::Unavailable("PostgreSQL did not answer in time".to_owned())));
        for request in batch.drain(..) {
            let result = match &written {
                Ok(()) => Ok(()),
                Err(LogError::Unavailable(text)) => Err(LogError::Unavailable(text.clone())),
                Err(LogError::Refused(text)) => Err(LogError::Refused(text.clone())),
            };
            let _ = request.done.send(result);
        }
    }
}

async fn write(shared: &Shared, batch: &[Request]) -> Result<(), LogError> {
    let mut furthest: HashMap<(&str, Uuid, i32, i32), i64> = HashMap::with_capacity(batch.len());
    for request in batch {
        let offset = furthest
            .entry((&request.group, request.member, request.topic, request.partition))
            .or_insert(request.next_offset);
        *offset = request.next_offset.max(*offset);
    }
    let (mut groups, mut members, mut topics, mut partitions, mut offsets) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((group, member, topic, partition), offset) in furthest {
        groups.push(group);
        members.push(member);
        topics.push(topic);
        partitions.push(partition);
        offsets.push(offset);
    }
    sqlx::query("SELECT event_log.commit_offsets($1, $2, $3, $4, $5)")
        .bind(groups)
        .bind(members)
        .bind(topics)
        .bind(partitions)
        .bind(offsets)
        .execute(&shared.pool)
        .await
        .map_err(log_error)?;
    Ok(())
}
