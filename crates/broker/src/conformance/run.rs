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
use futures::future::join_all;
use http::HeaderMap;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, sync::Notify};

use super::{Answer, Case, Door, Expected, Is, cases};

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

/// Runs all cases against the broker at `broker_url`, whose Triggers (see [`super::triggers`]) deliver to `listener`
/// under `sink_url`. All run at the same time, once every Trigger is seen to deliver.
///
/// # Errors
/// When the broker cannot be talked to at all, or some Triggers do not deliver.
pub async fn run(broker_url: &str, listener: TcpListener, sink_url: &str) -> Result<Vec<Verdict>, String> {
    let cases = cases();
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
            let mut failures = post(&client, broker_url, &sink.prefix, &case).await?;
            sink.wait(&case).await;
            failures.extend(sink.judge(&case, sink_url));
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
    let doors: Vec<(&Case, Door)> =
        cases.iter().flat_map(|case| [(case, Door::Subscriber), (case, Door::Replies)]).collect();
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
    let mut parts = path.trim_start_matches('/').split('/');
    let case = parts.next().and_then(|name| sink.cases.get(name));
    let door = match parts.next() {
        Some("in") => Some(Door::Subscriber),
        Some("dead") => Some(Door::DeadLetters),
        Some("replies") => Some(Door::Replies),
        _ => None,
    };
    let (Some(case), Some(door)) = (case, door) else { return empty(404) };
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
        Door::Replies => None,
    };
    let Some(answer) = answer else { return empty(204) };
    tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
    sink.end(place);
    respond(&answer, &full_id, &case.event_type())
}

fn empty(status: u16) -> Response {
    respond(&Answer { status, headers: Vec::new(), body: String::new(), delay_ms: 0 }, "", "")
}

fn respond(answer: &Answer, id: &str, event_type: &str) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value.replace("{id}", id).replace("{type}", event_type));
    }
    response.body(Body::from(answer.body.clone())).unwrap_or_else(|_| Response::new(Body::empty()))
}

impl Sink {
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

    fn judge(&self, case: &Case, sink_url: &str) -> Vec<String> {
        let arrived = self.of(case);
        let mut failures = Vec::new();
        for expected in &case.expected {
            let found: Vec<&Arrived> = matching(&arrived, expected).collect();
            let (door, id) = (expected.door, expected.id);
            if found.len() != expected.times {
                failures.push(format!("{door:?} got {id} {} times, not {}", found.len(), expected.times));
            }
            for arrived in found {
                failures.extend(wrong(arrived, expected, &case.url(sink_url, Door::Subscriber)));
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
        if case.in_order {
            let ids: Vec<&str> = subscriber.iter().map(|arrived| arrived.id.as_str()).collect();
            let posted: Vec<&str> = case.posts.iter().map(|post| post.id).collect();
            if ids != posted {
                failures.push(format!("came in the order {ids:?}"));
            }
            if subscriber.windows(2).any(|pair| pair[0].ended.is_none_or(|ended| ended > pair[1].began)) {
                failures.push("an event came before the one ahead of it was answered".to_owned());
            }
        }
        failures
    }
}

fn matching<'a>(arrived: &'a [Arrived], expected: &'a Expected) -> impl Iterator<Item = &'a Arrived> {
    arrived.iter().filter(|arrived| arrived.door == expected.door && arrived.id == expected.id)
}

/// What is wrong with a request.
fn wrong(arrived: &Arrived, expected: &Expected, subscriber_url: &str) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, is) in &expected.headers {
        let value =
            arrived.headers.get(*name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let right = match is {
            Is::Text(text) => value.as_deref() == Some(text),
            Is::SubscriberUrl => value.as_deref() == Some(subscriber_url),
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
