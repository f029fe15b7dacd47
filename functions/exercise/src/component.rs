//! The exercise agent as a Spin component.

use learnflow_agent::{Answer, Fault, Question, llm::completed, tutoring::MOST_WITHOUT_POLICY};
use learnflow_agent_spin::{
    Environment,
    database::jsonb,
    http::Response,
    model::{self, HttpModel, Payer},
    sandbox::HttpSandbox,
    serve,
    specialist::Turn,
};
use learnflow_events::{
    Agent, EventType, ids,
    payload::{HintTier, ModelUse, ResponseType},
};
use learnflow_exercise_bank::draft::adopt;
use serde_json::{Value, json};
use spin_sdk::{http::Request, http_service};

use crate::{Policy, bank::Exercise};

#[http_service]
async fn handle(request: Request) -> Response {
    serve(
        Agent::Exercise,
        &["generate", "submit"],
        request,
        async |question, turn, environment| {
            let sandbox = environment.sandbox().await?;
            let submits = question.query.code.is_some() && question.query.exercise_id.is_some();
            if turn.action.as_deref() != Some("submit")
                && !submits
                && let Some(answer) = made(environment, turn, question, &sandbox).await?
            {
                return Ok(answer);
            }
            let policy = CoursePolicy { environment, student_id: &turn.student_id };
            match turn.action.as_deref() {
                Some("generate") => crate::generate(question, &policy).await,
                Some("submit") => {
                    let answer = crate::submit(question, &sandbox).await?;
                    record(environment, turn, question.query.code.as_deref(), &answer).await?;
                    Ok(answer)
                }
                _ => {
                    let answer = crate::answer(question, &sandbox, &policy).await?;
                    record(environment, turn, question.query.code.as_deref(), &answer).await?;
                    Ok(answer)
                }
            }
        },
        crate::model::writing,
    )
    .await
}

/// What the student's classes allow, as the database has it.
struct CoursePolicy<'a> {
    environment: &'a Environment,
    student_id: &'a str,
}

impl Policy for CoursePolicy<'_> {
    async fn most(&self, exercise: &Exercise) -> Result<HintTier, Fault> {
        let tutoring = self.environment.database.tutoring(self.student_id, Some(exercise.id)).await?;
        Ok(tutoring.max_tier.unwrap_or(MOST_WITHOUT_POLICY))
    }
}

/// A new exercise by the model, verified and kept; `None` when the bank has to do.
async fn made(
    environment: &Environment,
    turn: &Turn,
    question: &Question,
    sandbox: &HttpSandbox,
) -> Result<Option<Answer>, Fault> {
    let Some(settings) = model::settings().await? else { return Ok(None) };
    let Some((request, rendered, topic, difficulty)) = crate::make::ask_for(question)? else {
        return Ok(None);
    };
    if !environment.database.tutoring(&turn.student_id, None).await?.consent {
        return Ok(None);
    }
    let payer = Payer {
        agent: Agent::Exercise,
        student_id: turn.student_id.clone(),
        query_id: turn.query_id,
        // The bank has an exercise for everybody: nobody has to wait for the model.
        event: false,
    };
    let model = HttpModel::new(settings.clone(), environment, payer);
    let completion = match completed(&model, &request).await {
        Ok(completion) => completion,
        // It has been logged and counted.
        Err(_) => return Ok(None),
    };
    let refuse = async |why: String| -> Result<Option<Answer>, Fault> {
        eprintln!(
            "{}",
            json!({"level": "WARN", "agent": "exercise", "context": format!("a model's exercise was refused: {why}")})
        );
        environment.database.count(Agent::Exercise, "exercises_refused").await?;
        Ok(None)
    };
    let Some(input) = &completion.tool_input else { return refuse("the form is empty".to_owned()).await };
    let draft = match crate::make::read(input, topic, difficulty) {
        Ok(draft) => draft,
        Err(why) => return refuse(why).await,
    };
    let id = format!("m-{}", turn.query_id.simple());
    let exercise = adopt(&id, &draft);
    if !crate::make::verified(exercise, sandbox).await? {
        return refuse("its solution fails, or what must fail passes".to_owned()).await;
    }
    environment
        .database
        .execute(
            "INSERT INTO exercises (exercise_id, topic, difficulty, exercise, model) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            vec![
                id.into(),
                topic.to_owned().into(),
                json!(difficulty).as_str().unwrap_or_default().to_owned().into(),
                jsonb(&draft)?,
                settings.model.clone().into(),
            ],
        )
        .await?;
    let mut answer = crate::make::set(question, exercise);
    answer.answered_by = settings.provider.author();
    answer.model = Some(ModelUse {
        model: settings.model.clone(),
        prompt_hash: rendered.hash,
        input_tokens: completion.usage.input_tokens,
        output_tokens: completion.usage.output_tokens,
        cost_micros: settings.cost_micros(completion.usage),
    });
    Ok(Some(answer))
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
