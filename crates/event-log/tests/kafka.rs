//! The event log on a real Apache Kafka.

use std::{sync::Arc, time::Duration};

use learnflow_event_log::{EventLog, LogError, kafka::KafkaLog};
use learnflow_testkit::kafka;

mod suite;

async fn backend() -> suite::Backend {
    let servers = kafka().await.unwrap().bootstrap_servers();
    suite::Backend {
        open: Box::new(move || {
            let servers = servers.clone();
            Box::pin(async move { Arc::new(KafkaLog::open(&servers).await.unwrap()) as Arc<dyn EventLog> })
        }),
    }
}

suite::on_backend!(backend().await);

#[tokio::test]
async fn a_cluster_that_is_not_there_is_unavailable() {
    let opening = tokio::time::timeout(Duration::from_secs(30), KafkaLog::open("127.0.0.1:1"));
    let error = opening.await.expect("gives up").err().expect("nothing listens there");
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
}
