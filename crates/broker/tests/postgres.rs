//! The broker on PostgreSQL's event log.

use std::sync::Arc;

use learnflow_event_log::{EventLog, postgres::PostgresLog};
use learnflow_testkit::{ChaosProxy, database};

mod suite;
mod support;

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
