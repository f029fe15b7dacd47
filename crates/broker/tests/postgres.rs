//! The broker on PostgreSQL's event log.

use std::{collections::BTreeSet, sync::Arc};

use learnflow_event_log::{EventLog, postgres::PostgresLog};
use learnflow_testkit::{ChaosProxy, database};

mod suite;
mod support;

use suite::restart;
use support::{Bed, Subscriber};

async fn bed() -> Bed {
    bed_on(database().await.url).await
}

async fn bed_on(url: String) -> Bed {
    Bed::new(move || {
        let url = url.clone();
        Box::pin(async move { Arc::new(PostgresLog::open(&url).await.unwrap()) as Arc<dyn EventLog> })
    })
    .await
}

suite::on_log!(bed().await);

/// While the log is away producers are told so; afterwards everything goes on, without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_away_is_503_with_retry_after_and_comes_back() {
    let url = database().await.url;
    let proxy = ChaosProxy::start(url.split('@').nth(1).unwrap().split('/').next().unwrap()).await;
    let bed = bed_on(proxy.url(&url)).await;
    let subscriber = Subscriber::accepting().await;
    let running = bed.start(vec![bed.trigger("t", vec![], &subscriber)]).await;
    running.send("before", "a", &[], "{}").await;
    bed.until_committed("t").await;
    proxy.cut();
    let event = [("ce-specversion", "1.0"), ("ce-id", "during"), ("ce-source", "/s"), ("ce-type", "a")];
    let got = running.post(&event, "{}").await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert_eq!(got.headers.get("retry-after").map(String::as_str), Some("1"));
    assert!(got.body.contains("send it again"), "{}", got.body);
    proxy.restore();
    while running.post(&event, "{}").await.status != 202 {}
    running.send("after", "a", &[], "{}").await;
    subscriber.until(|seen| ["during", "after"].iter().all(|id| seen.iter().any(|s| s.id() == *id))).await;
}

/// On this log only for now: on Kafka it waited in vain for the group's commits in one run, and nobody has found out
/// why. It belongs back among the cases of both logs (suite/mod.rs) once that is understood.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_brokers_share_the_work() {
    let bed = &bed().await;
    let (one, other) = (Subscriber::accepting().await, Subscriber::accepting().await);
    let first = bed.start(vec![bed.trigger("t", vec![], &one)]).await;
    let log = (bed.open)().await;
    let second = bed.start_graph(&bed.graph(vec![bed.trigger("t", vec![], &other)]), &log).await;
    // Once both have work the partitions are shared.
    let mut sent = 0;
    while one.seen().is_empty() || other.seen().is_empty() {
        restart::send_many(&first, sent..sent + 20).await;
        sent += 20;
        bed.until_committed("t").await;
    }
    // One of them dies; the other does everything.
    drop(first);
    restart::send_many(&second, sent..sent + 40).await;
    bed.until_committed("t").await;
    let all: BTreeSet<_> = one.ids().into_iter().chain(other.ids()).collect();
    assert_eq!(all, restart::names(0..sent + 40));
}
