//! MCP with an independent client: npm's @modelcontextprotocol/client, run by Node.js.

use std::path::Path;

use learnflow_testkit::NodeProgram;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Options, Service};

/// The protocol that has no sessions.
const STATELESS: &str = "2026-07-28";

struct Client {
    program: NodeProgram,
    next_call: u64,
}

/// A call's progress and how it ended.
struct Called {
    progress: Vec<Value>,
    end: Value,
}

impl Client {
    async fn start() -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp");
        Self { program: NodeProgram::start(&sources, "sandbox-mcp").await, next_call: 0 }
    }

    async fn send(&mut self, command: &Value) {
        self.program.send(command).await;
    }

    async fn report(&mut self) -> Value {
        tokio::time::timeout(DEADLINE, self.program.report()).await.expect("the client is silent")
    }

    /// Connects and returns whether there is a session.
    async fn connect(service: &Service, version: Option<&str>) -> (Self, bool) {
        let mut client = Self::start().await;
        client.send(&json!({ "do": "connect", "url": service.at("/mcp"), "version": version })).await;
        let report = client.report().await;
        assert_eq!(report["connected"]["server"]["name"], "learnflow-sandbox", "{report}");
        (client, report["connected"]["session"].as_bool().unwrap())
    }

    async fn begin(&mut self, tool: &str, arguments: &Value) -> u64 {
        self.next_call += 1;
        self.send(&json!({ "do": "call", "id": self.next_call, "tool": tool, "arguments": arguments })).await;
        self.next_call
    }

    /// The end of a call that is the only one in progress.
    async fn end(&mut self) -> Called {
        let mut progress = Vec::new();
        loop {
            let report = self.report().await;
            match report.get("progress") {
                Some(made) => progress.push(made.clone()),
                None => return Called { progress, end: report },
            }
        }
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Called {
        self.begin(tool, &arguments).await;
        self.end().await
    }
}

impl Called {
    /// The structured result of a call that went well.
    fn report(&self) -> &Value {
        assert_ne!(self.end["result"]["isError"], true, "{}", self.end);
        let report = &self.end["result"]["structuredContent"];
        // Clients that do not know structured results read the same as text.
        let text =
            self.end["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{}", self.end));
        assert_eq!(&serde_json::from_str::<Value>(text).unwrap(), report);
        report
    }

    /// What the model reads of a call that could not be made.
    fn refusal(&self) -> &str {
        assert_eq!(self.end["result"]["isError"], true, "{}", self.end);
        self.end["result"]["content"][0]["text"].as_str().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tools_do_what_their_schemas_say_with_and_without_sessions() {
    let service = Service::start(Options::default()).await;
    for version in [None, Some(STATELESS)] {
        let (mut client, session) = Client::connect(&service, version).await;
        assert_eq!(session, version.is_none());
        client.send(&json!({ "do": "tools" })).await;
        let tools = client.report().await["tools"].clone();
        let names: Vec<_> =
            tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["run_python", "run_tests", "trace_python", "check_syntax"]);
        for tool in tools.as_array().unwrap() {
            for schema in ["inputSchema", "outputSchema"] {
                assert_eq!(tool[schema]["type"], "object", "{tool}");
                assert!(!tool[schema]["properties"].as_object().unwrap().is_empty(), "{tool}");
            }
        }

        let ran = client.call("run_python", json!({ "code": "print(input())\n1/0", "stdin": "hi" })).await;
        assert_eq!(ran.report()["stdout"], "hi\n");
        assert_eq!(ran.report()["error"]["line"], 2);

        let tests = json!([
            { "kind": "call", "name": "two", "call": "f(1)", "expected": "2" },
            { "kind": "call", "name": "three", "call": "f(1)", "expected": "3" },
        ]);
        let tested =
            client.call("run_tests", json!({ "code": "def f(x): return x + 1", "tests": tests })).await;
        assert_eq!(tested.report()["passed"], false);
        assert_eq!(tested.report()["verdicts"][0]["passed"], true);
        let progress: Vec<_> = tested
            .progress
            .iter()
            .map(|made| (made["progress"].as_u64(), made["total"].as_u64(), made["message"].as_str()))
            .collect();
        assert_eq!(
            progress,
            [(Some(1), Some(2), Some("two: passed")), (Some(2), Some(2), Some("three: failed"))]
        );

        let traced = client.call("trace_python", json!({ "code": "x = 1\nx += 1\nprint(x)" })).await;
        assert!(traced.report()["trace"]["steps"].as_array().unwrap().len() >= 3, "{}", traced.end);

        let checked = client.call("check_syntax", json!({ "code": "x = 1\nprint(x" })).await;
        assert_eq!(checked.report()["valid"], false);
        assert_eq!(checked.report()["error"]["type"], "SyntaxError");
        assert_eq!(checked.report()["error"]["line"], 2);
        let checked =
            client.call("check_syntax", json!({ "code": "print('must not run')\nx = 1 is 1" })).await;
        assert_eq!(checked.report()["valid"], true);
        assert_eq!(checked.report()["warnings"][0]["line"], 2, "{}", checked.end);

        let refused = client.call("run_python", json!({ "code": 7 })).await;
        assert!(refused.refusal().contains("inputSchema"), "{}", refused.refusal());
        let refused = client.call("run_python", json!({ "code": "x".repeat(70_000) })).await;
        assert!(refused.refusal().contains("at most"), "{}", refused.refusal());
        let unknown = client.call("os_system", json!({})).await;
        assert!(unknown.end["error"].as_str().unwrap().contains("run_python"), "{}", unknown.end);
    }
    assert_eq!(service.metric(r#"sandbox_mcp_calls_total{result="ok",tool="run_tests"}"#).await, 2.0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_hears_of_progress_and_can_cancel() {
    let service = Service::start(Options::default()).await;
    let limits = json!({ "timeout_ms": 60_000, "wall_ms": 100_000 });
    let code = "print('begun', flush=True)\nwhile True: pass";
    for version in [None, Some(STATELESS)] {
        let (mut client, _) = Client::connect(&service, version).await;
        let call = client.begin("run_python", &json!({ "code": code, "limits": limits })).await;
        let first = client.report().await;
        assert_eq!((&first["id"], &first["progress"]["message"]), (&json!(call), &json!("begun\n")));
        assert_eq!(service.metric("sandbox_in_flight").await, 1.0);
        client.send(&json!({ "do": "cancel", "id": call })).await;
        let ended = client.end().await;
        assert!(ended.end["error"].is_string(), "{}", ended.end);
        service.idle().await;
        // The connection is as good as before.
        assert_eq!(client.call("run_python", json!({ "code": "print(1)" })).await.report()["stdout"], "1\n");
    }
    service.stop().await;
}

/// A request as a client of the older protocol opens a session with it.
fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } })
}

fn open(service: &Service) -> reqwest::RequestBuilder {
    let accepted = "application/json, text/event-stream";
    service.post("/mcp", &initialize()).header(header::ACCEPT, accepted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_others_and_rebound_names_are_refused() {
    let service = Service::start(Options::default()).await;
    for (name, value, status) in [
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("origin", "http://localhost:3000", StatusCode::FORBIDDEN),
        ("origin", "https://ide.school.example", StatusCode::OK),
        ("host", "evil.example", StatusCode::FORBIDDEN),
        ("host", "127.0.0.1.evil.example", StatusCode::FORBIDDEN),
        ("host", "localhost:8000", StatusCode::OK),
        ("host", "sandbox.school.example", StatusCode::OK),
        ("content-type", "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let request = service
            .http
            .post(service.at("/mcp"))
            .header(header::ACCEPT, "application/json, text/event-stream");
        let request =
            if name == "content-type" { request } else { request.header("content-type", "application/json") };
        let request = request.header(name, value).body(initialize().to_string());
        assert_eq!(request.send().await.unwrap().status(), status, "{name}: {value}");
    }
    let large = format!("{{\"jsonrpc\": \"2.0\", \"x\": \"{}\"}}", "x".repeat(2 << 20));
    let request = open(&service).body(large);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_limited_and_end() {
    let service = Service::start(Options::default()).await;
    let mut sessions = Vec::new();
    let refused = loop {
        let response = open(&service).send().await.unwrap();
        if response.status() != StatusCode::OK {
            break response;
        }
        sessions.push(response.headers()["mcp-session-id"].to_str().unwrap().to_owned());
        // Reading to the end is what a client does; the handshake is over then.
        response.bytes().await.unwrap();
        assert!(sessions.len() <= 256, "there is no limit");
    };
    assert_eq!((refused.status(), sessions.len()), (StatusCode::SERVICE_UNAVAILABLE, 256));
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    let ended =
        service.http.delete(service.at("/mcp")).header("mcp-session-id", &sessions[0]).send().await.unwrap();
    assert!(ended.status().is_success(), "{}", ended.status());
    assert_eq!(open(&service).send().await.unwrap().status(), StatusCode::OK);
    service.stop().await;
}
