//! CloudEvents: a submitted program is run, kept once, and answered with `learnflow.code.executed.v1`.

use chrono::Utc;
use futures::future::join_all;
use learnflow_events::{
    Event, EventType, Outgoing,
    code::{CodeSubmitted, RunRequest},
    message,
};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{Options, Service};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub fn submitted(run_id: Uuid, code: &str) -> Event {
    Outgoing {
        id: Uuid::new_v4(),
        source: "/school/terminal".to_owned(),
        subject: None,
        time: Utc::now(),
        student_id: "zoe".to_owned(),
        traceparent: Some(TRACE.to_owned()),
        extensions: Vec::new(),
    }
    .event(CodeSubmitted { run_id, request: RunRequest { code: code.to_owned(), ..RunRequest::default() } })
}

pub async fn deliver(service: &Service, event: &Event) -> Response {
    let (headers, body) = message::to_http(event);
    let mut request = service.http.post(service.at("/events")).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submitted_program_is_kept_once_however_often_it_is_delivered() {
    let database = learnflow_testkit::database().await;
    let options = Options { database_url: Some(database.url.clone()), ..Options::default() };
    let service = Service::start(options).await;
    let run_id = Uuid::new_v4();
    let event = submitted(run_id, "import random\nprint(random.random())\nprint(1/0)");
    // At once, as a broker does that lost track, and again later.
    let mut answers = join_all((0..5).map(|_| deliver(&service, &event))).await;
    answers.push(deliver(&service, &event).await);
    let mut replies = Vec::new();
    for answer in answers {
        assert_eq!(answer.status(), StatusCode::OK);
        let headers = answer.headers().clone();
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("ce-type"), EventType::CodeExecuted.to_string());
        assert_eq!(header("ce-partitionkey"), "zoe");
        assert_eq!(header("ce-traceparent"), TRACE);
        replies.push((header("ce-id"), answer.json::<Value>().await.unwrap()));
    }
    // The program prints a random number, so a second run would show.
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:#?}");
    let payload = &replies[0].1["payload"];
    assert_eq!(payload["run_id"], run_id.to_string());
    assert_eq!(payload["report"]["outcome"], "raised");

    let rows: Vec<Value> = sqlx::query_scalar("SELECT to_jsonb(c) FROM code_submissions c")
        .fetch_all(&database.pool)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    for (name, value) in
        [("run_id", run_id.to_string()), ("student_id", "zoe".to_owned()), ("outcome", "raised".to_owned())]
    {
        assert_eq!(rows[0][name], value.as_str());
    }
    assert_eq!(rows[0]["stdout"], payload["report"]["stdout"]);
    assert_eq!(rows[0]["error"]["type"], "ZeroDivisionError");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_handled_is_not_tried_again() {
    let service = Service::start(Options::default()).await;
    let event = submitted(Uuid::new_v4(), &"x".repeat(70_000));
    assert_eq!(deliver(&service, &event).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let (headers, body) = message::to_http(&submitted(Uuid::new_v4(), "1"));
    let mut request = service.http.post(service.at("/events")).body(body);
    for (name, value) in headers {
        let value = if name == "ce-type" { "learnflow.code.submitted.v9".to_owned() } else { value };
        request = request.header(name, value);
    }
    assert_eq!(request.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    service.stop().await;
}
