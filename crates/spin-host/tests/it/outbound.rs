//! Requests that a component makes.

use std::time::Duration;

use http::{Request, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::guest::{app_with_hosts, load, options, send};

/// A server that answers each request with its own head, over connections that it keeps; `/silent` never.
async fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut connections = 0;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections += 1;
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                while let Ok(length @ 1..) = stream.read(&mut head).await {
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    if head.starts_with("GET /silent") {
                        std::future::pending::<()>().await;
                    }
                    let body = format!("connection: {connections}\n{head}");
                    let answer =
                        format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address.to_string()
}

fn outbound(url: &str) -> http::request::Builder {
    Request::get("/outbound").header("x-url", url)
}

#[tokio::test]
async fn allowed_hosts_are_reached_over_kept_connections_and_in_the_same_trace() {
    let address = mirror().await;
    let host = load(&app_with_hosts(&[&format!("http://{address}")]), options()).unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for _ in 0..2 {
        let request = outbound(&format!("http://{address}/path?q=1")).header("traceparent", trace);
        let (status, answer) = send(&host, request, "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(answer.starts_with("201 connection: 1\nGET /path?q=1 HTTP/1.1\r\n"), "{answer}");
        assert!(answer.contains(&format!("host: {address}\r\n")), "{answer}");
        assert!(answer.contains(&format!("traceparent: {trace}\r\n")), "{answer}");
    }
}

#[tokio::test]
async fn every_other_host_is_denied() {
    let address = mirror().await;
    let port = address.rsplit(':').next().unwrap();
    let host = load(&app_with_hosts(&["http://127.0.0.1:1", "https://127.0.0.1:*"]), options()).unwrap();
    for url in [format!("http://{address}/"), format!("http://localhost:{port}/")] {
        assert_eq!(send(&host, outbound(&url), "").await.1, "ErrorCode::HttpRequestDenied");
    }
    let denied = "learnflow_function_denied_connections_total{component=\"guest\"} 2";
    assert!(host.metrics().contains(denied), "{}", host.metrics());
}

#[tokio::test]
async fn failures_have_their_codes() {
    // Bound and dropped: nobody listens there now.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let address = mirror().await;
    let mut impatient = options();
    impatient.outbound.first_byte_timeout = Duration::from_millis(100);
    let host = load(&app_with_hosts(&["http://127.0.0.1:*"]), impatient).unwrap();
    let (_, refused) = send(&host, outbound(&format!("http://{closed}/")), "").await;
    assert_eq!(refused, "ErrorCode::ConnectionRefused");
    let (_, silent) = send(&host, outbound(&format!("http://{address}/silent")), "").await;
    assert_eq!(silent, "ErrorCode::ConnectionReadTimeout");
}
