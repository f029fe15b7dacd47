//! The code-review agent as a Spin component.

use learnflow_agent_spin::{http::Response, serve};
use learnflow_events::Agent;
use learnflow_exercise_bank::draft::adopt_all;
use spin_sdk::{http::Request, http_service};

#[http_service]
async fn handle(request: Request) -> Response {
    serve(
        Agent::CodeReview,
        &["review"],
        request,
        async |question, turn, environment| {
            // The guard has to know them.
            adopt_all(&environment.database.kept_exercises(&turn.student_id, &question.query).await?);
            crate::answer(question, &environment.sandbox().await?).await
        },
        crate::model::writing,
    )
    .await
}
