//! `/api/code`: programs that a student runs without asking an agent.

use std::convert::Infallible;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response, Sse, sse},
};
use futures::stream;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use learnflow_events::code::{RunReport, RunRequest};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    identity::Identity,
    live_run::{LiveRun, Runs},
    problem::{Body, Path, Problem},
    quotas::tell_runs,
    schema,
};

/// Largest report: the outputs and a trace.
const REPORT_BYTES: usize = 16 * 1024 * 1024;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(run)).routes(routes!(type_into)).routes(routes!(interrupt))
}

/// Runs a Python program in the sandbox.
///
/// Answers its report. With `Accept: text/event-stream` the program is watched: `run` names it, `output` brings
/// what it prints, `report` is the last event; it may be typed into unless `stdin` was given.
#[utoipa::path(post, path = "/api/code/run", tag = "agents", security(("bearer" = [])),
    request_body = schema::RunRequest,
    responses((status = 200, description = "What it did, or server-sent events", body = schema::RunReport),
              (status = 413, description = "Too large; the problem says the limit"), (status = 422, description = "Not valid; the problem says what to do"), (status = 429, description = "Too many; see Retry-After"),
              (status = 503, description = "The sandbox is away; see Retry-After")))]
async fn run(
    State(app): State<Shared>,
    identity: Identity,
    headers: HeaderMap,
    Body(request): Body<RunRequest>,
) -> Result<Response, Problem> {
    let remaining = app.limits.runs.take(&identity.user_id)?;
    let watched = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"));
    let (mut response, left) = if watched {
        let runs = Runs::default();
        let (run, left) = app.charge_run(&identity, app.start_run(&identity, &runs, request)).await?;
        (Sse::new(watch(app, run)).keep_alive(sse::KeepAlive::default()).into_response(), left)
    } else {
        let (report, left) = app.charge_run(&identity, app.run(&identity, &request)).await?;
        let response = Json(&report).into_response();
        app.record_run(&identity.user_id, Uuid::now_v7(), request, report);
        (response, left)
    };
    remaining.tell(response.headers_mut());
    tell_runs(response.headers_mut(), left);
    Ok(response)
}

/// The events of a run as the sandbox names them; the stream's end, or the client's, ends the program.
fn watch(app: Shared, run: LiveRun) -> impl futures::Stream<Item = Result<sse::Event, Infallible>> {
    let begun = ("run".to_owned(), serde_json::json!({ "run_id": run.run_id }));
    stream::unfold((app, run, Some(begun)), async |(app, mut run, begun)| {
        let next = match begun {
            Some(begun) => Some(begun),
            None => run.next(&app).await,
        };
        let (name, data) = next?;
        let event = sse::Event::default().event(name).data(data.to_string());
        Some((Ok(event), (app, run, None)))
    })
}

impl App {
    /// Runs a program to its end.
    async fn run(&self, identity: &Identity, request: &RunRequest) -> Result<RunReport, Problem> {
        let body = serde_json::to_vec(request).map_err(|error| Problem::bug(error.to_string()))?;
        let response = self.call_sandbox(identity, "/run", body, "application/json").await?;
        let body = Limited::new(response.into_body(), REPORT_BYTES)
            .collect()
            .await
            .map_err(|error| Problem::away(format!("the sandbox's report: {error}")))?
            .to_bytes();
        serde_json::from_slice(&body).map_err(|error| Problem::bug(format!("the sandbox's report: {error}")))
    }
}

/// Types into a watched program; the id of a run is random and only told to whoever started it.
#[utoipa::path(post, path = "/api/code/runs/{id}/stdin", tag = "agents", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    request_body(content = Object, content_type = "application/json", description = "{text, eof}"),
    responses((status = 204, description = "Typed"), (status = 404, description = "The run has ended")))]
async fn type_into(
    State(app): State<Shared>,
    identity: Identity,
    Path(run_id): Path<Uuid>,
    request: Request,
) -> Result<Response, Problem> {
    let target = format!("{}/runs/{run_id}/stdin", app.sandbox_base());
    app.forward(&identity, request, &target, None).await
}

/// Stops a watched program, as Ctrl-C does.
#[utoipa::path(post, path = "/api/code/runs/{id}/interrupt", tag = "agents", security(("bearer" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204, description = "Stopped"), (status = 404, description = "The run has ended")))]
async fn interrupt(
    State(app): State<Shared>,
    identity: Identity,
    Path(run_id): Path<Uuid>,
    request: Request,
) -> Result<Response, Problem> {
    let target = format!("{}/runs/{run_id}/interrupt", app.sandbox_base());
    app.forward(&identity, request, &target, None).await
}
