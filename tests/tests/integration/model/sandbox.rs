//! The running sandbox, as the components see it.

use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{RunReport, RunRequest, TestReport, TestRequest};
use learnflow_tests::{System, wait_for};
use reqwest::StatusCode;
use serde::{Serialize, de::DeserializeOwned};

use super::DEADLINE;

pub struct Running<'a>(pub &'a System);

impl Running<'_> {
    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Fault> {
        let url = format!("{}{path}", self.0.running.sandbox_url);
        let answered = wait_for(DEADLINE, path, async || {
            let response = self.0.http.post(&url).json(body).send().await?;
            match response.status() {
                // It asks for patience.
                StatusCode::TOO_MANY_REQUESTS => Ok(None),
                StatusCode::OK => Ok(Some(response.json().await?)),
                status => anyhow::bail!("{status}: {}", response.text().await?),
            }
        });
        answered.await.map_err(|error| Fault::bug(format!("{error:#}")))
    }
}

impl Sandbox for Running<'_> {
    async fn run(&self, request: &RunRequest) -> Result<RunReport, Fault> {
        self.post("/run", request).await
    }

    async fn test(&self, request: &TestRequest) -> Result<TestReport, Fault> {
        self.post("/tests", request).await
    }
}
