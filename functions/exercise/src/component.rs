//! The exercise agent as a Spin component.

use learnflow_agent::{Answer, Fault};
use learnflow_agent_spin::{Environment, database::jsonb, http::Response, serve, specialist::Turn};
use learnflow_events::{Agent, EventType, ids, payload::ResponseType};
use serde_json::Value;
use spin_sdk::{http::Request, http_service};

#[http_service]
async fn handle(request: Request) -> Response {
    serve(Agent::Exercise, &["generate", "submit"], request, async |question, turn, environment| {
        let sandbox = environment.sandbox().await?;
        match turn.action.as_deref() {
            Some("generate") => crate::generate(question),
            Some("submit") => {
                let answer = crate::submit(question, &sandbox).await?;
                record(environment, turn, question.query.code.as_deref(), &answer).await?;
                Ok(answer)
            }
            _ => {
                let answer = crate::answer(question, &sandbox).await?;
                record(environment, turn, question.query.code.as_deref(), &answer).await?;
                Ok(answer)
            }
        }
    })
    .await
}

/// Keeps a graded submission. Its id is derived from the turn, so a redelivered event keeps it once.
async fn record(
    environment: &Environment,
    turn: &Turn,
    code: Option<&str>,
    answer: &Answer,
) -> Result<(), Fault> {
    if answer.response_type != ResponseType::Grading {
        return Ok(());
    }
    let mut verdict = answer.evidence.clone();
    verdict["topic"] = answer.topics.first().cloned().into();
    let field = |name: &str| verdict.get(name).cloned().unwrap_or(Value::Null);
    let count = |name: &str| i32::try_from(field(name).as_i64().unwrap_or_default()).unwrap_or(i32::MAX);
    environment
        .database
        .execute(
            "SELECT commit_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            vec![
                ids::caused_event(&turn.cause, EventType::CodeExecuted).into(),
                turn.student_id.clone().into(),
                turn.query_id.into(),
                field("exercise_id").as_str().unwrap_or_default().to_owned().into(),
                code.unwrap_or_default().to_owned().into(),
                field("passed").as_bool().unwrap_or_default().into(),
                count("tests_passed").into(),
                count("tests_total").into(),
                jsonb(&verdict)?,
            ],
        )
        .await?;
    Ok(())
}
