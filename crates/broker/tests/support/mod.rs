//! A broker with real HTTP subscribers on loopback.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, response::Response};
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use learnflow_broker::{Broker, BrokerHandle, Options};
use learnflow_event_log::{Delivered, EventLog, Start};
use learnflow_testkit::wait_until;
use learnflow_topology::graph::{
    self, BackoffPolicy, ContentMode, Delivery, DeliveryOrder, Destination, Filter, Graph, KafkaSink, Trigger,
};
use tokio::{net::TcpListener, sync::Notify};

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A request as a subscriber saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
    pub at: std::time::Instant,
}

impl Seen {
    pub fn id(&self) -> &str {
        &self.headers["ce-id"]
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

type Answer = dyn Fn(&Seen, usize) -> BoxFuture<'static, Response> + Send + Sync;

/// A server that records what it gets and answers as it is told: from the request and how many came before it.
#[derive(Clone)]
pub struct Subscriber {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    changed: Arc<Notify>,
}

#[derive(Clone)]
struct Served {
    subscriber: Subscriber,
    answer: Arc<Answer>,
    count: Arc<AtomicUsize>,
}

/// Serves a router on a free port of loopback for as long as the runtime lives.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

impl Subscriber {
    /// Answers at once with what `answer` gives for the request and the number of requests before it.
    pub async fn start(answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static) -> Self {
        Self::start_async(move |seen, n| {
            let response = answer(seen, n);
            Box::pin(async move { response })
        })
        .await
    }

    /// Like [`Self::start`], for answers that take time.
    pub async fn start_async(
        answer: impl Fn(&Seen, usize) -> BoxFuture<'static, Response> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let subscriber = Self { address, seen: Arc::default(), changed: Arc::default() };
        let served =
            Served { subscriber: subscriber.clone(), answer: Arc::new(answer), count: Arc::default() };
        let router = Router::new().fallback(receive).with_state(served);
        tokio::spawn(async move { axum::serve(listener, router).await });
        subscriber
    }

    /// Accepts everything.
    pub async fn accepting() -> Self {
        Self::start(|_, _| status(204)).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn ids(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.id().to_owned()).collect()
    }

    /// Waits until `enough` of what was seen.
    pub async fn until(&self, enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                let seen = self.seen();
                if enough(&seen) {
                    return seen;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(seen) => seen,
            Err(_) => panic!("only {:#?} came", self.seen()),
        }
    }

    pub async fn until_count(&self, count: usize) -> Vec<Seen> {
        self.until(|seen| seen.len() >= count).await
    }
}

async fn receive(State(served): State<Served>, request: axum::extract::Request) -> Response {
    let path = request.uri().path().to_owned();
    let headers = text_headers(request.headers());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let seen = Seen { path, headers, body, at: std::time::Instant::now() };
    let n = served.count.fetch_add(1, Ordering::SeqCst);
    let answer = (served.answer)(&seen, n);
    served.subscriber.seen.lock().unwrap().push(seen);
    served.subscriber.changed.notify_waiters();
    answer.await
}

fn text_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// An answer without a body.
pub fn status(code: u16) -> Response {
    Response::builder().status(code).body(axum::body::Body::empty()).unwrap()
}

/// An answer with headers and a body.
pub fn answer(code: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut response = Response::builder().status(code);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.to_owned().into()).unwrap()
}

/// The answer that is an event.
pub fn reply(id: &str, event_type: &str, body: &str) -> Response {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", id),
        ("ce-source", "/subscriber"),
        ("ce-type", event_type),
        ("content-type", "application/json"),
    ];
    answer(200, &headers, body)
}

pub fn exact(name: &str, value: &str) -> Filter {
    Filter::Exact(BTreeMap::from([(name.to_owned(), value.to_owned())]))
}

/// Linear retries after `delay_ms`, `2 · delay_ms`, …
pub fn retries(retry: u32, delay_ms: u64, dead_letter_sink: Option<&Subscriber>) -> Delivery {
    Delivery {
        retry,
        backoff_policy: BackoffPolicy::Linear,
        backoff_delay: Duration::from_millis(delay_ms),
        timeout: Some(Duration::from_secs(20)),
        dead_letter_sink: dead_letter_sink.map(|sink| Destination::Url(sink.url("/dead"))),
    }
}

/// A log, and a namespace that no other test uses.
pub struct Bed {
    pub log: Arc<dyn EventLog>,
    /// Opens the same log once more, as another process would.
    pub open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn EventLog>> + Send + Sync>,
    pub namespace: String,
}

impl Bed {
    pub async fn new(
        open: impl Fn() -> BoxFuture<'static, Arc<dyn EventLog>> + Send + Sync + 'static,
    ) -> Self {
        Self { log: open().await, open: Box::new(open), namespace: format!("ns-{}", uuid::Uuid::new_v4()) }
    }

    /// A trigger that delivers to `/in` of a subscriber.
    pub fn trigger(&self, name: &str, filters: Vec<Filter>, to: &Subscriber) -> Trigger {
        Trigger {
            namespace: self.namespace.clone(),
            name: name.to_owned(),
            broker: "default".to_owned(),
            filters,
            subscriber: Destination::Url(to.url("/in")),
            delivery: None,
            order: DeliveryOrder::Unordered,
        }
    }

    /// A graph with one broker of 12 partitions and a KafkaSink of either mode.
    pub fn graph(&self, triggers: Vec<Trigger>) -> Graph {
        let broker = graph::Broker {
            namespace: self.namespace.clone(),
            name: "default".to_owned(),
            partitions: 12,
            replication: 1,
            delivery: None,
        };
        let sink = |name: &str, content_mode| KafkaSink {
            namespace: self.namespace.clone(),
            name: name.to_owned(),
            topic: self.sink_topic(name),
            content_mode,
        };
        Graph {
            brokers: vec![broker],
            triggers,
            sinks: vec![sink("binary", ContentMode::Binary), sink("structured", ContentMode::Structured)],
            ..Graph::default()
        }
    }

    pub fn sink_topic(&self, name: &str) -> String {
        format!("{}.{name}", self.namespace)
    }

    /// The records of a topic, as soon as there are `count` of them.
    pub async fn records(&self, topic: &str, count: usize) -> Vec<Delivered> {
        let group = format!("reader-{}", uuid::Uuid::new_v4());
        let mut consumer = self.log.subscribe(&group, &[topic], Start::Earliest).await.unwrap();
        let mut records = Vec::with_capacity(count);
        while records.len() < count {
            records.push(tokio::time::timeout(DEADLINE, consumer.next()).await.unwrap().unwrap());
        }
        records
    }

    pub async fn start(&self, triggers: Vec<Trigger>) -> Running {
        self.start_graph(&self.graph(triggers), &self.log).await
    }

    pub async fn start_graph(&self, graph: &Graph, log: &Arc<dyn EventLog>) -> Running {
        let options = Options {
            lag_interval: Duration::from_millis(50),
            drain_timeout: Duration::from_secs(30),
            ..Options::default()
        };
        let registry = options.registry.clone();
        let resolver = Arc::new(|destination: &Destination| match destination {
            Destination::Url(url) => Some(url.clone()),
            _ => None,
        });
        let handle = Broker::start(graph, Arc::clone(log), resolver, options).await.unwrap();
        Running { registry, ..self.doors(handle).await }
    }

    /// Opens the doors of a broker.
    pub async fn doors(&self, handle: BrokerHandle) -> Running {
        let ingress = format!("http://{}", serve(handle.ingress_router()).await);
        let sinks = format!("http://{}", serve(handle.sink_router()).await);
        let registry = prometheus::Registry::new();
        Running { handle, ingress, sinks, registry, namespace: self.namespace.clone() }
    }

    pub fn group(&self, trigger: &str) -> String {
        format!("knative-trigger-{}-{trigger}", self.namespace)
    }

    pub fn broker_topic(&self) -> String {
        format!("knative-broker-{}-default", self.namespace)
    }

    /// Waits until everything is committed.
    pub async fn until_committed(&self, trigger: &str) {
        let (group, topic) = (self.group(trigger), self.broker_topic());
        wait_until(DEADLINE, async || (self.log.lag(&group, &topic).await.unwrap() == 0).then_some(())).await;
    }
}

/// A broker with its two doors open.
pub struct Running {
    pub handle: BrokerHandle,
    pub ingress: String,
    pub sinks: String,
    pub registry: prometheus::Registry,
    namespace: String,
}

impl Running {
    /// The value of a counter or gauge, 0 when it was never touched.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let has = |metric: &&prometheus::proto::Metric| {
            labels.iter().all(|(name, value)| {
                metric.get_label().iter().any(|label| label.name() == *name && label.value() == *value)
            })
        };
        let metric = family.and_then(|family| family.get_metric().iter().find(has));
        metric.map_or(0.0, |m| m.get_counter().get_value() + m.get_gauge().get_value())
    }
}

/// What a request got.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

pub async fn request(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Got {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
    Got { status: head.status.as_u16(), headers: text_headers(&head.headers), body }
}

impl Running {
    pub async fn post(&self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Got {
        request("POST", &format!("{}/{}/default", self.ingress, self.namespace), headers, body).await
    }

    /// Posts an event in binary mode, which the broker must take.
    pub async fn send(&self, id: &str, event_type: &str, extensions: &[(&str, &str)], body: &str) {
        let mut headers = vec![
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-source", "/test"),
            ("ce-type", event_type),
            ("content-type", "application/json"),
        ];
        headers.extend_from_slice(extensions);
        let got = self.post(&headers, body.to_owned()).await;
        assert_eq!(got.status, 202, "{}", got.body);
    }
}
