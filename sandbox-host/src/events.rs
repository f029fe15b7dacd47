//! CloudEvents: programs that were submitted, and turns that triage routed to the code runner.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::Utc;
use cloudevents::{AttributesReader, Event};
use learnflow_events::{
    EventType, Route,
    code::{CodeExecuted, CodeSubmitted, RunReport, RunRequest},
    envelope::Envelope,
    ids,
    limits::EVENT_BYTES,
    message::{Incoming, MessageError, Outgoing, extension, to_http},
    payload::{AgentResponded, AnsweredBy, QueryRouted, ResponseType},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    answer,
    body::{Raw, whole},
    problem::Problem,
    service::Service,
    store::StudentRun,
};

/// The CloudEvents `source` of what the sandbox sends.
const SOURCE: &str = "/learnflow/sandbox";

/// `POST /events`.
pub(crate) async fn receive(
    State(service): State<Service>,
    headers: HeaderMap,
    raw: Raw,
) -> Result<Response, Problem> {
    let incoming = Incoming::from_http(&headers, whole(raw, EVENT_BYTES)?.to_vec())?;
    let event_id = incoming.event.id().to_owned();
    if let Some(store) = service.store()
        && let Some(reply) = store.stored_reply(&event_id).await?
    {
        let reply: Event = serde_json::from_value(reply).map_err(|error| Problem::bug(&error))?;
        return respond(&reply);
    }
    let reply = match incoming.event_type {
        EventType::CodeSubmitted => submitted(&service, &incoming).await?,
        EventType::QueryRouted => routed(&service, &incoming).await?,
        other => return Err(MessageError::Unhandled(other).into()),
    };
    respond(&reply)
}

async fn submitted(service: &Service, incoming: &Incoming) -> Result<Event, Problem> {
    let envelope: Envelope<CodeSubmitted> = incoming.envelope()?;
    let CodeSubmitted { run_id, request } = envelope.payload;
    let report = service.run(request.clone()).await?;
    let reply = outgoing(incoming, EventType::CodeExecuted, &envelope.student_id, None)
        .event(CodeExecuted { run_id, report: report.clone() });
    let Some(store) = service.store() else { return Ok(reply) };
    let run = StudentRun {
        run_id,
        student_id: &envelope.student_id,
        query_id: None,
        request: &request,
        report: &report,
    };
    Ok(store.commit(incoming.event.id(), &reply, &run, None).await?)
}

async fn routed(service: &Service, incoming: &Incoming) -> Result<Event, Problem> {
    let envelope: Envelope<QueryRouted> = incoming.envelope()?;
    let routed = envelope.payload;
    if routed.target_agent != Route::CodeRunner {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("this query is for {}, not for code-runner", routed.target_agent),
        ));
    }
    let code = routed.query.code.clone().or_else(|| answer::fenced_code(&routed.query.query_text));
    let request = RunRequest { code: code.unwrap_or_default(), ..RunRequest::default() };
    let run_id = ids::caused_event(incoming.event.id(), EventType::CodeExecuted);
    let ran: Option<RunReport> =
        if request.code.trim().is_empty() { None } else { Some(service.run(request.clone()).await?) };

    let waited = (Utc::now() - envelope.timestamp).num_milliseconds();
    let responded = AgentResponded {
        query_id: routed.query_id,
        seq: routed.seq,
        agent_name: Route::CodeRunner.to_string(),
        response_text: ran.as_ref().map_or_else(answer::nothing_to_run, answer::markdown),
        response_type: if ran.is_some() { ResponseType::Run } else { ResponseType::Clarification },
        code_examples: Vec::new(),
        // A replayed event may have waited for months; the column holds 24 days of milliseconds.
        processing_time_ms: u64::try_from(waited).unwrap_or(0).min(i32::MAX as u64),
        confidence: 1.0,
        reasoning: match &ran {
            Some(_) => "The program was run in the sandbox.".to_owned(),
            None => "The message has no program.".to_owned(),
        },
        answered_by: AnsweredBy::Authored,
        evidence: json!({ "run_id": ran.as_ref().map(|_| run_id), "run": ran }),
        topics: Vec::new(),
        observations: Vec::new(),
        concept: None,
        hint_tier: None,
        model: None,
    };
    let reply = outgoing(incoming, EventType::AgentResponded, &envelope.student_id, Some(routed.query_id))
        .event(responded.clone());
    let Some(store) = service.store() else { return Ok(reply) };
    let answer = serde_json::to_value(&responded).map_err(|error| Problem::bug(&error))?;
    let committed = match &ran {
        Some(report) => {
            let run = StudentRun {
                run_id,
                student_id: &envelope.student_id,
                query_id: Some(routed.query_id),
                request: &request,
                report,
            };
            store.commit(incoming.event.id(), &reply, &run, Some(answer)).await?
        }
        None => store.commit_answer(incoming.event.id(), &reply, answer).await?,
    };
    Ok(committed)
}

fn outgoing(incoming: &Incoming, event_type: EventType, student_id: &str, turn: Option<Uuid>) -> Outgoing {
    let subject = turn.map(|turn| turn.to_string()).or_else(|| incoming.event.subject().map(str::to_owned));
    let mut extensions = Vec::new();
    if event_type == EventType::AgentResponded {
        extensions.push((extension::AGENT, Route::CodeRunner.to_string()));
    }
    Outgoing {
        id: ids::caused_event(incoming.event.id(), event_type),
        source: SOURCE.to_owned(),
        subject,
        time: Utc::now(),
        student_id: student_id.to_owned(),
        traceparent: incoming.traceparent.clone(),
        extensions,
    }
}

fn respond(event: &Event) -> Result<Response, Problem> {
    let (headers, body) = to_http(event);
    let mut response = (StatusCode::OK, body).into_response();
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|error| Problem::bug(&error))?;
        let value = HeaderValue::try_from(value).map_err(|error| Problem::bug(&error))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
