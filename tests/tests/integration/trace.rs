//! One question, one trace: from the browser's span to the database and the sandbox, on each event log.

use std::{fs, time::Duration};

use anyhow::{Context, ensure};
use learnflow_telemetry::TraceContext;
use learnflow_testkit::{Collected, Collector, Protocol, Provider, Reply};
use learnflow_tests::{System, repository, wait_for};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kafka::OwnKafka;

const DEADLINE: Duration = Duration::from_secs(60);
/// In the question and in the program; no span may have it.
const SECRET: &str = "zebra_4711";
/// The key of the model's provider; no span may have it.
const KEY: &str = "key_4712";
/// The broker's topic, by the names in eventing/.
const TOPIC: &str = "knative-broker-learnflow-default";

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_one_trace() -> anyhow::Result<()> {
    one_trace(Traced::start(vec![]).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_one_trace_on_kafka() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    one_trace(Traced::start(vec![kafka.environment()]).await?).await?;
    kafka.stop().await;
    Ok(())
}

async fn one_trace(traced: Traced) -> anyhow::Result<()> {
    let code = fs::read_to_string(repository().join("tests/turns/index-error/main.py"))?;
    let question = json!({
        "query_text": format!("why do I get IndexError? {SECRET}"),
        "code": format!("{code}\n# {SECRET}\n"),
    });
    let turn_id = traced.ask(&question).await?;
    let turn = traced.system.finished_turn(turn_id, DEADLINE).await?;
    ensure!(turn["assigned_agent"] == "debug", "answered by {}", turn["assigned_agent"]);

    let to_debug = [
        "learnflow_gateway Server POST /api/triage/analyze".to_owned(),
        "learnflow_gateway Client POST".to_owned(),
        "learnflow_spin_host Server POST /triage/...".to_owned(),
        "learnflow_spin_host Client POST".to_owned(),
        format!("learnflow_broker Producer send {TOPIC}"),
        format!("learnflow_broker Consumer process {TOPIC}"),
        "learnflow_broker Client POST".to_owned(),
        "learnflow_spin_host Server POST /debug/...".to_owned(),
    ];
    let continued = |more: &[&str]| -> Vec<String> {
        to_debug.iter().cloned().chain(more.iter().map(|text| (*text).to_owned())).collect()
    };

    let (line, run) =
        traced.lineage(|span| span.scope == "learnflow_sandbox_host" && span.name == "run").await?;
    let in_sandbox = [
        "learnflow_spin_host Client POST",
        "learnflow_sandbox_host Server POST /run",
        "learnflow_sandbox_host Internal run",
    ];
    assert_eq!(line, continued(&in_sandbox));
    assert_eq!((&*run.service, run.attribute("learnflow.run.outcome")), ("sandbox-host", "raised"));

    let (line, commit) = traced.lineage(|span| span.name == "SELECT commit_answer").await?;
    assert_eq!(line, continued(&["learnflow_spin_host Client SELECT commit_answer"]));
    assert_eq!((&*commit.service, commit.attribute("db.system.name")), ("learnflow", "postgresql"));
    assert_eq!(commit.attribute("error.type"), "");

    // The student's first request makes the account; nothing at that statement asked for a span.
    let account = |span: &Collected| span.scope == "learnflow_gateway" && span.name == "WITH";
    let (line, account) = traced.lineage(account).await?;
    assert_eq!(line, [&*to_debug[0], "learnflow_gateway Client WITH"]);
    for (name, value) in [
        ("db.system.name", "postgresql"),
        ("db.operation.name", "WITH"),
        ("db.query.summary", "WITH"),
        ("db.response.returned_rows", "1"),
    ] {
        assert_eq!(account.attribute(name), value, "{name}");
    }

    let (line, told) = traced.lineage(|span| span.name == "process agent-responses").await?;
    // The answer's own way through the broker depends on which delivery is heard first.
    assert_eq!(line[..6], to_debug[..6], "what the browser is told is of another branch");
    assert_eq!(told.scope, "learnflow_gateway");

    let of_turn = |span: &&Collected| span.attribute("cloudevents.event_subject") == turn_id.to_string();
    let spans = traced.spans();
    assert!(spans.iter().filter(of_turn).count() >= 3, "the turn's id is in too few spans: {spans:#?}");

    let said = |line: &Value| {
        line["trace_id"] == traced.trace_id().as_str() && line["fields"]["message"] == "answered"
    };
    ensure!(traced.log_lines()?.iter().any(said), "no line of the sandbox has the trace's id");

    // A program that is only run comes to the sandbox as an event: then its lines have the turn's id as well.
    let run =
        json!({"query_text": "run this", "code": format!("print('{SECRET}')\n"), "route": "code-runner"});
    let turn_id = traced.ask(&run).await?;
    traced.system.finished_turn(turn_id, DEADLINE).await?;
    let line = wait_for(DEADLINE, "the line of the turn", async || {
        Ok(traced.log_lines()?.into_iter().find(|line| line["turn_id"] == turn_id.to_string()))
    })
    .await?;
    ensure!(line["trace_id"] == traced.trace_id().as_str(), "{line:#}");
    for field in ["timestamp", "level", "target", "span_id"] {
        ensure!(line[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {line:#}");
    }
    ensure!(line["span"]["http.route"] == "/events", "{line:#}");
    ensure!(!line.to_string().contains(SECRET), "{line:#}");
    traced.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_model_is_a_span_with_its_tokens() -> anyhow::Result<()> {
    let provider = Provider::start().await;
    provider.otherwise(|_| {
        Reply::text("A list comprehension builds a list in one expression.").usage(1_000, 100)
    });
    let traced = Traced::start(provider.environment(Protocol::Anthropic, KEY)).await?;
    let question = json!({"query_text": "what is a list comprehension?", "route": "concepts"});
    let turn = traced.system.finished_turn(traced.ask(&question).await?, DEADLINE).await?;
    ensure!(turn["answered_by"] == "anthropic", "{turn:#}");

    let (line, chat) = traced.lineage(|span| span.attribute("gen_ai.operation.name") == "chat").await?;
    let above = line.iter().rev().nth(1).map(String::as_str);
    assert_eq!(above, Some("learnflow_spin_host Server POST /concepts/..."), "{line:#?}");
    assert_eq!(chat.name, format!("chat {}", turn["model"].as_str().context("a model")?));
    for (name, value) in [
        ("gen_ai.system", "anthropic"),
        ("gen_ai.request.model", turn["model"].as_str().unwrap_or_default()),
        ("gen_ai.usage.input_tokens", "1000"),
        ("gen_ai.usage.output_tokens", "100"),
        ("error.type", ""),
    ] {
        assert_eq!(chat.attribute(name), value, "{name}");
    }
    let asks = |span: &Collected| provider.origin().ends_with(&format!(":{}", span.attribute("server.port")));
    let (_, request) = traced.lineage(asks).await?;
    assert_eq!(
        (request.attribute("http.response.status_code"), &request.parent_id),
        ("200", &chat.parent_id)
    );
    assert!(chat.start <= request.start, "the call began before its request: {chat:#?} {request:#?}");
    traced.stop().await
}

/// A system that exports its spans, and somebody who asks it in a trace.
struct Traced {
    collector: Collector,
    system: System,
    browser: TraceContext,
}

impl Traced {
    async fn start(mut environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        let collector = Collector::start().await;
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("RUST_LOG", "warn,learnflow_sandbox_host=info"),
        ] {
            environment.push((name.to_owned(), value.to_owned()));
        }
        let system = System::start_with(environment).await?;
        Ok(Self { collector, system, browser: TraceContext::new_root() })
    }

    async fn ask(&self, question: &Value) -> anyhow::Result<Uuid> {
        let mut headers = HeaderMap::new();
        self.browser.inject(&mut headers);
        self.system.ask_with("trace", question, headers).await
    }

    /// What the sandbox host has logged, which writes JSON.
    fn log_lines(&self) -> anyhow::Result<Vec<Value>> {
        let log = fs::read_to_string(self.system.data_dir().join("stderr.log"))?;
        Ok(log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    fn trace_id(&self) -> String {
        self.browser.traceparent()[3..35].to_owned()
    }

    fn spans(&self) -> Vec<Collected> {
        self.collector.trace(&self.trace_id())
    }

    /// Waits for a span whose ancestors lead to the browser's. Returns them and it, the topmost first, and the span.
    async fn lineage(&self, wanted: impl Fn(&Collected) -> bool) -> anyhow::Result<(Vec<String>, Collected)> {
        let browser_id = self.browser.traceparent()[36..52].to_owned();
        // A span arrives when it has ended, so its parents come after it.
        let complete = wait_for(DEADLINE, "a span with its ancestors", async || {
            let spans = self.spans();
            let mut found = spans.iter().filter(|span| wanted(span));
            Ok(found.find_map(|leaf| Some((line_from(&spans, leaf, &browser_id)?, leaf.clone()))))
        });
        complete.await.with_context(|| {
            format!("there are only {:#?}", self.spans().iter().map(shown).collect::<Vec<_>>())
        })
    }

    /// Ends it, and looks for what must not be in a span.
    async fn stop(self) -> anyhow::Result<()> {
        let token = self.system.token("trace")?;
        ensure!(self.system.stop().await?, "the runner did not stop cleanly");
        for span in self.collector.spans() {
            for text in span.attributes.values().chain([&span.name]) {
                let is_secret = [SECRET, KEY, &token].into_iter().any(|secret| text.contains(secret));
                ensure!(!is_secret, "{} has {text:?}", shown(&span));
            }
        }
        Ok(())
    }
}

/// The ancestors of a span and itself, if they lead to `top`.
fn line_from(spans: &[Collected], leaf: &Collected, top: &str) -> Option<Vec<String>> {
    let mut line = vec![shown(leaf)];
    let mut span = leaf;
    while span.parent_id != top {
        span = spans.iter().find(|parent| parent.span_id == span.parent_id)?;
        line.push(shown(span));
    }
    line.reverse();
    Some(line)
}

fn shown(span: &Collected) -> String {
    format!("{} {:?} {}", span.scope, span.kind, span.name)
}
