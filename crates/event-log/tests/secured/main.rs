//! A Kafka that asks who is there: the users that eventing/ declares log in, do their work, and can do nothing else.
//!
//! Built with the feature `kafka-tls`, users log in by SCRAM over TLS, as on a cluster; without it by password in plain
//! text, so that what does not depend on TLS is always tried:
//! `cargo test --release --features learnflow-event-log/kafka-tls --test secured`.

use std::{path::Path, time::Duration};

use learnflow_event_log::{
    EventLog, LogError, Record, Start, TopicSpec,
    kafka::{Connection, KafkaLog},
    usual_settings,
};
use learnflow_events::Topic;
use learnflow_topology::load_overlays;

mod cluster;
mod rights;

use cluster::Cluster;

/// Longer than a client looks for a broker that lets it in.
const PATIENCE: Duration = Duration::from_secs(60);

fn declared(name: &str) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions: 1,
        replication: 1,
        retention_ms: 3_600_000,
        settings: usual_settings(),
    }
}

fn record(value: &str) -> Record {
    Record { value: value.into(), ..Record::default() }
}

async fn log(connection: Connection) -> Result<KafkaLog, LogError> {
    tokio::time::timeout(PATIENCE, KafkaLog::connect(connection)).await.expect("gives up")
}

#[tokio::test]
async fn users_can_do_their_work_and_nothing_else() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let graph = load_overlays(root, "authorized", "authorized").unwrap();
    let names: Vec<&str> = graph.users.iter().map(|user| user.name.as_str()).collect();
    let cluster = Cluster::start(&names).await;

    let admin = log(cluster.user("admin", "admin")).await.unwrap();
    let topics: Vec<TopicSpec> = graph.topics.iter().map(|topic| declared(&topic.name)).collect();
    admin.ensure_topics(&topics).await.unwrap();
    rights::grant(&cluster.admin_config(), &graph.users);

    // Who does not say who it is, and who says it wrongly, waits in vain.
    let nobody = log(Connection::plain(cluster.address()));
    let impostor = log(cluster.user("gateway", "a guess"));
    let (nobody, impostor) = tokio::join!(nobody, impostor);
    for outcome in [nobody, impostor] {
        let error = outcome.err().expect("nobody gets in");
        assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    }

    // The gateway: it finds its topics, and reads them in a group of its own.
    let gateway = log(cluster.user("gateway", "gateway")).await.unwrap();
    gateway.ensure_topics(&Topic::TOLD.map(|topic| declared(topic.name))).await.unwrap();
    let told = Topic::TOLD.map(|topic| topic.name);
    let mut reader = gateway.subscribe("gateway-pod-1", &told, Start::Latest).await.unwrap();

    // The data plane writes what the gateway reads.
    let plane = log(cluster.user("knative-eventing", "knative-eventing")).await.unwrap();
    for sink in &graph.sinks {
        plane
            .append(&sink.topic, record(&sink.topic))
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", sink.topic));
    }
    for _ in told {
        let delivered = tokio::time::timeout(PATIENCE, reader.next()).await.expect("a record comes").unwrap();
        assert_eq!(delivered.record.value, delivered.topic.as_bytes());
        reader.commit(&delivered.topic, delivered.position).await.unwrap();
    }
    for topic in told {
        assert_eq!(gateway.lag("gateway-pod-1", topic).await.unwrap(), 0, "{topic}");
    }
    let trigger = "knative-trigger-learnflow-debug";
    plane.subscribe(trigger, &["knative-broker-learnflow-default"], Start::Latest).await.unwrap();

    // And nothing else: another's group, another's topic, a record of one's own.
    let refused = |outcome: Result<(), LogError>| {
        let error = outcome.expect_err("it is not theirs");
        assert!(matches!(error, LogError::Refused(_)), "{error}");
    };
    refused(gateway.append(told[0], record("forged")).await.map(drop));
    refused(gateway.subscribe("gateway-pod-1", &["producer-events"], Start::Latest).await.map(drop));
    let producer = log(cluster.user("producer", "producer")).await.unwrap();
    producer.append("producer-events", record("asked")).await.unwrap();
    refused(producer.append(told[0], record("forged")).await.map(drop));
    // Of a group that is not theirs librdkafka only says that it found no coordinator.
    let (others, any) = tokio::join!(
        gateway.subscribe(trigger, &told[..1], Start::Latest),
        producer.subscribe("producer", &["producer-events"], Start::Earliest),
    );
    assert!(others.is_err() && any.is_err());
}
