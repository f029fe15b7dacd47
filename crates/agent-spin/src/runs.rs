//! Run time in the sandbox: reserved before a turn's first run, settled after its last. Where nothing is granted the
//! sandbox's client itself lets nothing through ([`Meter::close`]), so that no program gets past the budget, wherever the
//! student put it.

use std::{cell::Cell, rc::Rc, time::Duration};

use learnflow_agent::{Answer, Fault};
use learnflow_events::{Agent, EventType, ids, payload::ResponseType};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{environment::variable, tutor::Work};

/// What a turn is expected to take at most: a run at its usual limit.
const ESTIMATE: Duration = Duration::from_secs(2);

/// Counts what the runs of an invocation take, and ends them when nothing is left.
#[derive(Clone, Debug, Default)]
pub struct Meter(Rc<State>);

#[derive(Debug, Default)]
struct State {
    micros: Cell<u64>,
    closed: Cell<bool>,
    refused: Cell<bool>,
}

impl Meter {
    /// Adds a run.
    pub fn add(&self, micros: u64) {
        self.0.micros.set(self.0.micros.get().saturating_add(micros));
    }

    /// Microseconds so far.
    pub fn micros(&self) -> u64 {
        self.0.micros.get()
    }

    /// Lets no further run through.
    pub fn close(&self) {
        self.0.closed.set(true);
    }

    /// Whether no run is let through.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Whether a run may begin; that one may not is remembered.
    pub(crate) fn admits(&self) -> bool {
        self.0.refused.set(self.0.refused.get() || self.is_closed());
        !self.is_closed()
    }

    /// Whether a run was wanted that was not let through.
    pub fn refused(&self) -> bool {
        self.0.refused.get()
    }
}

/// What the database says to a reservation.
#[derive(Debug, Deserialize)]
struct Reserved {
    granted: bool,
    remaining_us: i64,
}

/// The run time of one turn.
pub struct Runs {
    entry_id: Uuid,
    granted: bool,
    /// Seconds that the student has left today, the estimate taken off.
    pub remaining_s: i64,
}

impl Runs {
    /// Reserves; `None` for an agent that runs nothing.
    ///
    /// # Errors
    /// When the database is away, or a variable is not a number.
    pub async fn reserve(work: &Work) -> Result<Option<Self>, Fault> {
        if !work.environment.has_sandbox().await? {
            return Ok(None);
        }
        let entry_id = ids::caused_event(&format!("{}/runs", work.turn.cause), EventType::CodeExecuted);
        let reserved: Reserved = work
            .environment
            .database
            .value(
                "SELECT reserve_runs($1, $2, $3, $4, $5, $6, $7)",
                vec![
                    entry_id.into(),
                    work.turn.student_id.clone().into(),
                    work.agent.to_string().into(),
                    work.turn.query_id.into(),
                    micros(ESTIMATE).into(),
                    budget("run_student_seconds_per_day").await?.into(),
                    budget("run_site_seconds_per_day").await?.into(),
                ],
            )
            .await?;
        // To set an exercise nothing of the student's runs; what a model made is verified at our expense.
        let program = work.question.query.code.as_deref().unwrap_or_default();
        let ours = work.agent == Agent::Exercise && program.trim().is_empty();
        if !reserved.granted && !ours {
            work.environment.runs.close();
        }
        Ok(Some(Self { entry_id, granted: reserved.granted, remaining_s: reserved.remaining_us / 1_000_000 }))
    }

    /// What is answered when the budget is spent and the question needs a run.
    pub fn refusal(&self) -> Answer {
        Answer {
            evidence: json!({"spent": "run-time", "run_seconds_remaining": self.remaining_s}),
            reasoning: "The run time of the day is used up.".to_owned(),
            ..Answer::authored(
                ResponseType::Declined,
                "Your share of running programs is used up for today, and without running yours I could only guess. \
                 It is there again tomorrow (at midnight UTC). Questions about Python without a program still work.",
            )
        }
    }

    /// Writes what the turn's runs took.
    pub async fn settle(&self, work: &Work) {
        if !self.granted {
            return;
        }
        let took = i64::try_from(work.environment.runs.micros()).unwrap_or(i64::MAX);
        let parameters = vec![self.entry_id.into(), took.into()];
        if let Err(fault) = work.environment.database.execute("SELECT settle_runs($1, $2)", parameters).await
        {
            // The reservation stays as it is: the budget errs on the safe side.
            eprintln!(
                "{}",
                json!({"level": "WARN", "agent": work.agent, "context": format!("runs were not settled: {fault}")})
            );
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A budget in microseconds, from a variable in seconds.
async fn budget(name: &str) -> Result<i64, Fault> {
    let text = variable(name).await?;
    let seconds = text.trim().parse::<u32>();
    let seconds =
        seconds.map_err(|_| Fault::bug(format!("{name} is {text:?}; it is a number of seconds")))?;
    Ok(micros(Duration::from_secs(u64::from(seconds))))
}
