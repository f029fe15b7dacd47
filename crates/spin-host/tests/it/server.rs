//! The host over TCP.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use learnflow_spin_host::SpinHost;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::guest::{app_with_hosts, host, load, options};

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

async fn serve(host: SpinHost) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(async move { host.serve(listener, async { drop(stopped.await) }).await });
    Served { address, stop, serving }
}

/// The head of the next response and as much of the body as its content-length says.
async fn next_response(stream: &mut BufReader<TcpStream>) -> (String, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "closed after {head:?}");
    }
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

async fn closed(stream: &mut BufReader<TcpStream>) -> bool {
    tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0]))
        .await
        .is_ok_and(|read| read.unwrap_or(0) == 0)
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let served = serve(host()).await;
    let mut stream = BufReader::new(TcpStream::connect(served.address).await.unwrap());
    let mine = stream.get_ref().local_addr().unwrap();
    for _ in 0..3 {
        stream.write_all(b"POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await.unwrap();
        let (head, _) = next_chunked(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    }
    stream.write_all(b"GET /request HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let (_, body) = next_chunked(&mut stream).await;
    assert!(body.contains(&format!("spin-client-addr: {mine}")), "{body}");
}

/// A response whose body has either framing.
async fn next_chunked(stream: &mut BufReader<TcpStream>) -> (String, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "closed after {head:?}");
    }
    let mut body = Vec::new();
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut body).await.unwrap();
    } else {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).await.unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await.unwrap();
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    (head, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn malformed_and_oversized_requests_get_an_answer_and_the_host_goes_on() {
    let served = serve(host()).await;
    let long = format!("GET /count HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "y".repeat(500 * 1024));
    for (request, status) in [
        ("NONSENSE\r\n\r\n", "400"),
        ("GET /count HTTP/1.1\r\n\r\n", "400"),
        ("POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n", "413"),
        (long.as_str(), "431"),
    ] {
        let mut stream = BufReader::new(TcpStream::connect(served.address).await.unwrap());
        stream.write_all(request.as_bytes()).await.unwrap();
        let (head, _) = next_response(&mut stream).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    let mut stream = BufReader::new(TcpStream::connect(served.address).await.unwrap());
    stream.write_all(b"GET /count HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(next_chunked(&mut stream).await.1, "1");
}

#[tokio::test]
async fn the_shutdown_finishes_what_is_in_flight_and_closes_what_is_idle() {
    // A component that waits for this server keeps its request in flight until the test lets it go on.
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream_address = upstream.local_addr().unwrap();
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    tokio::spawn({
        let (asked, go_on) = (asked.clone(), go_on.clone());
        async move {
            let (mut stream, _) = upstream.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            asked.notify_one();
            go_on.notified().await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
        }
    });
    let host = load(&app_with_hosts(&[&format!("http://{upstream_address}")]), options()).unwrap();
    let served = serve(host).await;
    let mut idle = BufReader::new(TcpStream::connect(served.address).await.unwrap());
    idle.write_all(b"GET /count HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    next_chunked(&mut idle).await;
    let mut busy = BufReader::new(TcpStream::connect(served.address).await.unwrap());
    let request = format!("GET /outbound HTTP/1.1\r\nhost: x\r\nx-url: http://{upstream_address}/\r\n\r\n");
    busy.write_all(request.as_bytes()).await.unwrap();
    asked.notified().await;

    served.stop.send(()).unwrap();
    assert!(closed(&mut idle).await, "the idle connection stays open");
    assert!(!served.serving.is_finished(), "the host did not wait for the request in flight");
    go_on.notify_one();
    assert_eq!(next_chunked(&mut busy).await.1, "200 done");
    served.serving.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err(), "the port is still open");
}
