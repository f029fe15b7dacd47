//! `/run` as server-sent events: output as it is printed, input as it is typed, Ctrl-C.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{Events, Options, Service};

async fn stream(service: &Service, request: &Value) -> (Events, String) {
    let request = service.post("/run", request).header(header::ACCEPT, "text/event-stream");
    let mut events = Events::of(request.send().await.unwrap());
    let (name, data) = events.next().await.unwrap();
    assert_eq!(name, "run");
    (events, data["run_id"].as_str().unwrap().to_owned())
}

async fn printed(events: &mut Events, text: &str) {
    let mut seen = String::new();
    while seen != text {
        let (name, data) = events.next().await.unwrap();
        assert_eq!(name, "output", "{data} after {seen:?}");
        seen.push_str(data["text"].as_str().unwrap());
        assert!(text.starts_with(&seen), "{seen:?} instead of {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_talks_to_a_program() {
    let service = Service::start(Options::default()).await;
    let code = "name = input('Who? ')\nprint('Hello,', name)\nfor line in open(0): print(line, end='!')\n";
    let (mut events, id) = stream(&service, &json!({ "code": code })).await;
    // The prompt comes before the program can go on, so it was sent while it ran.
    printed(&mut events, "Who? ").await;
    let typed = service.post(&format!("/runs/{id}/stdin"), &json!({ "text": "Zoë" })).send().await.unwrap();
    assert_eq!(typed.status(), StatusCode::NO_CONTENT);
    printed(&mut events, "Hello, Zoë\n").await;
    let last = json!({ "text": "a\nb\n", "eof": true });
    let typed = service.post(&format!("/runs/{id}/stdin"), &last).send().await.unwrap();
    assert_eq!(typed.status(), StatusCode::NO_CONTENT);
    printed(&mut events, "a\n!b\n!").await;
    let (name, report) = events.next().await.unwrap();
    assert_eq!((name.as_str(), &report["outcome"]), ("report", &json!("ok")));
    assert_eq!(report["stdout"], "Who? Hello, Zoë\na\n!b\n!");
    assert!(events.next().await.is_none(), "the report is the last event");
    let late = service.post(&format!("/runs/{id}/stdin"), &json!({ "text": "x" })).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::NOT_FOUND);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_streams_come_in_the_order_in_which_they_were_printed() {
    let service = Service::start(Options::default()).await;
    let code =
        "import sys\nfor n in range(3):\n  print(n, flush=True)\n  print(-n, file=sys.stderr, flush=True)\n";
    let (mut events, _) = stream(&service, &json!({ "code": code, "stdin": "unused" })).await;
    let mut order = String::new();
    while let Some((name, data)) = events.next().await {
        if name == "output" {
            let mark = if data["stream"] == "stderr" { "e" } else { "o" };
            for line in data["text"].as_str().unwrap().lines() {
                order.push_str(&format!("{mark}{line} "));
            }
        }
    }
    assert_eq!(order, "o0 e0 o1 e-1 o2 e-2 ");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interrupt_is_ctrl_c() {
    let service = Service::start(Options::default()).await;
    let polite =
        "import time\ntry:\n  print('in')\n  time.sleep(60)\nexcept KeyboardInterrupt:\n  print('bye')\n";
    let (mut events, id) = stream(&service, &json!({ "code": polite })).await;
    printed(&mut events, "in\n").await;
    let answer = service.post(&format!("/runs/{id}/interrupt"), &json!({})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    printed(&mut events, "bye\n").await;
    assert_eq!(events.next().await.unwrap().1["outcome"], "ok");

    let stubborn =
        "print('in')\nwhile True:\n  try:\n    while True: pass\n  except KeyboardInterrupt: pass\n";
    let (mut events, id) = stream(&service, &json!({ "code": stubborn })).await;
    printed(&mut events, "in\n").await;
    service.post(&format!("/runs/{id}/interrupt"), &json!({})).send().await.unwrap();
    assert_eq!(events.next().await.unwrap().1["outcome"], "interrupted");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_listening_stops_the_program() {
    let service = Service::start(Options::default()).await;
    let limits = json!({ "timeout_ms": 60_000, "wall_ms": 600_000 });
    let (mut events, id) =
        stream(&service, &json!({ "code": "print('in')\nwhile True: pass", "limits": limits })).await;
    printed(&mut events, "in\n").await;
    drop(events);
    service.idle().await;
    let gone = service.post(&format!("/runs/{id}/interrupt"), &json!({})).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    service.stop().await;
}
