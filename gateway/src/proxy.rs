//! The agents' HTTP triggers, for people who are logged in.
//!
//! Only the routes that are listed here are reachable, and only the headers that are listed here pass: a
//! function sees who the student is from the gateway, never from the caller.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use learnflow_events::{Agent, limits::BODY_BYTES, message::check_id, payload::QuerySubmitted};
use learnflow_telemetry::TraceContext;
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{App, Shared},
    identity::Identity,
    limits::Buckets,
    outbound::CallError,
    problem::{Path, Problem, too_large},
    schema,
};

/// How long a function or the sandbox may take until its response begins.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// The student, as functions and the sandbox are told.
static STUDENT: HeaderName = HeaderName::from_static("x-learnflow-student");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What passes from the caller; everything else (cookies, tokens, forged identities) stays here.
static PASSED_ON: [HeaderName; 4] =
    [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE, header::CONTENT_LENGTH];
/// Headers that belong to one connection (RFC 9110, section 7.6.1), and cookies, which only we set.
static NOT_PASSED_BACK: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TRAILER,
    header::TE,
    header::SET_COOKIE,
];

/// The HTTP triggers that people may call.
pub const ACTIONS: [(Agent, &str); 7] = [
    (Agent::Triage, "analyze"),
    (Agent::Concepts, "explain"),
    (Agent::CodeReview, "review"),
    (Agent::Debug, "diagnose"),
    (Agent::Exercise, "generate"),
    (Agent::Exercise, "submit"),
    (Agent::Progress, "report"),
];

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(ask)).routes(routes!(call_agent))
}

/// Asks the tutor: triage decides who answers, and the answer comes as an event.
#[utoipa::path(post, path = "/api/triage/analyze", tag = "agents", security(("bearer" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "The same key starts the same turn")),
    request_body = schema::QuerySubmitted,
    responses((status = 202, description = "The turn, and who answers it", body = schema::RoutingDecision),
              (status = 413, description = "Too large; the problem says the limit"), (status = 422, description = "Not valid; the problem says what to do"), (status = 429, description = "Too many; see Retry-After"),
              (status = 503, description = "Triage is away; see Retry-After")))]
async fn ask(State(app): State<Shared>, identity: Identity, request: Request) -> Result<Response, Problem> {
    app.call_agent(&identity, Agent::Triage, "analyze", request).await
}

/// Calls a specialist and waits for its answer, which concepts, code-review and exercise stream with
/// `Accept: text/event-stream`.
#[utoipa::path(post, path = "/api/{agent}/{action}", tag = "agents", security(("bearer" = [])),
    params(("agent" = String, Path), ("action" = String, Path),
           ("idempotency-key" = Option<String>, Header, description = "The same key starts the same turn")),
    request_body = schema::QuerySubmitted,
    responses((status = 200, description = "The agent's answer", body = schema::AgentResponded),
              (status = 404, description = "Unknown agent or action"), (status = 413, description = "Too large; the problem says the limit"), (status = 429, description = "Too many; see Retry-After"),
              (status = 503, description = "The agent is away; see Retry-After")))]
async fn call_agent(
    State(app): State<Shared>,
    identity: Identity,
    Path((agent, action)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (agent, action) = known_action(&agent, &action)?;
    app.call_agent(&identity, agent, action, request).await
}

fn known_action(agent: &str, action: &str) -> Result<(Agent, &'static str), Problem> {
    let agent = agent.parse::<Agent>().map_err(|_| {
        let known: Vec<String> =
            ACTIONS.iter().map(|(agent, action)| format!("/api/{agent}/{action}")).collect();
        Problem::not_found(format!("There is no agent of this name; there are {}.", known.join(", ")))
    })?;
    ACTIONS.into_iter().find(|(known, name)| *known == agent && *name == action).ok_or_else(|| {
        let known: Vec<String> = ACTIONS
            .iter()
            .filter(|(known, _)| *known == agent)
            .map(|(agent, action)| format!("/api/{agent}/{action}"))
            .collect();
        Problem::not_found(format!("{agent} cannot do this; it answers {}.", known.join(", ")))
    })
}

impl App {
    fn function_base(&self, agent: Agent) -> String {
        self.config.functions_url.replace("{agent}", agent.as_str()).trim_end_matches('/').to_owned()
    }

    /// Where the sandbox host is.
    pub(crate) fn sandbox_base(&self) -> &str {
        self.config.sandbox_url.trim_end_matches('/')
    }

    async fn call_agent(
        &self,
        identity: &Identity,
        agent: Agent,
        action: &str,
        request: Request,
    ) -> Result<Response, Problem> {
        self.require_account(identity).await?;
        let target = format!("{}/{agent}/{action}", self.function_base(agent));
        let mut response = self.forward(identity, request, &target, Some(&self.limits.questions)).await?;
        self.tell_tokens(identity, response.headers_mut()).await;
        Ok(response)
    }

    /// Passes a request on in a student's name, and its response back, both as they come.
    pub(crate) async fn forward(
        &self,
        identity: &Identity,
        request: Request,
        target: &str,
        quota: Option<&Buckets<String>>,
    ) -> Result<Response, Problem> {
        let remaining = quota.map(|quota| quota.take(&identity.user_id)).transpose()?;
        let (parts, body) = request.into_parts();
        let target = match parts.uri.query() {
            Some(query) => format!("{target}?{query}"),
            None => target.to_owned(),
        };
        let mut outgoing = outgoing(
            &target,
            identity,
            idempotency_key(&parts.headers)?,
            &TraceContext::for_request(&parts.headers),
        )?;
        for name in &PASSED_ON {
            if let Some(value) = parts.headers.get(name) {
                outgoing.headers_mut().insert(name, value.clone());
            }
        }
        *outgoing.body_mut() = Body::new(Limited::new(body, BODY_BYTES));
        let mut response = self.outbound.call(outgoing, PATIENCE).await.map_err(call_problem)?;
        for name in &NOT_PASSED_BACK {
            response.headers_mut().remove(name);
        }
        if let Some(remaining) = remaining {
            remaining.tell(response.headers_mut());
        }
        Ok(response.map(Body::new))
    }

    /// Submits a message for a student, as `POST /api/triage/analyze` does; returns what triage answers.
    pub(crate) async fn submit(
        &self,
        identity: &Identity,
        query: &QuerySubmitted,
        idempotency_key: Option<&str>,
    ) -> Result<Value, Problem> {
        self.limits.questions.take(&identity.user_id)?;
        self.require_account(identity).await?;
        let key = idempotency_key.map(checked_key).transpose()?;
        let target = format!("{}/{}/analyze", self.function_base(Agent::Triage), Agent::Triage);
        let body = serde_json::to_vec(query).map_err(|error| Problem::bug(error.to_string()))?;
        let mut request = outgoing(&target, identity, key, &TraceContext::current_or_new())?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Body::from(body);
        let response = self.outbound.call(request, PATIENCE).await.map_err(call_problem)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_BYTES)
            .collect()
            .await
            .map_err(|error| Problem::away(format!("triage's answer: {error}")))?
            .to_bytes();
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        Err(refused("triage", status, &answer))
    }
}

/// A request for a function or the sandbox, in the name of a student.
pub(crate) fn outgoing(
    target: &str,
    identity: &Identity,
    key: Option<HeaderValue>,
    trace: &TraceContext,
) -> Result<http::Request<Body>, Problem> {
    let bug = |error: &dyn std::fmt::Display| Problem::bug(format!("the call of {target}: {error}"));
    let uri: Uri = target.parse().map_err(|error: http::uri::InvalidUri| bug(&error))?;
    let student = HeaderValue::from_bytes(identity.user_id.as_bytes()).map_err(|error| bug(&error))?;
    let mut request = http::Request::new(Body::empty());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(STUDENT.clone(), student);
    trace.inject(headers);
    if let Some(key) = key {
        headers.insert(IDEMPOTENCY_KEY.clone(), key);
    }
    Ok(request)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let text =
        value.to_str().map_err(|_| Problem::bad_request("idempotency-key must be printable ASCII."))?;
    checked_key(text).map(Some)
}

fn checked_key(key: &str) -> Result<HeaderValue, Problem> {
    check_id("idempotency-key", key).map_err(|error| Problem::bad_request(format!("{error}.")))?;
    HeaderValue::from_str(key).map_err(|_| Problem::bad_request("idempotency-key must be printable ASCII."))
}

/// What a caller is told when a service gave no response.
pub(crate) fn call_problem(error: CallError) -> Problem {
    match error {
        CallError::TooLarge => too_large(),
        CallError::Timeout(_) | CallError::Unreachable(_) => Problem::away(error.to_string()),
    }
}

/// What a caller is told when a service refused: its own sentence, when the caller can mend it.
pub(crate) fn refused(service: &str, status: StatusCode, answer: &Value) -> Problem {
    match answer.get("detail").and_then(Value::as_str) {
        Some(detail) if status.is_client_error() => Problem::reject(status, detail),
        _ if status == StatusCode::SERVICE_UNAVAILABLE => Problem::away(format!("{service} answered 503")),
        _ => Problem::bug(format!("{service} answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_listed_actions_can_be_called() {
        for agent in Agent::ALL {
            for hidden in ["events", "health", "metrics", "ready", "..", ""] {
                assert_eq!(known_action(agent.as_str(), hidden).unwrap_err().status(), 404);
            }
        }
        for (agent, action) in ACTIONS {
            assert_eq!(known_action(agent.as_str(), action).unwrap(), (agent, action));
        }
        let detail = known_action("librarian", "analyze").unwrap_err().document()["detail"].to_string();
        assert!(detail.contains("/api/code-review/review"), "{detail}");
    }
}
