//! Programs that run while their student watches, types and stops them (`run-code`, `stdin`, `interrupt`).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Body;
use futures::StreamExt;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use learnflow_events::{code::RunRequest, limits::BODY_BYTES};
use learnflow_telemetry::TraceContext;
use serde_json::{Value, json};
use tokio_util::{
    codec::{FramedRead, LinesCodec},
    io::StreamReader,
};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    identity::Identity,
    problem::Problem,
    proxy,
};

/// Programs that one socket may run at the same time.
const AT_ONCE: usize = 4;
/// Longest line of a server-sent event: a whole report with its trace is one line.
const LINE_BYTES: usize = 8 * 1024 * 1024;

/// The programs that a socket runs: nobody else may type into them.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<HashSet<Uuid>>>);

impl Runs {
    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn started(&self, run_id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(run_id);
    }

    fn ended(&self, run_id: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&run_id);
    }

    fn require(&self, run_id: Uuid) -> Result<(), Problem> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&run_id);
        if known { Ok(()) } else { Err(Problem::not_found("You have no program running with this run_id.")) }
    }
}

/// A program that has begun to run. Dropping it ends the program.
pub(crate) struct LiveRun {
    pub(crate) run_id: Uuid,
    student_id: String,
    request: RunRequest,
    runs: Runs,
    events: Events,
}

impl Drop for LiveRun {
    fn drop(&mut self) {
        self.runs.ended(self.run_id);
    }
}

impl LiveRun {
    /// What happens next: `output` with `{run_id, stream, text}`, and at the end `report` with `{run_id, report}`,
    /// which is recorded, or `problem` with `{run_id, problem}`; `None` after that.
    pub(crate) async fn next(&mut self, app: &Shared) -> Option<(String, Value)> {
        let (event, mut data) = self.events.next().await?;
        let told = match event.as_str() {
            "output" => {
                data["run_id"] = json!(self.run_id);
                data
            }
            "report" => {
                match serde_json::from_value(data.clone()) {
                    Ok(report) => {
                        app.record_run(&self.student_id, self.run_id, self.request.clone(), report);
                    }
                    Err(error) => tracing::error!(%error, "the sandbox's report is not one"),
                }
                json!({ "run_id": self.run_id, "report": data })
            }
            _ => json!({ "run_id": self.run_id, "problem": data }),
        };
        Some((event, told))
    }
}

impl App {
    /// Starts a program whose output is watched; [`App::charge_run`] takes it out of the student's quota.
    pub(crate) async fn start_run(
        &self,
        identity: &Identity,
        runs: &Runs,
        request: RunRequest,
    ) -> Result<LiveRun, Problem> {
        if runs.count() >= AT_ONCE {
            let detail = format!("{AT_ONCE} programs of this page are running already; stop one first.");
            return Err(Problem::reject(StatusCode::TOO_MANY_REQUESTS, detail));
        }
        let body = serde_json::to_vec(&request).map_err(|error| Problem::bug(error.to_string()))?;
        let response = self.call_sandbox(identity, "/run", body, "text/event-stream").await?;
        let mut events = Events::of(response);
        let run_id =
            match events.next().await {
                Some((event, data)) if event == "run" => data["run_id"]
                    .as_str()
                    .and_then(|id| id.parse().ok())
                    .ok_or_else(|| Problem::bug(format!("the sandbox began a run with {data}")))?,
                _ => return Err(Problem::away("the sandbox ended before a program began")),
            };
        runs.started(run_id);
        let student_id = identity.user_id.clone();
        Ok(LiveRun { run_id, student_id, request, runs: runs.clone(), events })
    }

    /// Types into a program of this socket.
    pub(crate) async fn type_into(
        &self,
        identity: &Identity,
        runs: &Runs,
        run_id: Uuid,
        typed: &Value,
    ) -> Result<(), Problem> {
        runs.require(run_id)?;
        let body = typed.to_string().into_bytes();
        self.call_sandbox(identity, &format!("/runs/{run_id}/stdin"), body, "*/*").await?;
        Ok(())
    }

    /// Stops a program of this socket, as Ctrl-C does.
    pub(crate) async fn interrupt(
        &self,
        identity: &Identity,
        runs: &Runs,
        run_id: Uuid,
    ) -> Result<(), Problem> {
        runs.require(run_id)?;
        self.call_sandbox(identity, &format!("/runs/{run_id}/interrupt"), Vec::new(), "*/*").await?;
        Ok(())
    }

    /// A call of the sandbox; anything but success is a problem.
    pub(crate) async fn call_sandbox(
        &self,
        identity: &Identity,
        path: &str,
        body: Vec<u8>,
        accept: &'static str,
    ) -> Result<http::Response<Incoming>, Problem> {
        if body.len() > BODY_BYTES {
            return Err(crate::problem::too_large());
        }
        let target = format!("{}{path}", self.sandbox_base());
        let mut request = proxy::outgoing(&target, identity, None, &TraceContext::current_or_new())?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        *request.body_mut() = Body::from(body);
        let response = self.outbound.call(request, proxy::PATIENCE).await.map_err(proxy::call_problem)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = Limited::new(response.into_body(), BODY_BYTES).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Err(proxy::refused("the sandbox", status, &serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// Server-sent events: each with its name and its data as JSON (HTML Living Standard, 9.2.6).
struct Events {
    lines: futures::stream::BoxStream<'static, Result<String, tokio_util::codec::LinesCodecError>>,
}

impl Events {
    fn of(response: http::Response<Incoming>) -> Self {
        let body = response.into_body().into_data_stream().map(|piece| piece.map_err(std::io::Error::other));
        let lines = FramedRead::new(StreamReader::new(body), LinesCodec::new_with_max_length(LINE_BYTES));
        Self { lines: lines.boxed() }
    }

    /// The next event; `None` at the end, also when the connection broke.
    async fn next(&mut self) -> Option<(String, Value)> {
        let mut event = "message".to_owned();
        let mut data = String::new();
        loop {
            let line = self.lines.next().await?.ok()?;
            if let Some(name) = line.strip_prefix("event:") {
                event = name.trim_start().to_owned();
            } else if let Some(piece) = line.strip_prefix("data:") {
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(piece.strip_prefix(' ').unwrap_or(piece));
            } else if line.is_empty() && !data.is_empty() {
                return Some((event, serde_json::from_str(&data).unwrap_or_default()));
            }
        }
    }
}
