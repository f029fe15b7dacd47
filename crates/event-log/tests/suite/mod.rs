//! What every event log promises. Each case runs on every backend: see `on_backend!`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use learnflow_event_log::{
    Consumer, Delivered, EventLog, LogError, Position, RECORD_BYTES, Record, Start, TopicSpec, usual_settings,
};

/// How long anything may take. Generous: these tests share a machine with compilers.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A log that can be opened again and again, as by several processes.
pub struct Backend {
    pub open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn EventLog>> + Send + Sync>,
}

impl Backend {
    /// Opens the log and makes a topic with a name of its own.
    async fn with_topic(&self, partitions: u32) -> (Arc<dyn EventLog>, String) {
        let log = (self.open)().await;
        let name = format!("topic-{}", uuid::Uuid::new_v4());
        log.ensure_topics(&[spec(&name, partitions)]).await.unwrap();
        (log, name)
    }
}

/// Makes a `#[tokio::test]` of every case, on the backend that the expression gives.
macro_rules! on_backend {
    ($backend:expr) => {
        suite::on_backend!($backend =>
            keys_keep_their_partition_and_order
            records_without_a_key_are_spread
            every_byte_survives
            records_over_the_limit_are_refused
            an_unknown_topic_is_refused
            making_topics_again_changes_nothing
            groups_are_independent
            a_new_group_starts_where_it_is_told
            a_group_goes_on_after_its_last_commit
            what_is_not_committed_comes_again
            an_older_commit_does_not_go_back
            one_consumer_reads_several_topics
            members_share_the_partitions_and_take_over
            waiting_for_a_record_can_be_given_up
            appends_of_two_processes_leave_no_gap
            what_was_appended_outlives_its_producer
            lag_counts_what_is_not_committed
        );
    };
    ($backend:expr => $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let backend = $backend;
            tokio::time::timeout(suite::DEADLINE, suite::$case(&backend)).await.expect("the case ends in time");
        })*
    };
}
pub(crate) use on_backend;

fn spec(name: &str, partitions: u32) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        replication: 1,
        retention_ms: 3_600_000,
        settings: usual_settings(),
    }
}

/// A group that no other case uses.
fn group(topic: &str, name: &str) -> String {
    format!("{name}-of-{topic}")
}

pub fn record(key: &str, value: &str) -> Record {
    Record { key: Some(key.into()), headers: Vec::new(), value: value.into() }
}

fn value(delivered: &Delivered) -> String {
    String::from_utf8(delivered.record.value.clone()).unwrap()
}

async fn take(consumer: &mut dyn Consumer, count: usize) -> Vec<Delivered> {
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count {
        taken.push(consumer.next().await.unwrap());
    }
    taken
}

/// Commits; while the partitions change hands that may have to wait for the next record.
async fn commit(consumer: &dyn Consumer, delivered: &Delivered) {
    match consumer.commit(&delivered.topic, delivered.position).await {
        Ok(()) | Err(LogError::Unavailable(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// The value of the next record, and nothing that should not be there before it.
async fn next_value(consumer: &mut dyn Consumer) -> String {
    value(&consumer.next().await.unwrap())
}

pub async fn keys_keep_their_partition_and_order(backend: &Backend) {
    let (log, topic) = backend.with_topic(12).await;
    let (keys, each) = (60, 20);
    join_all((0..keys).map(|key| {
        let (log, topic) = (&log, &topic);
        async move {
            for n in 0..each {
                log.append(topic, record(&format!("student-{key}"), &n.to_string())).await.unwrap();
            }
        }
    }))
    .await;
    let mut consumer = log.subscribe(&group(&topic, "order"), &[&topic], Start::Earliest).await.unwrap();
    let mut partition_of: HashMap<Vec<u8>, i32> = HashMap::new();
    let mut next_of: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut next_offset: BTreeMap<i32, i64> = BTreeMap::new();
    for delivered in take(&mut *consumer, keys * each as usize).await {
        let key = delivered.record.key.clone().unwrap();
        let Position { partition, offset } = delivered.position;
        assert_eq!(
            *partition_of.entry(key.clone()).or_insert(partition),
            partition,
            "a key stays in its partition"
        );
        let next = next_of.entry(key).or_default();
        assert_eq!(value(&delivered), next.to_string(), "a key stays in order");
        *next += 1;
        let expected = next_offset.entry(partition).or_default();
        assert_eq!(offset, *expected, "offsets have no gaps");
        *expected += 1;
    }
    assert_eq!(next_offset.len(), 12, "60 keys reach all of 12 partitions");
}

pub async fn records_without_a_key_are_spread(backend: &Backend) {
    let (log, topic) = backend.with_topic(3).await;
    let records = (0..300).map(|_| log.append(&topic, Record { value: vec![1], ..Record::default() }));
    let partitions: BTreeSet<i32> =
        join_all(records).await.into_iter().map(|p| p.unwrap().partition).collect();
    assert_eq!(partitions, BTreeSet::from([0, 1, 2]));
}

pub async fn every_byte_survives(backend: &Backend) {
    let (log, topic) = backend.with_topic(1).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(RECORD_BYTES - 1).collect();
    let records = [
        Record::default(),
        Record { key: Some(Vec::new()), headers: Vec::new(), value: vec![0] },
        Record {
            key: Some(every_byte.clone()),
            headers: vec![
                header("ce_id", "Zoë \u{0}\"\\\n".as_bytes()),
                header("twice", b"1"),
                header("twice", b"2"),
                header("raw", &every_byte),
                header("empty", b""),
            ],
            value: every_byte.clone(),
        },
        Record { key: Some(b"k".to_vec()), headers: Vec::new(), value: large },
        record("last", "a small one after a large one"),
    ];
    // Once while nobody reads, and once while somebody waits.
    let mut early = log.subscribe(&group(&topic, "early"), &[&topic], Start::Latest).await.unwrap();
    for record in &records {
        log.append(&topic, record.clone()).await.unwrap();
    }
    let mut late = log.subscribe(&group(&topic, "late"), &[&topic], Start::Earliest).await.unwrap();
    for consumer in [&mut early, &mut late] {
        for (place, expected) in records.iter().enumerate() {
            let delivered = consumer.next().await.unwrap();
            assert!(delivered.record == *expected, "record {place} came back changed");
            assert_eq!(&*delivered.topic, topic);
            assert_eq!(delivered.position, Position { partition: 0, offset: place as i64 });
            let age_ms = chrono::Utc::now().timestamp_millis() - delivered.timestamp_ms;
            assert!((0..60_000).contains(&age_ms), "the timestamp is {age_ms} ms old");
        }
    }
}

pub async fn records_over_the_limit_are_refused(backend: &Backend) {
    let (log, topic) = backend.with_topic(1).await;
    let large = |bytes| Record { value: vec![b'x'; bytes], ..Record::default() };
    log.append(&topic, large(RECORD_BYTES)).await.unwrap();
    let error = log.append(&topic, large(RECORD_BYTES + 1)).await.unwrap_err();
    assert!(matches!(&error, LogError::Refused(text) if text.contains("at most")), "{error}");
}

pub async fn an_unknown_topic_is_refused(backend: &Backend) {
    let (log, topic) = backend.with_topic(1).await;
    let unknown = format!("{topic}-not");
    let error = log.append(&unknown, record("k", "v")).await.unwrap_err();
    assert!(matches!(&error, LogError::Refused(text) if text.contains(&unknown)), "{error}");
    let error = log
        .subscribe(&group(&unknown, "g"), &[&unknown], Start::Latest)
        .await
        .err()
        .expect("cannot be read either");
    assert!(matches!(error, LogError::Refused(_)), "{error}");
    let bad = log.ensure_topics(&[spec("no spaces", 1)]).await.unwrap_err();
    assert!(matches!(bad, LogError::Refused(_)), "{bad}");
}

pub async fn making_topics_again_changes_nothing(backend: &Backend) {
    let (log, topic) = backend.with_topic(2).await;
    log.append(&topic, record("k", "v")).await.unwrap();
    let other = format!("{topic}-other");
    log.ensure_topics(&[spec(&topic, 2), spec(&other, 1), spec(&other, 1)]).await.unwrap();
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Earliest).await.unwrap();
    assert_eq!(next_value(&mut *consumer).await, "v");
    log.append(&other, record("k", "v")).await.unwrap();
}

pub async fn groups_are_independent(backend: &Backend) {
    let (log, topic) = backend.with_topic(2).await;
    let mut one = log.subscribe(&group(&topic, "one"), &[&topic], Start::Latest).await.unwrap();
    let mut other = log.subscribe(&group(&topic, "other"), &[&topic], Start::Latest).await.unwrap();
    for n in 0..10 {
        log.append(&topic, record("k", &n.to_string())).await.unwrap();
    }
    for consumer in [&mut one, &mut other] {
        let values: Vec<_> = take(&mut **consumer, 10).await.iter().map(value).collect();
        assert_eq!(values, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

pub async fn a_new_group_starts_where_it_is_told(backend: &Backend) {
    let (log, topic) = backend.with_topic(3).await;
    for n in 0..6 {
        log.append(&topic, record(&n.to_string(), "before")).await.unwrap();
    }
    let mut latest = log.subscribe(&group(&topic, "latest"), &[&topic], Start::Latest).await.unwrap();
    let mut earliest = log.subscribe(&group(&topic, "earliest"), &[&topic], Start::Earliest).await.unwrap();
    log.append(&topic, record("0", "after")).await.unwrap();
    assert_eq!(next_value(&mut *latest).await, "after");
    let all: Vec<_> = take(&mut *earliest, 7).await.iter().map(value).collect();
    assert_eq!(all.iter().filter(|value| *value == "before").count(), 6);
    // Where it began counts, even if it never commits: what comes while it is away is not lost.
    drop(latest);
    log.append(&topic, record("1", "meanwhile")).await.unwrap();
    let mut again = log.subscribe(&group(&topic, "latest"), &[&topic], Start::Latest).await.unwrap();
    let values: BTreeSet<_> = take(&mut *again, 2).await.iter().map(value).collect();
    assert_eq!(values, BTreeSet::from(["after".to_owned(), "meanwhile".to_owned()]));
}

pub async fn a_group_goes_on_after_its_last_commit(backend: &Backend) {
    let (log, topic) = backend.with_topic(1).await;
    for n in 0..10 {
        log.append(&topic, record("k", &n.to_string())).await.unwrap();
    }
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Earliest).await.unwrap();
    let fourth = take(&mut *consumer, 8).await[3].position;
    consumer.commit(&topic, fourth).await.unwrap();
    drop(consumer);
    // Another process, to be sure that nothing is remembered in this one.
    let log = (backend.open)().await;
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Latest).await.unwrap();
    let values: Vec<_> = take(&mut *consumer, 6).await.iter().map(value).collect();
    assert_eq!(values, ["4", "5", "6", "7", "8", "9"]);
}

pub async fn what_is_not_committed_comes_again(backend: &Backend) {
    let (log, topic) = backend.with_topic(4).await;
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Latest).await.unwrap();
    for n in 0..20 {
        log.append(&topic, record(&n.to_string(), &n.to_string())).await.unwrap();
    }
    let first: BTreeSet<_> = take(&mut *consumer, 20).await.iter().map(value).collect();
    drop(consumer);
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Latest).await.unwrap();
    let second: BTreeSet<_> = take(&mut *consumer, 20).await.iter().map(value).collect();
    assert_eq!((first.len(), &first), (20, &second));
}

pub async fn an_older_commit_does_not_go_back(backend: &Backend) {
    let (log, topic) = backend.with_topic(1).await;
    for n in 0..5 {
        log.append(&topic, record("k", &n.to_string())).await.unwrap();
    }
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Earliest).await.unwrap();
    take(&mut *consumer, 5).await;
    consumer.commit(&topic, Position { partition: 0, offset: 3 }).await.unwrap();
    consumer.commit(&topic, Position { partition: 0, offset: 1 }).await.unwrap();
    drop(consumer);
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Earliest).await.unwrap();
    assert_eq!(next_value(&mut *consumer).await, "4");
}

pub async fn one_consumer_reads_several_topics(backend: &Backend) {
    let (log, one) = backend.with_topic(2).await;
    let other = format!("{one}-other");
    log.ensure_topics(&[spec(&other, 3)]).await.unwrap();
    let mut consumer = log.subscribe(&group(&one, "g"), &[&one, &other], Start::Latest).await.unwrap();
    log.append(&one, record("k", "in one")).await.unwrap();
    log.append(&other, record("k", "in the other")).await.unwrap();
    let seen: BTreeSet<_> =
        take(&mut *consumer, 2).await.iter().map(|d| (d.topic.to_string(), value(d))).collect();
    assert_eq!(seen, BTreeSet::from([(one, "in one".to_owned()), (other, "in the other".to_owned())]));
}

pub async fn members_share_the_partitions_and_take_over(backend: &Backend) {
    let (log, topic) = backend.with_topic(12).await;
    let second_log = (backend.open)().await;
    let mut first = log.subscribe(&group(&topic, "g"), &[&topic], Start::Earliest).await.unwrap();
    let mut second = second_log.subscribe(&group(&topic, "g"), &[&topic], Start::Earliest).await.unwrap();
    // Once both get records the partitions are shared; until then appends go on.
    let (mut by_first, mut by_second) = (BTreeSet::new(), BTreeSet::new());
    let mut n = 0;
    while by_first.is_empty() || by_second.is_empty() {
        n += 1;
        for key in 0..40 {
            log.append(&topic, record(&key.to_string(), &n.to_string())).await.unwrap();
        }
        let round = tokio::time::sleep(Duration::from_millis(300));
        tokio::pin!(round);
        (by_first, by_second) = (BTreeSet::new(), BTreeSet::new());
        loop {
            tokio::select! {
                got = first.next() => {
                    let got = got.unwrap();
                    commit(&*first, &got).await;
                    if value(&got) == n.to_string() { by_first.insert(got.position.partition); }
                }
                got = second.next() => {
                    let got = got.unwrap();
                    commit(&*second, &got).await;
                    if value(&got) == n.to_string() { by_second.insert(got.position.partition); }
                }
                () = &mut round => break,
            }
        }
    }
    assert!(by_first.len() <= 11 && by_second.len() <= 11);
    // The first goes away; the second gets what comes for all partitions.
    drop(first);
    for key in 0..40 {
        log.append(&topic, record(&key.to_string(), "alone")).await.unwrap();
    }
    let mut partitions = BTreeSet::new();
    while partitions.len() < 12 {
        let got = second.next().await.unwrap();
        commit(&*second, &got).await;
        if value(&got) == "alone" {
            partitions.insert(got.position.partition);
        }
    }
}

pub async fn waiting_for_a_record_can_be_given_up(backend: &Backend) {
    let (log, topic) = backend.with_topic(2).await;
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Latest).await.unwrap();
    let producer = tokio::spawn(async move {
        for n in 0..200 {
            log.append(&topic, record("k", &n.to_string())).await.unwrap();
        }
    });
    let mut expected = 0;
    while expected < 200 {
        // Most of these are given up while waiting; none may take a record with it.
        match tokio::time::timeout(Duration::from_micros(200), consumer.next()).await {
            Ok(delivered) => {
                assert_eq!(value(&delivered.unwrap()), expected.to_string());
                expected += 1;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
    producer.await.unwrap();
}

pub async fn appends_of_two_processes_leave_no_gap(backend: &Backend) {
    let (log, topic) = backend.with_topic(2).await;
    let other = (backend.open)().await;
    let mut consumer = other.subscribe(&group(&topic, "g"), &[&topic], Start::Latest).await.unwrap();
    let appends = (0..400).map(|n| {
        let log = if n % 2 == 0 { &log } else { &other };
        log.append(&topic, Record { key: Some(vec![n as u8]), headers: Vec::new(), value: vec![n as u8] })
    });
    let appended: BTreeSet<Position> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(appended.len(), 400, "no two records share a position");
    let read: Vec<Position> = take(&mut *consumer, 400).await.iter().map(|d| d.position).collect();
    for partition in 0..2 {
        let offsets: Vec<i64> = read.iter().filter(|p| p.partition == partition).map(|p| p.offset).collect();
        assert_eq!(offsets, (0..offsets.len() as i64).collect::<Vec<_>>());
    }
}

pub async fn what_was_appended_outlives_its_producer(backend: &Backend) {
    let (log, topic) = backend.with_topic(1).await;
    let position = log.append(&topic, record("k", "kept")).await.unwrap();
    drop(log);
    let log = (backend.open)().await;
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Earliest).await.unwrap();
    let delivered = consumer.next().await.unwrap();
    assert_eq!((delivered.position, value(&delivered).as_str()), (position, "kept"));
}

pub async fn lag_counts_what_is_not_committed(backend: &Backend) {
    let (log, topic) = backend.with_topic(3).await;
    let mut consumer = log.subscribe(&group(&topic, "g"), &[&topic], Start::Latest).await.unwrap();
    assert_eq!(log.lag(&group(&topic, "g"), &topic).await.unwrap(), 0);
    for n in 0..9 {
        log.append(&topic, record(&n.to_string(), "v")).await.unwrap();
    }
    assert_eq!(log.lag(&group(&topic, "g"), &topic).await.unwrap(), 9);
    let delivered = take(&mut *consumer, 9).await;
    assert_eq!(log.lag(&group(&topic, "g"), &topic).await.unwrap(), 9, "reading is not committing");
    for delivered in delivered {
        consumer.commit(&topic, delivered.position).await.unwrap();
    }
    assert_eq!(log.lag(&group(&topic, "g"), &topic).await.unwrap(), 0);
}
