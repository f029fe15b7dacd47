//! The broker on a real Apache Kafka.

use std::sync::Arc;

use learnflow_event_log::{EventLog, kafka::KafkaLog};
use learnflow_testkit::kafka;

mod suite;
mod support;

async fn bed() -> support::Bed {
    let servers = kafka().await.unwrap().bootstrap_servers();
    support::Bed::new(move || {
        let servers = servers.clone();
        Box::pin(async move { Arc::new(KafkaLog::open(&servers).await.unwrap()) as Arc<dyn EventLog> })
    })
    .await
}

suite::on_log!(bed().await);
