//! The event log on a real Apache Kafka.

use std::{sync::Arc, time::Duration};

use learnflow_event_log::{EventLog, LogError, TopicSpec, kafka::KafkaLog};
use learnflow_testkit::kafka;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    client::DefaultClientContext,
};

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

#[tokio::test]
async fn topics_are_made_as_they_are_declared() {
    let servers = kafka().await.unwrap().bootstrap_servers();
    let log = KafkaLog::open(&servers).await.unwrap();
    let name = format!("topic-{}", uuid::Uuid::new_v4());
    let settings = [
        ("cleanup.policy", "compact"),
        ("compression.type", "zstd"),
        ("min.insync.replicas", "2"),
        ("segment.ms", "600000"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let spec =
        TopicSpec { name: name.clone(), partitions: 12, replication: 3, retention_ms: 7_200_000, settings };
    log.ensure_topics(&[spec]).await.unwrap();

    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
    let metadata = admin.inner().fetch_metadata(Some(&name), Duration::from_secs(10)).unwrap();
    assert_eq!(metadata.topics()[0].partitions().len(), 12);
    let described = admin.describe_configs(&[ResourceSpecifier::Topic(&name)], &AdminOptions::new()).await;
    let resource = described.unwrap().remove(0).unwrap();
    let values = resource.entry_map();
    for (entry, value) in [
        ("retention.ms", "7200000"),
        ("compression.type", "zstd"),
        ("cleanup.policy", "compact"),
        ("segment.ms", "600000"),
        // One broker has one copy; with two asked for, nothing could be written.
        ("min.insync.replicas", "1"),
    ] {
        assert_eq!(values[entry].value.as_deref(), Some(value), "{entry}");
    }
}
