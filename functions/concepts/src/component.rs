//! The concepts agent as a Spin component.

use learnflow_agent_spin::{http::Response, serve};
use learnflow_events::Agent;
use spin_sdk::{http::Request, http_service};

#[http_service]
async fn handle(request: Request) -> Response {
    serve(
        Agent::Concepts,
        &["explain"],
        request,
        async |question, _, _| crate::answer(question),
        crate::model::writing,
    )
    .await
}
