//! Every entrance and both protocols: who wrote an answer, and what it took.

use anyhow::{Context, ensure};
use learnflow_testkit::{Protocol, Reply};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{DEADLINE, Tutor, common};

const TEXT: &str = "A list comprehension builds a list in one expression. It reads like a sentence.";

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_writes_the_answers() -> anyhow::Result<()> {
    model_writes_the_answers(Protocol::Anthropic, "anthropic", "claude-sonnet-4-5").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_compatible_endpoint_writes_the_answers() -> anyhow::Result<()> {
    model_writes_the_answers(Protocol::OpenAi, "openai", "gpt-4o-mini").await
}

async fn model_writes_the_answers(protocol: Protocol, author: &str, model: &str) -> anyhow::Result<()> {
    let tutor = Tutor::start(protocol, "secret-key", &[]).await?;
    tutor.provider.otherwise(|_| Reply::text(TEXT).usage(1_000, 100));

    // By the event path.
    let turn = tutor.ask("ada", &common("list comprehension")).await?;
    ensure!(turn["answered_by"] == author, "{turn:#}");
    ensure!(turn["response_text"].as_str().is_some_and(|text| text.starts_with(TEXT)), "{turn:#}");
    ensure!(turn["model"] == model, "{turn:#}");
    ensure!((turn["input_tokens"].as_i64(), turn["output_tokens"].as_i64()) == (Some(1_000), Some(100)));
    let cost = turn["cost_micros"].as_i64().context("no cost")?;
    ensure!(cost > 0, "it cost nothing");
    ensure!(turn["prompt_hash"].as_str().is_some_and(|hash| hash.len() == 64), "{turn:#}");
    ensure!(turn["evidence"]["tokens_remaining"] == 200_000 - 1_100, "{}", turn["evidence"]);
    let asked = tutor.provider.asked();
    ensure!(asked.len() == 1 && asked[0].key == "secret-key" && asked[0].protocol == protocol);
    ensure!(asked[0].message().contains("<untrusted-message>"), "{}", asked[0].message());
    ensure!(!asked[0].system().contains("list comprehension?"), "the question is in the system prompt");

    // Whoever asks the same is answered from the cache, in other words too.
    let (_, again) = tutor
        .call("bob", "concepts/explain", &json!({"query_text": "please explain list comprehensions"}))
        .await?;
    ensure!(again["answered_by"] == "cache", "{again:#}");
    ensure!(again["response_text"] == turn["response_text"], "{again:#}");
    ensure!(again["model"]["model"] == model && again["model"]["cost_micros"] == 0, "{again:#}");
    ensure!(tutor.provider.asked().len() == 1, "the provider was asked again");

    // By the HTTP trigger, with what remains in a header.
    let (head, answer) = tutor.call("ada", "concepts/explain", &common("tuple")).await?;
    ensure!(answer["answered_by"] == author, "{answer:#}");
    let remaining = head.headers.get("x-learnflow-tokens-remaining").context("no header")?.to_str()?;
    ensure!(remaining.parse::<i64>()? == 200_000 - 2_200, "{remaining}");

    // Server-sent events end in the whole answer.
    let (text, last) = tutor.stream("ada", "concepts/explain", &common("dictionary")).await?.rest().await?;
    ensure!(last.name == "answered" && last.data["answered_by"] == author, "{:#}", last.data);
    ensure!(last.data["response_text"] == text, "the pieces are not the answer:\n{text}\n{:#}", last.data);
    // With what remains, as the other form has it.
    let evidence = &last.data["evidence"];
    ensure!(evidence["tokens_remaining"] == 200_000 - 3_300, "{evidence:#}");
    ensure!(evidence["run_seconds_remaining"].is_number(), "{evidence:#}");

    // With a program, which is run: the diagnosis is held back until it is complete.
    let query =
        json!({"query_text": "why does it fail?", "route": "debug", "code": "x = [1]\nprint(x[3])\n"});
    tutor.provider.next(Reply::text("Your program stops with an `IndexError`. How long is the list?"));
    let turn = tutor.ask("ada", &query).await?;
    ensure!(turn["answered_by"] == author, "{turn:#}");
    ensure!(turn["hint_tier"] == "explanation", "{turn:#}");

    // As the command line tells it.
    let output = Command::new(learnflow_tests::binary()?)
        .args(["ask", "what is a lambda?", "--json", "--data-dir"])
        .arg(tutor.system.data_dir())
        .output()
        .await?;
    let told: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(told["answered_by"] == author && told["model"] == model, "{told:#}");
    ensure!(told["input_tokens"] == 1_000 && told["output_tokens"] == 100, "{told:#}");
    ensure!(told["cost_micros"].as_i64() == Some(cost), "{told:#}");

    // The ledger has a row for each call, all settled, and metrics show them.
    let calls = i64::try_from(tutor.provider.asked().len())?;
    learnflow_tests::wait_for(DEADLINE, "the calls to be settled", async || {
        let settled = tutor
            .system
            .count("SELECT count(*) FROM usage_ledger WHERE kind = 'llm' AND state = 'settled' AND cost_micros > 0")
            .await?;
        Ok((settled == calls).then_some(()))
    })
    .await?;
    let metrics = format!("{}/concepts/metrics", tutor.system.running.functions_url);
    let metrics = tutor.system.http.get(metrics).send().await?.text().await?;
    ensure!(metrics.contains("kind=\"cache_hits\"} 1\n"), "{metrics}");
    tutor.stop().await
}
