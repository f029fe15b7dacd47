//! Bodies in pieces, both ways.

use std::sync::Arc;

use bytes::Bytes;
use futures::channel::mpsc;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};

use crate::guest::{app_with_hosts, host, load, options};

#[tokio::test]
async fn a_request_streams_in_while_its_response_streams_out() {
    let (mut sender, pieces) = mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
    let request = Request::post("/echo").header("host", "test").body(StreamBody::new(pieces)).unwrap();
    let response = host().call(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    for piece in ["one", "two", "three"] {
        sender.try_send(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).unwrap();
        // The next piece is sent only after this one came back.
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn another_servers_response_is_handed_on_piece_by_piece() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let go_on = Arc::new(Notify::new());
    tokio::spawn({
        let go_on = go_on.clone();
        async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nfirst\n\r\n")
                .await
                .unwrap();
            go_on.notified().await;
            stream.write_all(b"7\r\nsecond\n\r\n0\r\n\r\n").await.unwrap();
        }
    });
    let host = load(&app_with_hosts(&[&format!("http://{address}")]), options()).unwrap();
    let request = Request::get("/relay").header("host", "test").header("x-url", format!("http://{address}/"));
    let mut body = host.call(request.body(Full::default()).unwrap()).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first\n");
    go_on.notify_one();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "second\n");
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_response_is_no_end_of_it() {
    let host = host();
    let request = Request::get("/trap-later").header("host", "test").body(Full::default()).unwrap();
    let response = host.call(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "so far so good\n");
    let end = body.frame().await;
    assert!(matches!(end, Some(Err(_))), "the body looks complete");
}
