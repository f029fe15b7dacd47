//! The event log on Apache Kafka, through librdkafka.
//!
//! librdkafka has threads of its own; calls that wait for the network run where they may block.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
};

use crate::{Consumer, EventLog, LogError, Position, Record, Start, TopicSpec};

mod connection;
mod consumer;

pub use connection::{Connection, ConnectionError, VARIABLES};

/// Longest wait for an answer of a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a cluster may take to say what it has: one that has just started is busy.
const METADATA_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a record may take to become durable, in milliseconds.
const DELIVERY_TIMEOUT_MS: &str = "8000";
/// How long new topics may take to be known everywhere.
const PROPAGATION_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause between looks at the topics.
const PROPAGATION_PAUSE: Duration = Duration::from_millis(50);
/// The largest batch of a broker that nobody configured, in bytes: 1 MiB and the frame of a batch.
const MESSAGE_BYTES: &str = "1048588";
/// How many copies must have a record before it is durable: never more than there are.
const IN_SYNC: &str = "min.insync.replicas";

/// An event log on Kafka.
pub struct KafkaLog {
    connection: Connection,
    admin: Arc<AdminClient<DefaultClientContext>>,
    /// Made by the first record: who only reads may have no right to write, and Kafka asks for it at once.
    producer: Mutex<Option<FutureProducer>>,
    /// Topics that are known to exist, with their number of partitions.
    topics: Mutex<HashMap<String, i32>>,
    /// The consumers of this process, by group: the lag is asked through one of them.
    members: Mutex<HashMap<String, Weak<consumer::Client>>>,
}

impl KafkaLog {
    /// Connects to a cluster that asks nobody who is there, given as `host:port[,host:port…]`.
    ///
    /// # Errors
    /// When no broker can be reached.
    pub async fn open(bootstrap_servers: &str) -> Result<Self, LogError> {
        Self::connect(Connection::plain(bootstrap_servers)).await
    }

    /// Connects to a cluster.
    ///
    /// # Errors
    /// When no broker can be reached, or none lets us in.
    pub async fn connect(connection: Connection) -> Result<Self, LogError> {
        let admin = connection.client_config().create().map_err(|error| log_error(&error))?;
        let log = Self {
            connection,
            admin: Arc::new(admin),
            producer: Mutex::default(),
            topics: Mutex::default(),
            members: Mutex::default(),
        };
        log.look().await?;
        Ok(log)
    }

    fn producer(&self) -> Result<FutureProducer, LogError> {
        let mut made = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = &*made {
            return Ok(producer.clone());
        }
        let producer: FutureProducer = self
            .connection
            .client_config()
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            // The same partitions as Kafka's Java producers, and as our PostgreSQL log.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "0")
            .set("message.max.bytes", MESSAGE_BYTES)
            .set("message.timeout.ms", DELIVERY_TIMEOUT_MS)
            .create()
            .map_err(|error| log_error(&error))?;
        Ok(made.insert(producer).clone())
    }

    /// Why a producer takes no record any more, if that is so; the next record gets another.
    fn ended(&self, producer: &FutureProducer) -> Option<LogError> {
        let (code, text) = producer.client().fatal_error()?;
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let text = format!("{code}: {text}");
        Some(if REFUSED.contains(&code) { LogError::Refused(text) } else { LogError::Unavailable(text) })
    }

    /// Learns which topics there are. Returns the number of brokers.
    async fn look(&self) -> Result<i32, LogError> {
        let admin = Arc::clone(&self.admin);
        // Of all topics at once: to ask for one by name may create it.
        let metadata = blocking(move || admin.inner().fetch_metadata(None, METADATA_TIMEOUT)).await?;
        let known = metadata.topics().iter().filter(|topic| {
            topic.error().is_none() && topic.partitions().iter().all(|partition| partition.leader() >= 0)
        });
        let known = known.map(|topic| {
            let partitions = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
            (topic.name().to_owned(), partitions)
        });
        *self.topics.lock().unwrap_or_else(PoisonError::into_inner) = known.collect();
        Ok(i32::try_from(metadata.brokers().len()).unwrap_or(i32::MAX))
    }

    /// The number of partitions of a topic.
    async fn partitions(&self, topic: &str) -> Result<i32, LogError> {
        let known = || self.topics.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied();
        if let Some(partitions) = known() {
            return Ok(partitions);
        }
        self.look().await?;
        known()
            .ok_or_else(|| LogError::Refused(format!("there is no topic {topic:?}; declare it in eventing/")))
    }
}

/// A topic as it is made on a cluster of so many brokers.
struct Planned<'a> {
    name: &'a str,
    partitions: i32,
    replication: i32,
    settings: Vec<(&'a str, String)>,
}

impl<'a> Planned<'a> {
    fn of(topic: &'a TopicSpec, brokers: i32) -> Self {
        let replication = i32::try_from(topic.replication).unwrap_or(i32::MAX).min(brokers).max(1);
        let mut settings = vec![("retention.ms", topic.retention_ms.to_string())];
        settings.extend(topic.settings.iter().map(|(name, value)| {
            let cut =
                value.parse::<i32>().ok().filter(|_| name == IN_SYNC).map(|copies| copies.min(replication));
            (name.as_str(), cut.map_or_else(|| value.clone(), |copies| copies.to_string()))
        }));
        let partitions = i32::try_from(topic.partitions).expect("checked: at most 1024");
        Self { name: &topic.name, partitions, replication, settings }
    }

    fn new_topic(&self) -> NewTopic<'_> {
        let new = NewTopic::new(self.name, self.partitions, TopicReplication::Fixed(self.replication));
        self.settings.iter().fold(new, |new, (name, value)| new.set(name, value))
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        topics.iter().try_for_each(TopicSpec::check)?;
        let brokers = self.look().await?;
        let missing: HashMap<&str, &TopicSpec> = {
            let known = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
            let missing = topics.iter().filter(|topic| !known.contains_key(&topic.name));
            missing.map(|topic| (topic.name.as_str(), topic)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let planned: Vec<Planned<'_>> = missing.values().map(|topic| Planned::of(topic, brokers)).collect();
        let new: Vec<NewTopic<'_>> = planned.iter().map(Planned::new_topic).collect();
        let options = AdminOptions::new()
            .operation_timeout(Some(PROPAGATION_TIMEOUT))
            .request_timeout(Some(PROPAGATION_TIMEOUT));
        for result in self.admin.create_topics(&new, &options).await.map_err(|error| log_error(&error))? {
            match result {
                Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
                Err((topic, code)) => {
                    return Err(LogError::Refused(format!("topic {topic} was not made: {code}")));
                }
            }
        }
        let propagated = async {
            loop {
                self.look().await?;
                let known = self.topics.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if missing.keys().all(|name| known.contains_key(*name)) {
                    return Ok(());
                }
                tokio::time::sleep(PROPAGATION_PAUSE).await;
            }
        };
        tokio::time::timeout(PROPAGATION_TIMEOUT, propagated)
            .await
            .unwrap_or_else(|_| Err(LogError::Unavailable("the new topics have no leaders yet".to_owned())))
    }

    async fn append(&self, topic: &str, record: Record) -> Result<Position, LogError> {
        record.check()?;
        self.partitions(topic).await?;
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let mut message = FutureRecord::to(topic).payload(&record.value).headers(headers);
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        let producer = self.producer()?;
        match producer.send(message, REQUEST_TIMEOUT).await {
            Ok(delivery) => Ok(Position { partition: delivery.partition, offset: delivery.offset }),
            Err((error, _)) => {
                // It may have been deleted, or grown.
                self.topics.lock().unwrap_or_else(PoisonError::into_inner).remove(topic);
                Err(self.ended(&producer).unwrap_or_else(|| log_error(&error)))
            }
        }
    }

    async fn subscribe(
        &self,
        group: &str,
        topics: &[&str],
        start: Start,
    ) -> Result<Box<dyn Consumer>, LogError> {
        let mut partitions = Vec::with_capacity(topics.len());
        for topic in topics {
            partitions.push(((*topic).to_owned(), self.partitions(topic).await?));
        }
        self.fix_the_start(group, partitions, start).await?;
        let joined = consumer::join(&self.connection, group, topics, start)?;
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|_, client| client.strong_count() > 0);
        members.insert(group.to_owned(), joined.client());
        Ok(Box::new(joined))
    }

    async fn lag(&self, group: &str, topic: &str) -> Result<u64, LogError> {
        let partitions = self.partitions(topic).await?;
        let member =
            self.members.lock().unwrap_or_else(PoisonError::into_inner).get(group).and_then(Weak::upgrade);
        let connection = self.connection.clone();
        let (group, topic) = (group.to_owned(), topic.to_owned());
        blocking(move || match member {
            Some(member) => {
                let lag = measure(&*member, &topic, partitions);
                consumer::release(member);
                lag
            }
            None => measure(&onlooker(&connection, &group)?, &topic, partitions),
        })
        .await
    }
}

impl KafkaLog {
    /// Commits where the group begins in each partition that it has no offset for. Kafka itself would forget where a
    /// group began that has not committed yet, and what came meanwhile would be lost to it.
    async fn fix_the_start(
        &self,
        group: &str,
        topics: Vec<(String, i32)>,
        start: Start,
    ) -> Result<(), LogError> {
        let connection = self.connection.clone();
        let group = group.to_owned();
        blocking(move || {
            let onlooker = onlooker(&connection, &group)?;
            let deadline = Instant::now() + PROPAGATION_TIMEOUT;
            loop {
                match commit_missing(&onlooker, &topics, start) {
                    // A new topic's leader, or a new group's coordinator, may take its time.
                    Err(error) if is_settling(&error) && Instant::now() < deadline => {
                        std::thread::sleep(PROPAGATION_PAUSE);
                    }
                    other => return other,
                }
            }
        })
        .await
    }
}

fn commit_missing(onlooker: &BaseConsumer, topics: &[(String, i32)], start: Start) -> Result<(), KafkaError> {
    let mut begin = TopicPartitionList::new();
    for (topic, partitions) in topics {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic, 0, partitions - 1);
        let committed = onlooker.committed_offsets(asked, METADATA_TIMEOUT)?;
        for partition in committed.elements() {
            if !matches!(partition.offset(), Offset::Offset(_)) {
                let (low, high) =
                    onlooker.fetch_watermarks(topic, partition.partition(), METADATA_TIMEOUT)?;
                let offset = if start == Start::Latest { high } else { low };
                begin.add_partition_offset(topic, partition.partition(), Offset::Offset(offset))?;
            }
        }
    }
    if begin.count() == 0 {
        return Ok(());
    }
    match onlooker.commit(&begin, CommitMode::Sync) {
        // Somebody else is in the group already, and has done the same.
        Err(KafkaError::ConsumerCommit(Code::UnknownMemberId | Code::IllegalGeneration)) => Ok(()),
        other => other,
    }
}

/// Whether an error is over as soon as the cluster has agreed who leads what.
fn is_settling(error: &KafkaError) -> bool {
    const SETTLING: [Code; 7] = [
        Code::NotLeaderForPartition,
        Code::LeaderNotAvailable,
        Code::UnknownTopicOrPartition,
        Code::UnknownPartition,
        Code::CoordinatorLoadInProgress,
        Code::CoordinatorNotAvailable,
        Code::NotCoordinator,
    ];
    error.rdkafka_error_code().is_some_and(|code| SETTLING.contains(&code))
}

/// A client that can ask about a group without being in it.
fn onlooker(connection: &Connection, group: &str) -> Result<BaseConsumer, KafkaError> {
    connection.client_config().set("group.id", group).set("enable.auto.commit", "false").create()
}

/// How far a group is behind.
fn measure<C: rdkafka::consumer::ConsumerContext>(
    client: &impl rdkafka::consumer::Consumer<C>,
    topic: &str,
    partitions: i32,
) -> Result<u64, KafkaError> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic, 0, partitions - 1);
    let committed = client.committed_offsets(asked, REQUEST_TIMEOUT)?;
    let mut lag = 0;
    for partition in committed.elements() {
        let (low, high) = client.fetch_watermarks(topic, partition.partition(), REQUEST_TIMEOUT)?;
        let next = match partition.offset() {
            Offset::Offset(offset) => offset.max(low),
            _ => low,
        };
        lag += (high - next).max(0).unsigned_abs();
    }
    Ok(lag)
}

/// Runs a call that blocks.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, LogError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result.map_err(|error| log_error(&error)),
        Err(error) => Err(LogError::Unavailable(format!("the call did not end: {error}"))),
    }
}

/// Codes of what is wrong and stays wrong.
const REFUSED: [Code; 10] = [
    Code::MessageSizeTooLarge,
    Code::InvalidMessageSize,
    Code::InvalidTopic,
    Code::UnknownTopic,
    Code::UnknownPartition,
    Code::UnknownTopicOrPartition,
    Code::TopicAuthorizationFailed,
    Code::GroupAuthorizationFailed,
    Code::ClusterAuthorizationFailed,
    Code::SaslAuthenticationFailed,
];

/// Whether trying again may help is decided here, where Kafka's codes are understood.
fn log_error(error: &KafkaError) -> LogError {
    let wrong = match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::AdminOpCreation(_) => true,
        KafkaError::MessageConsumptionFatal(_) => true,
        other => other.rdkafka_error_code().is_some_and(|code| REFUSED.contains(&code)),
    };
    if wrong { LogError::Refused(error.to_string()) } else { LogError::Unavailable(error.to_string()) }
}
