//! How long an event takes through the broker: `cargo bench -p learnflow-broker` (add `-- kafka` for Kafka).
//!
//! One producer posts one event after another, then many at a time; a subscriber notes when each arrives. Figures are
//! of this machine and this moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::HeaderMap, routing::post};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use learnflow_broker::{Broker, Options};
use learnflow_event_log::{EventLog, kafka::KafkaLog, postgres::PostgresLog};
use learnflow_topology::graph::{self, DeliveryOrder, Destination, Filter, Graph, Trigger};
use tokio::{net::TcpListener, sync::Notify};

/// Events that are sent one after another.
const SINGLE: usize = 500;
/// Events that are sent at once.
const MANY: usize = 5_000;
/// Requests under way when many are sent.
const CLIENTS: usize = 64;
/// Triggers beside the one that is measured, which pass every event over, as LearnFlow's own do.
const BYSTANDERS: usize = 9;

#[derive(Default)]
struct Arrivals {
    at: Mutex<HashMap<String, Instant>>,
    changed: Notify,
}

impl Arrivals {
    async fn until(&self, id: &str) -> Instant {
        loop {
            let changed = self.changed.notified();
            if let Some(at) = self.at.lock().unwrap().get(id) {
                return *at;
            }
            changed.await;
        }
    }
}

async fn arrive(State(arrivals): State<Arc<Arrivals>>, headers: HeaderMap, _body: Bytes) -> http::StatusCode {
    let id = headers["ce-id"].to_str().unwrap().to_owned();
    arrivals.at.lock().unwrap().insert(id, Instant::now());
    arrivals.changed.notify_waiters();
    http::StatusCode::NO_CONTENT
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

type HttpClient = Client<HttpConnector, Full<Bytes>>;

async fn send(client: &HttpClient, url: &str, id: &str) {
    let request = http::Request::post(url)
        .header("ce-specversion", "1.0")
        .header("ce-id", id)
        .header("ce-source", "/bench")
        .header("ce-type", "measured")
        .header("ce-partitionkey", id)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(format!("{{\"text\":\"{}\"}}", "x".repeat(500)))))
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.status(), 202);
    response.into_body().collect().await.unwrap();
}

fn percentiles(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!("{name}: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.9), at(0.99));
}

fn triggers(namespace: &str, url: &str) -> Vec<Trigger> {
    let trigger = |name: String, event_type: &str| Trigger {
        namespace: namespace.to_owned(),
        name,
        broker: "default".to_owned(),
        filters: vec![Filter::Exact([("type".to_owned(), event_type.to_owned())].into())],
        subscriber: Destination::Url(format!("{url}/in")),
        delivery: None,
        order: DeliveryOrder::Unordered,
    };
    (0..BYSTANDERS)
        .map(|n| trigger(format!("bystander-{n}"), "other"))
        .chain([trigger("measured".to_owned(), "measured")])
        .collect()
}

#[tokio::main]
async fn main() {
    let log: Arc<dyn EventLog> = if std::env::args().any(|argument| argument == "kafka") {
        let servers = learnflow_testkit::kafka().await.unwrap().bootstrap_servers();
        Arc::new(KafkaLog::open(&servers).await.unwrap())
    } else {
        Arc::new(PostgresLog::open(&learnflow_testkit::database().await.url).await.unwrap())
    };
    let arrivals = Arc::new(Arrivals::default());
    let subscriber = serve(Router::new().route("/in", post(arrive)).with_state(Arc::clone(&arrivals))).await;
    let broker = graph::Broker {
        namespace: "bench".to_owned(),
        name: "default".to_owned(),
        partitions: 12,
        replication: 1,
        delivery: None,
    };
    let graph = Graph { brokers: vec![broker], triggers: triggers("bench", &subscriber), ..Graph::default() };
    let resolver = Arc::new(|destination: &Destination| match destination {
        Destination::Url(url) => Some(url.clone()),
        _ => None,
    });
    let handle = Broker::start(&graph, log, resolver, Options::default()).await.unwrap();
    let url = format!("{}/bench/default", serve(handle.ingress_router()).await);
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: HttpClient = Client::builder(TokioExecutor::new()).build(connector);
    for n in 0..50 {
        let id = format!("warm-{n}");
        send(&client, &url, &id).await;
        arrivals.until(&id).await;
    }

    let (mut accepted, mut arrived) = (Vec::new(), Vec::new());
    for n in 0..SINGLE {
        let id = format!("single-{n}");
        let started = Instant::now();
        send(&client, &url, &id).await;
        accepted.push(started.elapsed());
        arrived.push(arrivals.until(&id).await - started);
    }
    percentiles("one by one, POST to 202 ", accepted);
    percentiles("one by one, POST to sink", arrived);

    let started = Instant::now();
    stream::iter(0..MANY)
        .for_each_concurrent(CLIENTS, |n| {
            let (client, url) = (&client, &url);
            async move { send(client, url, &format!("many-{n}")).await }
        })
        .await;
    let all_accepted = started.elapsed();
    for n in 0..MANY {
        arrivals.until(&format!("many-{n}")).await;
    }
    let rate = |time: Duration| MANY as f64 / time.as_secs_f64();
    println!(
        "{CLIENTS} clients: {:.0} events/s accepted, {:.0} events/s delivered",
        rate(all_accepted),
        rate(started.elapsed())
    );
    handle.shutdown().await;
}
