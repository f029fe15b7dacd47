//! Triage as a Spin component: `POST /triage/analyze` and `learnflow.query.submitted.v1`.

use cloudevents::AttributesReader;
use http::StatusCode;
use learnflow_agent::{Fault, check_query, llm::completed};
use learnflow_agent_spin::{
    Environment,
    http::{self as web, Response, TriggerRequest},
    model::{self, HttpModel, Payer},
    specialist::{Turn, event_of_json, responded_event},
};
use learnflow_events::{
    Agent, Event, EventType, Incoming, Outgoing, Route, ids,
    message::extension,
    payload::{AgentResponded, QueryRouted, QuerySubmitted},
};
use serde_json::json;
use spin_sdk::{http::Request, http_service};
use std::time::{Duration, Instant};
use uuid::Uuid;

use crate::{Decision, classify, decline, second_opinion};

/// How long triage waits for a model's opinion.
const PATIENCE: Duration = Duration::from_secs(4);

#[http_service]
async fn handle(request: Request) -> Response {
    web::route(Agent::Triage, &["analyze"], request, on_event, on_analyze).await
}

/// A submitted query becomes a routed one, or an answer when it is none of the tutor's business.
async fn on_event(incoming: Incoming) -> Result<Option<Event>, Fault> {
    let envelope = incoming.envelope::<QuerySubmitted>()?;
    let event = &incoming.event;
    if envelope.student_id.is_empty() {
        return Err(Fault::reject("student_id is empty; an event must say whose query it is"));
    }
    check_query(&envelope.payload)?;
    // The gateway's sweep names the turn that it re-publishes; other producers' turns follow from the event.
    let query_id = event
        .subject()
        .and_then(|subject| Uuid::parse_str(subject).ok())
        .unwrap_or_else(|| ids::turn_of_event(event.source(), event.id()));
    let query = Query {
        id: query_id,
        student_id: envelope.student_id,
        cause: event.id().to_owned(),
        payload: envelope.payload,
    };
    let environment = Environment::open(Agent::Triage, incoming.traceparent.clone()).await?;
    if let Some(stored) = environment.database.stored_reply("triage", &query.cause).await? {
        return stored.reply.map(event_of_json).transpose();
    }
    let decided = decide(&environment, &query).await?;
    decided.commit(&environment, &query).await.map(Some)
}

/// Stores the turn, publishes the decision, and says what it was.
async fn on_analyze(request: TriggerRequest) -> Result<Response, Fault> {
    let payload: QuerySubmitted = request.json()?;
    check_query(&payload)?;
    let id = request.query_id();
    let query = Query { id, student_id: request.student_id.clone(), cause: id.to_string(), payload };
    let environment = Environment::open(Agent::Triage, request.traceparent.clone()).await?;
    let stored = environment.database.stored_reply("triage", &query.cause).await?;
    if let Some(reply) = stored.and_then(|stored| stored.reply) {
        return accepted_before(reply, &query);
    }
    let decided = decide(&environment, &query).await?;
    // On the log before the turn counts as routed: if the broker is away the turn stays `received`, and
    // either the caller's next try or the gateway's sweep publishes it.
    let publisher = environment.publisher().await?;
    let publisher = publisher.ok_or_else(|| Fault::bug("triage has no broker_url"))?;
    publisher.publish(&decided.event).await?;
    decided.commit(&environment, &query).await?;
    let decision = &decided.decision;
    Ok(accepted(&query, decided.turn.seq, decision.route, decision.confidence, &decision.reasoning))
}

fn accepted(query: &Query, seq: i64, route: Route, confidence: f64, reasoning: &str) -> Response {
    web::json_response(
        StatusCode::ACCEPTED,
        &json!({
            "query_id": query.id,
            "seq": seq,
            "student_id": query.student_id,
            "target_agent": route,
            "confidence": confidence,
            "reasoning": reasoning,
        }),
    )
}

/// A repeat of a request hears what was decided then; nobody is asked again.
fn accepted_before(reply: serde_json::Value, query: &Query) -> Result<Response, Fault> {
    let incoming = Incoming::new(event_of_json(reply)?)?;
    let other = || Fault::reject("this turn belongs to another student; send a new idempotency-key");
    if incoming.event_type == EventType::QueryRouted {
        let envelope = incoming.envelope::<QueryRouted>()?;
        if envelope.student_id != query.student_id {
            return Err(other());
        }
        let routed = envelope.payload;
        return Ok(accepted(query, routed.seq, routed.target_agent, routed.confidence, &routed.reasoning));
    }
    let envelope = incoming.envelope::<AgentResponded>()?;
    if envelope.student_id != query.student_id {
        return Err(other());
    }
    let declined = envelope.payload;
    Ok(accepted(query, declined.seq, Route::OutOfScope, declined.confidence, &declined.reasoning))
}

/// Asks a model where the local classifier is unsure; whatever goes wrong, the local choice stands.
async fn second_opinion(
    environment: &Environment,
    query: &Query,
    local: Decision,
) -> Result<Decision, Fault> {
    let Some(mut settings) = model::settings().await? else { return Ok(local) };
    if !environment.database.tutoring(&query.student_id, None).await?.consent {
        return Ok(local);
    }
    // Somebody waits for the routing itself: a slow opinion is none.
    settings.first_byte = settings.first_byte.min(PATIENCE);
    settings.answer = settings.answer.min(PATIENCE);
    settings.retry = settings.retry.min(PATIENCE / 10);
    let payer = Payer {
        agent: Agent::Triage,
        student_id: query.student_id.clone(),
        query_id: query.id,
        event: false,
    };
    let model = HttpModel::new(settings, environment, payer);
    let request = second_opinion::request(&query.payload)?;
    // All tries together: a limit for each would add up.
    let form = model::within(PATIENCE, Box::pin(completed(&model, &request))).await;
    let input = form.and_then(Result::ok).and_then(|completion| completion.tool_input);
    Ok(second_opinion::decided(&local, input.as_ref()).unwrap_or(local))
}

struct Query {
    id: Uuid,
    student_id: String,
    /// What the handling is remembered under: the event's id, or the turn's for an HTTP request.
    cause: String,
    payload: QuerySubmitted,
}

struct Decided {
    turn: Turn,
    decision: Decision,
    event: Event,
    /// Triage's own answer to what is out of scope.
    declined: Option<AgentResponded>,
}

async fn decide(environment: &Environment, query: &Query) -> Result<Decided, Fault> {
    let started = Instant::now();
    let traceparent = environment.traceparent.clone();
    let received = environment
        .database
        .receive_turn(query.id, &query.student_id, &query.payload, traceparent.as_deref())
        .await?;
    if received.student_id != query.student_id {
        return Err(Fault::reject("this turn belongs to another student; send a new idempotency-key"));
    }
    let decision = match classify(&query.payload) {
        unsure if unsure.unsure() => second_opinion(environment, query, unsure).await?,
        sure => sure,
    };
    let turn = Turn {
        query_id: query.id,
        seq: received.seq,
        student_id: query.student_id.clone(),
        action: None,
        cause: query.id.to_string(),
    };
    if decision.route == Route::OutOfScope {
        let answer = decline(&query.payload, &decision);
        let declined = AgentResponded {
            query_id: turn.query_id,
            seq: turn.seq,
            agent_name: Agent::Triage.to_string(),
            response_text: answer.text,
            response_type: answer.response_type,
            code_examples: Vec::new(),
            processing_time_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            confidence: decision.confidence,
            reasoning: decision.reasoning.clone(),
            answered_by: answer.answered_by,
            evidence: answer.evidence,
            topics: answer.topics,
            observations: Vec::new(),
            concept: None,
            hint_tier: None,
            model: None,
        };
        let event = responded_event("triage", &turn, &declined, traceparent, None);
        return Ok(Decided { turn, decision, event, declined: Some(declined) });
    }
    let event = Outgoing {
        id: ids::caused_event(&turn.cause, EventType::QueryRouted),
        source: Agent::Triage.source(),
        subject: Some(turn.query_id.to_string()),
        time: chrono::Utc::now(),
        student_id: query.student_id.clone(),
        traceparent,
        extensions: vec![(extension::AGENT, decision.route.to_string())],
    }
    .event(QueryRouted {
        query_id: turn.query_id,
        seq: turn.seq,
        target_agent: decision.route,
        confidence: decision.confidence,
        reasoning: decision.reasoning.clone(),
        query: query.payload.clone(),
    });
    Ok(Decided { turn, decision, event, declined: None })
}

impl Decided {
    async fn commit(&self, environment: &Environment, query: &Query) -> Result<Event, Fault> {
        let reply = serde_json::to_value(&self.event)
            .map_err(|error| Fault::bug(format!("event to JSON: {error}")))?;
        let database = &environment.database;
        let reply = match &self.declined {
            Some(declined) => database.commit_answer("triage", &query.cause, &reply, declined).await?,
            None => {
                let decision = &self.decision;
                let route = decision.route.as_str();
                database
                    .commit_routing(
                        &query.cause,
                        &reply,
                        query.id,
                        route,
                        decision.confidence,
                        &decision.reasoning,
                    )
                    .await?
            }
        };
        event_of_json(reply)
    }
}
