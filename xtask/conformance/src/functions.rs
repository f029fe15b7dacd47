//! What any host that serves spin.toml has to show: the components' contract over HTTP, seen from outside.
//!
//! The cases know the catalogue and nothing of the host: they hold for `learnflow up` and for `spin up` alike.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use learnflow_events::{
    Agent, Event, EventType, Incoming, Outgoing, Route, ids, message,
    payload::{AgentResponded, QueryRouted, QuerySubmitted, ResponseType},
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Outcome, Report};

/// The longest a component may take: it may have to be compiled, and it may run a program.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The student whose header the gateway would set.
const STUDENT: &str = "conformance";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Runs all cases against the functions at `url`.
///
/// # Errors
/// When nothing answers there.
pub async fn run(url: &str) -> Result<Report> {
    let client = Client::builder().timeout(TIMEOUT).build()?;
    let host = Host { url: url.trim_end_matches('/').to_owned(), client };
    host.get("/triage/health").send().await.with_context(|| format!("nothing answers at {url}"))?;
    let mut report = Report::default();
    for agent in Agent::ALL {
        let name = |case: &str| format!("{agent}/{case}");
        report.add(name("health"), "GET /health: 200", outcome(host.health(agent).await));
        report.add(
            name("ready"),
            "GET /ready: 200 while the database is there",
            outcome(host.ready(agent).await),
        );
        report.add(name("metrics"), "GET /metrics: Prometheus text", outcome(host.metrics(agent).await));
        report.add(
            name("status"),
            "GET /status: how the agent is doing, and what waits for it",
            outcome(host.status(agent).await),
        );
        report.add(
            name("routes"),
            "an unknown path is 404, another method 405",
            outcome(host.routes(agent).await),
        );
        report.add(
            name("bad-events"),
            "what is no event, or none of the catalogue, is 422 with a problem document",
            outcome(host.bad_events(agent).await),
        );
    }
    report.add(
        "triage/routes-once",
        "a submitted query becomes a routed event, and a repeat gets the same one",
        outcome(host.routes_once().await),
    );
    report.add(
        "triage/structured",
        "an event in structured mode is as good as one in binary mode",
        outcome(host.structured().await),
    );
    report.add(
        "triage/at-the-same-time",
        "concurrent deliveries of one event all get the same reply",
        outcome(host.at_the_same_time().await),
    );
    report.add(
        "triage/out-of-scope",
        "what is none of the tutor's business is answered by triage itself",
        outcome(host.out_of_scope().await),
    );
    report.add(
        "triage/versions",
        "a later minor version with unknown fields is taken; another major one is 422",
        outcome(host.versions().await),
    );
    report.add(
        "triage/analyze",
        "POST /analyze: 202 with the decision, 503 with Retry-After while the broker is away",
        outcome(host.analyze().await),
    );
    report.add(
        "triage/bad-requests",
        "no student 400, no JSON 400, an empty query 400, too large 413",
        outcome(host.bad_requests().await),
    );
    for (agent, text, code) in [
        (Agent::Concepts, "what is a list comprehension?", None),
        (
            Agent::CodeReview,
            "review my code",
            Some("total = 0\nfor n in [1, 2]:\n    total += n\nprint(total)\n"),
        ),
        (Agent::Debug, "why does it fail?", Some("names = ['a']\nprint(names[1])\n")),
        (Agent::Exercise, "give me an exercise on loops", None),
        (Agent::Progress, "how am I doing?", None),
    ] {
        report.add(
            format!("{agent}/answers-once"),
            "a routed query becomes an answer, and a repeat gets the same one",
            outcome(host.answers_once(agent, text, code).await),
        );
    }
    for (agent, action, query) in triggers() {
        report.add(
            format!("{agent}/{action}"),
            "an HTTP trigger answers: 200 with the answer, and a repeat of the request gets the same one",
            outcome(host.trigger(agent, action, &query).await.map(drop)),
        );
    }
    report.add(
        "exercise/submit",
        "a submission of the exercise that was set is graded",
        outcome(host.submit().await),
    );
    report.add(
        "concepts/stream",
        "Accept: text/event-stream: `delta` events with the pieces in order, then `answered` with the whole",
        outcome(host.stream().await),
    );
    report.add(
        "concepts/saga",
        "an answer with a concept is explained, in the same saga",
        outcome(host.saga().await),
    );
    report.add(
        "progress/learns-once",
        "an answer is folded into the model: 200 with an event or 204, and a repeat gets the same",
        outcome(host.learns_once().await),
    );
    Ok(report)
}

/// The specialists' HTTP triggers, and a query for each.
fn triggers() -> [(Agent, &'static str, Value); 5] {
    let program = "total = 0\nfor n in [1, 2]:\n    total += n\nprint(total)\n";
    [
        (Agent::Concepts, "explain", json!({"query_text": "what is a dictionary?"})),
        (Agent::CodeReview, "review", json!({"query_text": "review my code", "code": program})),
        (Agent::Debug, "diagnose", json!({"query_text": "why?", "code": "names = []\nprint(names[0])\n"})),
        (Agent::Exercise, "generate", json!({"query_text": "give me an exercise on loops"})),
        (Agent::Progress, "report", json!({"query_text": "how am I doing?"})),
    ]
}

/// What a component needs is away.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Away(String);

fn outcome(result: Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Kept,
        Err(error) => match error.downcast_ref::<Away>() {
            Some(away) => Outcome::Skipped(away.to_string()),
            None => Outcome::Broken(format!("{error:#}")),
        },
    }
}

struct Host {
    url: String,
    client: Client,
}

/// An answer that was read.
#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Result<Self> {
        let response: Response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn is(&self, status: u16) -> Result<()> {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]);
        ensure!(self.status.as_u16() == status, "{}, not {status}: {text}", self.status);
        Ok(())
    }

    fn problem(&self, status: u16) -> Result<()> {
        self.is(status)?;
        let kind = self.header("content-type");
        ensure!(kind.starts_with("application/problem+json"), "{status} with content-type {kind:?}");
        let problem: Value = serde_json::from_slice(&self.body)?;
        let detail = problem["detail"].as_str().unwrap_or_default();
        ensure!(problem["status"] == status && !detail.is_empty(), "{problem}");
        Ok(())
    }

    /// Whether it is a success; [`Away`] for a 503 with Retry-After.
    fn succeeded(&self) -> Result<()> {
        if self.status == StatusCode::SERVICE_UNAVAILABLE && !self.header("retry-after").is_empty() {
            bail!(Away("503 with Retry-After: what the component needs is away".to_owned()));
        }
        self.is(200)
    }

    /// The event in it.
    fn event(&self) -> Result<Incoming> {
        self.succeeded()?;
        Ok(Incoming::from_http(&self.headers, self.body.clone())?)
    }

    /// The answer of an agent in it.
    fn answer_of(&self, agent: Agent) -> Result<AgentResponded> {
        self.succeeded()?;
        let answer: AgentResponded = serde_json::from_slice(&self.body)?;
        ensure!(answer.agent_name == agent.as_str(), "agent_name is {}", answer.agent_name);
        ensure!(!answer.response_text.is_empty(), "the answer is empty");
        Ok(answer)
    }
}

fn attribute(incoming: &Incoming, name: &str) -> String {
    incoming.extension(name).unwrap_or_default()
}

fn submitted(text: &str, code: Option<&str>, route: Option<Route>) -> Event {
    Outgoing {
        id: Uuid::new_v4(),
        source: "/conformance".to_owned(),
        subject: None,
        time: Utc::now(),
        student_id: STUDENT.to_owned(),
        traceparent: Some(format!("00-{TRACE}-b7ad6b7169203331-01")),
        extensions: vec![],
    }
    .event(QuerySubmitted {
        query_text: text.to_owned(),
        code: code.map(str::to_owned),
        route,
        ..QuerySubmitted::default()
    })
}

impl Host {
    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    async fn send(&self, agent: Agent, event: &Event) -> Result<Answer> {
        let (headers, body) = message::to_http(event);
        let mut request = self.post(&format!("/{agent}/events")).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // What a dispatcher adds.
        Answer::of(request.header("prefer", "reply").header("ce-knativekafkaoffset", "7")).await
    }

    async fn health(&self, agent: Agent) -> Result<()> {
        let answer = Answer::of(self.get(&format!("/{agent}/health"))).await?;
        answer.is(200)?;
        let health: Value = serde_json::from_slice(&answer.body)?;
        ensure!(health["status"] == "healthy", "{health}");
        Ok(())
    }

    async fn ready(&self, agent: Agent) -> Result<()> {
        Answer::of(self.get(&format!("/{agent}/ready"))).await?.is(200)
    }

    async fn metrics(&self, agent: Agent) -> Result<()> {
        let answer = Answer::of(self.get(&format!("/{agent}/metrics"))).await?;
        answer.is(200)?;
        let text = String::from_utf8(answer.body)?;
        ensure!(
            text.contains(&format!("agent_requests_total{{agent=\"{agent}\"")),
            "no agent_requests_total"
        );
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (_, value) = line.rsplit_once(' ').with_context(|| format!("{line:?} has no value"))?;
            value.parse::<f64>().with_context(|| format!("{line:?}"))?;
        }
        Ok(())
    }

    async fn status(&self, agent: Agent) -> Result<()> {
        let answer = Answer::of(self.get(&format!("/{agent}/status"))).await?;
        answer.is(200)?;
        let health: Value = serde_json::from_slice(&answer.body)?;
        ensure!(health["agent_name"] == agent.as_str(), "{health}");
        let status = health["status"].as_str().unwrap_or_default();
        ensure!(["active", "idle", "error"].contains(&status), "{health}");
        ensure!(health["queue_depth"].is_u64() && health["error_count_last_hour"].is_u64(), "{health}");
        Ok(())
    }

    /// A request of a student to an agent's HTTP trigger.
    fn asked(&self, agent: Agent, action: &str, key: &str, query: &Value) -> RequestBuilder {
        self.post(&format!("/{agent}/{action}"))
            .header("x-learnflow-student", STUDENT)
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(query.to_string())
    }

    /// Asks a trigger twice what it must answer once.
    async fn trigger(&self, agent: Agent, action: &str, query: &Value) -> Result<AgentResponded> {
        let key = Uuid::new_v4().to_string();
        let first = Answer::of(self.asked(agent, action, &key, query)).await?.answer_of(agent)?;
        let repeat = Answer::of(self.asked(agent, action, &key, query)).await?.answer_of(agent)?;
        ensure!(first == repeat, "the repeat got another answer");
        Ok(first)
    }

    async fn submit(&self) -> Result<()> {
        let wanted = json!({"query_text": "give me an exercise on loops"});
        let set = self.trigger(Agent::Exercise, "generate", &wanted).await?;
        let exercise = set.evidence["exercise_id"].as_str().context("the answer names no exercise")?;
        let solution = json!({
            "query_text": "here is my solution", "exercise_id": exercise, "code": "print('no idea')\n",
        });
        let graded = self.trigger(Agent::Exercise, "submit", &solution).await?;
        ensure!(graded.response_type == ResponseType::Grading, "a {:?}", graded.response_type);
        ensure!(graded.evidence["exercise_id"] == exercise, "{}", graded.evidence);
        ensure!(graded.evidence["passed"] == false, "it passed: {}", graded.evidence);
        Ok(())
    }

    async fn stream(&self) -> Result<()> {
        let query = json!({"query_text": "what is a tuple?"});
        let key = Uuid::new_v4().to_string();
        let request = self.asked(Agent::Concepts, "explain", &key, &query);
        let answer = Answer::of(request.header("accept", "text/event-stream")).await?;
        answer.succeeded()?;
        let kind = answer.header("content-type");
        ensure!(kind.starts_with("text/event-stream"), "content-type is {kind:?}");
        let text = String::from_utf8(answer.body)?;
        let mut pieces = String::new();
        let mut whole: Option<AgentResponded> = None;
        let mut index = 0;
        for event in text.split("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            // A comment keeps a connection open and says nothing.
            let Some(name) = field("event:") else { continue };
            ensure!(whole.is_none(), "{name} comes behind the answer");
            let data: Value = serde_json::from_str(field("data:").context("an event without data")?)?;
            match name {
                "delta" => {
                    ensure!(data["index"] == index, "{data} is not piece {index}");
                    pieces.push_str(data["text"].as_str().context("a delta without text")?);
                    index += 1;
                }
                "answered" => whole = Some(serde_json::from_value(data)?),
                "failed" if data["retry"] == true => {
                    bail!(Away(format!("what the component needs is away: {data}")))
                }
                other => bail!("an event {other}"),
            }
        }
        let whole = whole.context("the stream ends without an answer")?;
        ensure!(index > 0 && pieces == whole.response_text, "the pieces are not the answer:\n{pieces}");
        let repeat = Answer::of(self.asked(Agent::Concepts, "explain", &key, &query)).await?;
        ensure!(repeat.answer_of(Agent::Concepts)? == whole, "the repeat got another answer");
        Ok(())
    }

    async fn routes(&self, agent: Agent) -> Result<()> {
        Answer::of(self.get(&format!("/{agent}/events"))).await?.problem(405)?;
        Answer::of(self.post(&format!("/{agent}/nowhere")).body("{}")).await?.problem(404)
    }

    async fn bad_events(&self, agent: Agent) -> Result<()> {
        let events = format!("/{agent}/events");
        let json =
            |body: &'static str| self.post(&events).header("content-type", "application/json").body(body);
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/conformance"),
            ("ce-type", "learnflow.query.submitted.v9"),
        ];
        let with = |left_out: &str| {
            let headers = headers.iter().filter(|(name, _)| *name != left_out);
            headers.fold(json("{}"), |request, (name, value)| request.header(*name, *value))
        };
        Answer::of(json("{}")).await.and_then(|answer| answer.problem(422)).context("no event")?;
        Answer::of(with("ce-id")).await.and_then(|answer| answer.problem(422)).context("no id")?;
        Answer::of(with("ce-type")).await.and_then(|answer| answer.problem(422)).context("no type")?;
        Answer::of(with("")).await.and_then(|answer| answer.problem(422)).context("unknown type")
    }

    /// Sends twice what is to be handled once.
    async fn twice(&self, agent: Agent, event: &Event) -> Result<Incoming> {
        let first = self.send(agent, event).await?;
        let incoming = first.event()?;
        let second = self.send(agent, event).await?;
        second.event().context("the repeat")?;
        let (one, two): (Value, Value) =
            (serde_json::from_slice(&first.body)?, serde_json::from_slice(&second.body)?);
        ensure!(
            one == two && first.header("ce-id") == second.header("ce-id"),
            "the repeat got another reply"
        );
        Ok(incoming)
    }

    async fn routed(&self, text: &str, code: Option<&str>, route: Option<Route>) -> Result<Incoming> {
        let event = submitted(text, code, route);
        let cause = ids::turn_of_event("/conformance", cloudevents_id(&event));
        let incoming = self.twice(Agent::Triage, &event).await?;
        ensure!(incoming.event_type == EventType::QueryRouted, "replied with {}", incoming.event_type);
        let expected = ids::caused_event(&cause.to_string(), EventType::QueryRouted).to_string();
        ensure!(
            cloudevents_id(&incoming.event) == expected,
            "the id of the reply is not derived from its cause"
        );
        ensure!(attribute(&incoming, "partitionkey") == STUDENT, "partitionkey is not the student");
        ensure!(attribute(&incoming, "traceparent").contains(TRACE), "the trace does not go on");
        let routed = incoming.envelope::<QueryRouted>()?.payload;
        ensure!(attribute(&incoming, "agent") == routed.target_agent.as_str(), "the attribute agent");
        Ok(incoming)
    }

    async fn routes_once(&self) -> Result<()> {
        let incoming = self.routed("what is a list comprehension?", None, None).await?;
        let routed = incoming.envelope::<QueryRouted>()?.payload;
        ensure!(routed.target_agent == Route::Concepts, "routed to {}", routed.target_agent);
        Ok(())
    }

    async fn structured(&self) -> Result<()> {
        let event = submitted("what is a dictionary?", None, None);
        let request = self.post("/triage/events").header("content-type", "application/cloudevents+json");
        let answer = Answer::of(request.body(serde_json::to_vec(&event)?)).await?;
        ensure!(answer.event()?.event_type == EventType::QueryRouted, "{answer:?}");
        Ok(())
    }

    async fn at_the_same_time(&self) -> Result<()> {
        let event = submitted("what is a tuple?", None, None);
        let (a, b, c, d) = tokio::try_join!(
            self.send(Agent::Triage, &event),
            self.send(Agent::Triage, &event),
            self.send(Agent::Triage, &event),
            self.send(Agent::Triage, &event),
        )?;
        a.event()?;
        let bodies = [a, b, c, d].map(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
        ensure!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
        Ok(())
    }

    async fn out_of_scope(&self) -> Result<()> {
        let event = submitted("write my history essay", None, Some(Route::OutOfScope));
        let incoming = self.twice(Agent::Triage, &event).await?;
        ensure!(incoming.event_type == EventType::AgentResponded, "replied with {}", incoming.event_type);
        ensure!(
            incoming.envelope::<AgentResponded>()?.payload.agent_name == Agent::Triage.as_str(),
            "agent_name"
        );
        Ok(())
    }

    async fn versions(&self) -> Result<()> {
        let with_version = |version: &str| -> Result<Event> {
            let mut event = serde_json::to_value(submitted("what is a set?", None, None))?;
            event["data"]["schema_version"] = version.into();
            event["data"]["from_the_future"] = json!({"a": 1});
            event["data"]["payload"]["also_new"] = 1.into();
            Ok(serde_json::from_value(event)?)
        };
        self.send(Agent::Triage, &with_version("1.9")?).await?.event()?;
        self.send(Agent::Triage, &with_version("2.0")?).await?.problem(422)
    }

    async fn analyze(&self) -> Result<()> {
        let key = Uuid::new_v4().to_string();
        let request = || {
            self.post("/triage/analyze")
                .header("x-learnflow-student", STUDENT)
                .header("idempotency-key", &key)
                .header("content-type", "application/json")
                .body(r#"{"query_text": "what is a loop?"}"#)
        };
        let answer = Answer::of(request()).await?;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            ensure!(!answer.header("retry-after").is_empty(), "503 without Retry-After");
            return answer.problem(503);
        }
        answer.is(202)?;
        let decision: Value = serde_json::from_slice(&answer.body)?;
        ensure!(decision["target_agent"] == "concepts", "{decision}");
        let repeat: Value = serde_json::from_slice(&Answer::of(request()).await?.body)?;
        ensure!(decision["query_id"] == repeat["query_id"], "the same idempotency-key began another turn");
        Ok(())
    }

    async fn bad_requests(&self) -> Result<()> {
        let post = |body: String| {
            let request = self.client.request(Method::POST, format!("{}/triage/analyze", self.url));
            request.header("content-type", "application/json").body(body)
        };
        let asked = |body: String| post(body).header("x-learnflow-student", STUDENT);
        Answer::of(post(r#"{"query_text": "x"}"#.to_owned())).await?.problem(400).context("no student")?;
        Answer::of(asked("{".to_owned())).await?.problem(400).context("no JSON")?;
        Answer::of(asked(r#"{"query_text": " "}"#.to_owned())).await?.problem(400).context("empty")?;
        let large = json!({"query_text": "x".repeat(600 * 1024)}).to_string();
        Answer::of(asked(large)).await?.problem(413).context("too large")
    }

    async fn answered(&self, agent: Agent, text: &str, code: Option<&str>) -> Result<Incoming> {
        let route: Route = agent.as_str().parse()?;
        let routed = self.routed(text, code, Some(route)).await?;
        let incoming = self.twice(agent, &routed.event).await?;
        ensure!(incoming.event_type == EventType::AgentResponded, "replied with {}", incoming.event_type);
        let answer = incoming.envelope::<AgentResponded>()?.payload;
        ensure!(answer.agent_name == agent.as_str(), "agent_name is {}", answer.agent_name);
        ensure!(!answer.response_text.is_empty(), "the answer is empty");
        ensure!(attribute(&incoming, "agent") == agent.as_str(), "the attribute agent");
        ensure!(attribute(&incoming, "traceparent").contains(TRACE), "the trace does not go on");
        Ok(incoming)
    }

    async fn answers_once(&self, agent: Agent, text: &str, code: Option<&str>) -> Result<()> {
        self.answered(agent, text, code).await.map(drop)
    }

    async fn saga(&self) -> Result<()> {
        let diagnosed = self.answered(Agent::Debug, "why?", Some("names = []\nprint(names[0])\n")).await?;
        ensure!(attribute(&diagnosed, "step") == message::STEP_EXPLAIN, "debug asks for no explanation");
        let explained = self.twice(Agent::Concepts, &diagnosed.event).await?;
        ensure!(attribute(&explained, "step") == message::STEP_EXPLAINED, "the saga does not end");
        ensure!(attribute(&explained, "sagaid") == attribute(&diagnosed, "sagaid"), "another saga");
        Ok(())
    }

    async fn learns_once(&self) -> Result<()> {
        let answer = self.answered(Agent::Concepts, "what is a function?", None).await?;
        let first = self.send(Agent::Progress, &answer.event).await?;
        if first.status == StatusCode::NO_CONTENT {
            return self.send(Agent::Progress, &answer.event).await?.is(204);
        }
        let incoming = self.twice(Agent::Progress, &answer.event).await?;
        let known = [EventType::MasteryUpdated, EventType::StudentStruggling];
        ensure!(known.contains(&incoming.event_type), "replied with {}", incoming.event_type);
        Ok(())
    }
}

fn cloudevents_id(event: &Event) -> &str {
    use cloudevents::AttributesReader as _;
    event.id()
}
