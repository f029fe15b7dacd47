//! The event log behind one small trait: topics of partitions of records, consumer groups with offsets.
//!
//! Two backends give the same promises: `kafka` (Apache Kafka through librdkafka) and `postgres`
//! (tables in the database that LearnFlow has anyway; nothing to install, durable across `kill -9`).

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

pub mod kafka;
pub mod partitioner;
pub mod postgres;

/// Largest record, in bytes of key, headers and value together. Kafka's default limit for a batch is 1 MiB and
/// 12 bytes; what is left pays for the batch's own framing.
pub const RECORD_BYTES: usize = 1_048_000;

/// A record to append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Records with the same key go to the same partition, in order; without a key any partition may do.
    pub key: Option<Vec<u8>>,
    /// Header name and value, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The value.
    pub value: Vec<u8>,
}

impl Record {
    /// Bytes of key, headers and value together.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.key.as_ref().map_or(0, Vec::len) + headers + self.value.len()
    }

    /// Refuses what one backend could not take, before either sees it.
    fn check(&self) -> Result<(), LogError> {
        if let Some((name, _)) = self.headers.iter().find(|(name, _)| name.is_empty() || name.contains('\0'))
        {
            return Err(LogError::Refused(format!(
                "{name:?} is no header name; use at least one character, and no NUL"
            )));
        }
        let size = self.size();
        if size > RECORD_BYTES {
            return Err(LogError::Refused(format!(
                "the record has {size} bytes of key, headers and value; at most {RECORD_BYTES} are accepted"
            )));
        }
        Ok(())
    }
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The partition, from 0.
    pub partition: i32,
    /// The offset in it, from 0.
    pub offset: i64,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its topic.
    pub topic: Arc<str>,
    /// Where it is.
    pub position: Position,
    /// When it was appended, in milliseconds since 1970 (UTC).
    pub timestamp_ms: i64,
    /// The record.
    pub record: Record,
}

/// What a topic is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: u32,
    /// Copies of each partition; cut to the number of brokers there are.
    pub replication: u32,
    /// How long records are kept, in milliseconds.
    pub retention_ms: u64,
    /// Whatever else Kafka is told of the topic, by Kafka's names. The log in PostgreSQL deletes what is too old, compresses
    /// as its tables do, and has as many copies as its server.
    pub settings: BTreeMap<String, String>,
}

/// The settings of a topic for which nobody declares any.
pub fn usual_settings() -> BTreeMap<String, String> {
    [("cleanup.policy", "delete"), ("compression.type", "lz4"), ("min.insync.replicas", "2")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

impl TopicSpec {
    /// Refuses what Kafka would refuse, so that both backends have the same topics.
    fn check(&self) -> Result<(), LogError> {
        let named = (1..=249).contains(&self.name.len())
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && self.name != "."
            && self.name != "..";
        if !named {
            return Err(LogError::Refused(format!(
                "{:?} is no topic name; use 1 to 249 letters, digits, '.', '_' and '-'",
                self.name
            )));
        }
        if !(1..=1024).contains(&self.partitions) || self.replication == 0 || self.retention_ms == 0 {
            return Err(LogError::Refused(format!(
                "topic {} needs 1 to 1024 partitions, at least one replica and a retention above 0",
                self.name
            )));
        }
        Ok(())
    }
}

/// Where a group begins when it has no committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// After the newest record (what Knative's Triggers do).
    Latest,
}

/// A failure of the log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log cannot be reached at the moment; trying again may help.
    #[error("the event log cannot be reached: {0}")]
    Unavailable(String),
    /// The request is wrong and stays wrong.
    #[error("the event log refused: {0}")]
    Refused(String),
}

/// An event log.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Makes the topics that do not exist yet.
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError>;

    /// Appends a record; when this returns, the record is durable.
    async fn append(&self, topic: &str, record: Record) -> Result<Position, LogError>;

    /// Joins `group` and reads `topics`. Each partition is read by one member of a group at a time.
    async fn subscribe(
        &self,
        group: &str,
        topics: &[&str],
        start: Start,
    ) -> Result<Box<dyn Consumer>, LogError>;

    /// Records that `group` has not committed yet, over all partitions of `topic`.
    async fn lag(&self, group: &str, topic: &str) -> Result<u64, LogError>;
}

/// A member of a consumer group. Dropping it leaves the group.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// The next record, in order within each partition; waits for one. Cancel safe.
    async fn next(&mut self) -> Result<Delivered, LogError>;

    /// Commits that everything up to and including `position` has been handled. Without effect when the
    /// partition has gone to another member meanwhile, or when the group is further already.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] also while partitions change hands: go on reading and commit later.
    async fn commit(&self, topic: &str, position: Position) -> Result<(), LogError>;
}
