//! Posts the events of all cases, is the subscriber of all of them, and judges what arrived.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures::{future::join_all, stream};
use http::HeaderMap;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, sync::Notify};

use super::{Answer, BROKER_DEAD_LETTERS, Case, Door, Expected, Is, Order, cases};

/// How long everything that is expected may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long it may take until every Trigger delivers: groups have to form.
const READY_DEADLINE: Duration = Duration::from_secs(120);
/// How long a round of probes is given before the next.
const PROBE_PAUSE: Duration = Duration::from_millis(500);
/// How long nothing may come that is not expected.
const QUIET: Duration = Duration::from_secs(2);

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The case.
    pub case: Case,
    /// What was not as it should be; empty when the case is kept.
    pub failures: Vec<String>,
}

/// A request that arrived.
#[derive(Clone, Debug)]
struct Arrived {
    case: &'static str,
    door: Door,
    id: String,
    headers: HeaderMap,
    body: Bytes,
    began: Instant,
    ended: Option<Instant>,
}

/// What the cases are tried against.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The Broker's ingress: `http://HOST:PORT/NAMESPACE/NAME`.
    pub broker_url: &'a str,
    /// By which URL the Broker reaches the sink.
    pub sink_url: &'a str,
    /// Whether the Broker itself has [`super::broker_delivery`]; without it some cases say nothing and are left out.
    pub broker_delivery: bool,
}

impl Target<'_> {
    fn namespace(&self) -> &str {
        self.broker_url.trim_end_matches('/').rsplit('/').nth(1).unwrap_or_default()
    }

    fn cases(&self) -> Vec<Case> {
        let told = |case: &Case| self.broker_delivery || !case.needs_broker_delivery();
        cases().into_iter().filter(told).collect()
    }
}

/// The server that all Triggers deliver to.
struct Sink {
    cases: HashMap<&'static str, Case>,
    /// What the ids of this run begin with: a broker may still deliver those of another.
    prefix: String,
    arrived: Mutex<Vec<Arrived>>,
    /// The Triggers that were seen to deliver.
    ready: Mutex<HashSet<(&'static str, Door)>>,
    changed: Notify,
}

/// Runs the cases against a Broker whose Triggers (see [`super::triggers`]) deliver to `listener`. All run at the same
/// time, once every Trigger is seen to deliver.
///
/// # Errors
/// When the broker cannot be talked to at all, or some Triggers do not deliver.
pub async fn run(target: Target<'_>, listener: TcpListener) -> Result<Vec<Verdict>, String> {
    let (broker_url, cases) = (target.broker_url, target.cases());
    let sink = Arc::new(Sink {
        cases: cases.iter().map(|case| (case.name, case.clone())).collect(),
        prefix: format!("{}-", uuid::Uuid::now_v7().simple()),
        arrived: Mutex::default(),
        ready: Mutex::default(),
        changed: Notify::new(),
    });
    let router = Router::new().fallback(receive).with_state(Arc::clone(&sink));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    if let Err(error) = wait_for_triggers(&client, broker_url, &sink, &cases).await {
        server.abort();
        return Err(error);
    }
    let runs = cases.into_iter().map(|case| {
        let (sink, client) = (Arc::clone(&sink), client.clone());
        async move {
            let posted = Instant::now();
            let mut failures = post(&client, broker_url, &sink.prefix, &case).await?;
            sink.wait(&case).await;
            failures.extend(sink.judge(&case, &target, posted));
            Ok(Verdict { case, failures })
        }
    });
    let verdicts = join_all(runs).await.into_iter().collect();
    server.abort();
    verdicts
}

/// A new consumer group starts at the latest record, so what is posted before it has formed is never delivered:
/// posts events that every Trigger wants until each has delivered one.
async fn wait_for_triggers(
    client: &Client<HttpConnector, Full<Bytes>>,
    broker_url: &str,
    sink: &Sink,
    cases: &[Case],
) -> Result<(), String> {
    // A subscriber that is elsewhere fails; then the event comes to the dead-letter sink.
    let first = |case: &Case| if case.subscriber.is_some() { Door::DeadLetters } else { Door::Subscriber };
    let doors: Vec<(&Case, Door)> =
        cases.iter().flat_map(|case| [(case, first(case)), (case, Door::Replies)]).collect();
    let deadline = Instant::now() + READY_DEADLINE;
    let mut refused = None;
    loop {
        let missing: Vec<&(&Case, Door)> =
            doors.iter().filter(|(case, door)| !sink.is_ready(case.name, *door)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            if let Some(status) = refused {
                return Err(format!(
                    "{broker_url} still answers {status} to an event after {READY_DEADLINE:?}; is it the broker's ingress?"
                ));
            }
            let names: Vec<&str> = missing.iter().map(|(case, _)| case.name).collect();
            return Err(format!(
                "no event came through the Triggers of {} within {READY_DEADLINE:?}; were they applied, and for this sink?",
                names.join(", ")
            ));
        }
        let probes = missing.iter().map(|(case, door)| async {
            let id = format!("probe-{}{}", sink.prefix, case.name);
            let mut request = http::Request::post(broker_url);
            for (name, value) in case.probe(*door, &id) {
                request = request.header(name, value);
            }
            let request = request.body(Full::default()).map_err(|error| error.to_string())?;
            client.request(request).await.map_err(|error| format!("{broker_url}: {error}"))
        });
        for response in join_all(probes).await {
            let status = response?.status();
            refused = (status != http::StatusCode::ACCEPTED).then_some(status);
        }
        let round = Instant::now() + PROBE_PAUSE;
        while Instant::now() < round && !missing.iter().all(|(case, door)| sink.is_ready(case.name, *door)) {
            let changed = sink.changed.notified();
            let _ = tokio::time::timeout(Duration::from_millis(20), changed).await;
        }
    }
}

async fn post(
    client: &Client<HttpConnector, Full<Bytes>>,
    broker_url: &str,
    prefix: &str,
    case: &Case,
) -> Result<Vec<String>, String> {
    let mut failures = Vec::new();
    for post in &case.posts {
        let fill = |text: &str| {
            text.replace("{id}", &format!("{prefix}{}", post.id)).replace("{type}", &case.event_type())
        };
        let mut request =
            http::Request::builder().method(post.method).uri(format!("{broker_url}{}", post.path_suffix));
        for (name, value) in &post.headers {
            request = request.header(*name, fill(value));
        }
        let request = request.body(Full::new(fill(&post.body).into())).map_err(|error| error.to_string())?;
        let response = client.request(request).await.map_err(|error| format!("{broker_url}: {error}"))?;
        if response.status().as_u16() != post.status {
            failures.push(format!(
                "{}: the ingress answered {}, not {}",
                post.id,
                response.status(),
                post.status
            ));
        }
    }
    Ok(failures)
}

async fn receive(State(sink): State<Arc<Sink>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return empty(400) };
    let Some((case, door)) = sink.door(&path, &head.headers) else { return empty(404) };
    let full_id = head.headers.get("ce-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let Some(id) = sink.own_id(&full_id) else {
        if full_id.strip_prefix("probe-").is_some_and(|rest| rest.starts_with(&sink.prefix)) {
            sink.set_ready(case.name, door);
        }
        return empty(204);
    };

    let (place, tries) = sink.arrive(Arrived {
        case: case.name,
        door,
        id,
        headers: head.headers,
        body: body.to_bytes(),
        began: Instant::now(),
        ended: None,
    });
    let answer = match door {
        Door::Subscriber => case.answers.get(tries).or(case.answers.last()).cloned(),
        Door::DeadLetters => Some(case.dead_letter_answer.clone()),
        Door::BrokerDeadLetters | Door::Replies => None,
    };
    let Some(answer) = answer else { return empty(204) };
    tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
    sink.end(place);
    respond(&answer, &full_id, &case.event_type())
}

fn empty(status: u16) -> Response {
    let answer = Answer { status, headers: Vec::new(), body: String::new(), delay_ms: 0, broken: false };
    respond(&answer, "", "")
}

fn respond(answer: &Answer, id: &str, event_type: &str) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value.replace("{id}", id).replace("{type}", event_type));
    }
    let body = if answer.broken {
        let broken = std::io::Error::other("the connection breaks on purpose");
        Body::from_stream(stream::iter([Ok(Bytes::from(answer.body.clone())), Err(broken)]))
    } else {
        Body::from(answer.body.clone())
    };
    response.body(body).unwrap_or_else(|_| Response::new(Body::empty()))
}

impl Sink {
    /// Whose door a path is. The Broker's dead letters of all cases come to one, and have their case's type.
    fn door(&self, path: &str, headers: &HeaderMap) -> Option<(&Case, Door)> {
        let path = path.trim_start_matches('/');
        if path == BROKER_DEAD_LETTERS {
            let event_type = headers.get("ce-type")?.to_str().ok()?;
            let case = self.cases.values().find(|case| case.event_type() == event_type)?;
            return Some((case, Door::BrokerDeadLetters));
        }
        let (name, door) = path.split_once('/')?;
        let door = match door {
            "in" => Door::Subscriber,
            "dead" => Door::DeadLetters,
            "replies" => Door::Replies,
            _ => return None,
        };
        Some((self.cases.get(name)?, door))
    }

    /// The id without the prefix of this run; `None` when it is of another. A reply keeps its `re-`.
    fn own_id(&self, id: &str) -> Option<String> {
        match id.strip_prefix("re-") {
            Some(rest) => Some(format!("re-{}", rest.strip_prefix(&self.prefix)?)),
            None => Some(id.strip_prefix(&self.prefix)?.to_owned()),
        }
    }

    fn set_ready(&self, case: &'static str, door: Door) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert((case, door));
        self.changed.notify_waiters();
    }

    fn is_ready(&self, case: &'static str, door: Door) -> bool {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).contains(&(case, door))
    }

    fn arrive(&self, arrived: Arrived) -> (usize, usize) {
        let mut all = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&Arrived| {
            (other.case, other.door, other.id.as_str()) == (arrived.case, arrived.door, arrived.id.as_str())
        };
        let tries = all.iter().filter(same).count();
        all.push(arrived);
        let place = all.len() - 1;
        drop(all);
        self.changed.notify_waiters();
        (place, tries)
    }

    fn end(&self, place: usize) {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)[place].ended = Some(Instant::now());
    }

    fn of(&self, case: &Case) -> Vec<Arrived> {
        let all = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|arrived| arrived.case == case.name).cloned().collect()
    }

    /// Waits until everything that is expected has come, and a little longer.
    async fn wait(&self, case: &Case) {
        let complete = async {
            loop {
                let changed = self.changed.notified();
                let arrived = self.of(case);
                if case.expected.iter().all(|expected| matching(&arrived, expected).count() >= expected.times)
                {
                    return;
                }
                changed.await;
            }
        };
        // What is missing is found by the judge.
        let _ = tokio::time::timeout(DEADLINE, complete).await;
        tokio::time::sleep(QUIET).await;
    }

    fn judge(&self, case: &Case, target: &Target<'_>, posted: Instant) -> Vec<String> {
        let arrived = self.of(case);
        let mut failures = Vec::new();
        for expected in &case.expected {
            let found: Vec<&Arrived> = matching(&arrived, expected).collect();
            let (door, id) = (expected.door, expected.id);
            if found.len() != expected.times {
                failures.push(format!("{door:?} got {id} {} times, not {}", found.len(), expected.times));
            }
            for arrived in found {
                failures.extend(wrong(arrived, expected, case, target));
                let after = arrived.began - posted;
                if after < Duration::from_millis(expected.after_ms) {
                    failures
                        .push(format!("{door:?} got {id} after {after:?}, before {} ms", expected.after_ms));
                }
            }
        }
        for arrived in &arrived {
            let known = |expected: &Expected| expected.door == arrived.door && expected.id == arrived.id;
            if !case.expected.iter().any(known) {
                failures.push(format!("{:?} got {}, which nobody expected", arrived.door, arrived.id));
            }
        }
        let subscriber: Vec<&Arrived> =
            arrived.iter().filter(|arrived| arrived.door == Door::Subscriber).collect();
        for (pair, least) in subscriber.windows(2).zip(&case.least_pauses_ms) {
            let pause = pair[1].began - pair[0].began;
            if pause < Duration::from_millis(*least) {
                failures.push(format!("a retry came after {pause:?}, before {least} ms"));
            }
        }
        let waits =
            subscriber.windows(2).all(|pair| pair[0].ended.is_some_and(|ended| ended <= pair[1].began));
        match case.order {
            Order::Any => {}
            Order::OneAtATime => {
                let ids: Vec<&str> = subscriber.iter().map(|arrived| arrived.id.as_str()).collect();
                let posted: Vec<&str> = case.posts.iter().map(|post| post.id).collect();
                if ids != posted {
                    failures.push(format!("came in the order {ids:?}"));
                }
                if !waits {
                    failures.push("an event came before the one ahead of it was answered".to_owned());
                }
            }
            Order::Overlapping if waits => {
                failures.push("every event waited for the answer to the one ahead of it".to_owned());
            }
            Order::Overlapping => {}
        }
        if case.one_partition {
            let partitions: HashSet<_> =
                subscriber.iter().map(|arrived| arrived.headers.get("ce-knativekafkapartition")).collect();
            if partitions.len() != 1 || partitions.contains(&None) {
                failures.push(format!("came from the partitions {partitions:?}"));
            }
        }
        failures
    }
}

fn matching<'a>(arrived: &'a [Arrived], expected: &'a Expected) -> impl Iterator<Item = &'a Arrived> {
    arrived.iter().filter(|arrived| arrived.door == expected.door && arrived.id == expected.id)
}

/// What is wrong with a request.
fn wrong(arrived: &Arrived, expected: &Expected, case: &Case, target: &Target<'_>) -> Vec<String> {
    let subscriber_url = case.url(target.sink_url, Door::Subscriber);
    let mut failures = Vec::new();
    for (name, is) in &expected.headers {
        let value =
            arrived.headers.get(*name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let right = match is {
            Is::Text(text) => value.as_deref() == Some(text),
            Is::Begins(beginning) => value.as_ref().is_some_and(|value| value.starts_with(beginning)),
            Is::Namespace => value.as_deref() == Some(target.namespace()),
            Is::SubscriberUrl => value.as_deref() == Some(&subscriber_url),
            Is::There => value.is_some(),
            Is::Absent => value.is_none(),
        };
        if !right {
            failures.push(format!("{:?}: {name} is {value:?}, not {is:?}", arrived.door));
        }
    }
    if expected.body.as_ref().is_some_and(|body| *body != arrived.body) {
        failures.push(format!("{:?}: the body is {:?}", arrived.door, arrived.body));
    }
    failures
}
