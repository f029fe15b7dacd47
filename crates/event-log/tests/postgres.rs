//! The event log on PostgreSQL.

use std::{sync::Arc, time::Duration};

use learnflow_event_log::{EventLog, LogError, Start, TopicSpec, postgres::PostgresLog, usual_settings};
use learnflow_testkit::{ChaosProxy, Database, database, wait_until};

mod suite;

async fn backend() -> suite::Backend {
    let url = database().await.url;
    suite::Backend {
        open: Box::new(move || {
            let url = url.clone();
            Box::pin(async move { Arc::new(PostgresLog::open(&url).await.unwrap()) as Arc<dyn EventLog> })
        }),
    }
}

suite::on_backend!(backend().await);

/// The log through a proxy that can fail, and directly.
async fn with_proxy() -> (Database, ChaosProxy, PostgresLog, PostgresLog) {
    let database = database().await;
    let address = database.url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
    let proxy = ChaosProxy::start(address).await;
    let weak = PostgresLog::open(&proxy.url(&database.url)).await.unwrap();
    let strong = PostgresLog::open(&database.url).await.unwrap();
    let spec = TopicSpec {
        name: "t".to_owned(),
        partitions: 3,
        replication: 1,
        retention_ms: 60_000,
        settings: usual_settings(),
    };
    strong.ensure_topics(&[spec]).await.unwrap();
    (database, proxy, weak, strong)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_lose_no_record() {
    let (_database, proxy, weak, strong) = with_proxy().await;
    let mut consumer = weak.subscribe("g", &["t"], Start::Latest).await.unwrap();
    let mut accepted = Vec::new();
    for n in 0..60 {
        if n % 20 == 10 {
            proxy.cut_once();
        }
        // An append that failed may still have been written: its producer sends it again.
        while weak.append("t", suite::record(&n.to_string(), &n.to_string())).await.is_err() {}
        accepted.push(n.to_string());
    }
    strong.append("t", suite::record("0", "end")).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 61 {
        let delivered = tokio::time::timeout(suite::DEADLINE, consumer.next()).await.unwrap().unwrap();
        seen.insert(String::from_utf8(delivered.record.value).unwrap());
    }
    assert!(accepted.iter().all(|value| seen.contains(value)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_unavailable_and_comes_back() {
    let (_database, proxy, weak, _strong) = with_proxy().await;
    weak.append("t", suite::record("k", "before")).await.unwrap();
    proxy.cut();
    let error = weak.append("t", suite::record("k", "during")).await.unwrap_err();
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    proxy.restore();
    weak.append("t", suite::record("k", "after")).await.unwrap();
}

/// A process that dies does not say goodbye, but the server sees that its connection is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_partitions_of_a_dead_process_are_taken_over_before_its_lease_ends() {
    let (database, proxy, weak, strong) = with_proxy().await;
    let _dead = weak.subscribe("g", &["t"], Start::Latest).await.unwrap();
    proxy.cut();
    let mut heir = strong.subscribe("g", &["t"], Start::Latest).await.unwrap();
    for n in 0..9 {
        strong.append("t", suite::record(&n.to_string(), "v")).await.unwrap();
    }
    let taken = async {
        for _ in 0..9 {
            heir.next().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), taken).await.expect("sooner than the lease of 15 s");
    let members: i64 =
        sqlx::query_scalar("SELECT count(*) FROM event_log.members").fetch_one(&database.pool).await.unwrap();
    assert_eq!(members, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_records_are_removed_and_the_rest_can_be_read() {
    let database = database().await;
    let log = PostgresLog::open(&database.url).await.unwrap();
    let spec = |name: &str, retention_ms| TopicSpec {
        name: name.into(),
        partitions: 1,
        replication: 1,
        retention_ms,
        settings: usual_settings(),
    };
    log.ensure_topics(&[spec("short", 60_000), spec("long", 3_600_000)]).await.unwrap();
    for topic in ["short", "long"] {
        for n in 0..4 {
            log.append(topic, suite::record("k", &n.to_string())).await.unwrap();
        }
    }
    sqlx::query("UPDATE event_log.records SET appended_at = appended_at - interval '2 minutes' WHERE record_offset < 3")
        .execute(&database.pool)
        .await
        .unwrap();
    drop(log);
    // A log cleans up when it is opened, and every minute.
    let log = PostgresLog::open(&database.url).await.unwrap();
    let left = async |topic: &str| -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM event_log.records JOIN event_log.topics USING (topic_id) WHERE name = $1",
        )
        .bind(topic)
        .fetch_one(&database.pool)
        .await
        .unwrap()
    };
    wait_until(suite::DEADLINE, async || (left("short").await == 1).then_some(())).await;
    assert_eq!(left("long").await, 4);
    assert_eq!(log.lag("nobody", "short").await.unwrap(), 1);
    let mut consumer = log.subscribe("g", &["short"], Start::Earliest).await.unwrap();
    assert_eq!(consumer.next().await.unwrap().position.offset, 3);
}

#[tokio::test]
async fn a_database_without_the_tables_says_what_to_do() {
    let url = learnflow_testkit::postgres();
    let error = PostgresLog::open(url).await.err().expect("the maintenance database has no event log");
    assert!(matches!(&error, LogError::Refused(text) if text.contains("learnflow migrate")), "{error}");
    let error = PostgresLog::open("postgres://nobody@127.0.0.1:1/none").await.err().expect("nothing listens");
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    let error = PostgresLog::open("mysql://x").await.err().expect("another database");
    assert!(matches!(error, LogError::Refused(_)), "{error}");
}
