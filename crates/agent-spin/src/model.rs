//! The model over HTTP: keys in turn, tries, the circuit breaker and the budget, both shared through PostgreSQL.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::Either};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use learnflow_agent::{
    Fault,
    llm::{
        Completion, Model, ModelFault, ModelFaultKind, ModelRequest, Provider, Reply, Settings, Usage,
        anthropic,
        decode::Decoder,
        failure::{Next, Situation},
        openai,
    },
};
use learnflow_events::Agent;
use serde_json::json;
use spin_sdk::http::{Response as Received, body::IncomingBodyExt};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;
use uuid::Uuid;

use crate::{Environment, activity, database::Database, environment::variable, outbound};

/// The longest complaint of a provider that is read.
const COMPLAINT_BYTES: usize = 16 * 1024;

/// The names of the variables, which only components with a model declare.
const VARIABLES: [&str; 14] = [
    "llm_provider",
    "llm_origin",
    "llm_path",
    "llm_api_keys",
    "llm_model",
    "llm_input_usd_per_mtok",
    "llm_output_usd_per_mtok",
    "llm_student_tokens_per_day",
    "llm_site_usd_per_day",
    "llm_first_byte_ms",
    "llm_pause_ms",
    "llm_answer_ms",
    "llm_retry_ms",
    "llm_cache_hours",
];

/// Reads the settings; `None` when the application has no model.
///
/// # Errors
/// [`learnflow_agent::FaultKind::Bug`] when a variable has a value that it cannot have; the context names it.
pub async fn settings() -> Result<Option<Settings>, Fault> {
    let mut values = Vec::with_capacity(VARIABLES.len());
    for name in VARIABLES {
        values.push((name, variable(name).await?));
    }
    let get = |wanted: &str| {
        values.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    Settings::read(get).map_err(Fault::bug)
}

/// For whom a model is asked.
#[derive(Clone, Debug)]
pub struct Payer {
    /// The agent that asks.
    pub agent: Agent,
    /// The student.
    pub student_id: String,
    /// The turn.
    pub query_id: Uuid,
    /// Whether the question came as an event, which can be put off.
    pub event: bool,
}

/// A client of the provider for one turn.
pub struct HttpModel<'a> {
    settings: Settings,
    environment: &'a Environment,
    payer: Payer,
    /// Tokens that the student has left today, as far as this turn knows.
    remaining: Rc<Cell<Option<i64>>>,
}

impl<'a> HttpModel<'a> {
    /// A client.
    pub fn new(settings: Settings, environment: &'a Environment, payer: Payer) -> Self {
        Self { settings, environment, payer, remaining: Rc::default() }
    }

    /// Tokens that the student has left today, as far as they were looked at.
    pub fn remaining(&self) -> Option<i64> {
        self.remaining.get()
    }

    fn database(&self) -> &Database {
        &self.environment.database
    }

    /// Reserves what a request may take.
    async fn reserve(&self, request: &ModelRequest) -> Result<Reservation, ModelFault> {
        let estimate = self.settings.estimate(request);
        let entry_id = Uuid::now_v7();
        let reserved = self
            .database()
            .reserve_usage(entry_id, &self.payer, &self.settings, estimate)
            .await
            .map_err(|fault| ModelFault::new(ModelFaultKind::Server, fault.context))?;
        self.remaining.set(reserved["remaining"].as_i64());
        if reserved["granted"] == true {
            return Ok(Reservation { entry_id, estimate });
        }
        let kind = match reserved["spent"].as_str() {
            Some("student") => ModelFaultKind::StudentBudget,
            _ => ModelFaultKind::SiteBudget,
        };
        Err(ModelFault::new(kind, "the budget of the day is spent"))
    }

    /// One line of the log for a call, by OpenTelemetry's semantic conventions for generative AI. Never the texts.
    fn tell(&self, usage: Usage, started: Instant, error: Option<ModelFaultKind>) {
        let mut line = json!({
            "level": "INFO",
            "agent": self.payer.agent,
            "context": "a language model was asked",
            "query_id": self.payer.query_id,
            "traceparent": self.environment.traceparent,
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self.settings.provider.as_str(),
            "gen_ai.request.model": self.settings.model,
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.client.operation.duration": started.elapsed().as_secs_f64(),
            "server.address": self.settings.origin,
        });
        if let Some(kind) = error {
            line["level"] = "WARN".into();
            line["error.type"] = kind.as_str().into();
        }
        eprintln!("{line}");
    }

    async fn settle(&self, reservation: &Reservation, usage: Usage) {
        let cost = self.settings.cost_micros(usage);
        if let Err(fault) = self.database().settle_usage(reservation.entry_id, usage, cost).await {
            // The reservation stays as it is: the budget errs on the safe side.
            log("WARN", self.payer.agent, &format!("a call was not settled: {fault}"));
            return;
        }
        let tokens = |usage: Usage| {
            i64::try_from(usage.input_tokens.saturating_add(usage.output_tokens)).unwrap_or(i64::MAX)
        };
        let given_back = tokens(reservation.estimate).saturating_sub(tokens(usage));
        self.remaining.set(self.remaining.get().map(|left| left.saturating_add(given_back).max(0)));
    }

    /// The same client for an answer that outlives this borrow.
    fn again(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            environment: self.environment,
            payer: self.payer.clone(),
            remaining: Rc::clone(&self.remaining),
        }
    }

    async fn send(&self, request: &ModelRequest, key: &str) -> Result<Received, ModelFault> {
        let settings = &self.settings;
        let (headers, body) = match settings.provider {
            Provider::Anthropic => (anthropic::headers(key), anthropic::encode(request, &settings.model)),
            Provider::OpenAi => {
                let newer = settings.origin == "https://api.openai.com";
                (openai::headers(key), openai::encode(request, &settings.model, newer))
            }
        };
        let mut message = http::Request::builder().method(Method::POST).uri(settings.url());
        for (name, value) in headers {
            message = message.header(name, value);
        }
        let mut message = message.body(Full::new(Bytes::from(body.to_string()))).map_err(|error| {
            ModelFault::new(ModelFaultKind::BadRequest, format!("request to the provider: {error}"))
        })?;
        message.extensions_mut().insert(timeouts(settings));
        let sent = outbound::send(message).boxed_local();
        let response = match within(settings.first_byte, sent).await {
            None => return Err(ModelFault::new(ModelFaultKind::Timeout, "no answer began in time")),
            Some(Err(error)) => {
                let text = format!("{error:?}");
                let kind = if text.contains("Timeout") {
                    ModelFaultKind::Timeout
                } else {
                    ModelFaultKind::Connection
                };
                return Err(ModelFault::new(kind, format!("the provider cannot be reached: {text}")));
            }
            Some(Ok(response)) => response,
        };
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = Limited::new(response.into_body(), COMPLAINT_BYTES).collect();
        let body =
            within(settings.pause, body.boxed_local()).await.and_then(Result::ok).map(|body| body.to_bytes());
        let body = String::from_utf8_lossy(body.as_deref().unwrap_or_default()).into_owned();
        Err(ModelFault::of_response(status.as_u16(), retry_after.as_deref(), &body))
    }

    async fn failed(&self, fault: &ModelFault) {
        let agent = self.payer.agent;
        let level = if fault.kind == ModelFaultKind::Key { "ERROR" } else { "WARN" };
        log(level, agent, &fault.context);
        let _ = self.database().count(agent, &format!("llm_errors_{}", fault.kind.as_str())).await;
        if fault.kind.trips_breaker() {
            let _ = self.database().breaker_outcome(&self.settings.breaker(), false).await;
        }
        if fault.kind == ModelFaultKind::Key {
            activity::alert(
                self.environment,
                &self.payer,
                "The language model refuses our key; the tutor's own notes answer.",
            )
            .await;
        }
    }
}

struct Reservation {
    entry_id: Uuid,
    estimate: Usage,
}

impl<'a> Model for HttpModel<'a> {
    type Reply = HttpReply<'a>;

    fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn ask(&self, request: &ModelRequest) -> Result<HttpReply<'a>, ModelFault> {
        let breaker = self.settings.breaker();
        let allowed = self.database().breaker_allows(&breaker).await;
        if !allowed.map_err(|fault| ModelFault::new(ModelFaultKind::Server, fault.context))? {
            let _ = self.database().count(self.payer.agent, "llm_errors_breaker_open").await;
            return Err(ModelFault::new(ModelFaultKind::BreakerOpen, "the circuit breaker is open"));
        }
        let reservation = self.reserve(request).await?;
        let asked = Instant::now();
        let _ = self.database().count(self.payer.agent, "llm_calls").await;
        let call = reservation.entry_id.as_u128();
        let (mut tries, mut keys) = (1, 0);
        let fault = loop {
            let fault = match self.send(request, self.settings.key(call, keys)).await {
                Ok(response) => {
                    let _ = self.database().breaker_outcome(&breaker, true).await;
                    let kind =
                        response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
                    let tool = request.tool.as_ref().map(|tool| tool.name);
                    return Ok(HttpReply {
                        decoder: Some(Decoder::new(self.settings.provider, tool, kind.unwrap_or_default())),
                        body: Some(response.into_body().stream().boxed_local()),
                        started: Instant::now(),
                        asked,
                        model: self.again(),
                        reservation,
                        received: 0,
                        settled: false,
                    });
                }
                Err(fault) => fault,
            };
            self.failed(&fault).await;
            let situation = Situation {
                tries,
                other_keys: keys + 1 < self.settings.keys.len(),
                event: self.payer.event,
                pause: self.settings.retry,
            };
            match fault.next(situation) {
                Next::NextKey => keys += 1,
                Next::Wait(pause) => {
                    tries += 1;
                    spin_sdk::time::sleep(pause).await;
                }
                Next::Defer(_) | Next::GiveUp => break fault,
            }
        };
        // Nothing was written, so nothing is paid.
        self.tell(Usage::default(), asked, Some(fault.kind));
        self.settle(&reservation, Usage::default()).await;
        Err(fault)
    }
}

/// An answer that is arriving. Dropping it ends the request.
pub struct HttpReply<'a> {
    decoder: Option<Decoder>,
    body: Option<
        futures::stream::LocalBoxStream<'static, Result<Bytes, spin_sdk::wasip3::http::types::ErrorCode>>,
    >,
    started: Instant,
    /// When the call began, its tries included.
    asked: Instant,
    model: HttpModel<'a>,
    reservation: Reservation,
    received: usize,
    settled: bool,
}

impl HttpReply<'_> {
    async fn settle(&mut self, error: Option<ModelFaultKind>) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let told = self.decoder.as_ref().map(Decoder::usage).unwrap_or_default();
        // Of an answer that broke off the provider tells only a part; what arrived was written, at least.
        let usage = if error.is_none() && told != Usage::default() {
            told
        } else {
            Usage {
                input_tokens: told.input_tokens.max(self.reservation.estimate.input_tokens),
                output_tokens: told.output_tokens.max((self.received as u64).div_ceil(3)),
            }
        };
        self.model.tell(usage, self.asked, error);
        self.model.settle(&self.reservation, usage).await;
    }

    async fn fail(&mut self, fault: ModelFault) -> ModelFault {
        self.body = None;
        self.settle(Some(fault.kind)).await;
        self.model.failed(&fault).await;
        fault
    }
}

impl Reply for HttpReply<'_> {
    async fn next(&mut self) -> Result<Option<String>, ModelFault> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(None) };
            let Some(body) = &mut self.body else { return Ok(None) };
            if self.started.elapsed() > self.model.settings.answer {
                return Err(self
                    .fail(ModelFault::new(ModelFaultKind::Timeout, "the answer took too long"))
                    .await);
            }
            let received = within(self.model.settings.pause, body.next().boxed_local()).await;
            let step = match received {
                None => Err(ModelFault::new(ModelFaultKind::Cut, "the stream paused for too long")),
                Some(None) => decoder.end().map(|text| (text, true)),
                Some(Some(Ok(bytes))) => decoder.push(&bytes).map(|text| (text, decoder.done())),
                Some(Some(Err(error))) => {
                    Err(ModelFault::new(ModelFaultKind::Cut, format!("the stream broke: {error:?}")))
                }
            };
            match step {
                Err(fault) => return Err(self.fail(fault).await),
                Ok((text, done)) => {
                    self.received += text.len();
                    if done {
                        self.body = None;
                        self.settle(None).await;
                    }
                    if !text.is_empty() {
                        return Ok(Some(text));
                    }
                    if done {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn completion(mut self) -> Completion {
        self.decoder.take().map(Decoder::completion).unwrap_or_default()
    }
}

impl Drop for HttpReply<'_> {
    fn drop(&mut self) {
        if !self.settled {
            // The reader left. The reservation's estimate stays in the ledger, since nobody knows what was written.
            log("INFO", self.model.payer.agent, "an answer was dropped before its end");
        }
    }
}

/// The host's own timeouts, which must not be shorter than ours.
fn timeouts(settings: &Settings) -> RequestOptionsExtension {
    let options = spin_sdk::wasip3::http::types::RequestOptions::new();
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let _ = options.set_first_byte_timeout(Some(nanoseconds(settings.first_byte + Duration::from_secs(1))));
    let _ = options.set_between_bytes_timeout(Some(nanoseconds(settings.pause + Duration::from_secs(1))));
    RequestOptionsExtension(options)
}

/// The outcome of `future`, or `None` after `limit`; what is not awaited any more is dropped.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T> + Unpin) -> Option<T> {
    let pause = spin_sdk::time::sleep(limit).boxed_local();
    match futures::future::select(future, pause).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(_) => None,
    }
}

fn log(level: &str, agent: Agent, context: &str) {
    eprintln!("{}", json!({"level": level, "agent": agent, "context": context}));
}
