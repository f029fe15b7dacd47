//! One request cannot harm another.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream;
use http::{Request, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use learnflow_spin_host::{HostOptions, SpinHost};

use learnflow_testkit::wait_until;
use tokio::net::TcpListener;

use crate::guest::{app, app_with_hosts, get, host, load, options, read, send};

const DEADLINE: Duration = Duration::from_secs(10);

fn impatient() -> SpinHost {
    let mut impatient = options();
    impatient.limits.request_timeout = Duration::from_millis(300);
    load(&app(), impatient).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_component_is_ended_while_others_are_answered() {
    let host = impatient();
    let start = Instant::now();
    let busy: Vec<_> = (0..3)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { get(&host, "/spin").await })
        })
        .collect();
    // More endless loops than threads: these are answered only if the loops give way.
    for _ in 0..5 {
        assert_eq!(get(&host, "/count").await, (StatusCode::OK, "1".to_owned()));
    }
    let answered = start.elapsed();
    for busy in busy {
        let (status, problem) = busy.await.unwrap();
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT, "{problem}");
        assert!(problem.contains("took too long"), "{problem}");
    }
    assert!(answered < start.elapsed(), "the others were answered only after the loops had ended");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_waiting_component_is_ended() {
    let start = Instant::now();
    assert_eq!(get(&impatient(), "/sleep").await.0, StatusCode::GATEWAY_TIMEOUT);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_panic_is_a_500_with_an_id_and_nothing_from_inside() {
    let host = host();
    for path in ["/trap", "/refuse"] {
        let response =
            host.call(Request::get(path).header("host", "test").body(Full::default()).unwrap()).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let (status, problem) = read(response).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(problem.contains("\"id\":"), "{problem}");
        assert!(!problem.contains("handler") && !problem.contains("wasm"), "{problem}");
    }
    // The next instance does not know about it.
    assert_eq!(get(&host, "/count").await, (StatusCode::OK, "1".to_owned()));
    let metrics = host.metrics();
    for line in [
        "learnflow_function_requests_total{component=\"guest\",status=\"500\"} 2",
        "learnflow_function_requests_total{component=\"guest\",status=\"200\"} 1",
        "learnflow_function_requests_in_flight{component=\"guest\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_its_length() {
    let mut small = options();
    small.limits.body_bytes = 1000;
    let host = load(&app(), small).unwrap();
    assert_eq!(
        send(&host, Request::post("/length"), vec![b'x'; 1000]).await,
        (StatusCode::OK, "1000".to_owned())
    );
    let (status, problem) = send(&host, Request::post("/length"), vec![b'x'; 1001]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(problem.contains("1000 bytes"), "{problem}");

    let pieces = (0..3).map(|_| Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; 400]))));
    let body = StreamBody::new(stream::iter(pieces.collect::<Vec<_>>()));
    let response = host.call(Request::post("/length").header("host", "test").body(body).unwrap()).await;
    assert_ne!(response.status(), StatusCode::OK, "1200 bytes went through");
}

#[tokio::test]
async fn who_waits_too_long_for_a_turn_is_asked_to_come_back() {
    let mut narrow = options();
    narrow.limits.concurrent_requests = 1;
    narrow.limits.queue_wait = Duration::from_millis(50);
    let host = load(&app(), narrow).unwrap();
    let endless =
        host.call(Request::get("/endless").header("host", "test").body(Full::default()).unwrap()).await;
    assert_eq!(endless.status(), StatusCode::OK);

    let refused =
        host.call(Request::get("/count").header("host", "test").body(Full::default()).unwrap()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    // The turn ends soon after the client goes away, since nobody takes what the component writes.
    drop(endless);
    wait_until(DEADLINE, async || (get(&host, "/count").await.0 == StatusCode::OK).then_some(())).await;
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_its_turn_with_it_only_when_the_instance_ends() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut narrow = options();
    narrow.limits.concurrent_requests = 1;
    narrow.limits.queue_wait = Duration::from_millis(50);
    narrow.limits.request_timeout = Duration::from_secs(1);
    let host = load(&app_with_hosts(&[&url]), narrow).unwrap();
    let caller = tokio::spawn({
        let host = host.clone();
        async move { send(&host, Request::get("/outbound").header("x-url", url), "").await }
    });
    let _connection = silent.accept().await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(get(&host, "/count").await.0, StatusCode::SERVICE_UNAVAILABLE);
    wait_until(DEADLINE, async || (get(&host, "/count").await.0 == StatusCode::OK).then_some(())).await;
}

#[tokio::test]
async fn an_endless_response_is_cut_off() {
    let mut short = options();
    short.limits.stream_timeout = Duration::from_millis(200);
    let host = load(&app(), short).unwrap();
    let start = Instant::now();
    let response =
        host.call(Request::get("/endless").header("host", "test").body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.into_body().collect().await.is_err(), "a body that was cut off must not look complete");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn limits_of_nothing_are_refused() {
    let refuse = |change: fn(&mut HostOptions)| {
        let mut options = options();
        change(&mut options);
        load(&app(), options).err().unwrap().to_string()
    };
    assert!(refuse(|o| o.limits.concurrent_requests = 0).contains("concurrent_requests"));
    assert!(refuse(|o| o.reuse.requests = 0).contains("reuse.requests"));
    assert!(refuse(|o| o.postgres.connections = 0).contains("postgres.connections"));
}
