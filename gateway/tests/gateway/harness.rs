//! A gateway with everything around it.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, StatusCode};
use learnflow_event_log::{EventLog, Record, postgres::PostgresLog};
use learnflow_events::{
    Event, Outgoing, Topic,
    message::{extension, to_http},
    payload::{AgentResponded, AnsweredBy, Payload, QueryRouted, QuerySubmitted, ResponseType},
};
use learnflow_gateway::{
    Gateway, GatewayConfig, GatewayHandle,
    token::{self, Role},
};
use learnflow_testkit::{Database, database, wait_until};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};
use uuid::Uuid;

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A request that reached a service behind the gateway.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Everything behind the gateway: it records requests, and answers with what was queued, else 202.
pub struct Upstream {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<VecDeque<Response>>>,
    server: AbortHandle,
}

impl Upstream {
    async fn start() -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let answers: Arc<Mutex<VecDeque<Response>>> = Arc::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (record, queue) = (seen.clone(), answers.clone());
        let app = axum::Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body = match axum::body::to_bytes(body, usize::MAX).await {
                Ok(body) => body,
                // The gateway cut a request that was too large.
                Err(_) => return Response::new(Body::empty()),
            };
            let path = parts.uri.path_and_query().unwrap().to_string();
            record.lock().unwrap().push(Seen { path, headers: parts.headers, body });
            let queued = queue.lock().unwrap().pop_front();
            queued.unwrap_or_else(|| {
                Response::builder().status(StatusCode::ACCEPTED).body(Body::empty()).unwrap()
            })
        });
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }).abort_handle();
        Self { url, seen, answers, server }
    }

    pub fn answer(&self, response: Response) {
        self.answers.lock().unwrap().push_back(response);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a request reached the upstream")
    }

    /// Refuses connections from now on.
    pub fn stop(&self) {
        self.server.abort();
    }
}

pub struct Harness {
    pub database: Database,
    pub log: Arc<PostgresLog>,
    pub gateway: GatewayHandle,
    pub upstream: Upstream,
    pub client: reqwest::Client,
    key_file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Harness {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let database = database().await;
        let log = Arc::new(PostgresLog::open(&database.url).await.unwrap());
        let upstream = Upstream::start().await;
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("keys.json");
        let mut config = GatewayConfig::new(
            ([127, 0, 0, 1], 0).into(),
            &database.url,
            log.clone(),
            &upstream.url,
            format!("{}/sandbox", upstream.url),
            format!("{}/broker", upstream.url),
            &key_file,
        );
        config.database_connections = 4;
        change(&mut config);
        let gateway = Gateway::start(config).await.unwrap();
        let harness = Self {
            database,
            log,
            gateway,
            upstream,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            key_file,
            _folder: folder,
        };
        wait_until(DEADLINE, async || {
            let response = harness.client.get(harness.url("/ready")).send().await.unwrap();
            response.status().is_success().then_some(())
        })
        .await;
        harness
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    pub fn token(&self, subject: &str, role: Role) -> String {
        self.token_for(subject, role, Duration::from_secs(600))
    }

    pub fn token_for(&self, subject: &str, role: Role, ttl: Duration) -> String {
        token::mint(&self.key_file, subject, subject, role, ttl).unwrap()
    }

    pub fn key_file(&self) -> &std::path::Path {
        &self.key_file
    }

    /// A second gateway on the same database, log and keys.
    pub async fn another_replica(&self) -> GatewayHandle {
        self.another_replica_with(|_| {}).await
    }

    /// The same, configured differently.
    pub async fn another_replica_with(&self, change: impl FnOnce(&mut GatewayConfig)) -> GatewayHandle {
        let mut config = GatewayConfig::new(
            ([127, 0, 0, 1], 0).into(),
            &self.database.url,
            self.log.clone(),
            &self.upstream.url,
            format!("{}/sandbox", self.upstream.url),
            format!("{}/broker", self.upstream.url),
            &self.key_file,
        );
        config.replica_id = "1".to_owned();
        change(&mut config);
        let second = Gateway::start(config).await.unwrap();
        let ready = format!("http://{}/ready", second.address());
        wait_until(DEADLINE, async || {
            self.client.get(&ready).send().await.unwrap().status().is_success().then_some(())
        })
        .await;
        second
    }

    /// A GET as a student.
    pub async fn get(&self, student: &str, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).bearer_auth(self.token(student, Role::Student)).send().await.unwrap()
    }

    /// A POST as a student.
    pub async fn post(&self, student: &str, path: &str, body: &Value) -> reqwest::Response {
        self.client
            .post(self.url(path))
            .bearer_auth(self.token(student, Role::Student))
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// A call as a teacher.
    pub async fn teach(
        &self,
        teacher: &str,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Response {
        let mut request =
            self.client.request(method, self.url(path)).bearer_auth(self.token(teacher, Role::Teacher));
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    /// What a teacher reads at a path.
    pub async fn read(&self, teacher: &str, path: &str) -> Value {
        let response = self.teach(teacher, reqwest::Method::GET, path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// A class of a teacher's with these students; its id.
    pub async fn class(&self, teacher: &str, students: &[&str]) -> Uuid {
        let named = json!({ "name": format!("Class of {teacher}") });
        let made = self.teach(teacher, reqwest::Method::POST, "/api/classes", Some(&named)).await;
        assert_eq!(made.status(), 201);
        let class: Value = made.json().await.unwrap();
        for student in students {
            let joined =
                self.post(student, "/api/classes/join", &json!({ "code": class["join_code"] })).await;
            assert_eq!(joined.status(), 200, "{student}");
        }
        class["class_id"].as_str().unwrap().parse().unwrap()
    }

    /// A call as an admin.
    pub async fn operate(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Response {
        let mut request =
            self.client.request(method, self.url(path)).bearer_auth(self.token("operator", Role::Admin));
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    /// Stores a turn as triage does.
    pub async fn receive(&self, student: &str, text: &str) -> Uuid {
        let query_id = Uuid::now_v7();
        let query = QuerySubmitted { query_text: text.to_owned(), ..QuerySubmitted::default() };
        sqlx::query("SELECT * FROM receive_turn($1, $2, $3, NULL)")
            .bind(query_id)
            .bind(student)
            .bind(sqlx::types::Json(query))
            .execute(&self.database.pool)
            .await
            .unwrap();
        query_id
    }

    /// Stores a struggle alert, as progress does; its id.
    pub async fn alert(&self, student: &str) -> Uuid {
        let alert_id = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence)
             VALUES ($1, $2, 'lists', 'same-topic', 'low', 'Talk.', 'Asked about zanzibar.', '{}')",
        )
        .bind(alert_id)
        .bind(student)
        .execute(&self.database.pool)
        .await
        .unwrap();
        alert_id
    }

    /// Stores triage's decision.
    pub async fn route(&self, query_id: Uuid) {
        sqlx::query("SELECT commit_routing($1, '{}', $2, 'debug', 0.9, 'it has an error')")
            .bind(format!("routing-{query_id}"))
            .bind(query_id)
            .execute(&self.database.pool)
            .await
            .unwrap();
    }

    /// Stores an answer.
    pub async fn commit(&self, answer: &AgentResponded) {
        sqlx::query("SELECT commit_answer('debug', $1, '{}', $2)")
            .bind(format!("answer-{}", answer.query_id))
            .bind(sqlx::types::Json(answer))
            .execute(&self.database.pool)
            .await
            .unwrap();
    }

    pub async fn status(&self, query_id: Uuid) -> String {
        sqlx::query_scalar("SELECT status FROM query_history WHERE query_id = $1")
            .bind(query_id)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    /// Appends an event to a topic, as a KafkaSink does.
    pub async fn append(&self, topic: Topic, event: &Event) {
        let (headers, value) = to_http(event);
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.replacen("ce-", "ce_", 1), value.into_bytes()))
            .collect();
        let key = event.extension(extension::PARTITION_KEY).map(|key| key.to_string().into_bytes());
        self.log.append(topic.name, Record { key, headers, value }).await.unwrap();
    }

    /// Posts a dead letter, as the dispatcher does.
    pub async fn dead_letter(&self, event: &Event, code: &str) -> reqwest::Response {
        let (headers, body) = to_http(event);
        let mut request = self
            .client
            .post(format!("http://{}/events/dead-letters", self.gateway.internal_address()))
            .header("ce-knativeerrordest", "http://debug.learnflow/")
            .header("ce-knativeerrorcode", code)
            .header("ce-knativeerrordata", "c29ycnk=")
            .header("ce-knativekafkaoffset", "12");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body).send().await.unwrap()
    }
}

/// An event of a student's turn.
pub fn event<P: Payload>(student: &str, query_id: Uuid, payload: P) -> Event {
    Outgoing {
        id: Uuid::now_v7(),
        source: "/learnflow/test".to_owned(),
        subject: Some(query_id.to_string()),
        time: Utc::now(),
        student_id: student.to_owned(),
        traceparent: None,
        extensions: vec![(extension::AGENT, "debug".to_owned())],
    }
    .event(payload)
}

pub fn routed(query_id: Uuid) -> QueryRouted {
    QueryRouted {
        query_id,
        seq: 1,
        target_agent: learnflow_events::Route::Debug,
        confidence: 0.9,
        reasoning: "it has an error".to_owned(),
        query: QuerySubmitted { query_text: "why?".to_owned(), ..QuerySubmitted::default() },
    }
}

pub fn answer(query_id: Uuid, text: &str) -> AgentResponded {
    AgentResponded {
        query_id,
        seq: 1,
        agent_name: "debug".to_owned(),
        response_text: text.to_owned(),
        response_type: ResponseType::Diagnosis,
        code_examples: Vec::new(),
        processing_time_ms: 12,
        confidence: 0.8,
        reasoning: "it was run".to_owned(),
        answered_by: AnsweredBy::Authored,
        evidence: json!({"run": 1}),
        topics: vec!["lists".to_owned()],
        observations: Vec::new(),
        concept: None,
        hint_tier: None,
        model: None,
    }
}

/// The sandbox's report of a program that raised.
pub fn report() -> Value {
    json!({
        "outcome": "raised", "exit_code": 1, "stdout": "a\u{0}b", "stderr": "", "duration_us": 5,
        "error": { "type": "ValueError", "message": "\u{0}", "line": 1 },
    })
}

/// A JSON answer for [`Upstream::answer`].
pub fn json_answer(status: StatusCode, body: &Value) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

/// The sandbox's answer to a program that is watched: it has begun, and the sender writes what happens next.
pub fn begun(run_id: Uuid) -> (tokio::sync::mpsc::UnboundedSender<String>, Response) {
    let (pieces, body) = stream_body();
    pieces.send(format!("event: run\ndata: {{\"run_id\":\"{run_id}\"}}\n\n")).unwrap();
    let response = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
    (pieces, response)
}

/// A body that is written piece by piece; it ends when the sender is dropped.
pub fn stream_body() -> (tokio::sync::mpsc::UnboundedSender<String>, Body) {
    let (pieces, rest) = tokio::sync::mpsc::unbounded_channel::<String>();
    let body = futures::stream::unfold(rest, async |mut rest| {
        rest.recv().await.map(|piece| (Ok::<_, std::io::Error>(piece), rest))
    });
    (pieces, Body::from_stream(body))
}

/// The `detail` of a problem document.
pub async fn detail(response: reqwest::Response) -> String {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let document: Value = response.json().await.unwrap();
    document["detail"].as_str().unwrap().to_owned()
}
