//! Events on their way to subscribers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use learnflow_testkit::wait_until;
use learnflow_topology::graph::{DeliveryOrder, Destination, Filter, Service};

use crate::support::{Bed, DEADLINE, Subscriber, exact, reply, retries, status};

pub async fn an_event_reaches_every_trigger_that_wants_it(bed: &Bed) {
    let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let filters: Vec<(&str, Vec<Filter>, &[&str])> = vec![
        ("everything", vec![], &["1", "2", "3"]),
        ("exact", vec![exact("type", "a.one")], &["1"]),
        ("exact-extension", vec![exact("agent", "debug")], &["2"]),
        ("prefix", vec![Filter::Prefix(map("type", "a."))], &["1", "2"]),
        ("suffix", vec![Filter::Suffix(map("type", ".one"))], &["1", "3"]),
        ("both", vec![Filter::Prefix(map("type", "a.")), Filter::Suffix(map("type", ".one"))], &["1"]),
        ("any", vec![Filter::Any(vec![exact("type", "b.one"), exact("agent", "debug")])], &["2", "3"]),
        ("all", vec![Filter::All(vec![exact("type", "a.two"), exact("agent", "debug")])], &["2"]),
        ("not", vec![Filter::Not(Box::new(exact("agent", "debug")))], &["1", "3"]),
        ("content-type", vec![exact("datacontenttype", "application/json")], &["1", "2", "3"]),
    ];
    let mut triggers = Vec::new();
    let mut subscribers = Vec::new();
    for (name, filters, expected) in filters {
        let subscriber = Subscriber::accepting().await;
        triggers.push(bed.trigger(name, filters, &subscriber));
        subscribers.push((name, subscriber, expected));
    }
    let running = bed.start(triggers).await;
    running.send("1", "a.one", &[], "{}").await;
    running.send("2", "a.two", &[("ce-agent", "debug")], "{}").await;
    running.send("3", "b.one", &[], "{}").await;
    for (name, subscriber, expected) in subscribers {
        bed.until_committed(name).await;
        let seen: BTreeSet<_> = subscriber.ids().into_iter().collect();
        assert_eq!(seen, expected.iter().map(|id| (*id).to_owned()).collect(), "{name}");
    }
}

pub async fn requests_look_like_knatives(bed: &Bed) {
    let subscriber = Subscriber::accepting().await;
    let running = bed.start(vec![bed.trigger("t", vec![], &subscriber)]).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let extensions = [
        ("ce-partitionkey", "Zoë"),
        ("ce-subject", "turn"),
        ("ce-time", "2026-01-01T00:00:00Z"),
        ("traceparent", parent),
    ];
    running.send("1", "a", &extensions, "{ \"x\" : 1 }").await;
    let seen = &subscriber.until_count(1).await[0];
    let record = &bed.records(&bed.broker_topic(), 1).await[0];
    assert_eq!(seen.path, "/in");
    assert_eq!(&seen.body[..], b"{ \"x\" : 1 }");
    let (partition, offset) = (record.position.partition.to_string(), record.position.offset.to_string());
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/test"),
        ("ce-type", "a"),
        ("ce-subject", "turn"),
        ("ce-time", "2026-01-01T00:00:00Z"),
        ("ce-partitionkey", "Zo%C3%AB"),
        ("ce-knativekafkapartition", &partition),
        ("ce-knativekafkaoffset", &offset),
        ("content-type", "application/json"),
        ("prefer", "reply"),
        ("kn-namespace", &bed.namespace),
        ("traceparent", parent),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}

pub async fn a_reply_is_an_event_of_the_broker(bed: &Bed) {
    let asked =
        Subscriber::start(|seen, _| reply(&format!("re-{}", seen.id()), "answer", "{ \"from\": 1 }")).await;
    let told = Subscriber::accepting().await;
    let triggers = vec![
        bed.trigger("asked", vec![exact("type", "question")], &asked),
        bed.trigger("told", vec![exact("type", "answer")], &told),
    ];
    let running = bed.start(triggers).await;
    running.send("1", "question", &[], "{}").await;
    let seen = &told.until_count(1).await[0];
    assert_eq!(seen.id(), "re-1");
    assert_eq!(seen.header("ce-source"), Some("/subscriber"));
    assert_eq!(&seen.body[..], b"{ \"from\": 1 }");
    // A structured reply is as good.
    drop(running);
    let structured = Subscriber::start(|_, _| {
        let event = r#"{"specversion":"1.0","id":"structured","source":"/s","type":"answer","data":{}}"#;
        crate::support::answer(200, &[("content-type", "application/cloudevents+json")], event)
    })
    .await;
    let triggers = vec![
        bed.trigger("asked", vec![exact("type", "question")], &structured),
        bed.trigger("told", vec![exact("type", "answer")], &told),
    ];
    let running = bed.start(triggers).await;
    running.send("2", "question", &[], "{}").await;
    told.until(|seen| seen.iter().any(|seen| seen.id() == "structured")).await;
}

pub async fn repeats_are_delivered_as_often_as_they_come(bed: &Bed) {
    let subscriber = Subscriber::accepting().await;
    let running = bed.start(vec![bed.trigger("t", vec![], &subscriber)]).await;
    for _ in 0..20 {
        running.send("same", "a", &[("ce-partitionkey", "k")], "{}").await;
    }
    bed.until_committed("t").await;
    assert_eq!(subscriber.ids(), vec!["same"; 20]);
}

pub async fn ordered_triggers_keep_each_partition_in_order(bed: &Bed) {
    // The first try of every third event fails, and answers take unequal times.
    let subscriber = Subscriber::start_async(|seen, n| {
        let number: usize = seen.header("ce-number").unwrap().parse().unwrap();
        let first_try = seen.header("ce-knativekafkaoffset").is_some() && n % 3 == 0;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis((number * 7 % 5) as u64)).await;
            status(if first_try { 503 } else { 200 })
        })
    })
    .await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    trigger.order = DeliveryOrder::Ordered;
    trigger.delivery = Some(retries(10, 1, None));
    let running = bed.start(vec![trigger]).await;
    let (keys, each) = (8, 12);
    for n in 0..each {
        for key in 0..keys {
            let (key, n) = (key.to_string(), n.to_string());
            let extensions = [("ce-partitionkey", key.as_str()), ("ce-number", n.as_str())];
            running.send(&format!("{key}-{n}"), "a", &extensions, "{}").await;
        }
    }
    bed.until_committed("t").await;
    let mut last: HashMap<(String, String), i64> = HashMap::new();
    let mut last_offset: HashMap<String, i64> = HashMap::new();
    for seen in subscriber.seen() {
        let partition = seen.headers["ce-knativekafkapartition"].clone();
        let offset: i64 = seen.headers["ce-knativekafkaoffset"].parse().unwrap();
        let before = last_offset.insert(partition.clone(), offset).unwrap_or(-1);
        assert!(offset >= before, "partition {partition}: {offset} came after {before}");
        last.insert((partition, seen.headers["ce-partitionkey"].clone()), offset);
    }
    let ids: BTreeSet<_> = subscriber.ids().into_iter().collect();
    assert_eq!(ids.len(), keys * each);
}

pub async fn unordered_triggers_do_not_wait_for_the_slow(bed: &Bed) {
    let subscriber = Subscriber::start(|seen, _| status(if seen.id() == "stuck" { 503 } else { 200 })).await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    // An hour for the stuck one.
    trigger.delivery = Some(retries(5, 600_000, None));
    let running = bed.start(vec![trigger]).await;
    running.send("stuck", "a", &[("ce-partitionkey", "k")], "{}").await;
    subscriber.until_count(1).await;
    for n in 0..50 {
        running.send(&n.to_string(), "a", &[("ce-partitionkey", "k")], "{}").await;
    }
    let seen = subscriber.until_count(51).await;
    assert_eq!(seen.iter().filter(|seen| seen.id() == "stuck").count(), 1);
    let lag = bed.log.lag(&bed.group("t"), &bed.broker_topic()).await.unwrap();
    assert_eq!(lag, 51, "nothing behind the stuck event may be committed");
}

pub async fn concurrency_is_limited_by_the_service(bed: &Bed) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&most);
    let subscriber = Subscriber::start_async(move |_, _| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&counted));
        Box::pin(async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            status(200)
        })
    })
    .await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    let destination =
        Destination::Service { namespace: bed.namespace.clone(), name: "s".into(), path: "/in".into() };
    trigger.subscriber = destination;
    let mut graph = bed.graph(vec![trigger]);
    graph.services.push(Service {
        namespace: bed.namespace.clone(),
        name: "s".to_owned(),
        container_concurrency: 3,
        scale: (0, Some(2)),
        ..Service::default()
    });
    let url = subscriber.url("/in");
    let resolver = Arc::new(move |_: &Destination| Some(url.clone()));
    let options = learnflow_broker::Options::default();
    let handle =
        learnflow_broker::Broker::start(&graph, Arc::clone(&bed.log), resolver, options).await.unwrap();
    let running = bed.doors(handle).await;
    let ids: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    futures::future::join_all(ids.iter().map(|id| running.send(id, "a", &[], "{}"))).await;
    bed.until_committed("t").await;
    assert_eq!(most.load(Ordering::SeqCst), 6, "3 requests in each of 2 instances");
}

pub async fn a_trigger_may_write_to_a_kafka_sink(bed: &Bed) {
    let nobody = Subscriber::accepting().await;
    let mut trigger = bed.trigger("t", vec![], &nobody);
    trigger.subscriber =
        Destination::KafkaSink { namespace: bed.namespace.clone(), name: "binary".to_owned() };
    let running = bed.start(vec![trigger]).await;
    running.send("1", "a", &[("ce-partitionkey", "k")], "{ }").await;
    let record = &bed.records(&bed.sink_topic("binary"), 1).await[0].record;
    assert_eq!((record.key.as_deref(), record.value.as_slice()), (Some(&b"k"[..]), &b"{ }"[..]));
    bed.until_committed("t").await;
    assert!(nobody.seen().is_empty());
}

pub async fn metrics_tell_what_happened(bed: &Bed) {
    let dead = Subscriber::accepting().await;
    let subscriber = Subscriber::start(|seen, n| match (seen.header("ce-type"), n) {
        (Some("bad"), _) => status(400),
        (_, 0) => status(503),
        _ => status(200),
    })
    .await;
    let mut trigger = bed.trigger("t", vec![Filter::Not(Box::new(exact("type", "other")))], &subscriber);
    trigger.delivery = Some(retries(3, 1, Some(&dead)));
    let running = bed.start(vec![trigger]).await;
    running.send("1", "good", &[], "{}").await;
    bed.until_committed("t").await;
    running.send("2", "bad", &[], "{}").await;
    running.send("3", "other", &[], "{}").await;
    bed.until_committed("t").await;
    for (result, count) in [("retried", 1.0), ("delivered", 1.0), ("dead_lettered", 1.0), ("filtered", 1.0)] {
        let labels = [("trigger", "t"), ("result", result)];
        assert_eq!(running.metric("broker_events_total", &labels), count, "{result}");
    }
    assert_eq!(running.metric("broker_ingress_requests_total", &[("status", "202")]), 3.0);
    // The lag is measured now and then.
    let mut stuck = bed.trigger("stuck", vec![], &Subscriber::start(|_, _| status(503)).await);
    stuck.delivery = Some(retries(1, 600_000, None));
    drop(running);
    let running = bed.start(vec![stuck]).await;
    running.send("4", "a", &[], "{}").await;
    // The event that waits.
    let depth = || running.metric("agent_queue_depth", &[("trigger", "stuck")]);
    wait_until(DEADLINE, async || (depth() == 1.0).then_some(())).await;
}
