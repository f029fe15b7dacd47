//! Brokers that come and go.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::support::{Bed, Running, Subscriber, reply, retries, status};

async fn send_many(running: &Running, ids: std::ops::Range<usize>) {
    let ids: Vec<String> = ids.map(|n| n.to_string()).collect();
    let sends =
        ids.iter().map(|id| async move { running.send(id, "a", &[("ce-partitionkey", id)], "{}").await });
    futures::future::join_all(sends).await;
}

fn names(ids: std::ops::Range<usize>) -> BTreeSet<String> {
    ids.map(|n| n.to_string()).collect()
}

/// A subscriber that answers only while the gate is open.
async fn gated() -> (Subscriber, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&gate);
    let subscriber = Subscriber::start_async(move |_, _| {
        let gate = Arc::clone(&shared);
        Box::pin(async move {
            let _open = gate.acquire().await;
            status(204)
        })
    })
    .await;
    (subscriber, gate)
}

pub async fn what_was_in_flight_is_delivered_again(bed: &Bed) {
    let (subscriber, gate) = gated().await;
    let triggers = || vec![bed.trigger("t", vec![], &subscriber)];
    let running = bed.start(triggers()).await;
    send_many(&running, 0..50).await;
    subscriber.until_count(50).await;
    // Dropped without a goodbye, as by kill -9: nothing was answered, so nothing is committed.
    drop(running);
    gate.add_permits(1000);
    let log = (bed.open)().await;
    let _running = bed.start_graph(&bed.graph(triggers()), &log).await;
    subscriber.until_count(100).await;
    bed.until_committed("t").await;
    let seen = subscriber.seen();
    let again: BTreeSet<_> = seen[50..].iter().map(|seen| seen.id().to_owned()).collect();
    assert_eq!((seen.len(), again), (100, names(0..50)));
}

pub async fn what_waits_for_another_try_is_not_lost(bed: &Bed) {
    let subscriber = Subscriber::start(|_, n| status(if n == 0 { 503 } else { 200 })).await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    trigger.delivery = Some(retries(1, 600_000, None));
    let running = bed.start(vec![trigger.clone()]).await;
    running.send("1", "a", &[], "{}").await;
    subscriber.until_count(1).await;
    let stopping = Instant::now();
    running.handle.shutdown().await;
    assert!(stopping.elapsed() < Duration::from_secs(20), "a pause does not hold up the shutdown");
    let _running = bed.start(vec![trigger]).await;
    subscriber.until_count(2).await;
    bed.until_committed("t").await;
}

pub async fn a_shutdown_finishes_what_is_in_flight(bed: &Bed) {
    let gate = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&gate);
    let subscriber = Subscriber::start_async(move |seen, _| {
        let (gate, id) = (Arc::clone(&shared), seen.id().to_owned());
        Box::pin(async move {
            let _open = gate.acquire().await;
            reply(&format!("re-{id}"), "reply", "{}")
        })
    })
    .await;
    let trigger = || bed.trigger("t", vec![crate::support::exact("type", "a")], &subscriber);
    let running = bed.start(vec![trigger()]).await;
    send_many(&running, 0..5).await;
    subscriber.until_count(5).await;
    let stopping = tokio::spawn(running.handle.shutdown());
    gate.add_permits(1000);
    stopping.await.unwrap();
    // Five events and five replies are in the log, and the events are committed: only the replies are left to read.
    assert_eq!(bed.records(&bed.broker_topic(), 10).await.len(), 10);
    let running = bed.start(vec![trigger()]).await;
    running.send("last", "a", &[], "{}").await;
    subscriber.until(|seen| seen.iter().any(|seen| seen.id() == "last")).await;
    bed.until_committed("t").await;
    assert_eq!(subscriber.seen().len(), 6, "nothing was delivered twice");
}

pub async fn what_comes_while_the_broker_is_down_is_delivered_later(bed: &Bed) {
    let subscriber = Subscriber::accepting().await;
    let triggers = || vec![bed.trigger("t", vec![], &subscriber)];
    let running = bed.start(triggers()).await;
    running.send("before", "a", &[], "{}").await;
    bed.until_committed("t").await;
    running.handle.shutdown().await;
    // Another ingress, as a cluster has several, takes events meanwhile.
    let ingress = bed.start(Vec::new()).await;
    send_many(&ingress, 0..20).await;
    let _running = bed.start(triggers()).await;
    bed.until_committed("t").await;
    let mut expected = names(0..20);
    expected.insert("before".to_owned());
    assert_eq!(subscriber.ids().into_iter().collect::<BTreeSet<_>>(), expected);
}

pub async fn two_brokers_share_the_work(bed: &Bed) {
    let (one, other) = (Subscriber::accepting().await, Subscriber::accepting().await);
    let first = bed.start(vec![bed.trigger("t", vec![], &one)]).await;
    let log = (bed.open)().await;
    let second = bed.start_graph(&bed.graph(vec![bed.trigger("t", vec![], &other)]), &log).await;
    // Once both have work the partitions are shared.
    let mut sent = 0;
    while one.seen().is_empty() || other.seen().is_empty() {
        send_many(&first, sent..sent + 20).await;
        sent += 20;
        bed.until_committed("t").await;
    }
    // One of them dies; the other does everything.
    drop(first);
    send_many(&second, sent..sent + 40).await;
    bed.until_committed("t").await;
    let all: BTreeSet<_> = one.ids().into_iter().chain(other.ids()).collect();
    assert_eq!(all, names(0..sent + 40));
}
