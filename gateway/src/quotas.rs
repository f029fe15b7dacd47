//! What a student may use in a day, and whether a language model may be asked at all.
//!
//! Runs are counted where they start, here; tokens where a model is asked, by the agents. Both counts are rows of
//! `usage_days`, so they hold across replicas and restarts. The day is that of UTC.

use axum::{Json, extract::State};
use chrono::{DateTime, NaiveDate, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::{App, Shared},
    audit::Action,
    identity::{Address, Identity},
    problem::{Body, Problem},
};

static RUNS_REMAINING: HeaderName = HeaderName::from_static("x-learnflow-runs-remaining");
static TOKENS_REMAINING: HeaderName = HeaderName::from_static("x-learnflow-tokens-remaining");

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(quotas)).routes(routes!(consent))
}

/// One quota of a day.
#[derive(Serialize, ToSchema)]
struct QuotaOfDay {
    limit: i64,
    remaining: i64,
}

impl QuotaOfDay {
    fn new(limit: i64, used: i64) -> Self {
        Self { limit, remaining: (limit - used).max(0) }
    }
}

/// What is left of today.
#[derive(Serialize, ToSchema)]
struct Quotas {
    /// Programs.
    runs: QuotaOfDay,
    /// Tokens of the language model, read and written; 0 of 0 where there is no model.
    tokens: QuotaOfDay,
    /// When both are full again.
    resets_at: DateTime<Utc>,
}

/// What is left of one's quotas today.
#[utoipa::path(get, path = "/api/me/quotas", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, description = "As asked", body = Quotas), (status = 401, description = "Not logged in")))]
async fn quotas(State(app): State<Shared>, identity: Identity) -> Result<Json<Quotas>, Problem> {
    let used = app.used_today(&identity.user_id).await?;
    Ok(Json(Quotas {
        runs: QuotaOfDay::new(i64::from(app.config.runs_per_day), used.runs),
        tokens: QuotaOfDay::new(app.tokens_per_day(), used.tokens),
        resets_at: used.resets_at,
    }))
}

/// Whether a language model is there, and whether one's messages may go to it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelConsent {
    /// Whether this installation has a model.
    pub(crate) offered: bool,
    /// `null`: never asked, which agents take for no.
    pub(crate) consent: Option<bool>,
}

/// A decision about one's messages.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// Whether one's messages and programs may go to a language model.
    llm: bool,
}

/// Allows or forbids that one's messages go to a language model. It holds from the next message on.
#[utoipa::path(put, path = "/api/me/consent", tag = "accounts", security(("bearer" = [])),
    request_body = Decision, responses((status = 200, description = "As asked", body = ModelConsent), (status = 401, description = "Not logged in"), (status = 422, description = "Not valid; the problem says what to do")))]
async fn consent(
    State(app): State<Shared>,
    identity: Identity,
    address: Address,
    Body(decision): Body<Decision>,
) -> Result<Json<ModelConsent>, Problem> {
    sqlx::query("UPDATE users SET llm_consent = $2, llm_consent_at = now() WHERE user_id = $1")
        .bind(&identity.user_id)
        .bind(decision.llm)
        .execute(&app.db)
        .await?;
    app.audit(Some(&identity), address, Action::ConsentDecided, None, json!({ "llm": decision.llm })).await;
    Ok(Json(app.model_consent(Some(decision.llm))))
}

#[derive(sqlx::FromRow)]
struct UsedToday {
    runs: i64,
    tokens: i64,
    resets_at: DateTime<Utc>,
}

impl App {
    async fn used_today(&self, user_id: &str) -> Result<UsedToday, Problem> {
        let used = sqlx::query_as("SELECT runs, tokens, resets_at FROM quotas_today($1)")
            .bind(user_id)
            .fetch_one(&self.db)
            .await?;
        Ok(used)
    }

    fn tokens_per_day(&self) -> i64 {
        self.config.model.map_or(0, |model| model.student_tokens_per_day)
    }

    pub(crate) fn model_consent(&self, consent: Option<bool>) -> ModelConsent {
        ModelConsent { offered: self.config.model.is_some(), consent }
    }

    /// Takes one program out of the student's day for `run`, and gives it back when that ends in a problem: then no
    /// program ran that the student has anything of. Says how many are left.
    pub(crate) async fn charge_run<T>(
        &self,
        identity: &Identity,
        run: impl Future<Output = Result<T, Problem>>,
    ) -> Result<(T, i64), Problem> {
        self.require_account(identity).await?;
        let (day, left) = self.take_run(identity).await?;
        match run.await {
            Ok(ran) => Ok((ran, left)),
            Err(problem) => {
                self.give_run_back(identity, day).await;
                Err(problem)
            }
        }
    }

    /// Takes one program out of the student's day; says which day that is, and how many are left.
    async fn take_run(&self, identity: &Identity) -> Result<(NaiveDate, i64), Problem> {
        let limit = i64::from(self.config.runs_per_day);
        let (day, left): (NaiveDate, Option<i64>) = sqlx::query_as("SELECT utc_today(), take_run($1, $2)")
            .bind(&identity.user_id)
            .bind(limit)
            .fetch_one(&self.db)
            .await?;
        if let Some(left) = left {
            return Ok((day, left));
        }
        let used = self.used_today(&identity.user_id).await?;
        let wait = (used.resets_at - Utc::now()).num_seconds().max(1);
        Err(Problem::spent(
            format!(
                "You have run {limit} programs today, which is all a day has; the next day begins at midnight UTC."
            ),
            wait.unsigned_abs(),
        )
        .with_header(RUNS_REMAINING.clone(), 0))
    }

    async fn give_run_back(&self, identity: &Identity, day: NaiveDate) {
        let given = sqlx::query(
            "UPDATE usage_days SET runs = runs - 1 WHERE day = $1 AND scope = 'student:' || $2 AND runs > 0",
        )
        .bind(day)
        .bind(&identity.user_id)
        .execute(&self.db)
        .await;
        if let Err(error) = given {
            // The student is told why the program did not run; one run of the day is what this costs.
            tracing::error!(%error, "a run could not be given back");
        }
    }

    /// Tells what is left of the model's tokens, where there is a model and the agent has not said so already. The
    /// answer that the request starts is not in it yet.
    pub(crate) async fn tell_tokens(&self, identity: &Identity, headers: &mut HeaderMap) {
        if self.config.model.is_none() || headers.contains_key(&TOKENS_REMAINING) {
            return;
        }
        match self.used_today(&identity.user_id).await {
            Ok(used) => {
                let left = QuotaOfDay::new(self.tokens_per_day(), used.tokens).remaining;
                headers.insert(TOKENS_REMAINING.clone(), HeaderValue::from(left));
            }
            // The answer is worth more than the count.
            Err(problem) => problem.log(),
        }
    }
}

/// Tells what is left of the day's programs.
pub(crate) fn tell_runs(headers: &mut HeaderMap, left: i64) {
    headers.insert(RUNS_REMAINING.clone(), HeaderValue::from(left));
}
