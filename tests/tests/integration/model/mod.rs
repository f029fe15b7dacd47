//! Answers written by a language model: the real components on the real host, against a scripted provider.

mod answers;
mod budgets;
mod failures;
mod grounding;
mod injection;
mod leaks;
mod made;
mod requests;
mod sandbox;
mod streaming;
mod tiers;
mod triage;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::StreamExt;
use learnflow_testkit::{Protocol, Provider};
use learnflow_tests::{System, wait_for};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// The longest that anything here may take; nothing is expected to come near it.
const DEADLINE: Duration = Duration::from_secs(60);

/// A system that asks a scripted provider.
struct Tutor {
    system: System,
    provider: Provider,
}

impl Tutor {
    async fn start(protocol: Protocol, keys: &str, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let provider = Provider::start().await;
        let mut environment = provider.environment(protocol, keys);
        let quick = [("LLM_RETRY_MS", "20"), ("LLM_FIRST_BYTE_MS", "1000"), ("LLM_PAUSE_MS", "1000")];
        for (name, value) in quick.iter().chain(variables) {
            environment.retain(|(known, _)| known != &format!("SPIN_VARIABLE_{name}"));
            environment.push((format!("SPIN_VARIABLE_{name}"), (*value).to_owned()));
        }
        Ok(Self { system: System::start_with(environment).await?, provider })
    }

    /// A system without a provider; the one beside it is never asked.
    async fn alone() -> anyhow::Result<Self> {
        Ok(Self { system: System::start_with(Vec::new()).await?, provider: Provider::start().await })
    }

    /// Forgets what was scripted, cached and counted against the provider.
    async fn fresh(&self) -> anyhow::Result<()> {
        self.provider.reset();
        for table in ["DELETE FROM response_cache", "DELETE FROM circuit_breakers"] {
            sqlx::query(table).execute(&self.system.database).await?;
        }
        Ok(())
    }

    /// Asks by the whole event path and returns the turn's row.
    async fn ask(&self, student: &str, query: &Value) -> anyhow::Result<Value> {
        let turn = self.system.ask(student, query).await?;
        self.system.finished_turn(turn, DEADLINE).await
    }

    fn request(&self, student: &str, trigger: &str, query: &Value) -> anyhow::Result<RequestBuilder> {
        let url = format!("{}/api/{trigger}", self.system.running.gateway_url);
        let request = self.system.http.post(url).bearer_auth(self.system.token(student)?);
        Ok(request.header("idempotency-key", Uuid::new_v4().to_string()).json(query))
    }

    /// Calls an agent's HTTP trigger and returns its answer.
    async fn call(&self, student: &str, trigger: &str, query: &Value) -> anyhow::Result<(Head, Value)> {
        let response = self.request(student, trigger, query)?.send().await?;
        let head = Head { status: response.status(), headers: response.headers().clone() };
        let text = response.text().await?;
        let value = serde_json::from_str(&text).with_context(|| format!("{}: {text}", head.status))?;
        Ok((head, value))
    }

    /// Calls an agent's HTTP trigger for server-sent events.
    async fn stream(&self, student: &str, trigger: &str, query: &Value) -> anyhow::Result<Events> {
        let request = self.request(student, trigger, query)?.header("accept", "text/event-stream");
        Events::of(request.send().await?).await
    }

    /// The events of a turn, as the gateway tells them.
    async fn turn_events(&self, student: &str, turn: Uuid) -> anyhow::Result<Events> {
        let url = format!("{}/api/turns/{turn}/events", self.system.running.gateway_url);
        let request = self.system.http.get(url).bearer_auth(self.system.token(student)?);
        Events::of(request.header("accept", "text/event-stream").send().await?).await
    }

    /// A value of an agent's counters.
    async fn counter(&self, agent: &str, counter: &str) -> anyhow::Result<i64> {
        let value: Option<i64> =
            sqlx::query_scalar("SELECT value FROM agent_counters WHERE agent = $1 AND counter = $2")
                .bind(agent)
                .bind(counter)
                .fetch_optional(&self.system.database)
                .await?;
        Ok(value.unwrap_or_default())
    }

    /// Waits for a record on a topic that says `wanted` about a turn, as what listens to the topic gets it.
    async fn told(&self, topic: &str, turn: &str, wanted: &str) -> anyhow::Result<Value> {
        wait_for(DEADLINE, &format!("{wanted:?} about {turn} on {topic}"), async || {
            let records: Vec<Vec<u8>> = sqlx::query_scalar(
                "SELECT r.value FROM event_log.records r JOIN event_log.topics t USING (topic_id) WHERE t.name = $1",
            )
            .bind(topic)
            .fetch_all(&self.system.database)
            .await?;
            let texts = records.iter().map(|record| String::from_utf8_lossy(record).into_owned());
            let found = texts.filter(|text| text.contains(turn)).find(|text| text.contains(wanted));
            Ok(found.and_then(|text| serde_json::from_str(&text).ok()))
        })
        .await
    }

    async fn stop(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.system.stop().await?, "the runner did not stop cleanly");
        Ok(())
    }
}

/// The head of a response.
struct Head {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
}

/// Server-sent events as they arrive.
struct Events {
    body: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
    /// Everything that was shown and then taken back, since the answer began anew.
    given_up: Vec<String>,
}

/// One of them.
struct SentEvent {
    name: String,
    data: Value,
    at: Instant,
}

impl Events {
    async fn of(response: Response) -> anyhow::Result<Self> {
        let status = response.status();
        if status != StatusCode::OK {
            bail!("{status}: {}", response.text().await?);
        }
        Ok(Self { body: response.bytes_stream().boxed(), buffer: Vec::new(), given_up: Vec::new() })
    }

    /// The next event; comments are skipped.
    async fn next(&mut self) -> anyhow::Result<Option<SentEvent>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let block = String::from_utf8(block)?;
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|value| value.trim().to_owned())
                };
                if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                    return Ok(Some(SentEvent {
                        name,
                        data: serde_json::from_str(&data)?,
                        at: Instant::now(),
                    }));
                }
                continue;
            }
            match tokio::time::timeout(DEADLINE, self.body.next()).await.context("no event came")? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk?),
                None => return Ok(None),
            }
        }
    }

    /// The next event of a name.
    async fn until(&mut self, name: &str) -> anyhow::Result<SentEvent> {
        while let Some(event) = self.next().await? {
            if event.name == name {
                return Ok(event);
            }
        }
        bail!("the stream ended without {name}")
    }

    /// Everything to the end: the text as it stands on a screen then, and the last event. A piece at position 0 begins the
    /// answer anew.
    async fn rest(&mut self) -> anyhow::Result<(String, SentEvent)> {
        let mut text = String::new();
        let mut last = None;
        while let Some(event) = self.next().await? {
            if event.name == "delta" {
                if event.data["index"] == 0 && !text.is_empty() {
                    self.given_up.push(std::mem::take(&mut text));
                }
                text.push_str(event.data["text"].as_str().unwrap_or_default());
            }
            last = Some(event);
        }
        Ok((text, last.context("the stream was empty")?))
    }
}

/// A question for concepts that others may have asked before.
fn common(topic: &str) -> Value {
    json!({"query_text": format!("what is a {topic}?"), "route": "concepts"})
}
