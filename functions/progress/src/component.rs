//! The progress agent as a Spin component: reports on request, and the learner model kept up to date.

use chrono::{DateTime, Utc};
use cloudevents::AttributesReader;
use learnflow_agent::Fault;
use learnflow_agent_spin::{
    Environment,
    database::jsonb,
    http::{self as web, Response},
    specialist::{event_of_json, on_event, on_trigger},
};
use learnflow_events::{
    Agent, Event, EventType, Incoming, Outgoing,
    code::{CodeExecuted, Outcome},
    ids,
    message::extension,
    payload::{AgentResponded, FeedbackGiven},
};
use learnflow_learner::{LearnerState, StoredObservation, struggle::Activity};
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::{http::Request, http_service};

use crate::{
    Change, Reply,
    observe::{self, from_answer, from_feedback, from_run},
    report,
};

/// How often a write starts over because another event changed the same student's model meanwhile. The broker
/// tries again after that.
const COMMIT_ATTEMPTS: usize = 5;

#[http_service]
async fn handle(request: Request) -> Response {
    let report = async |question: &_, turn: &learnflow_agent_spin::specialist::Turn, environment: &_| {
        let record = Record::load(environment, &turn.student_id).await?;
        Ok(report(question, &LearnerState::fold(&record.observations), Utc::now()))
    };
    web::route(
        Agent::Progress,
        &["report"],
        request,
        async |incoming| match incoming.event_type {
            EventType::QueryRouted => on_event(Agent::Progress, incoming, &report, |_, _| None).await,
            _ => learn(incoming).await,
        },
        async |request| on_trigger(Agent::Progress, request, report, |_, _| None).await,
    )
    .await
}

/// What is stored of a student (migrations/0049_learner.sql, `learner_record`).
#[derive(Deserialize)]
struct Record {
    model_version: i64,
    observations: Vec<StoredObservation>,
    activity: Activity,
}

impl Record {
    async fn load(environment: &Environment, student_id: &str) -> Result<Self, Fault> {
        environment.database.value("SELECT learner_record($1)", vec![student_id.to_owned().into()]).await
    }
}

/// What an event says about a student.
enum Seen {
    Answer(Box<AgentResponded>),
    Run(Box<CodeExecuted>),
    Feedback(FeedbackGiven),
}

impl Seen {
    fn read(incoming: &Incoming) -> Result<(Self, String, DateTime<Utc>), Fault> {
        Ok(match incoming.event_type {
            EventType::AgentResponded => {
                let envelope = incoming.envelope::<AgentResponded>()?;
                (Self::Answer(Box::new(envelope.payload)), envelope.student_id, envelope.timestamp)
            }
            EventType::CodeExecuted => {
                let envelope = incoming.envelope::<CodeExecuted>()?;
                (Self::Run(Box::new(envelope.payload)), envelope.student_id, envelope.timestamp)
            }
            _ => {
                let envelope = incoming.envelope::<FeedbackGiven>()?;
                (Self::Feedback(envelope.payload), envelope.student_id, envelope.timestamp)
            }
        })
    }

    /// The agent whose turns are counted by this event.
    fn agent(&self) -> Option<&str> {
        match self {
            Self::Answer(answer) => Some(&answer.agent_name),
            Self::Run(_) | Self::Feedback(_) => None,
        }
    }

    async fn observations(
        &self,
        environment: &Environment,
        student_id: &str,
        at: DateTime<Utc>,
    ) -> Result<Vec<StoredObservation>, Fault> {
        Ok(match self {
            Self::Answer(answer) => from_answer(answer, at),
            Self::Run(executed) => {
                let program: String = match executed.report.outcome {
                    // Whoever publishes a run has stored it before.
                    Outcome::Ok => {
                        environment
                            .database
                            .value(
                                "SELECT to_jsonb(coalesce((SELECT code FROM code_submissions
                                                            WHERE run_id = $1 AND student_id = $2), ''))",
                                vec![executed.run_id.into(), student_id.to_owned().into()],
                            )
                            .await?
                    }
                    _ => String::new(),
                };
                from_run(executed, &program, at)
            }
            Self::Feedback(feedback) => {
                let turn: Value = environment
                    .database
                    .value(
                        "SELECT coalesce((SELECT jsonb_build_object('seq', seq, 'topics', topics)
                                            FROM query_history WHERE query_id = $1), '{}')",
                        vec![feedback.query_id.into()],
                    )
                    .await?;
                let topics: Vec<String> = serde_json::from_value(turn["topics"].clone()).unwrap_or_default();
                from_feedback(feedback, turn["seq"].as_i64().unwrap_or_default(), &topics, at)
            }
        })
    }
}

/// Folds an event into the student's model, once, and replies with what changed.
async fn learn(incoming: Incoming) -> Result<Option<Event>, Fault> {
    let (seen, student_id, at) = Seen::read(&incoming)?;
    if student_id.is_empty() {
        return Ok(None);
    }
    let event_id = incoming.event.id().to_owned();
    let environment = Environment::open(Agent::Progress, incoming.traceparent.clone()).await?;
    if let Some(stored) = environment.database.stored_reply("progress", &event_id).await? {
        return stored.reply.map(event_of_json).transpose();
    }
    for _ in 0..COMMIT_ATTEMPTS {
        let record = Record::load(&environment, &student_id).await?;
        let new = seen.observations(&environment, &student_id, at).await?;
        let change = observe::observe(&record.observations, new, &record.activity, Utc::now());
        let reply = reply(&change, &incoming, &student_id, environment.traceparent.clone());
        let committed = commit(
            &environment,
            &event_id,
            &student_id,
            record.model_version,
            &seen,
            &change,
            reply.as_ref(),
        )
        .await?;
        if committed["conflict"] != true {
            return match &committed["reply"] {
                Value::Null => Ok(None),
                reply => event_of_json(reply.clone()).map(Some),
            };
        }
    }
    Err(Fault::retry(format!("the model of student {student_id} changes too fast")))
}

fn reply(
    change: &Change,
    incoming: &Incoming,
    student_id: &str,
    traceparent: Option<String>,
) -> Option<Event> {
    let reply = change.reply()?;
    let event_type = match reply {
        Reply::Mastery(_) => EventType::MasteryUpdated,
        Reply::Struggling(_) => EventType::StudentStruggling,
    };
    let outgoing = Outgoing {
        id: ids::caused_event(incoming.event.id(), event_type),
        source: Agent::Progress.source(),
        subject: incoming.event.subject().map(str::to_owned),
        time: Utc::now(),
        student_id: student_id.to_owned(),
        traceparent,
        extensions: vec![(extension::AGENT, Agent::Progress.to_string())],
    };
    Some(match reply {
        Reply::Mastery(payload) => outgoing.event(payload),
        Reply::Struggling(payload) => outgoing.event(payload),
    })
}

async fn commit(
    environment: &Environment,
    event_id: &str,
    student_id: &str,
    expected_version: i64,
    seen: &Seen,
    change: &Change,
    reply: Option<&Event>,
) -> Result<Value, Fault> {
    let state = &change.state;
    let model = json!({
        "skill_level": state.skill_level(),
        // Too little evidence takes back what an earlier state said: what is stored depends on what was seen alone.
        "learning_style": state.learning_style.unwrap_or_default(),
        "topics_covered": state.topics_covered(),
        "mastery_levels": state.mastery(),
        "struggle_topics": state.struggle_topics,
        "achievements": state.achievements,
    });
    let progress: Vec<Value> = state
        .progress_rows()
        .into_iter()
        .map(|(module, topic, mastery, attempts)| {
            json!({"module": module, "topic": topic, "mastery": mastery, "attempts": attempts})
        })
        .collect();
    let alerts: Vec<Value> = change
        .alert
        .iter()
        .map(|alert| {
            let cause = format!("{event_id}/{}/{}", alert.topic, alert.cause.as_str());
            json!({
                "alert_id": ids::caused_event(&cause, EventType::StudentStruggling),
                "topic": alert.topic,
                "cause": alert.cause,
                "level": alert.level,
                "recommendation": alert.recommendation,
                "context": alert.context,
                "evidence": {"turns": alert.turns, "runs": alert.runs},
            })
        })
        .collect();
    let reply = reply.map(jsonb).transpose()?;
    environment
        .database
        .value(
            "SELECT commit_learning($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            vec![
                event_id.to_owned().into(),
                reply.into(),
                student_id.to_owned().into(),
                expected_version.into(),
                seen.agent().map(str::to_owned).into(),
                jsonb(&change.insert)?,
                jsonb(&model)?,
                jsonb(&progress)?,
                jsonb(&alerts)?,
            ],
        )
        .await
}
