//! The broker on a real Apache Kafka.

use std::{path::PathBuf, sync::Arc, time::Duration};

use learnflow_event_log::{EventLog, kafka::KafkaLog};
use learnflow_provision::{kafka as provision, tools_dir};
use learnflow_testkit::{checkout, kafka, wait_until};

mod suite;
mod support;

use support::{Bed, Subscriber};

/// How long consumers may take to come back to a Kafka that was away.
const REJOIN: Duration = Duration::from_secs(90);

async fn bed() -> Bed {
    bed_on(kafka().await.unwrap().bootstrap_servers()).await
}

async fn bed_on(servers: String) -> Bed {
    Bed::new(move || {
        let servers = servers.clone();
        Box::pin(async move { Arc::new(KafkaLog::open(&servers).await.unwrap()) as Arc<dyn EventLog> })
    })
    .await
}

suite::on_log!(bed().await);

/// While the log is away producers are told so; afterwards everything goes on, without a restart of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_away_is_503_with_retry_after_and_comes_back() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kafka-{}", uuid::Uuid::new_v4()));
    let mut options =
        provision::Options { dir: dir.clone(), tools_dir: tools_dir(&checkout()), port: None, fresh: true };
    let own = provision::Broker::start(options.clone()).await.unwrap();
    (options.port, options.fresh) = (Some(own.port()), false);
    let bed = bed_on(own.bootstrap_servers()).await;
    let subscriber = Subscriber::accepting().await;
    let running = bed.start(vec![bed.trigger("t", vec![], &subscriber)]).await;
    running.send("before", "a", &[], "{}").await;
    bed.until_committed("t").await;
    own.stop().await;
    let event = [("ce-specversion", "1.0"), ("ce-id", "during"), ("ce-source", "/s"), ("ce-type", "a")];
    let got = running.post(&event, "{}").await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert_eq!(got.headers.get("retry-after").map(String::as_str), Some("1"));
    assert!(got.body.contains("send it again"), "{}", got.body);
    let own = provision::Broker::start(options).await.unwrap();
    while running.post(&event, "{}").await.status != 202 {}
    running.send("after", "a", &[], "{}").await;
    // The group has to form anew on a Kafka that has just started.
    wait_until(REJOIN, async || {
        let ids = subscriber.ids();
        ["during", "after"].iter().all(|id| ids.iter().any(|seen| seen == id)).then_some(())
    })
    .await;
    running.handle.shutdown().await;
    own.stop().await;
    std::fs::remove_dir_all(dir).unwrap();
}
