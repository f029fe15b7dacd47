//! A specialist's component: routed queries in, answers out, each exactly once.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use futures::{FutureExt, channel::mpsc, future::Either};
use learnflow_agent::{
    Answer, Fault, Question, Tutoring, check_query,
    write::{Nobody, Reader},
};
use learnflow_events::{
    Agent, Event, EventType, Incoming, Outgoing, Route, ids, limits,
    message::{STEP_EXPLAIN, STEP_EXPLAINED, extension},
    payload::{AgentResponded, HintTier, QueryRouted, QuerySubmitted},
};
use learnflow_exercise_bank::{draft::adopt_all, exercises_of};
use serde_json::Value;
use spin_sdk::{http::Request, wasip3};
use uuid::Uuid;

use crate::{
    Environment,
    activity::LiveChannel,
    http::{self, Response, TriggerRequest},
    runs::Runs,
    tutor::{Tutored, Work, WritingOf, tutor},
};

/// How often a reader who waits is looked after: a stream that nobody takes is noticed only by writing to it.
const HEARTBEAT: Duration = Duration::from_millis(400);
/// Exercises that one question can be about; who brings more gets the least help.
const MOST_EXERCISES: usize = 8;

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

/// Serves one request of a specialist. `answer` is its core with the sandbox or the database filled in; `writing` says
/// how a model may write the answer.
pub async fn serve(
    agent: Agent,
    triggers: &[&str],
    request: Request,
    answer: impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault> + Copy + 'static,
    writing: WritingOf,
) -> Response {
    http::route(
        agent,
        triggers,
        request,
        async |incoming| on_event(agent, incoming, &answer, writing).await,
        async |request| on_trigger(agent, request, answer, writing).await,
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
    writing: WritingOf,
) -> Result<Option<Event>, Fault> {
    let started = Instant::now();
    let (turn, mut question, saga) = read_event(&incoming)?;
    let environment = Environment::open(agent, incoming.traceparent.clone()).await?;
    if let Some(stored) = environment.database.stored_reply(agent.as_str(), &turn.cause).await? {
        return stored.reply.map(event_of_json).transpose();
    }
    let tutoring = know(&environment, &turn, &mut question).await?;
    let work = Work { agent, environment, turn, question, tutoring };
    let mut live = LiveChannel::open(agent, &work.turn, work.environment.traceparent.clone()).await;
    let tutored = answered(&work, answer, writing, &mut live).await?;
    let by_model = tutored.answer.model.is_some();
    let responded = responded(agent, &work.turn, tutored.answer, started);
    if by_model || live.restarted {
        live.close().await;
    }
    let reply = commit(agent, &work.environment, &work.turn, &responded, saga).await?;
    Ok(Some(reply))
}

/// Fills in what is known about the student, and how much help is granted.
async fn know(environment: &Environment, turn: &Turn, question: &mut Question) -> Result<Tutoring, Fault> {
    question.student = environment.database.student_context(&turn.student_id).await?;
    let mut tutoring = tutoring(environment, turn, &question.query).await?;
    question.tier = tutoring.grant(question.query.hint_tier, question.query.code.as_deref()).tier;
    question.notes = std::mem::take(&mut tutoring.notes);
    Ok(tutoring)
}

/// What the student's classes allow for the exercises that a query is about, whether it names them or not.
async fn tutoring(environment: &Environment, turn: &Turn, query: &QuerySubmitted) -> Result<Tutoring, Fault> {
    let Environment { agent, database, .. } = environment;
    let named = query.exercise_id.as_deref();
    let mut tutoring = database.tutoring(&turn.student_id, named).await?;
    if *agent == Agent::Progress {
        return Ok(tutoring);
    }
    // Those that are not in the bank have to be known before any can be recognised, and to the guard.
    adopt_all(&database.kept_exercises(&turn.student_id, query).await?);
    let others: Vec<_> =
        exercises_of(query).into_iter().filter(|exercise| Some(exercise.id) != named).collect();
    for exercise in others.iter().take(MOST_EXERCISES) {
        tutoring.hold_to(&database.tutoring(&turn.student_id, Some(exercise.id)).await?);
    }
    if others.len() > MOST_EXERCISES {
        tutoring.max_tier = Some(HintTier::Nudge);
    }
    Ok(tutoring)
}

/// The authored answer, then whoever writes it better; what was not shown yet is shown at the end.
async fn answered(
    work: &Work,
    answer: &impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault>,
    writing: WritingOf,
    reader: &mut impl Reader,
) -> Result<Tutored, Fault> {
    let Work { question, tutoring, .. } = work;
    let runs = Runs::reserve(work).await?;
    let mut tutored = match authored(work, answer, runs.as_ref()).await? {
        Ok(authored) => tutor(work, authored, writing, reader).await?,
        Err(refusal) => Tutored { answer: refusal, shown: false, remaining: None, run_seconds: None },
    };
    let sentence = tutoring.grant(question.query.hint_tier, question.query.code.as_deref()).sentence;
    let sentence = if tutored.answer.hint_tier.is_some() { sentence } else { "" };
    if !tutored.shown {
        if !sentence.is_empty() {
            tutored.answer.text.push_str(&format!("\n\n*{sentence}*"));
        }
        for piece in tutored.answer.text.split_inclusive("\n\n") {
            reader.show(piece);
        }
        tutored.shown = true;
    }
    if let Some(runs) = &runs {
        runs.settle(work).await;
        tutored.run_seconds = Some(runs.remaining_s);
    }
    if tutored.answer.evidence.is_null() {
        tutored.answer.evidence = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(evidence) = &mut tutored.answer.evidence {
        if let Some(remaining) = tutored.remaining {
            evidence.insert("tokens_remaining".to_owned(), remaining.into());
        }
        if let Some(remaining) = tutored.run_seconds {
            evidence.insert("run_seconds_remaining".to_owned(), remaining.into());
        }
    }
    Ok(tutored)
}

/// What the agent's core says, or why it says nothing: the budget of run time is spent, and it wanted to run something.
async fn authored(
    work: &Work,
    answer: &impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault>,
    runs: Option<&Runs>,
) -> Result<Result<Answer, Answer>, Fault> {
    let answered = answer(&work.question, &work.turn, &work.environment).await;
    match runs {
        Some(runs) if work.environment.runs.refused() => Ok(Err(runs.refusal())),
        _ => answered.map(Ok),
    }
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
    let tier = routed.query.hint_tier.unwrap_or_default();
    Ok((turn, Question { query: routed.query, tier, ..Question::default() }, None))
}

/// Answers one HTTP request, once for each idempotency key.
///
/// # Errors
/// As the fault table has it.
pub async fn on_trigger(
    agent: Agent,
    request: TriggerRequest,
    answer: impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault> + Copy + 'static,
    writing: WritingOf,
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
    if let Some(stored) = environment.database.stored_reply(agent.as_str(), &turn.cause).await? {
        let reply = stored.reply.ok_or_else(|| Fault::bug("a trigger's stored reply is empty"))?;
        let event = event_of_json(reply)?;
        publish(&environment, &event).await?;
        let responded = Incoming::new(event)?.envelope::<AgentResponded>()?.payload;
        return Ok(if request.event_stream {
            http::event_stream(&responded.response_text, &responded)
        } else {
            http::json_response(::http::StatusCode::OK, &responded)
        });
    }
    let mut question = Question { query, ..Question::default() };
    let tutoring = know(&environment, &turn, &mut question).await?;
    let work = Work { agent, environment, turn, question, tutoring };
    if request.event_stream {
        return Ok(streamed(work, answer, writing, started));
    }
    let tutored = answered(&work, &answer, writing, &mut Nobody).await?;
    let remains = [
        ("x-learnflow-tokens-remaining", tutored.remaining),
        ("x-learnflow-run-seconds-remaining", tutored.run_seconds),
    ];
    let responded = finish(&work, tutored, started).await?;
    let mut response = http::json_response(::http::StatusCode::OK, &responded);
    for (name, remaining) in remains {
        if let Some(remaining) = remaining {
            response.headers_mut().insert(name, remaining.into());
        }
    }
    Ok(response)
}

/// A response whose body is the answer as it is made. A fault after its head is an event `failed`.
fn streamed(
    work: Work,
    answer: impl AsyncFn(&Question, &Turn, &Environment) -> Result<Answer, Fault> + Copy + 'static,
    writing: WritingOf,
    started: Instant,
) -> Response {
    let (mut sender, response) = http::live_event_stream();
    wasip3::spawn(async move {
        let mut reader = EventStream { sender: sender.clone(), index: 0 };
        let finished = async {
            let tutored = answered(&work, &answer, writing, &mut reader).await?;
            finish(&work, tutored, started).await
        };
        // Whoever has left is noticed by the heartbeat; then the work is dropped, and with it the provider's request.
        match futures::future::select(finished.boxed_local(), gone(sender.clone()).boxed_local()).await {
            Either::Left((Ok(responded), _)) => http::send_event(&mut sender, "answered", &responded),
            Either::Left((Err(fault), _)) => {
                http::send_event(&mut sender, "failed", &http::failure(work.agent, &fault));
            }
            Either::Right((_, unfinished)) => {
                drop(unfinished);
                // The turn still ends: with the authored answer, which costs nothing.
                let ended = async {
                    let runs = Runs::reserve(&work).await?;
                    let (Ok(answer) | Err(answer)) = authored(&work, &answer, runs.as_ref()).await?;
                    if let Some(runs) = &runs {
                        runs.settle(&work).await;
                    }
                    let tutored = Tutored { answer, shown: true, remaining: None, run_seconds: None };
                    finish(&work, tutored, started).await
                };
                if let Err(fault) = ended.await {
                    http::failure(work.agent, &fault);
                }
            }
        }
    });
    response
}

/// Resolves when the reader of a stream has left.
async fn gone(mut sender: mpsc::Sender<Bytes>) {
    loop {
        spin_sdk::time::sleep(HEARTBEAT).await;
        if !http::send_comment(&mut sender) {
            return;
        }
    }
}

/// Stores and publishes an answer.
async fn finish(work: &Work, tutored: Tutored, started: Instant) -> Result<AgentResponded, Fault> {
    let Work { agent, environment, turn, .. } = work;
    let responded = responded(*agent, turn, tutored.answer, started);
    let event = commit(*agent, environment, turn, &responded, None).await?;
    publish(environment, &event).await?;
    Ok(Incoming::new(event)?.envelope::<AgentResponded>()?.payload)
}

/// Published before the caller hears of it; a caller that repeats the request publishes the same event. (Progress may
/// not reach the broker; its reports are no evidence of learning.)
async fn publish(environment: &Environment, event: &Event) -> Result<(), Fault> {
    match environment.publisher().await? {
        Some(publisher) => publisher.publish(event).await,
        None => Ok(()),
    }
}

/// A reader of server-sent events. A piece at position 0 begins the answer, and begins it anew when there were others
/// before.
struct EventStream {
    sender: mpsc::Sender<Bytes>,
    index: u32,
}

impl Reader for EventStream {
    fn show(&mut self, piece: &str) {
        let delta = serde_json::json!({"index": self.index, "text": piece});
        http::send_event(&mut self.sender, "delta", &delta);
        self.index += 1;
    }

    fn restart(&mut self) {
        self.index = 0;
    }

    fn present(&mut self) -> bool {
        !self.sender.is_closed()
    }
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
        hint_tier: answer.hint_tier,
        model: answer.model,
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
