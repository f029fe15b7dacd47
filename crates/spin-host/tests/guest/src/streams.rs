//! Bodies that arrive and leave in pieces.

use anyhow::Result;
use bytes::Bytes;
use futures::SinkExt;
use http_body_util::BodyExt;
use spin_sdk::{
    http::{BoxBody, Request, Response, body::stream, box_body},
    wasip3,
};

/// Sends back each piece of the request as it comes.
pub fn echo(request: Request) -> Result<Response<BoxBody>> {
    Ok(Response::new(box_body(request.into_body())))
}

/// Hands on another server's response piece by piece.
pub async fn relay(url: &str) -> Result<Response<BoxBody>> {
    let response = spin_sdk::http::get(url).await?;
    Ok(Response::new(box_body(response.into_body().map_err(anyhow::Error::from))))
}

/// Starts a response well, and then panics.
pub fn trap_later() -> Result<Response<BoxBody>> {
    let (mut sender, body) = stream::<Bytes>();
    wasip3::spawn(async move {
        let _ = sender.send(Bytes::from_static(b"so far so good\n")).await;
        // The host must have taken the first piece before the second is asked for.
        let _ = sender.flush().await;
        spin_sdk::time::sleep(std::time::Duration::from_millis(50)).await;
        panic!("after the head of the response");
    });
    Ok(Response::new(box_body(body)))
}

/// Never ends its response.
pub fn endless() -> Result<Response<BoxBody>> {
    let (mut sender, body) = stream::<Bytes>();
    wasip3::spawn(async move {
        while sender.send(Bytes::from_static(b"more\n")).await.is_ok() {
            spin_sdk::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    Ok(Response::new(box_body(body)))
}
