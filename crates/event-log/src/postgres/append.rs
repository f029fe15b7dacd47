//! Group commit: appends that wait at the same time are written by one statement.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use super::{Shared, Topic, headers, log_error};
use crate::{Delivered, LogError, Position, Record};

/// Writers beside each other. A partition always uses the same one, which keeps its order; PostgreSQL shares one
/// flush of its log among them.
const LANES: usize = 4;
/// Appends that may wait for one lane.
const WAITING: usize = 1024;
/// Most records of one statement.
const BATCH_RECORDS: usize = 512;
/// A statement takes no further record once it has this many bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Longest wait for one statement.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A record on its way into the log.
pub(super) struct Request {
    topic: Topic,
    partition: i32,
    record: Record,
    done: oneshot::Sender<Result<Position, LogError>>,
}

pub(super) async fn append(
    lanes: &[mpsc::Sender<Request>],
    topic: Topic,
    partition: i32,
    record: Record,
) -> Result<Position, LogError> {
    let stopped = || LogError::Unavailable("the log is being closed".to_owned());
    let lane =
        &lanes[(topic.id.unsigned_abs() as usize * 7 + partition.unsigned_abs() as usize) % lanes.len()];
    let (done, result) = oneshot::channel();
    lane.send(Request { topic, partition, record, done }).await.map_err(|_| stopped())?;
    result.await.map_err(|_| stopped())?
}

/// Starts the lanes. Each ends when its sender is dropped.
pub(super) fn start(shared: &Arc<Shared>) -> Vec<mpsc::Sender<Request>> {
    (0..LANES)
        .map(|_| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(run(Arc::clone(shared), receiver));
            sender
        })
        .collect()
}

async fn run(shared: Arc<Shared>, mut requests: mpsc::Receiver<Request>) {
    while let Some(first) = requests.recv().await {
        let mut bytes = first.record.size();
        let mut batch = vec![first];
        while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
            let Ok(next) = requests.try_recv() else { break };
            bytes += next.record.size();
            batch.push(next);
        }
        // Nobody waits any more: the caller has given up and told the producer so.
        batch.retain(|request| !request.done.is_closed());
        if !batch.is_empty() {
            commit(&shared, batch).await;
        }
    }
}

async fn commit(shared: &Shared, batch: Vec<Request>) {
    let now = Utc::now();
    let written = tokio::time::timeout(WRITE_TIMEOUT, write(shared, &batch, now))
        .await
        .unwrap_or_else(|_| Err(LogError::Unavailable("PostgreSQL did not answer in time".to_owned())));
    let mut next = match written {
        Ok(next) => next,
        Err(error) => {
            tracing::warn!(%error, records = batch.len(), "append failed");
            for request in batch {
                let error = match &error {
                    LogError::Unavailable(text) => LogError::Unavailable(text.clone()),
                    LogError::Refused(text) => LogError::Refused(text.clone()),
                };
                let _ = request.done.send(Err(error));
            }
            return;
        }
    };
    let mut changed = Vec::with_capacity(batch.len());
    for request in batch {
        let place = (request.topic.id, request.partition);
        let Some(offset) = next.get_mut(&place) else {
            let gone = format!("topic {} is gone", request.topic.name);
            let _ = request.done.send(Err(LogError::Refused(gone)));
            continue;
        };
        let position = Position { partition: request.partition, offset: *offset };
        *offset += 1;
        changed.push(place);
        if shared.wakes.has_reader(request.topic.id) {
            let topic = Arc::clone(&request.topic.name);
            let timestamp_ms = now.timestamp_millis();
            let delivered = Delivered { topic, position, timestamp_ms, record: request.record };
            shared.recent.push(place, delivered);
        }
        let _ = request.done.send(Ok(position));
    }
    shared.wakes.appended(&changed);
}

/// Writes the batch and returns the offset of the first record of each partition.
async fn write(
    shared: &Shared,
    batch: &[Request],
    now: DateTime<Utc>,
) -> Result<HashMap<(i32, i32), i64>, LogError> {
    let topics: Vec<i32> = batch.iter().map(|request| request.topic.id).collect();
    let partitions: Vec<i32> = batch.iter().map(|request| request.partition).collect();
    let keys: Vec<Option<&[u8]>> = batch.iter().map(|request| request.record.key.as_deref()).collect();
    let headers: Vec<String> = batch.iter().map(|request| headers::encode(&request.record.headers)).collect();
    let values: Vec<&[u8]> = batch.iter().map(|request| request.record.value.as_slice()).collect();
    // `locked` takes the partitions in one order, so that two processes never wait for each other in a circle.
    let rows: Vec<(i32, i32, i64)> = sqlx::query_as(
        "WITH input AS MATERIALIZED (
             SELECT topic_id, partition, key, headers, value,
                    row_number() OVER (PARTITION BY topic_id, partition ORDER BY place) AS nth
               FROM unnest($1::int[], $2::int[], $3::bytea[], $4::text[], $5::bytea[])
                    WITH ORDINALITY AS i (topic_id, partition, key, headers, value, place)
         ), counts AS MATERIALIZED (
             SELECT topic_id, partition, count(*) AS records FROM input GROUP BY topic_id, partition
         ), locked AS MATERIALIZED (
             SELECT p.topic_id, p.partition FROM event_log.partitions p JOIN counts USING (topic_id, partition)
              ORDER BY p.topic_id, p.partition FOR UPDATE OF p
         ), moved AS (
             UPDATE event_log.partitions p SET next_offset = p.next_offset + c.records
               FROM counts c JOIN locked USING (topic_id, partition)
              WHERE p.topic_id = c.topic_id AND p.partition = c.partition
          RETURNING p.topic_id, p.partition, p.next_offset - c.records AS base
         ), written AS (
             INSERT INTO event_log.records (topic_id, partition, record_offset, appended_at, key, headers, value)
             SELECT i.topic_id, i.partition, m.base + i.nth - 1, $6, i.key, i.headers::json, i.value
               FROM input i JOIN moved m USING (topic_id, partition)
         )
         SELECT topic_id, partition, base FROM moved",
    )
    .bind(topics)
    .bind(partitions)
    .bind(keys)
    .bind(headers)
    .bind(values)
    .bind(now)
    .fetch_all(&shared.pool)
    .await
    .map_err(log_error)?;
    Ok(rows.into_iter().map(|(topic, partition, base)| ((topic, partition), base)).collect())
}
