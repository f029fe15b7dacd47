//! A specialist's component: routed queries in, answers out, each exactly once.

use std::time::Instant;

use chrono::Utc;
use learnflow_agent::{Answer, Fault, Question, check_query};
use learnflow_events::{
    Agent, Event, EventType, Incoming, Outgoing, Route, ids, limits,
    message::{STEP_EXPLAIN, STEP_EXPLAINED, extension},
    payload::{AgentResponded, QueryRouted, QuerySubmitted},
};
use serde_json::Value;
use spin_sdk::http::Request;
use uuid::Uuid;

use crate::{
    Environment,
    http::{self, Response, TriggerRequest},
};

/// Where a question came from, for cores that answer HTTP triggers differently.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The turn.
    pub query_id: Uuid,
    /// Its number among the student's turns.
    pub seq: i64,
    /// Whose it is.
    pub student_id: String,
    /// The HTTP trigger (`generate`), or `None` for an event.
    pub action: Option<String>,
    /// The id of the event, or of the turn for an HTTP trigger: what the answer is caused by.
    pub cause: String,
}

/// Serves one request of a specialist. `answer` is its core with the sandbox or the database filled in.
pub async fn serve(
    agent: Agent,
    triggers: &[&str],
    request: Request,
    answer: impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault>,
) -> Response {
    http::route(
        agent,
        triggers,
        request,
        async |incoming| on_event(agent, incoming, &answer).await,
        async |request| on_trigger(agent, request, &answer).await,
    )
    .await
}

/// Answers one event, once: a redelivered event gets the stored reply.
///
/// # Errors
/// As the fault table has it; a stored turn is never lost by one.
pub async fn on_event(
    agent: Agent,
    incoming: Incoming,
    answer: &impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault>,
) -> Result<Option<Event>, Fault> {
    let started = Instant::now();
    let (turn, mut question, saga) = read_event(&incoming)?;
    let environment = Environment::open(agent, incoming.extension(extension::TRACE_PARENT)).await?;
    if let Some(stored) = environment.database.stored_reply(agent.as_str(), &turn.cause).await? {
        return stored.reply.map(event_of_json).transpose();
    }
    question.student = environment.database.student_context(&turn.student_id).await?;
    let answer = answer(&question, &turn, &environment).await?;
    let responded = responded(agent, &turn, answer, started);
    let reply = commit(agent, &environment, &turn, &responded, saga).await?;
    Ok(Some(reply))
}

/// What an event asks: a routed query, or the concept behind a debug answer (the saga).
fn read_event(incoming: &Incoming) -> Result<(Turn, Question, Option<String>), Fault> {
    use cloudevents::AttributesReader;
    let cause = incoming.event.id().to_owned();
    if incoming.event_type == EventType::AgentResponded {
        let envelope = incoming.envelope::<AgentResponded>()?;
        let concept = incoming
            .extension(extension::CONCEPT)
            .ok_or_else(|| Fault::reject("an answer without a concept needs no explanation"))?;
        let saga = incoming.extension(extension::SAGA_ID);
        let payload = envelope.payload;
        let turn = Turn {
            query_id: payload.query_id,
            seq: payload.seq,
            student_id: envelope.student_id,
            action: None,
            cause,
        };
        let query = QuerySubmitted { query_text: concept.clone(), ..QuerySubmitted::default() };
        let question = Question { query, concept: Some(concept), ..Question::default() };
        return Ok((turn, question, saga));
    }
    let envelope = incoming.envelope::<QueryRouted>()?;
    let routed = envelope.payload;
    check_query(&routed.query)?;
    let turn = Turn {
        query_id: routed.query_id,
        seq: routed.seq,
        student_id: envelope.student_id,
        action: None,
        cause,
    };
    Ok((turn, Question { query: routed.query, ..Question::default() }, None))
}

/// Answers one HTTP request, once for each idempotency key.
///
/// # Errors
/// As the fault table has it.
pub async fn on_trigger(
    agent: Agent,
    request: TriggerRequest,
    answer: &impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault>,
) -> Result<Response, Fault> {
    let started = Instant::now();
    let mut query: QuerySubmitted = request.json()?;
    check_query(&query)?;
    query.route = agent.as_str().parse::<Route>().ok();
    let environment = Environment::open(agent, request.traceparent.clone()).await?;
    let query_id = request.query_id();
    let cause = query_id.to_string();
    let received = environment
        .database
        .receive_turn(query_id, &request.student_id, &query, request.traceparent.as_deref())
        .await?;
    if received.student_id != request.student_id {
        return Err(Fault::reject("this idempotency-key belongs to another student's request"));
    }
    let turn = Turn {
        query_id,
        seq: received.seq,
        student_id: request.student_id.clone(),
        action: Some(request.action.clone()),
        cause,
    };
    let event = match environment.database.stored_reply(agent.as_str(), &turn.cause).await? {
        Some(stored) => {
            let reply = stored.reply.ok_or_else(|| Fault::bug("a trigger's stored reply is empty"))?;
            event_of_json(reply)?
        }
        None => {
            let student = environment.database.student_context(&turn.student_id).await?;
            let question = Question { query, student, concept: None };
            let answer = answer(&question, &turn, &environment).await?;
            let responded = responded(agent, &turn, answer, started);
            commit(agent, &environment, &turn, &responded, None).await?
        }
    };
    // Published before the caller hears of it; a caller that repeats the request publishes the same event.
    // (Progress may not reach the broker; its reports are no evidence of learning.)
    if let Some(publisher) = environment.publisher().await? {
        publisher.publish(&event).await?;
    }
    let responded = Incoming::new(event)?.envelope::<AgentResponded>()?.payload;
    Ok(if request.event_stream {
        http::event_stream(&responded.response_text, &responded)
    } else {
        http::json_response(::http::StatusCode::OK, &responded)
    })
}

fn responded(agent: Agent, turn: &Turn, answer: Answer, started: Instant) -> AgentResponded {
    AgentResponded {
        query_id: turn.query_id,
        seq: turn.seq,
        agent_name: agent.as_str().to_owned(),
        response_text: cut(answer.text, limits::ANSWER_BYTES),
        response_type: answer.response_type,
        code_examples: answer.code_examples,
        processing_time_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        confidence: answer.confidence,
        reasoning: answer.reasoning,
        answered_by: answer.answered_by,
        evidence: answer.evidence,
        topics: answer.topics,
        observations: answer.observations,
        concept: answer.concept,
    }
}

async fn commit(
    agent: Agent,
    environment: &Environment,
    turn: &Turn,
    responded: &AgentResponded,
    saga: Option<String>,
) -> Result<Event, Fault> {
    let event = responded_event(agent.as_str(), turn, responded, environment.traceparent.clone(), saga);
    let reply = serde_json::to_value(&event).map_err(|error| Fault::bug(format!("to JSON: {error}")))?;
    let reply = environment.database.commit_answer(agent.as_str(), &turn.cause, &reply, responded).await?;
    event_of_json(reply)
}

/// The event that carries an answer. With a concept it also asks concepts to explain it; an answer that is
/// itself such an explanation ends the saga.
pub fn responded_event(
    agent: &str,
    turn: &Turn,
    responded: &AgentResponded,
    traceparent: Option<String>,
    saga: Option<String>,
) -> Event {
    let mut extensions = vec![(extension::AGENT, agent.to_owned())];
    if let Some(saga) = saga {
        extensions.push((extension::SAGA_ID, saga));
        extensions.push((extension::STEP, STEP_EXPLAINED.to_owned()));
    } else if let Some(concept) = &responded.concept {
        extensions.push((extension::SAGA_ID, turn.query_id.to_string()));
        extensions.push((extension::STEP, STEP_EXPLAIN.to_owned()));
        extensions.push((extension::CONCEPT, concept.clone()));
    }
    Outgoing {
        id: ids::caused_event(&turn.cause, EventType::AgentResponded),
        source: format!("/learnflow/{agent}"),
        subject: Some(turn.query_id.to_string()),
        time: Utc::now(),
        student_id: turn.student_id.clone(),
        traceparent,
        extensions,
    }
    .event(responded.clone())
}

/// An event from its structured JSON.
///
/// # Errors
/// [`learnflow_agent::FaultKind::Bug`]: what is stored was an event when it was written.
pub fn event_of_json(value: Value) -> Result<Event, Fault> {
    serde_json::from_value(value).map_err(|error| Fault::bug(format!("stored reply: {error}")))
}

fn cut(mut text: String, max_bytes: usize) -> String {
    const MARK: &str = "\n\n… (cut)";
    if text.len() > max_bytes {
        let mut end = max_bytes - MARK.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}
