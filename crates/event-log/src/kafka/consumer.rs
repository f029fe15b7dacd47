//! A member of a consumer group on Kafka.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_trait::async_trait;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::{BorrowedMessage, Headers as _, Message as _},
};
use tokio::sync::{mpsc, oneshot};

use super::{Connection, log_error};
use crate::{Consumer, Delivered, LogError, Position, Record, Start};

/// After how long a silent member is taken for dead, in milliseconds.
const SESSION_TIMEOUT_MS: &str = "10000";
/// How often a member says that it lives, in milliseconds.
const HEARTBEAT_MS: &str = "3000";
/// How long a member may go without asking for the next record, in milliseconds. An hour: a Trigger whose events all
/// wait for another try is not dead.
const POLL_INTERVAL_MS: &str = "3600000";
/// How long a broker may hold a fetch back, in milliseconds; the default of 500 would delay single events.
const FETCH_WAIT_MS: &str = "10";
/// Bytes that are fetched ahead, in KiB.
const QUEUED_KIB: &str = "8192";
/// Commits that may wait.
const WAITING: usize = 4096;

/// librdkafka's handle of a member.
pub(super) type Client = StreamConsumer<Context>;

/// The partitions that this member reads, each with the offset that it has committed to.
#[derive(Default)]
pub(super) struct Context {
    assigned: Mutex<HashMap<(String, i32), Option<i64>>>,
}

impl Context {
    fn assigned(&self) -> MutexGuard<'_, HashMap<(String, i32), Option<i64>>> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let mut assigned = self.assigned();
        match rebalance {
            Rebalance::Assign(partitions) => assigned.extend(
                partitions.elements().iter().map(|new| ((new.topic().to_owned(), new.partition()), None)),
            ),
            Rebalance::Revoke(partitions) => {
                for lost in partitions.elements() {
                    assigned.remove(&(lost.topic().to_owned(), lost.partition()));
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalancing failed"),
        }
    }
}

/// Where a member wants its group to go on.
struct Commit {
    topic: String,
    position: Position,
    done: oneshot::Sender<Result<(), LogError>>,
}

/// A member of a group.
pub(super) struct KafkaConsumer {
    client: Option<Arc<Client>>,
    names: HashMap<String, Arc<str>>,
    commits: mpsc::Sender<Commit>,
}

/// Joins a group, whose start is fixed already.
pub(super) fn join(
    connection: &Connection,
    group: &str,
    topics: &[&str],
    start: Start,
) -> Result<KafkaConsumer, LogError> {
    let client: Client = connection
        .client_config()
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        // Only for a partition whose committed offset has been cleaned up.
        .set("auto.offset.reset", if start == Start::Latest { "latest" } else { "earliest" })
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", SESSION_TIMEOUT_MS)
        .set("heartbeat.interval.ms", HEARTBEAT_MS)
        .set("max.poll.interval.ms", POLL_INTERVAL_MS)
        .set("fetch.wait.max.ms", FETCH_WAIT_MS)
        .set("queued.max.messages.kbytes", QUEUED_KIB)
        .create_with_context(Context::default())
        .map_err(|error| log_error(&error))?;
    client.subscribe(topics).map_err(|error| log_error(&error))?;
    let client = Arc::new(client);
    let (commits, requests) = mpsc::channel(WAITING);
    tokio::spawn(write_commits(Arc::clone(&client), requests));
    let names = topics.iter().map(|topic| ((*topic).to_owned(), Arc::from(*topic))).collect();
    Ok(KafkaConsumer { client: Some(client), names, commits })
}

impl KafkaConsumer {
    pub(super) fn client(&self) -> Weak<Client> {
        self.client.as_ref().map(Arc::downgrade).unwrap_or_default()
    }
}

/// Gives a handle back. Whoever is last leaves the group, which waits for the network.
pub(super) fn release(client: Arc<Client>) {
    if let Some(client) = Arc::into_inner(client) {
        std::thread::spawn(move || drop(client));
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            release(client);
        }
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn next(&mut self) -> Result<Delivered, LogError> {
        let gone = || LogError::Unavailable("the log is being closed".to_owned());
        let client = self.client.as_ref().ok_or_else(gone)?;
        let message = client.recv().await.map_err(|error| log_error(&error))?;
        Ok(delivered(&message, &self.names))
    }

    async fn commit(&self, topic: &str, position: Position) -> Result<(), LogError> {
        if !self.names.contains_key(topic) {
            return Err(LogError::Refused(format!("this member does not read topic {topic:?}")));
        }
        let gone = || LogError::Unavailable("the log is being closed".to_owned());
        let (done, result) = oneshot::channel();
        let commit = Commit { topic: topic.to_owned(), position, done };
        self.commits.send(commit).await.map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

fn delivered(message: &BorrowedMessage<'_>, names: &HashMap<String, Arc<str>>) -> Delivered {
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
            .collect()
    });
    Delivered {
        topic: names.get(message.topic()).cloned().unwrap_or_else(|| message.topic().into()),
        position: Position { partition: message.partition(), offset: message.offset() },
        timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
        record: Record {
            key: message.key().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            value: message.payload().unwrap_or_default().to_vec(),
        },
    }
}

/// Writes what waits together, in one request.
async fn write_commits(client: Arc<Client>, mut requests: mpsc::Receiver<Commit>) {
    let mut batch = Vec::new();
    while requests.recv_many(&mut batch, WAITING).await > 0 {
        let offsets = newest(&client, &batch);
        let result = if offsets.count() == 0 {
            Ok(())
        } else {
            let blocking = Arc::clone(&client);
            tokio::task::spawn_blocking(move || {
                let result = write(&blocking, &offsets);
                release(blocking);
                result
            })
            .await
            .unwrap_or_else(|error| Err(LogError::Unavailable(format!("the commit did not end: {error}"))))
        };
        for commit in batch.drain(..) {
            let result = match &result {
                Ok(()) => Ok(()),
                Err(LogError::Unavailable(text)) => Err(LogError::Unavailable(text.clone())),
                Err(LogError::Refused(text)) => Err(LogError::Refused(text.clone())),
            };
            let _ = commit.done.send(result);
        }
    }
    release(client);
}

/// The offsets that go forward, in partitions that are still this member's.
fn newest(client: &Client, batch: &[Commit]) -> TopicPartitionList {
    let assigned = client.context().assigned();
    let mut furthest: HashMap<(&str, i32), i64> = HashMap::new();
    for commit in batch {
        let next = commit.position.offset + 1;
        let place = (commit.topic.clone(), commit.position.partition);
        if assigned.get(&place).is_some_and(|committed| committed.is_none_or(|committed| committed < next)) {
            let known = furthest.entry((&commit.topic, commit.position.partition)).or_insert(next);
            *known = next.max(*known);
        }
    }
    let mut offsets = TopicPartitionList::with_capacity(furthest.len());
    for ((topic, partition), next) in furthest {
        if let Err(error) = offsets.add_partition_offset(topic, partition, Offset::Offset(next)) {
            tracing::error!(%error, topic, partition, "an offset cannot be committed");
        }
    }
    offsets
}

fn write(client: &Client, offsets: &TopicPartitionList) -> Result<(), LogError> {
    match client.commit(offsets, CommitMode::Sync) {
        Ok(()) => {
            let mut assigned = client.context().assigned();
            for written in offsets.elements() {
                let place = (written.topic().to_owned(), written.partition());
                if let (Some(committed), Offset::Offset(next)) = (assigned.get_mut(&place), written.offset())
                {
                    *committed = Some(next.max(committed.unwrap_or(next)));
                }
            }
            Ok(())
        }
        // Members come or go. What of it stays with this member has to be written once they have settled, since
        // cooperative rebalancing takes only what moves; what goes to another is left out then.
        Err(KafkaError::ConsumerCommit(
            code @ (Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::AssignmentLost
            | Code::RebalanceInProgress),
        )) => Err(LogError::Unavailable(format!("the group is rebalancing: {code}"))),
        Err(error) => Err(log_error(&error)),
    }
}
