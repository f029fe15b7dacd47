//! Measures what the host costs, beside a native server that gives the same answer.
//!
//! Fresh instances, reused instances and the native server are measured in turns, round after round, by the same
//! client in the same process, so that a busy machine slows all of them alike. Compare within a report, never across
//! machines.

use std::{
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use learnflow_topology::SpinApp;
use serde::Serialize;
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{HostError, HostOptions, Reuse, SpinHost, instance::InstanceData};

/// Turns that each server gets.
const ROUNDS: u32 = 5;

/// What is measured, and for how long.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// The path of the GET request, with its route's prefix; it must be answered with 2xx.
    pub path: String,
    /// Instantiations, and requests in process of each kind.
    pub samples: usize,
    /// Connections that send one request after another.
    pub connections: usize,
    /// How long each server is under load, in all rounds together.
    pub load: Duration,
}

impl BenchOptions {
    /// 500 samples, 16 connections, 5 s.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), samples: 500, connections: 16, load: Duration::from_secs(5) }
    }
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// The component that answers the path.
    pub component: String,
    /// Loading the application from compiled components, in microseconds.
    pub load_us: u64,
    /// A new instance, without a request.
    pub instantiate: Latency,
    /// A request in process that is answered by a new instance.
    pub call_fresh: Latency,
    /// A request in process that is answered by an instance that was there.
    pub call_reused: Latency,
    /// Over TCP, a new instance for each request.
    pub served_fresh: Throughput,
    /// Over TCP, instances that answer many requests.
    pub served_reused: Throughput,
    /// Over TCP, a native server with the same answer.
    pub served_native: Throughput,
}

/// How long something took.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// How often it was measured.
    pub samples: usize,
    /// The median, in microseconds.
    pub p50_us: u64,
    /// 99 of 100 took at most this long, in microseconds.
    pub p99_us: u64,
}

/// How many requests were answered.
#[derive(Clone, Debug, Serialize)]
pub struct Throughput {
    /// Requests in a second, over all connections.
    pub requests_per_s: u64,
    /// How long one took.
    #[serde(flatten)]
    pub latency: Latency,
}

/// Why nothing could be measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The application cannot be loaded.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The path is none that a GET can be sent to.
    #[error("the path {0:?}: no component answers it; give the path of a route")]
    Path(String),
    /// The component's answer is no success.
    #[error("GET {path} was answered with {status}, so there is nothing to measure: {body}")]
    Status {
        /// The path.
        path: String,
        /// The status.
        status: StatusCode,
        /// The answer's body.
        body: String,
    },
    /// A connection on the loopback interface failed.
    #[error("on the loopback interface: {0}")]
    Io(#[from] std::io::Error),
    /// A server closed a connection or answered wrongly.
    #[error("the connection to the server: {0}")]
    Http(#[from] hyper::Error),
    /// An instance could not be made.
    #[error("no instance: {0}")]
    Instance(String),
    /// A task was cancelled or panicked.
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

/// Measures one path of an application.
///
/// # Errors
/// See [`BenchError`].
pub async fn run(
    app: &SpinApp,
    options: HostOptions,
    bench: &BenchOptions,
) -> Result<BenchReport, BenchError> {
    let load = async |reuse: Reuse| {
        let (app, options) = (app.clone(), HostOptions { reuse, ..options.clone() });
        let start = Instant::now();
        let host = tokio::task::spawn_blocking(move || SpinHost::load(&app, options)).await??;
        Ok::<_, BenchError>((host, start.elapsed()))
    };
    // The first time may have to compile.
    load(Reuse::default()).await?;
    let (fresh, load_time) = load(Reuse::default()).await?;
    let many = |concurrent| Reuse { requests: usize::MAX, concurrent, idle: Duration::from_secs(10) };
    let (reused, _) = load(many(1)).await?;
    let (shared, _) = load(many(bench.connections)).await?;

    let wrong_path = || BenchError::Path(bench.path.clone());
    let uri: Uri = format!("http://localhost{}", bench.path).parse().map_err(|_| wrong_path())?;
    let component = fresh.component_of(uri.path()).ok_or_else(wrong_path)?;
    let answer = first_answer(&fresh, &uri, bench).await?;

    let instantiate = instantiations(&fresh, &component, bench.samples).await?;
    let mut calls = [Vec::new(), Vec::new()];
    let mut loads = [Vec::new(), Vec::new(), Vec::new()];
    let servers =
        [Serving::host(fresh.clone()).await?, Serving::host(shared).await?, Serving::native(answer).await?];
    for _ in 0..ROUNDS {
        for (host, times) in [&fresh, &reused].into_iter().zip(&mut calls) {
            in_process(host, &uri, bench.samples.div_ceil(ROUNDS as usize), times).await;
        }
        for (server, times) in servers.iter().zip(&mut loads) {
            under_load(server.address, &bench.path, bench.connections, bench.load / ROUNDS, times).await?;
        }
    }
    let [mut call_fresh, mut call_reused] = calls;
    let [mut served_fresh, mut served_reused, mut served_native] = loads;
    Ok(BenchReport {
        component,
        load_us: load_time.as_micros() as u64,
        instantiate,
        call_fresh: latency(&mut call_fresh),
        call_reused: latency(&mut call_reused),
        served_fresh: throughput(&mut served_fresh, bench.load),
        served_reused: throughput(&mut served_reused, bench.load),
        served_native: throughput(&mut served_native, bench.load),
    })
}

/// The answer that the native server will give too.
async fn first_answer(
    host: &SpinHost,
    uri: &Uri,
    bench: &BenchOptions,
) -> Result<(HeaderMap, Bytes), BenchError> {
    let response = host.call(request(uri)).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if status.is_success() {
        return Ok((headers, body));
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Err(BenchError::Status { path: bench.path.clone(), status, body })
}

async fn instantiations(host: &SpinHost, component: &str, samples: usize) -> Result<Latency, BenchError> {
    let handler = host.handler(component).ok_or_else(|| BenchError::Path(component.to_owned()))?.state();
    let mut times = Vec::with_capacity(samples);
    for _ in 0..samples {
        let start = Instant::now();
        let mut store = InstanceData::new_store(&handler.engine, &handler.component);
        let instance = handler.pre.instantiate_async(&mut store).await;
        times.push(start.elapsed());
        instance.map_err(|error| BenchError::Instance(format!("{error:#}")))?;
    }
    Ok(latency(&mut times))
}

async fn in_process(host: &SpinHost, uri: &Uri, samples: usize, times: &mut Vec<Duration>) {
    for _ in 0..samples {
        let request = request(uri);
        let start = Instant::now();
        // An answer that is cut off took its time as well.
        let _ = host.call(request).await.into_body().collect().await;
        times.push(start.elapsed());
    }
}

fn request(uri: &Uri) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri.clone();
    request
}

/// Sends requests over kept connections, one at a time over each, until the time is over.
async fn under_load(
    address: SocketAddr,
    path: &str,
    connections: usize,
    time: Duration,
    times: &mut Vec<Duration>,
) -> Result<(), BenchError> {
    let end = Instant::now() + time;
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let path = path.to_owned();
        clients.spawn(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let connection = tokio::spawn(connection);
            let mut times = Vec::new();
            while Instant::now() < end {
                let request = Request::get(path.as_str())
                    .header(header::HOST, "localhost")
                    .body(Empty::<Bytes>::new())
                    .map_err(|_| BenchError::Path(path.clone()))?;
                let start = Instant::now();
                let response = sender.send_request(request).await?;
                let status = response.status();
                let body = response.into_body().collect().await?.to_bytes();
                times.push(start.elapsed());
                if !status.is_success() {
                    let body = String::from_utf8_lossy(&body).into_owned();
                    return Err(BenchError::Status { path, status, body });
                }
            }
            connection.abort();
            Ok::<_, BenchError>(times)
        });
    }
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    Ok(())
}

/// A server that ends when it is dropped.
struct Serving {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Serving {
    async fn host(host: SpinHost) -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(async move { host.serve(listener, pending()).await }) })
    }

    async fn native((headers, body): (HeaderMap, Bytes)) -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if stream.set_nodelay(true).is_err() {
                    continue;
                }
                let (headers, body) = (headers.clone(), body.clone());
                let service = service_fn(move |_: Request<Incoming>| {
                    let mut response = Response::new(Full::new(body.clone()));
                    *response.headers_mut() = headers.clone();
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(
                    server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn latency(times: &mut [Duration]) -> Latency {
    times.sort_unstable();
    let at = |share: f64| {
        let last = times.len().saturating_sub(1);
        times.get((last as f64 * share).round() as usize).map_or(0, |time| time.as_micros() as u64)
    };
    Latency { samples: times.len(), p50_us: at(0.5), p99_us: at(0.99) }
}

fn throughput(times: &mut [Duration], load: Duration) -> Throughput {
    let requests_per_s = (times.len() as f64 / load.as_secs_f64()).round() as u64;
    Throughput { requests_per_s, latency: latency(times) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let mut times: Vec<_> = (1..=101).rev().map(Duration::from_micros).collect();
        let Latency { samples, p50_us, p99_us } = latency(&mut times);
        assert_eq!((samples, p50_us, p99_us), (101, 51, 100));
        assert_eq!(latency(&mut []).p99_us, 0);
        assert_eq!(throughput(&mut times, Duration::from_secs(2)).requests_per_s, 51);
    }
}
