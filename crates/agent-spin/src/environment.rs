//! What a component is given: its variables, turned into clients.

use learnflow_agent::Fault;
use learnflow_events::Agent;
use spin_sdk::variables::Error as VariableError;

use crate::{database::Database, publish::Publisher, runs::Meter, sandbox::HttpSandbox};

/// The outside world of one invocation.
pub struct Environment {
    /// Whose invocation it is.
    pub agent: Agent,
    /// The agent's database role.
    pub database: Database,
    /// W3C trace context of the cause, continued in everything that is sent.
    pub traceparent: Option<String>,
    /// What runs in the sandbox have taken so far.
    pub runs: Meter,
}

impl Environment {
    /// Opens what every agent has: its database.
    ///
    /// # Errors
    /// [`learnflow_agent::FaultKind::Retry`] when the database is away.
    pub async fn open(agent: Agent, traceparent: Option<String>) -> Result<Self, Fault> {
        let address = variable("database_url").await?;
        Ok(Self { agent, database: Database::open(&address).await?, traceparent, runs: Meter::default() })
    }

    /// The sandbox, for the agents whose component may reach it.
    ///
    /// # Errors
    /// [`learnflow_agent::FaultKind::Bug`] when the manifest does not give this component the variable.
    pub async fn sandbox(&self) -> Result<HttpSandbox, Fault> {
        Ok(HttpSandbox::new(variable("sandbox_url").await?, self.traceparent.clone(), self.runs.clone()))
    }

    /// Whether the component may reach the sandbox.
    ///
    /// # Errors
    /// When the host cannot give the variable.
    pub async fn has_sandbox(&self) -> Result<bool, Fault> {
        match spin_sdk::variables::get("sandbox_url").await {
            Ok(_) => Ok(true),
            Err(VariableError::Undefined(_)) => Ok(false),
            Err(error) => Err(Fault::bug(format!("variable sandbox_url: {error:?}"))),
        }
    }

    /// The broker, for what an HTTP trigger publishes; `None` for a component that the manifest keeps away
    /// from it.
    ///
    /// # Errors
    /// When the host cannot give the variable.
    pub async fn publisher(&self) -> Result<Option<Publisher>, Fault> {
        match spin_sdk::variables::get("broker_url").await {
            Ok(broker_url) => Ok(Some(Publisher::new(broker_url))),
            Err(VariableError::Undefined(_)) => Ok(None),
            Err(error) => Err(Fault::bug(format!("variable broker_url: {error:?}"))),
        }
    }
}

/// A component variable.
///
/// # Errors
/// [`learnflow_agent::FaultKind::Bug`] when it is not declared or not set.
pub async fn variable(name: &str) -> Result<String, Fault> {
    spin_sdk::variables::get(name)
        .await
        .map_err(|error| Fault::bug(format!("variable {name} of the Spin application: {error:?}")))
}
