//! The code-review agent as a Spin component.

use learnflow_agent_spin::{http::Response, serve};
use learnflow_events::Agent;
use spin_sdk::{http::Request, http_service};

#[http_service]
async fn handle(request: Request) -> Response {
    serve(
        Agent::CodeReview,
        &["review"],
        request,
        async |question, _, environment| crate::answer(question, &environment.sandbox().await?).await,
        crate::model::writing,
    )
    .await
}
