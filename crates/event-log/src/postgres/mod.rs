//! The event log in PostgreSQL: the tables of `migrations/0005_event_log.sql`.
//!
//! * An append joins whatever else is waiting and is written with it in one statement ([`append`]).
//! * Records that were just appended are kept in memory, so that a reader in the same process needs no query
//!   ([`recent`]); other processes are woken by LISTEN/NOTIFY, and everybody also looks every few seconds ([`wake`]).
//! * A group's members hold leases; its partitions are dealt out by the SQL function `heartbeat` ([`consumer`]).
//! * Commits of all groups are collected and written together ([`offsets`]).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{Consumer, EventLog, LogError, Position, Record, Start, TopicSpec, partitioner::partition_for};

mod append;
mod consumer;
mod headers;
mod offsets;
mod recent;
mod retention;
mod wake;

/// Connections that one log opens at most.
const CONNECTIONS: u32 = 10;
/// How long a call waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// An event log in PostgreSQL.
pub struct PostgresLog {
    shared: Arc<Shared>,
    lanes: Vec<mpsc::Sender<append::Request>>,
    commits: mpsc::Sender<offsets::Request>,
    topics: Mutex<HashMap<String, Topic>>,
    next_keyless: AtomicU32,
    _stop: DropGuard,
}

/// What the background tasks share.
struct Shared {
    database_url: String,
    pool: PgPool,
    /// The advisory lock that says that this process lives.
    session: i64,
    wakes: wake::Wakes,
    recent: recent::Recent,
}

/// A topic as the tables know it.
#[derive(Clone, Debug)]
struct Topic {
    id: i32,
    name: Arc<str>,
    partitions: u32,
}

impl PostgresLog {
    /// Connects to `database_url`, whose schema `event_log` must have been migrated.
    ///
    /// # Errors
    /// When the database cannot be reached, or has no event log.
    pub async fn open(database_url: &str) -> Result<Self, LogError> {
        if !database_url.starts_with("postgres://") && !database_url.starts_with("postgresql://") {
            return Err(LogError::Refused(
                "the database URL is not PostgreSQL's; set DATABASE_URL to postgres://user:password@host/database"
                    .to_owned(),
            ));
        }
        let options = database_url
            .parse::<sqlx::postgres::PgConnectOptions>()
            .map_err(|error| LogError::Refused(format!("the database URL is not valid: {error}")))?
            .application_name("learnflow-event-log");
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A ping before each use would double the round trips; only a connection that has idled may be dead.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > Duration::from_secs(1) {
                        sqlx::Connection::ping(connection).await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(log_error)?;
        sqlx::query("SELECT FROM event_log.topics LIMIT 1").execute(&pool).await.map_err(log_error)?;

        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            database_url: database_url.to_owned(),
            pool,
            session: i64::from_be_bytes(Uuid::new_v4().as_bytes()[..8].try_into().expect("8 of 16 bytes")),
            wakes: wake::Wakes::default(),
            recent: recent::Recent::default(),
        });
        wake::start(&shared, stop.clone()).await?;
        retention::start(&shared, stop.clone());
        Ok(Self {
            lanes: append::start(&shared),
            commits: offsets::start(&shared),
            shared,
            topics: Mutex::default(),
            next_keyless: AtomicU32::new(0),
            _stop: stop.drop_guard(),
        })
    }

    async fn topic(&self, name: &str) -> Result<Topic, LogError> {
        let known = || self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = known().get(name) {
            return Ok(topic.clone());
        }
        let row: Option<(i32, i32)> =
            sqlx::query_as("SELECT topic_id, partitions FROM event_log.topics WHERE name = $1")
                .bind(name)
                .fetch_optional(&self.shared.pool)
                .await
                .map_err(log_error)?;
        let (id, partitions) = row.ok_or_else(|| {
            LogError::Refused(format!("there is no topic {name:?}; declare it in eventing/"))
        })?;
        let topic = Topic { id, name: name.into(), partitions: partitions.unsigned_abs() };
        known().insert(name.to_owned(), topic.clone());
        Ok(topic)
    }
}

#[async_trait]
impl EventLog for PostgresLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        topics.iter().try_for_each(TopicSpec::check)?;
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        let partitions: Vec<i32> =
            topics.iter().map(|topic| topic.partitions.try_into().unwrap_or(i32::MAX)).collect();
        let retention: Vec<i64> =
            topics.iter().map(|topic| topic.retention_ms.try_into().unwrap_or(i64::MAX)).collect();
        sqlx::query(
            "WITH made AS (
                 INSERT INTO event_log.topics (name, partitions, retention_ms)
                 SELECT DISTINCT ON (name) name, partitions, retention_ms
                   FROM unnest($1::text[], $2::int[], $3::bigint[]) AS w (name, partitions, retention_ms)
                  WHERE NOT EXISTS (SELECT FROM event_log.topics t WHERE t.name = w.name)
                  ORDER BY name
                 ON CONFLICT (name) DO NOTHING RETURNING topic_id, partitions
             )
             INSERT INTO event_log.partitions (topic_id, partition)
             SELECT topic_id, generate_series(0, partitions - 1) FROM made",
        )
        .bind(names)
        .bind(partitions)
        .bind(retention)
        .execute(&self.shared.pool)
        .await
        .map_err(log_error)?;
        Ok(())
    }

    async fn append(&self, topic: &str, record: Record) -> Result<Position, LogError> {
        record.check()?;
        let topic = self.topic(topic).await?;
        let partition = match &record.key {
            Some(key) => partition_for(key, topic.partitions),
            None => {
                let turn = self.next_keyless.fetch_add(1, Ordering::Relaxed) % topic.partitions;
                i32::try_from(turn).expect("a topic has at most 1024 partitions")
            }
        };
        append::append(&self.lanes, topic, partition, record).await
    }

    async fn subscribe(
        &self,
        group: &str,
        topics: &[&str],
        start: Start,
    ) -> Result<Box<dyn Consumer>, LogError> {
        if group.is_empty() || group.len() > 255 {
            return Err(LogError::Refused(format!("{group:?} is no group name; use 1 to 255 bytes")));
        }
        let mut found = Vec::with_capacity(topics.len());
        for name in topics {
            found.push(self.topic(name).await?);
        }
        let consumer =
            consumer::join(Arc::clone(&self.shared), self.commits.clone(), group, found, start).await?;
        Ok(Box::new(consumer))
    }

    async fn lag(&self, group: &str, topic: &str) -> Result<u64, LogError> {
        let topic = self.topic(topic).await?;
        let lag: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(p.next_offset - greatest(o.next_offset, p.first_offset)), 0)::bigint
               FROM event_log.partitions p
               LEFT JOIN event_log.group_offsets o
                      ON o.group_name = $1 AND o.topic_id = p.topic_id AND o.partition = p.partition
              WHERE p.topic_id = $2",
        )
        .bind(group)
        .bind(topic.id)
        .fetch_one(&self.shared.pool)
        .await
        .map_err(log_error)?;
        Ok(lag.max(0).unsigned_abs())
    }
}

/// Whether trying again may help is decided here, where PostgreSQL's codes are understood.
fn log_error(error: sqlx::Error) -> LogError {
    match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            match code.get(..2) {
                // Connection, transaction rolled back, resources, operator intervention, system error, read only.
                Some("08" | "40" | "53" | "57" | "58" | "25") => LogError::Unavailable(error.to_string()),
                _ if matches!(code.as_str(), "3F000" | "42P01" | "42883") => LogError::Refused(format!(
                    "{error}; the database has no event log yet: run `learnflow migrate`"
                )),
                _ => LogError::Refused(error.to_string()),
            }
        }
        _ => LogError::Unavailable(error.to_string()),
    }
}
