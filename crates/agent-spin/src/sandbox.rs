//! The sandbox host over HTTP.

use std::time::Instant;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest};
use serde::{Serialize, de::DeserializeOwned};

use crate::{outbound, runs::Meter};

/// The largest report that is read; the sandbox bounds its output well below.
const REPORT_BYTES: usize = 8 * 1024 * 1024;

/// A client of the sandbox host's `/run` and `/tests`.
pub struct HttpSandbox {
    base_url: String,
    traceparent: Option<String>,
    runs: Meter,
}

impl HttpSandbox {
    /// A client of the service at `base_url` (scheme, host and port); `runs` counts what it takes.
    pub fn new(base_url: impl Into<String>, traceparent: Option<String>, runs: Meter) -> Self {
        Self { base_url: base_url.into(), traceparent, runs }
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Fault> {
        if !self.runs.admits() {
            return Err(Fault::retry("the run time of the day is used up"));
        }
        let body = serde_json::to_vec(body).map_err(|error| Fault::bug(format!("to JSON: {error}")))?;
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base_url.trim_end_matches('/')))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(parent) = &self.traceparent {
            request = request.header("traceparent", parent);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Fault::bug(format!("sandbox request: {error}")))?;
        let response = outbound::send(request)
            .await
            .map_err(|error| Fault::retry(format!("sandbox {path}: {error:?}")))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), REPORT_BYTES)
            .collect()
            .await
            .map_err(|error| Fault::retry(format!("sandbox {path}: {error}")))?
            .to_bytes();
        if status == StatusCode::OK {
            return serde_json::from_slice(&body)
                .map_err(|error| Fault::bug(format!("sandbox {path}: {error}")));
        }
        let context =
            format!("sandbox {path}: {status} {}", String::from_utf8_lossy(&body[..body.len().min(400)]));
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS => Fault::retry(context),
            status if status.is_client_error() => Fault::bug(context),
            _ => Fault::retry(context),
        })
    }
}

impl Sandbox for HttpSandbox {
    async fn run(&self, request: &RunRequest) -> Result<RunReport, Fault> {
        let report: RunReport = self.post("/run", request).await?;
        self.runs.add(report.duration_us);
        Ok(report)
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        // A report of tests does not say how long they took.
        let started = Instant::now();
        let report = self.post("/tests", request).await?;
        self.runs.add(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        Ok(report)
    }
}
