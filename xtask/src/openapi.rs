//! The HTTP surfaces of the functions and of the sandbox host as OpenAPI 3.1. (The gateway makes its own from its
//! routes.)

use anyhow::Result;
use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest};
use learnflow_events::payload::{AgentResponded, QuerySubmitted};
use learnflow_events::{Agent, EventType};
use serde_json::{Map, Value, json};

use crate::contract::{self, Schemas};

/// The agents' HTTP triggers, as the gateway passes them on.
const TRIGGERS: [(Agent, &str); 7] = [
    (Agent::Triage, "analyze"),
    (Agent::Concepts, "explain"),
    (Agent::CodeReview, "review"),
    (Agent::Debug, "diagnose"),
    (Agent::Exercise, "generate"),
    (Agent::Exercise, "submit"),
    (Agent::Progress, "report"),
];

/// The types that an agent's `/events` takes.
const fn taken(agent: Agent) -> &'static [EventType] {
    match agent {
        Agent::Triage => &[EventType::QuerySubmitted],
        Agent::Concepts => &[EventType::QueryRouted, EventType::AgentResponded],
        Agent::CodeReview | Agent::Debug | Agent::Exercise => &[EventType::QueryRouted],
        Agent::Progress => &[
            EventType::QueryRouted,
            EventType::AgentResponded,
            EventType::CodeExecuted,
            EventType::FeedbackGiven,
        ],
    }
}

/// The functions, at whatever serves spin.toml.
///
/// # Errors
/// When two types of the catalogue have the same name.
pub fn functions() -> Result<String> {
    let mut schemas = Schemas::default();
    let query = schemas.of::<QuerySubmitted>()?;
    let answer = schemas.of::<AgentResponded>()?;
    let decision = schemas.add("RoutingDecision", routing_decision())?;
    let problem = schemas.add("Problem", problem())?;
    let mut paths = Map::new();
    for agent in Agent::ALL {
        let mut add = |path: &str, method: &str, operation: Value| {
            paths.insert(format!("/{agent}/{path}"), json!({ method: operation }));
        };
        add("events", "post", events(agent.as_str(), taken(agent), &problem));
        for (path, summary, content_type, schema) in [
            ("health", "The component runs.", "application/json", json!({ "type": "object" })),
            ("ready", "What it needs is there.", "application/json", json!({ "type": "object" })),
            ("metrics", "Prometheus text.", "text/plain", json!({ "type": "string" })),
            (
                "status",
                "What it did lately and what waits for it.",
                "application/json",
                json!({ "type": "object" }),
            ),
        ] {
            let mut responses = json!({ "200": body(summary, content_type, schema) });
            if path != "health" {
                responses["503"] = problem_body("The database is away.", &problem);
            }
            add(
                path,
                "get",
                json!({
                    "operationId": format!("{agent}-{path}"), "tags": [agent], "summary": summary, "responses": responses,
                }),
            );
        }
    }
    for (agent, action) in TRIGGERS {
        let mut responses = json!({
            "400": problem_body("The body or the student is missing or wrong.", &problem),
            "413": problem_body("The body is too large.", &problem),
            "503": problem_body("Something it needs is away; Retry-After says when to come back.", &problem),
        });
        if agent == Agent::Triage {
            responses["202"] = body("The turn, and who answers it.", "application/json", decision.clone());
        } else {
            let mut found = body("The answer.", "application/json", answer.clone());
            found["content"]["text/event-stream"] = json!({
                "schema": { "type": "string", "description": "`delta` {index, text} …, then `answered` or `failed`" },
            });
            responses["200"] = found;
        }
        paths.insert(
            format!("/{agent}/{action}"),
            json!({ "post": {
            "operationId": format!("{agent}-{action}"),
            "tags": [agent],
            "summary": "Called by the gateway, which says in x-learnflow-student who the student is.",
            "parameters": [
                header("x-learnflow-student", true, "The student, as the gateway authenticated them."),
                header("idempotency-key", false, "The same key is the same turn."),
                header("traceparent", false, "W3C trace context."),
            ],
            "requestBody": { "required": true, "content": { "application/json": { "schema": query } } },
            "responses": responses,
        } }),
        );
    }
    contract::text(document(
        "LearnFlow functions",
        "The six agents' components, as any host of spin.toml serves them. Only Knative's data plane and the gateway \
         reach them (knative/base/network-policies.yaml).",
        "http://127.0.0.1:8080",
        paths,
        schemas,
    ))
}

/// The sandbox host.
///
/// # Errors
/// When two types of the catalogue have the same name.
pub fn sandbox() -> Result<String> {
    let mut schemas = Schemas::default();
    let (run, report) = (schemas.of::<RunRequest>()?, schemas.of::<RunReport>()?);
    let (tests, verdicts) = (schemas.of::<TestRequest>()?, schemas.of::<TestReport>()?);
    let problem = schemas.add("Problem", problem())?;
    let refused = |mut responses: Value| {
        for (status, why) in [
            ("400", "Not JSON of the expected shape."),
            ("413", "Too large."),
            ("415", "The content type is not application/json."),
            ("422", "A limit or a field."),
            ("429", "No room; see Retry-After."),
            ("503", "It is starting; see Retry-After."),
        ] {
            responses[status] = problem_body(why, &problem);
        }
        responses
    };
    let takes =
        |schema: &Value| json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    let mut paths = Map::new();
    let mut ran = body("What the program did. One that fails is a result.", "application/json", report);
    ran["content"]["text/event-stream"] = json!({
        "schema": { "type": "string", "description": "`run` {run_id}, `output` {stream, text} …, then `report` or `problem`" },
    });
    paths.insert(
        "/run".to_owned(),
        json!({ "post": {
        "operationId": "run", "summary": "Runs a program in an interpreter of its own.",
        "parameters": [{
            "name": "interactive", "in": "query", "schema": { "type": "boolean" },
            "description": "Whether a streamed run will be typed into; by default, when it has no stdin.",
        }],
        "requestBody": takes(&run), "responses": refused(json!({ "200": ran })),
    } }),
    );
    paths.insert(
        "/tests".to_owned(),
        json!({ "post": {
        "operationId": "tests", "summary": "Runs a program against tests, each in an interpreter of its own.",
        "requestBody": takes(&tests),
        "responses": refused(json!({ "200": body("The verdicts.", "application/json", verdicts) })),
    } }),
    );
    let typed = json!({
        "type": "object", "additionalProperties": false,
        "properties": { "text": { "type": "string" }, "eof": { "type": "boolean" } },
    });
    for (action, summary, takes) in [
        ("stdin", "Types a line into a streamed run, or ends its input.", Some(takes(&typed))),
        ("interrupt", "Ctrl-C.", None),
    ] {
        let mut operation = json!({
            "operationId": action, "summary": summary,
            "parameters": [{
                "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" },
                "description": "As the run's first event says.",
            }],
            "responses": {
                "204": { "description": "Done." },
                "404": problem_body("There is no such run, or it has ended.", &problem),
            },
        });
        if let Some(takes) = takes {
            operation["requestBody"] = takes;
        }
        paths.insert(format!("/runs/{{id}}/{action}"), json!({ "post": operation }));
    }
    let taken = [EventType::CodeSubmitted, EventType::QueryRouted];
    paths.insert("/events".to_owned(), json!({ "post": events("sandbox", &taken, &problem) }));
    paths.insert("/mcp".to_owned(), json!({ "post": {
        "operationId": "mcp", "summary": "The Model Context Protocol over streamable HTTP (docs/sandbox.md).",
        "requestBody": takes(&json!({ "type": "object", "description": "JSON-RPC 2.0" })),
        "responses": { "200": body("JSON-RPC 2.0, or a stream of it.", "application/json", json!({ "type": "object" })) },
    } }));
    for (path, summary, content_type, schema) in [
        ("health", "It is alive.", "text/plain", json!({ "type": "string" })),
        ("metrics", "Prometheus text.", "text/plain", json!({ "type": "string" })),
        (
            "ready",
            "A warm run has succeeded; what confines the executors here.",
            "application/json",
            json!({ "type": "object" }),
        ),
    ] {
        let mut responses = json!({ "200": body(summary, content_type, schema.clone()) });
        if path == "ready" {
            responses["503"] = body("Not yet.", content_type, schema);
        }
        let operation = json!({ "operationId": path, "summary": summary, "responses": responses });
        paths.insert(format!("/{path}"), json!({ "get": operation }));
    }
    contract::text(document(
        "LearnFlow sandbox",
        "Runs students' Python. Without authentication: on a cluster a NetworkPolicy says who reaches it.",
        "http://127.0.0.1:8000",
        paths,
        schemas,
    ))
}

fn document(title: &str, description: &str, url: &str, paths: Map<String, Value>, schemas: Schemas) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": learnflow_events::SCHEMA_VERSION,
            "description": format!("{description} Generated by `cargo xtask codegen`."),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": url, "description": "cargo learnflow up" }],
        "paths": paths,
        "components": { "schemas": schemas.into_value() },
    })
}

/// A door for CloudEvents: the response is the next event.
fn events(who: &str, taken: &[EventType], problem: &Value) -> Value {
    let types: Vec<&str> = taken.iter().map(|each| each.as_str()).collect();
    let attribute = |name: &str, schema: Value| json!({ "name": name, "in": "header", "required": true, "schema": schema });
    let text = json!({ "type": "string" });
    json!({
        "operationId": format!("{who}-events"),
        "tags": [who],
        "summary": "Takes CloudEvents in binary or structured mode; the AsyncAPI document has their data.",
        "parameters": [
            attribute("ce-specversion", json!({ "const": "1.0" })),
            attribute("ce-id", text.clone()),
            attribute("ce-source", text),
            attribute("ce-type", json!({ "type": "string", "enum": types })),
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object" } } } },
        "responses": {
            "200": body("The next event, in binary mode.", "application/json", json!({ "type": "object" })),
            "204": { "description": "Handled; there is no next event." },
            "422": problem_body("No event, or not one that is handled here: a dead letter at once.", problem),
            "500": problem_body("A bug; the broker tries again.", problem),
            "503": problem_body("Something is away; the broker tries again.", problem),
        },
    })
}

fn body(description: &str, content_type: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { content_type: { "schema": schema } } })
}

fn problem_body(description: &str, problem: &Value) -> Value {
    body(description, "application/problem+json", problem.clone())
}

fn header(name: &str, required: bool, description: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": required, "description": description, "schema": { "type": "string" },
    })
}

/// RFC 9457.
fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What to do about it." },
            "instance": { "type": "string", "description": "To quote to whoever runs the system." },
        },
    })
}

/// What `POST /triage/analyze` answers.
fn routing_decision() -> Value {
    json!({
        "type": "object",
        "required": ["query_id", "seq", "student_id", "target_agent", "confidence", "reasoning"],
        "properties": {
            "query_id": { "type": "string", "format": "uuid", "description": "The turn." },
            "seq": { "type": "integer", "minimum": 1, "description": "Its number among the student's turns." },
            "student_id": { "type": "string" },
            "target_agent": { "type": "string", "description": "Who answers." },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
            "reasoning": { "type": "string" },
        },
    })
}
