//! Telling readers that there is something to read.
//!
//! Readers in this process are told directly. Other processes hear a NOTIFY that is sent after the append has been
//! committed, from a transaction of its own: PostgreSQL lets only one transaction that notifies commit at a time,
//! which would undo the group commit.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Shared, log_error};
use crate::LogError;

const CHANNEL: &str = "event_log";
/// Pause before a lost listener is set up again; readers look for themselves meanwhile.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// A NOTIFY holds at most 8,000 bytes: this many topics, or "all" of them.
const NAMED_TOPICS: usize = 500;

/// What is sent on the channel.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Notice {
    /// Records were appended to these topics.
    Appended {
        /// The sender, who knows already.
        session: i64,
        /// The topics; empty when there are too many to name.
        topics: Vec<i32>,
    },
    /// Members or partitions of this group have changed.
    Group(String),
}

/// One reader: what it reads and what may be new for it.
pub(super) struct Reader {
    pub(super) group: String,
    pub(super) topics: Vec<i32>,
    pub(super) woken: Notify,
    /// The group has changed: look who owns what.
    pub(super) regroup: AtomicBool,
    news: Mutex<News>,
}

/// Where there may be something new.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Everywhere.
    pub(super) all: bool,
    /// In these partitions.
    pub(super) partitions: HashSet<(i32, i32)>,
}

impl Reader {
    pub(super) fn new(group: String, topics: Vec<i32>) -> Self {
        let news = Mutex::new(News { all: true, ..News::default() });
        Self { group, topics, woken: Notify::new(), regroup: AtomicBool::new(false), news }
    }

    pub(super) fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_everywhere(&self) {
        self.news().all = true;
        self.woken.notify_one();
    }
}

/// The readers of this process, and what other processes have still to be told.
#[derive(Default)]
pub(super) struct Wakes {
    readers: Mutex<Vec<Weak<Reader>>>,
    unsent: Mutex<BTreeSet<i32>>,
    send: Notify,
}

impl Wakes {
    pub(super) fn add(&self, reader: &Arc<Reader>) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(reader));
    }

    fn readers(&self) -> Vec<Arc<Reader>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn has_reader(&self, topic: i32) -> bool {
        self.readers().iter().any(|reader| reader.topics.contains(&topic))
    }

    /// Records were appended to these partitions by this process.
    pub(super) fn appended(&self, places: &[(i32, i32)]) {
        for reader in self.readers() {
            let mut news = reader.news();
            let before = news.partitions.len();
            news.partitions.extend(places.iter().filter(|(topic, _)| reader.topics.contains(topic)));
            let wake = news.partitions.len() > before;
            drop(news);
            if wake {
                reader.woken.notify_one();
            }
        }
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        unsent.extend(places.iter().map(|(topic, _)| topic));
        drop(unsent);
        self.send.notify_one();
    }

    fn hear(&self, notice: &Notice, own_session: i64) {
        match notice {
            Notice::Appended { session, .. } if *session == own_session => {}
            Notice::Appended { topics, .. } => {
                let concerned =
                    |reader: &Reader| topics.is_empty() || reader.topics.iter().any(|t| topics.contains(t));
                self.readers()
                    .iter()
                    .filter(|reader| concerned(reader))
                    .for_each(|reader| reader.look_everywhere());
            }
            Notice::Group(group) => {
                for reader in self.readers().iter().filter(|reader| reader.group == *group) {
                    reader.regroup.store(true, Ordering::Release);
                    reader.woken.notify_one();
                }
            }
        }
    }
}

/// Starts listening and notifying. Returns once notifications arrive.
pub(super) async fn start(shared: &Arc<Shared>, stop: CancellationToken) -> Result<(), LogError> {
    let listener = listen(shared).await.map_err(log_error)?;
    tokio::spawn({
        let (shared, stop) = (Arc::clone(shared), stop.clone());
        async move { stop.run_until_cancelled(hear_all(shared, listener)).await }
    });
    let shared = Arc::clone(shared);
    tokio::spawn(async move { stop.run_until_cancelled(send_all(shared)).await });
    Ok(())
}

/// Listens, and holds the advisory lock by which other processes see that this one lives.
async fn listen(shared: &Shared) -> Result<PgListener, sqlx::Error> {
    // A connection of its own: one that went back to the pool would keep the lock.
    let mut listener = PgListener::connect(&shared.database_url).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(shared.session).execute(&mut listener).await?;
    Ok(listener)
}

async fn hear_all(shared: Arc<Shared>, listener: PgListener) {
    let mut listener = Some(listener);
    loop {
        match &mut listener {
            Some(open) => match open.try_recv().await {
                Ok(Some(notification)) => match serde_json::from_str(notification.payload()) {
                    Ok(notice) => shared.wakes.hear(&notice, shared.session),
                    Err(error) => tracing::warn!(%error, "a notification of the event log is not understood"),
                },
                // The connection was lost, and with it the lock and whatever was said meanwhile.
                Ok(None) => listener = None,
                Err(error) => {
                    tracing::warn!(%error, "the event log's listener was lost");
                    listener = None;
                }
            },
            None => {
                match listen(&shared).await {
                    Ok(open) => listener = Some(open),
                    Err(_) => tokio::time::sleep(RECONNECT_PAUSE).await,
                }
                for reader in shared.wakes.readers() {
                    reader.regroup.store(true, Ordering::Release);
                    reader.look_everywhere();
                }
            }
        }
    }
}

async fn send_all(shared: Arc<Shared>) {
    loop {
        shared.wakes.send.notified().await;
        let topics = std::mem::take(&mut *shared.wakes.unsent.lock().unwrap_or_else(PoisonError::into_inner));
        if topics.is_empty() {
            continue;
        }
        let topics = if topics.len() > NAMED_TOPICS { Vec::new() } else { topics.into_iter().collect() };
        let notice = Notice::Appended { session: shared.session, topics };
        let payload = serde_json::to_string(&notice).expect("numbers are always JSON");
        let sent =
            sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload).execute(&shared.pool).await;
        if let Err(error) = sent {
            tracing::debug!(%error, "other processes will find the new records when they look by themselves");
        }
    }
}
