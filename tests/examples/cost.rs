//! What a day of LearnFlow costs with a language model: the tables of docs/cost.md, from the sizes of real requests.
//!
//! The real system answers messages while a stand-in for the provider weighs what it is asked. Messages come from a file
//! of JSON lines (`{"text": …}`), or from the titles of the concept cards; programs come from the exercise bank.
//!
//! ```console
//! $ cargo run --release -p learnflow-tests --example cost [-- QUESTIONS.jsonl]
//! ```

use std::{collections::BTreeMap, fs};

use anyhow::{Context, ensure};
use learnflow_agent::llm::Settings;
use learnflow_events::payload::QuerySubmitted;
use learnflow_testkit::{Metrics, Protocol, Provider, Reply};
use learnflow_tests::System;
use serde_json::{Value, json};
use triage::classify;

/// Requests that are weighed for each agent.
const SAMPLES: usize = 60;
/// The research document's scenario.
const USERS: f64 = 10_000.0;
const QUERIES: f64 = 10.0;
/// Bytes of English prose and programs to a token, as providers give it as a rule of thumb.
const BYTES_PER_TOKEN: f64 = 4.0;
/// Tokens to a word, likewise.
const TOKENS_PER_WORD: f64 = 4.0 / 3.0;

/// What the requests of an agent weighed.
#[derive(Default)]
struct Weight {
    asked: usize,
    requests: usize,
    system_bytes: usize,
    message_bytes: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let messages = messages()?;
    let mut share = BTreeMap::<String, usize>::new();
    for text in &messages {
        *share.entry(route(text)).or_default() += 1;
    }
    let provider = Provider::start().await;
    let mut environment = provider.environment(Protocol::Anthropic, "key");
    environment.push(("SPIN_VARIABLE_LLM_SITE_USD_PER_DAY".to_owned(), "100000".to_owned()));
    let system = System::start_with(environment.clone()).await?;
    provider.otherwise(|_| Reply::text("Well."));
    let mut weights = BTreeMap::new();
    for (agent, trigger, words, queries) in samples(&messages) {
        let mut weight = Weight::default();
        for (number, query) in queries.iter().enumerate() {
            provider.reset();
            provider.otherwise(|_| Reply::text("Well."));
            call(&system, &format!("{agent}-{number}"), trigger, query).await?;
            weight.asked += 1;
            // A repeat after an answer that was refused is the stand-in's fault, not the prompt's.
            if let Some(asked) = provider.asked().first() {
                weight.requests += 1;
                weight.system_bytes += asked.system().len();
                weight.message_bytes += asked.message().len();
            }
        }
        weights.insert(agent, (words, weight));
    }
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    // Another system, whose cache is empty.
    let system = System::start_with(environment).await?;
    provider.reset();
    provider.otherwise(|_| Reply::text("Well."));
    let cached = cached(&system, &messages).await?;
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    report(&messages, &share, &weights)?;
    println!("{cached}");
    Ok(())
}

/// How many questions the response cache answers when each comes from another beginner, in the order of the file.
async fn cached(system: &System, messages: &[String]) -> anyhow::Result<String> {
    let questions: Vec<_> = messages.iter().filter(|text| route(text) == "concepts").collect();
    for (number, text) in questions.iter().enumerate() {
        call(system, &format!("reader-{number}"), "concepts/explain", &json!({"query_text": text})).await?;
    }
    let [hits, misses] = cache_counts(system).await?;
    Ok(format!(
        "Of {} questions to concepts {:.0} might be in the cache, and {hits:.0} were: {:.1} %.",
        questions.len(),
        hits + misses,
        100.0 * hits / (hits + misses).max(1.0)
    ))
}

/// Hits and misses of concepts' cache so far.
async fn cache_counts(system: &System) -> anyhow::Result<[f64; 2]> {
    let url = format!("{}/concepts/metrics", system.running.functions_url);
    let metrics = Metrics::read(&system.http.get(url).send().await?.text().await?).await?;
    Ok(["cache_hits", "cache_misses"]
        .map(|kind| metrics.value("agent_occurrences_total", &[("kind", kind)]).unwrap_or_default()))
}

fn messages() -> anyhow::Result<Vec<String>> {
    let Some(file) = std::env::args().nth(1) else {
        return Ok(concepts::cards().iter().map(|card| format!("what is {}?", card.title)).collect());
    };
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let texts: Vec<String> = lines.filter_map(|line| line["text"].as_str().map(str::to_owned)).collect();
    ensure!(!texts.is_empty(), "{file} has no line with a text");
    Ok(texts)
}

fn route(text: &str) -> String {
    classify(&QuerySubmitted { query_text: text.to_owned(), ..QuerySubmitted::default() }).route.to_string()
}

/// For each agent: its trigger, the words that its prompt allows an answer, and what it is asked.
fn samples(messages: &[String]) -> Vec<(&'static str, &'static str, f64, Vec<Value>)> {
    let explained = messages.iter().filter(|text| route(text) == "concepts").take(SAMPLES);
    let bank: Vec<_> = exercise::bank().iter().take(SAMPLES).collect();
    let with = |text: &str, code: &str| json!({"query_text": text, "code": code});
    let hint = |exercise: &exercise::bank::Exercise| {
        let mut query = with("give me a hint", exercise.wrong[0].code);
        query["exercise_id"] = exercise.id.into();
        query
    };
    vec![
        ("concepts", "concepts/explain", 400.0, explained.map(|text| json!({"query_text": text})).collect()),
        (
            "code-review",
            "code-review/review",
            300.0,
            bank.iter().map(|e| with("review my code", e.solution)).collect(),
        ),
        (
            "debug",
            "debug/diagnose",
            250.0,
            bank.iter().map(|e| with("why does it not work?", e.wrong[0].code)).collect(),
        ),
        ("exercise", "exercise/submit", 150.0, bank.iter().map(|e| hint(e)).collect()),
    ]
}

async fn call(system: &System, student: &str, trigger: &str, query: &Value) -> anyhow::Result<()> {
    let url = format!("{}/api/{trigger}", system.running.gateway_url);
    let response = system.http.post(url).bearer_auth(system.token(student)?).json(query).send().await?;
    let status = response.status();
    ensure!(status.is_success(), "{trigger}: {status} {}", response.text().await?);
    Ok(())
}

fn report(
    messages: &[String],
    share: &BTreeMap<String, usize>,
    weights: &BTreeMap<&str, (f64, Weight)>,
) -> anyhow::Result<()> {
    let settings =
        Settings::read(|name| if name == "llm_api_keys" { "key".to_owned() } else { String::new() });
    let settings = settings.map_err(anyhow::Error::msg)?.context("a key chooses a provider")?;
    println!(
        "| agent | share of messages | asked a model | system prompt, bytes | message, bytes | tokens read | tokens written, at most | dollars for 1,000 |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut dollars = 0.0;
    for (agent, (words, weight)) in weights {
        let part = share.get(*agent).copied().unwrap_or_default() as f64 / messages.len() as f64;
        let asked = weight.requests as f64 / weight.asked.max(1) as f64;
        let each = |bytes: usize| bytes as f64 / weight.requests.max(1) as f64;
        let (system, message) = (each(weight.system_bytes), each(weight.message_bytes));
        let read = (system + message) / BYTES_PER_TOKEN;
        let written = words * TOKENS_PER_WORD;
        let price = (read * settings.input_price + written * settings.output_price) / 1e6;
        dollars += part * asked * price;
        println!(
            "| {agent} | {:.1} % | {:.0} % of {} | {system:.0} | {message:.0} | {read:.0} | {written:.0} | {:.2} |",
            part * 100.0,
            asked * 100.0,
            weight.asked,
            price * 1e3
        );
    }
    let day = dollars * USERS * QUERIES;
    println!();
    println!(
        "{} messages; the others are answered without a model, whose share is {:.1} %.",
        messages.len(),
        100.0
            * (1.0
                - share
                    .iter()
                    .filter(|(agent, _)| weights.contains_key(agent.as_str()))
                    .map(|(_, count)| *count as f64)
                    .sum::<f64>()
                    / messages.len() as f64)
    );
    println!(
        "{USERS:.0} users with {QUERIES:.0} messages a day, without a cache: {day:.0} dollars a day, {:.0} in 30 days ({} at {} and {} dollars for a million tokens).",
        day * 30.0,
        settings.model,
        settings.input_price,
        settings.output_price
    );
    Ok(())
}
