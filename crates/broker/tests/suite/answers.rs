//! What a subscriber's answer leads to.

use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use learnflow_topology::graph::{BackoffPolicy, Destination};

use crate::support::{Bed, Seen, Subscriber, answer, exact, reply, retries, status};

/// What must become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// One try, nothing else.
    Done,
    /// One try, and the reply is in the broker.
    Replied,
    /// One try, then the dead-letter sink.
    DeadAtOnce,
    /// All three tries, then the dead-letter sink.
    Retried,
}

pub async fn every_answer_is_handled_as_knative_does(bed: &Bed) {
    use Fate::{DeadAtOnce, Done, Replied, Retried};
    type Case = (&'static str, Fate, fn(&Seen) -> axum::response::Response);
    let cases: [Case; 26] = [
        ("200", Done, |_| status(200)),
        ("202", Done, |_| status(202)),
        ("204", Done, |_| status(204)),
        ("200-event", Replied, |seen| reply(&format!("re-{}", seen.id()), "reply", "{}")),
        ("200-event-without-data", Replied, |seen| reply(&format!("re-{}", seen.id()), "reply", "")),
        ("200-text", DeadAtOnce, |_| answer(200, &[("content-type", "text/plain")], "thanks")),
        ("200-broken-event", DeadAtOnce, |_| answer(200, &[("ce-specversion", "1.0"), ("ce-id", "1")], "{}")),
        ("200-batch", DeadAtOnce, |_| {
            answer(200, &[("content-type", "application/cloudevents-batch+json")], "[]")
        }),
        ("301", DeadAtOnce, |_| answer(301, &[("location", "/elsewhere")], "")),
        ("307", DeadAtOnce, |_| answer(307, &[("location", "/elsewhere")], "")),
        ("400", DeadAtOnce, |_| status(400)),
        ("401", DeadAtOnce, |_| status(401)),
        ("403", DeadAtOnce, |_| status(403)),
        ("404", Retried, |_| status(404)),
        ("405", DeadAtOnce, |_| status(405)),
        ("408", Retried, |_| status(408)),
        ("409", Retried, |_| status(409)),
        ("410", DeadAtOnce, |_| status(410)),
        ("413", DeadAtOnce, |_| status(413)),
        ("422", DeadAtOnce, |_| status(422)),
        ("429", Retried, |_| status(429)),
        ("500", Retried, |_| status(500)),
        ("501", Retried, |_| status(501)),
        ("502", Retried, |_| status(502)),
        ("503", Retried, |_| status(503)),
        ("504", Retried, |_| status(504)),
    ];
    let subscriber = Subscriber::start(move |seen, _| {
        let (.., answer) = cases.iter().find(|(name, ..)| *name == seen.id()).unwrap();
        answer(seen)
    })
    .await;
    let (dead, told) = (Subscriber::accepting().await, Subscriber::accepting().await);
    let mut asked = bed.trigger("asked", vec![exact("type", "case")], &subscriber);
    asked.delivery = Some(retries(2, 1, Some(&dead)));
    let running = bed.start(vec![asked, bed.trigger("told", vec![exact("type", "reply")], &told)]).await;
    for (name, ..) in cases {
        running.send(name, "case", &[], "{}").await;
    }
    bed.until_committed("asked").await;
    bed.until_committed("told").await;
    for (name, fate, _) in cases {
        let count =
            |subscriber: &Subscriber, id: &str| subscriber.ids().iter().filter(|seen| *seen == id).count();
        let (tries, dead, replies) =
            (count(&subscriber, name), count(&dead, name), count(&told, &format!("re-{name}")));
        let expected = match fate {
            Done => (1, 0, 0),
            Replied => (1, 0, 1),
            DeadAtOnce => (1, 1, 0),
            Retried => (3, 1, 0),
        };
        assert_eq!((tries, dead, replies), expected, "{name}: tries, dead letters, replies");
    }
    assert!(subscriber.seen().iter().all(|seen| seen.path == "/in"), "a redirect is not followed");
}

fn pauses(seen: &[Seen]) -> Vec<Duration> {
    seen.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

pub async fn retries_wait_longer_each_time(bed: &Bed) {
    for (policy, least_ms) in
        [(BackoffPolicy::Linear, [40, 80, 120]), (BackoffPolicy::Exponential, [80, 160, 320])]
    {
        let name = format!("{policy:?}").to_lowercase();
        let subscriber = Subscriber::start(|_, n| status(if n < 3 { 503 } else { 200 })).await;
        let mut trigger = bed.trigger(&name, vec![exact("type", &name)], &subscriber);
        let mut delivery = retries(3, 40, None);
        delivery.backoff_policy = policy;
        trigger.delivery = Some(delivery);
        let running = bed.start(vec![trigger]).await;
        running.send("1", &name, &[], "{}").await;
        let seen = subscriber.until_count(4).await;
        for (pause, least) in pauses(&seen).into_iter().zip(least_ms) {
            let least = Duration::from_millis(least);
            assert!(
                pause >= least && pause < least + Duration::from_secs(5),
                "{name}: {pause:?} for {least:?}"
            );
        }
        bed.until_committed(&name).await;
        running.handle.shutdown().await;
    }
}

pub async fn retry_after_is_honoured(bed: &Bed) {
    let subscriber =
        Subscriber::start(|_, n| if n == 0 { answer(503, &[("retry-after", "1")], "") } else { status(200) })
            .await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    trigger.delivery = Some(retries(1, 1, None));
    let running = bed.start(vec![trigger]).await;
    running.send("1", "a", &[], "{}").await;
    let pause = pauses(&subscriber.until_count(2).await)[0];
    assert!(pause >= Duration::from_secs(1), "{pause:?}");
}

pub async fn a_subscriber_that_does_not_answer_is_tried_again(bed: &Bed) {
    let subscriber = Subscriber::start_async(|_, n| {
        Box::pin(async move {
            if n == 0 {
                std::future::pending::<()>().await;
            }
            status(200)
        })
    })
    .await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    let mut delivery = retries(1, 1, None);
    delivery.timeout = Some(Duration::from_millis(300));
    trigger.delivery = Some(delivery);
    let started = Instant::now();
    let running = bed.start(vec![trigger]).await;
    running.send("1", "a", &[], "{}").await;
    subscriber.until_count(2).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
    bed.until_committed("t").await;
}

pub async fn a_dead_letter_says_what_went_wrong(bed: &Bed) {
    let body = "é".repeat(1000);
    let subscriber = Subscriber::start(move |_, _| {
        let headers = [("kne-reason", "full"), ("kne-with-dash", "no attribute"), ("x-other", "1")];
        answer(422, &headers, &body)
    })
    .await;
    let dead = Subscriber::accepting().await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    trigger.delivery = Some(retries(5, 1, Some(&dead)));
    let running = bed.start(vec![trigger]).await;
    running.send("1", "a", &[("ce-partitionkey", "k"), ("ce-agent", "debug")], "{ }").await;
    let seen = &dead.until_count(1).await[0];
    assert_eq!(seen.path, "/dead");
    assert_eq!(&seen.body[..], b"{ }");
    let url = subscriber.url("/in");
    for (name, value) in [
        ("ce-id", "1"),
        ("ce-type", "a"),
        ("ce-partitionkey", "k"),
        ("ce-agent", "debug"),
        ("ce-knativeerrordest", url.as_str()),
        ("ce-knativeerrorcode", "422"),
        ("ce-reason", "full"),
        ("prefer", "reply"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    let data = STANDARD.decode(seen.header("ce-knativeerrordata").unwrap()).unwrap();
    assert_eq!(data, &"é".repeat(512).into_bytes()[..], "the first 1024 bytes");
    assert!(seen.headers.keys().all(|name| !name.contains("dash") && !name.contains("other")));
    bed.until_committed("t").await;
    assert_eq!(subscriber.seen().len(), 1);
}

pub async fn a_dead_letter_without_an_answer_names_only_the_destination(bed: &Bed) {
    let dead = Subscriber::accepting().await;
    let mut trigger = bed.trigger("t", vec![], &dead);
    // Nothing listens on port 1.
    trigger.subscriber = Destination::Url("http://127.0.0.1:1/in".to_owned());
    trigger.delivery = Some(retries(1, 1, Some(&dead)));
    let running = bed.start(vec![trigger]).await;
    running.send("1", "a", &[], "{}").await;
    let seen = &dead.until_count(1).await[0];
    assert_eq!(seen.header("ce-knativeerrordest"), Some("http://127.0.0.1:1/in"));
    assert_eq!(seen.header("ce-knativeerrorcode"), None);
    assert_eq!(seen.header("ce-knativeerrordata"), None);
}

pub async fn the_reply_to_a_dead_letter_is_published(bed: &Bed) {
    let subscriber = Subscriber::start(|_, _| status(400)).await;
    let dead = Subscriber::start(|_, _| reply("sorry", "failed", "{}")).await;
    let told = Subscriber::accepting().await;
    let mut trigger = bed.trigger("t", vec![exact("type", "a")], &subscriber);
    trigger.delivery = Some(retries(0, 1, Some(&dead)));
    let running = bed.start(vec![trigger, bed.trigger("told", vec![exact("type", "failed")], &told)]).await;
    running.send("1", "a", &[], "{}").await;
    assert_eq!(told.until_count(1).await[0].id(), "sorry");
}

pub async fn an_event_without_a_dead_letter_sink_is_passed_by(bed: &Bed) {
    let subscriber = Subscriber::start(|seen, _| status(if seen.id() == "bad" { 500 } else { 200 })).await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    trigger.delivery = Some(retries(1, 1, None));
    let running = bed.start(vec![trigger]).await;
    running.send("bad", "a", &[("ce-partitionkey", "k")], "{}").await;
    running.send("good", "a", &[("ce-partitionkey", "k")], "{}").await;
    bed.until_committed("t").await;
    let ids = subscriber.ids();
    assert_eq!(ids.iter().filter(|id| *id == "bad").count(), 2);
    assert_eq!(ids.iter().filter(|id| *id == "good").count(), 1);
    assert_eq!(running.metric("broker_events_total", &[("result", "dropped")]), 1.0);
}

pub async fn a_failing_dead_letter_sink_does_not_stop_the_trigger(bed: &Bed) {
    let subscriber = Subscriber::start(|seen, _| status(if seen.id() == "bad" { 400 } else { 200 })).await;
    let dead = Subscriber::start(|_, _| status(500)).await;
    let mut trigger = bed.trigger("t", vec![], &subscriber);
    trigger.delivery = Some(retries(2, 1, Some(&dead)));
    let running = bed.start(vec![trigger]).await;
    running.send("bad", "a", &[("ce-partitionkey", "k")], "{}").await;
    running.send("good", "a", &[("ce-partitionkey", "k")], "{}").await;
    bed.until_committed("t").await;
    assert_eq!(dead.ids(), ["bad", "bad", "bad"], "the sink is retried like a subscriber");
    assert!(subscriber.ids().contains(&"good".to_owned()));
}

pub async fn a_reply_that_the_log_refuses_is_a_dead_letter(bed: &Bed) {
    // Below what is read of an answer, over what a record may have.
    let subscriber = Subscriber::start(|_, _| reply("big", "b", &"x".repeat(1_048_300))).await;
    let dead = Subscriber::accepting().await;
    let mut trigger = bed.trigger("t", vec![exact("type", "a")], &subscriber);
    trigger.delivery = Some(retries(5, 1, Some(&dead)));
    let running = bed.start(vec![trigger]).await;
    running.send("1", "a", &[], "{}").await;
    dead.until_count(1).await;
    bed.until_committed("t").await;
    assert_eq!(subscriber.seen().len(), 1);
}
