//! A member of a consumer group: a worker that keeps the lease and fetches, and the handle that reads from it.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

use super::{Shared, Topic, headers, log_error, offsets, wake::Reader};
use crate::{Consumer, Delivered, LogError, Position, Record, Start};

/// How often a member says that it lives, and looks for records that nobody told it about.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// After how long a silent member is taken for dead although its process lives.
const LEASE: Duration = Duration::from_secs(15);
/// Pause after a failed query.
const ERROR_PAUSE: Duration = Duration::from_millis(500);
/// Most records of one partition in one fetch.
const FETCH_RECORDS: i64 = 128;
/// A partition gives no further record to a fetch once it has given this many bytes.
const FETCH_BYTES: i64 = 512 * 1024;

/// Topic and partition.
type Place = (i32, i32);
/// The partitions that this member owns. The number tells one time of owning a partition from the next.
type Owned = Arc<Mutex<HashMap<Place, u64>>>;

/// A record and the time of owning its partition in which it was fetched.
struct Fetched {
    place: Place,
    epoch: u64,
    record: Delivered,
}

/// The handle of a member.
pub(super) struct PostgresConsumer {
    group: Arc<str>,
    member: Uuid,
    topics: HashMap<String, i32>,
    owned: Owned,
    batches: mpsc::Receiver<Vec<Fetched>>,
    current: VecDeque<Fetched>,
    commits: mpsc::Sender<offsets::Request>,
}

/// Joins a group; returns once the member is registered and the group's first offsets are fixed.
pub(super) async fn join(
    shared: Arc<Shared>,
    commits: mpsc::Sender<offsets::Request>,
    group: &str,
    topics: Vec<Topic>,
    start: Start,
) -> Result<PostgresConsumer, LogError> {
    let reader = Arc::new(Reader::new(group.to_owned(), topics.iter().map(|topic| topic.id).collect()));
    shared.wakes.add(&reader);
    // One batch may wait while the next is fetched.
    let (sender, batches) = mpsc::channel(1);
    let mut worker = Worker {
        group: group.into(),
        member: Uuid::now_v7(),
        latest: start == Start::Latest,
        names: topics.iter().map(|topic| (topic.id, Arc::clone(&topic.name))).collect(),
        reader,
        owned: Owned::default(),
        next: HashMap::new(),
        epoch: 0,
        heard: Instant::now(),
        heartbeat_at: Instant::now() + HEARTBEAT,
        batches: sender,
        shared,
    };
    worker.heartbeat().await?;
    let consumer = PostgresConsumer {
        group: Arc::clone(&worker.group),
        member: worker.member,
        topics: topics.into_iter().map(|topic| (topic.name.to_string(), topic.id)).collect(),
        owned: Arc::clone(&worker.owned),
        batches,
        current: VecDeque::new(),
        commits,
    };
    tokio::spawn(worker.run());
    Ok(consumer)
}

#[async_trait]
impl Consumer for PostgresConsumer {
    async fn next(&mut self) -> Result<Delivered, LogError> {
        loop {
            while let Some(fetched) = self.current.pop_front() {
                let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
                if owned.get(&fetched.place) == Some(&fetched.epoch) {
                    return Ok(fetched.record);
                }
            }
            // Only dropping the handle ends the worker, so this happens when the runtime is being shut down.
            let ended = || LogError::Unavailable("the log is being closed".to_owned());
            self.current = self.batches.recv().await.ok_or_else(ended)?.into();
        }
    }

    async fn commit(&self, topic: &str, position: Position) -> Result<(), LogError> {
        let topic = *self
            .topics
            .get(topic)
            .ok_or_else(|| LogError::Refused(format!("this member does not read topic {topic:?}")))?;
        let (done, result) = oneshot::channel();
        let request = offsets::Request {
            group: Arc::clone(&self.group),
            member: self.member,
            topic,
            partition: position.partition,
            next_offset: position.offset + 1,
            done,
        };
        let ended = || LogError::Unavailable("the log is being closed".to_owned());
        self.commits.send(request).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())?
    }
}

/// What runs behind the handle until it is dropped.
struct Worker {
    shared: Arc<Shared>,
    group: Arc<str>,
    member: Uuid,
    latest: bool,
    names: HashMap<i32, Arc<str>>,
    reader: Arc<Reader>,
    owned: Owned,
    /// The offset that is fetched next, for each owned partition.
    next: HashMap<Place, i64>,
    epoch: u64,
    heard: Instant,
    heartbeat_at: Instant,
    batches: mpsc::Sender<Vec<Fetched>>,
}

impl Worker {
    async fn run(mut self) {
        let sender = self.batches.clone();
        tokio::select! {
            () = sender.closed() => {}
            () = self.work() => {}
        }
        let left = sqlx::query("SELECT event_log.leave($1, $2)")
            .bind(&*self.group)
            .bind(self.member)
            .execute(&self.shared.pool)
            .await;
        if let Err(error) = left {
            tracing::debug!(%error, group = %self.group, "could not leave; the lease will run out");
        }
    }

    async fn work(&mut self) {
        let mut waiting: Vec<Fetched> = Vec::new();
        loop {
            if self.reader.regroup.swap(false, Ordering::AcqRel) || Instant::now() >= self.heartbeat_at {
                self.reader.news().all = true;
                if let Err(error) = self.heartbeat().await {
                    tracing::warn!(%error, group = %self.group, "heartbeat failed");
                    self.give_up_an_expired_lease();
                    self.heartbeat_at = Instant::now() + ERROR_PAUSE;
                }
            }
            if waiting.is_empty() {
                waiting = match self.fetch().await {
                    Ok(batch) => batch,
                    Err(error) => {
                        tracing::warn!(%error, group = %self.group, "fetch failed");
                        self.reader.news().all = true;
                        tokio::time::sleep(ERROR_PAUSE).await;
                        continue;
                    }
                };
            }
            let reader = Arc::clone(&self.reader);
            let batches = self.batches.clone();
            tokio::select! {
                // The reader may take its time; the heartbeat may not.
                permit = batches.reserve(), if !waiting.is_empty() => match permit {
                    Ok(permit) => permit.send(std::mem::take(&mut waiting)),
                    Err(_) => return,
                },
                () = reader.woken.notified() => {}
                () = tokio::time::sleep_until(self.heartbeat_at) => {}
            }
        }
    }

    /// Keeps the lease and learns which partitions this member owns now.
    async fn heartbeat(&mut self) -> Result<(), LogError> {
        let lease_ms = i32::try_from(LEASE.as_millis()).expect("seconds");
        let rows: Vec<(i32, i32, i64)> = sqlx::query_as(
            "SELECT topic_id, partition, next_offset FROM event_log.heartbeat($1, $2, $3, $4, $5, $6)",
        )
        .bind(&*self.group)
        .bind(self.member)
        .bind(self.shared.session)
        .bind(&self.reader.topics)
        .bind(self.latest)
        .bind(lease_ms)
        .fetch_all(&self.shared.pool)
        .await
        .map_err(log_error)?;
        self.heard = Instant::now();
        self.heartbeat_at = self.heard + HEARTBEAT;
        let now_owned: HashSet<Place> =
            rows.iter().map(|(topic, partition, _)| (*topic, *partition)).collect();
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.retain(|place, _| now_owned.contains(place));
        self.next.retain(|place, _| now_owned.contains(place));
        for (topic, partition, next_offset) in rows {
            let place = (topic, partition);
            if let Entry::Vacant(gained) = owned.entry(place) {
                self.epoch += 1;
                gained.insert(self.epoch);
                self.next.insert(place, next_offset);
                self.reader.news().partitions.insert(place);
            }
        }
        Ok(())
    }

    /// Without a heartbeat for as long as a lease lasts, others read these partitions by now.
    fn give_up_an_expired_lease(&mut self) {
        if self.heard.elapsed() >= LEASE {
            self.owned.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.next.clear();
        }
    }

    /// What there is to read now, without waiting.
    async fn fetch(&mut self) -> Result<Vec<Fetched>, LogError> {
        let news = std::mem::take(&mut *self.reader.news());
        let mut batch = Vec::new();
        let mut ask: Vec<(Place, i64)> = Vec::new();
        for (place, next) in &mut self.next {
            if !news.all && !news.partitions.contains(place) {
                continue;
            }
            match self.shared.recent.from(*place, *next) {
                Some(records) => {
                    let epoch = self.owned.lock().unwrap_or_else(PoisonError::into_inner)[place];
                    *next += i64::try_from(records.len()).expect("a few hundred");
                    batch.extend(records.iter().map(|record| Fetched {
                        place: *place,
                        epoch,
                        record: Delivered::clone(record),
                    }));
                }
                None => ask.push((*place, *next)),
            }
        }
        if !ask.is_empty() {
            match self.fetch_from_tables(&ask, &mut batch).await {
                Ok(()) => {}
                Err(error) if batch.is_empty() => return Err(error),
                // What is here already must be handed over: `next` is past it.
                Err(error) => {
                    tracing::warn!(%error, group = %self.group, "fetch failed");
                    self.reader.news().all = true;
                }
            }
        }
        Ok(batch)
    }

    async fn fetch_from_tables(
        &mut self,
        ask: &[(Place, i64)],
        batch: &mut Vec<Fetched>,
    ) -> Result<(), LogError> {
        type Row = (i32, i32, i64, DateTime<Utc>, Option<Vec<u8>>, String, Vec<u8>);
        let topics: Vec<i32> = ask.iter().map(|((topic, _), _)| *topic).collect();
        let partitions: Vec<i32> = ask.iter().map(|((_, partition), _)| *partition).collect();
        let offsets: Vec<i64> = ask.iter().map(|(_, offset)| *offset).collect();
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT w.topic_id, w.partition, r.record_offset, r.appended_at, r.key, r.headers::text, r.value
               FROM unnest($1::int[], $2::int[], $3::bigint[]) AS w (topic_id, partition, next_offset)
              CROSS JOIN LATERAL (
                    SELECT s.*, sum(octet_length(s.value)) OVER (ORDER BY s.record_offset) - octet_length(s.value)
                                AS bytes_before
                      FROM (SELECT * FROM event_log.records r
                             WHERE r.topic_id = w.topic_id AND r.partition = w.partition
                               AND r.record_offset >= w.next_offset
                             ORDER BY r.record_offset LIMIT $4) s) r
              WHERE r.bytes_before < $5
              ORDER BY w.topic_id, w.partition, r.record_offset",
        )
        .bind(topics)
        .bind(partitions)
        .bind(offsets)
        .bind(FETCH_RECORDS)
        .bind(FETCH_BYTES)
        .fetch_all(&self.shared.pool)
        .await
        .map_err(log_error)?;
        for (topic, partition, offset, appended_at, key, headers, value) in rows {
            let place = (topic, partition);
            let headers = headers::decode(&headers).map_err(|error| {
                LogError::Refused(format!("record {offset} of {place:?} is damaged: {error}"))
            })?;
            let Some(epoch) = self.owned.lock().unwrap_or_else(PoisonError::into_inner).get(&place).copied()
            else {
                continue;
            };
            self.next.insert(place, offset + 1);
            // There may be more: look again once this batch is taken.
            self.reader.news().partitions.insert(place);
            batch.push(Fetched {
                place,
                epoch,
                record: Delivered {
                    topic: Arc::clone(&self.names[&topic]),
                    position: Position { partition, offset },
                    timestamp_ms: appended_at.timestamp_millis(),
                    record: Record { key, headers, value },
                },
            });
        }
        Ok(())
    }
}
