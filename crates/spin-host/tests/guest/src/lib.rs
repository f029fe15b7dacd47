//! A component that tries everything the host offers, and what it must not offer. Only tests load it.
#![cfg(target_family = "wasm")]

mod postgres;
mod sandbox;
mod streams;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::BodyExt;
use spin_sdk::{
    http::{BoxBody, FullBody, Request, Response, box_body},
    http_service, variables,
};

/// How often this instance was called; a fresh one has never been.
static CALLS: AtomicU64 = AtomicU64::new(0);

#[http_service]
async fn handle(request: Request) -> Result<Response<BoxBody>> {
    let path = request.uri().path().to_owned();
    let (group, rest) =
        path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    match group {
        "count" => text((CALLS.fetch_add(1, Relaxed) + 1).to_string()),
        "variable" => text(match variables::get(rest).await {
            Ok(value) => format!("value {value}"),
            Err(variables::Error::Undefined(why)) => format!("undefined {why}"),
            Err(variables::Error::InvalidName(why)) => format!("invalid {why}"),
            Err(other) => format!("other {other}"),
        }),
        "request" => text(describe(&request)),
        "postgres" => text(postgres::handle(rest, request).await?),
        "outbound" => text(outbound(&header(&request, "x-url")).await),
        "sandbox" => text(sandbox::handle(rest)),
        "print" => {
            println!("to standard output");
            eprintln!("to standard error");
            text("printed")
        }
        "refuse" => anyhow::bail!("this handler refuses"),
        "spin" => sandbox::spin_for_ever(),
        "sleep" => {
            spin_sdk::time::sleep(std::time::Duration::from_secs(3600)).await;
            text("awake")
        }
        "trap" => panic!("this handler panics"),
        "length" => {
            let body = request.into_body().collect().await?.to_bytes();
            text(body.len().to_string())
        }
        "echo" => streams::echo(request),
        "relay" => streams::relay(&header(&request, "x-url")).await,
        "trap-later" => streams::trap_later(),
        "endless" => streams::endless(),
        _ => Ok(Response::builder().status(404).body(box_body(FullBody::new(Bytes::new())))?),
    }
}

fn text(body: impl Into<Bytes>) -> Result<Response<BoxBody>> {
    Ok(Response::new(box_body(FullBody::new(body.into()))))
}

fn header(request: &Request, name: &str) -> String {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The request as the handler sees it: method, URI and sorted headers, a line each.
fn describe(request: &Request) -> String {
    let mut lines: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    lines.insert(0, format!("{} {}", request.method(), request.uri()));
    lines.join("\n")
}

async fn outbound(url: &str) -> String {
    match spin_sdk::http::get(url).await {
        Ok(response) => {
            let status = response.status().as_u16();
            match response.into_body().collect().await {
                Ok(body) => format!("{status} {}", String::from_utf8_lossy(&body.to_bytes())),
                Err(error) => format!("{status}, then {error:?}"),
            }
        }
        Err(error) => format!("{error:?}"),
    }
}
