//! `/run` as JSON, what bad requests hear, and what happens when there is no room.

use learnflow_events::limits::BODY_BYTES;
use reqwest::{RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{DEADLINE, Events, Options, Service};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_run_and_counted() {
    let service = Service::start(Options::default()).await;
    let request = json!({ "code": "print(input())\nprint(1/0)", "stdin": "hello\n" });
    let report = service.answer("/run", &request).await;
    assert_eq!((&report["outcome"], &report["stdout"]), (&json!("raised"), &json!("hello\n")));
    assert_eq!(
        (&report["error"]["type"], &report["error"]["line"]),
        (&json!("ZeroDivisionError"), &json!(2))
    );
    assert_eq!(service.metric(r#"sandbox_runs_total{outcome="raised"}"#).await, 1.0);
    assert_eq!(service.metric("sandbox_run_seconds_count").await, 1.0);
    assert_eq!(service.metric("sandbox_executor_restarts").await, 0.0);
    assert_eq!(service.metric("sandbox_waiting").await, 0.0);
    let health = service.http.get(service.at("/health")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    let ready: Value = service.http.get(service.at("/ready")).send().await.unwrap().json().await.unwrap();
    assert_eq!(ready["ready"], true);
    assert!(!ready["confinement"].as_array().unwrap().is_empty(), "{ready}");
    service.stop().await;
}

/// The problem that a request is answered with.
async fn problem(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(kind, "application/problem+json", "{status} {text}");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status.as_u16(), "{problem}");
    (status, problem)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_hear_what_to_do() {
    let service = Service::start(Options::default()).await;
    let raw = |kind: &'static str, body: Vec<u8>| {
        service.http.post(service.at("/run")).header(header::CONTENT_TYPE, kind).body(body)
    };
    let json_type = "application/json";
    let mut invalid_utf8 = br#"{"code": ""#.to_vec();
    invalid_utf8.extend([0xff, 0xfe, b'"', b'}']);
    let large = json!({ "code": "x".repeat(BODY_BYTES) }).to_string().into_bytes();
    let long = "x".repeat(65 * 1024);
    for (what, request, status, said) in [
        ("malformed", raw(json_type, b"{".to_vec()), 400, "not the JSON"),
        ("not UTF-8", raw(json_type, invalid_utf8), 400, "not the JSON"),
        ("missing field", raw(json_type, b"{}".to_vec()), 422, "code"),
        ("unknown field", raw(json_type, br#"{"code": "", "colour": 1}"#.to_vec()), 422, "colour"),
        ("too large", raw(json_type, large), 413, "larger than"),
        ("a form", raw("application/x-www-form-urlencoded", b"code=1".to_vec()), 415, "application/json"),
        ("text of a foreign page", raw("text/plain", br#"{"code": "1"}"#.to_vec()), 415, "application/json"),
        ("long program", service.post("/run", &json!({ "code": long })), 422, "at most"),
        (
            "a path that leaves",
            service.post("/run", &json!({ "code": "", "files": {"../x": ""} })),
            422,
            "relative",
        ),
        ("query", service.post("/run?interactive=maybe", &json!({ "code": "" })), 400, "interactive=true"),
        ("tests without tests", service.post("/tests", &json!({ "code": "" })), 422, "tests"),
        (
            "module",
            service.post("/tests", &json!({ "code": "", "module": "a/b", "tests": [] })),
            422,
            "module",
        ),
        ("no such run", service.post("/runs/7/stdin", &json!({ "text": "x" })), 404, "no such run"),
        ("nothing to interrupt", service.post("/runs/7/interrupt", &json!({})), 404, "no such run"),
        ("no such address", service.http.get(service.at("/rum")), 404, "no such address"),
        ("wrong method", service.http.get(service.at("/run")), 405, "method"),
        ("not an event", service.http.post(service.at("/events")).body("{}"), 422, ""),
    ] {
        let (got, problem) = problem(request).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(got.as_u16() == status && detail.contains(said), "{what}: {got} {detail}");
    }
    // NUL bytes are Python's business.
    let report = service.answer("/run", &json!({ "code": "print('a\0b')" })).await;
    assert_eq!(report["outcome"], "syntax_error");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_fit_are_told_to_come_back() {
    let service = Service::start(Options { max_runs: 2, ..Options::default() }).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let request = service.post("/run", &json!({ "code": "print('in')\ninput()" }));
        let response = request.header(header::ACCEPT, "text/event-stream").send().await.unwrap();
        let mut events = Events::of(response);
        events.next().await.unwrap();
        assert_eq!(events.next().await.unwrap().1["text"], "in\n");
        waiting.push(events);
    }
    learnflow_testkit::wait_until(DEADLINE, async || {
        (service.metric("sandbox_awaiting_input").await == 2.0).then_some(())
    })
    .await;
    let submitted = crate::events::submitted(uuid::Uuid::new_v4(), "1");
    let refused = [
        service.post("/run", &json!({ "code": "1" })).send().await.unwrap(),
        service.post("/tests", &json!({ "code": "1", "tests": [] })).send().await.unwrap(),
        crate::events::deliver(&service, &submitted).await,
    ];
    for response in refused {
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "{}", response.url());
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
    assert_eq!(service.metric("sandbox_refused_total").await, 3.0);
    assert_eq!(service.metric("sandbox_in_flight").await, 2.0);
    waiting.clear();
    // Their clients are gone, so there is room again.
    learnflow_testkit::wait_until(DEADLINE, async || {
        let response = service.post("/run", &json!({ "code": "print(1)" })).send().await.unwrap();
        response.status().is_success().then_some(())
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_stops_its_program_and_its_tests() {
    let service = Service::start(Options::default()).await;
    let endless = "while True: pass";
    let slow = json!({ "timeout_ms": 60_000, "wall_ms": 600_000 });
    let test = json!({ "kind": "io", "name": "t", "stdin": "", "stdout": "" });
    for (path, body) in [
        ("/run", json!({ "code": endless, "limits": slow })),
        ("/tests", json!({ "code": endless, "limits": slow, "tests": vec![test; 50] })),
    ] {
        let request = tokio::spawn(service.post(path, &body).send());
        learnflow_testkit::wait_until(DEADLINE, async || {
            (service.metric("sandbox_in_flight").await == 1.0).then_some(())
        })
        .await;
        request.abort();
        service.idle().await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_alive_but_not_ready_before_a_program_has_run() {
    let missing = std::path::PathBuf::from("/nonexistent/sandbox.cwasm");
    let service = Service::begin(Options { interpreter: missing, ..Options::default() }).await;
    let (health, ready) =
        (service.http.get(service.at("/health")).send(), service.http.get(service.at("/ready")).send());
    assert_eq!(health.await.unwrap().status(), StatusCode::OK);
    let ready = ready.await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json::<Value>().await.unwrap()["ready"], false);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_does_not_wait_for_ever() {
    let service = Service::start(Options::default()).await;
    let request = service.post("/run", &json!({ "code": "print('in')\ninput()" }));
    let mut events = Events::of(request.header(header::ACCEPT, "text/event-stream").send().await.unwrap());
    assert_eq!(events.next().await.unwrap().0, "run");
    service.stop().await;
}
