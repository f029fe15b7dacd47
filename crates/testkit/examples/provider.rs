//! The scripted provider as a program, for tests that are not in Rust (`tests/e2e`).
//!
//! Its first line is the environment in which `learnflow up` asks it. Then it does what it reads, a command on a line,
//! and answers each with a line:
//!
//! * `{"next": ["A tuple ", "is …"]}`: the next request gets these pieces, each when it is let out.
//! * `{"release": 2}`: lets two pieces out.
//! * `{"otherwise": "Well."}`: what every other request gets.
//! * `{"asked": true}`: answers with the prompts that it got, `[{"system": …, "message": …}]`.
//!
//! It ends with its input.

use anyhow::{Context, bail};
use learnflow_testkit::{Asked, Protocol, Provider, Reply, Steps};
use serde_json::{Map, Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let provider = Provider::start().await;
    let environment = provider.environment(Protocol::Anthropic, "key");
    let environment: Map<String, Value> =
        environment.into_iter().map(|(name, value)| (name, value.into())).collect();
    println!("{}", Value::Object(environment));
    let mut steps = None;
    // Another thread serves meanwhile.
    for line in std::io::stdin().lines() {
        println!("{}", obey(&provider, &mut steps, &line?)?);
    }
    Ok(())
}

fn obey(provider: &Provider, steps: &mut Option<Steps>, line: &str) -> anyhow::Result<Value> {
    let command: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
    let (name, argument) = command
        .as_object()
        .and_then(|command| command.iter().next())
        .with_context(|| format!("no command: {line}"))?;
    match name.as_str() {
        "next" => {
            let pieces = argument.as_array().context("next takes pieces")?;
            let (reply, held) = Reply::stepwise(pieces.iter().filter_map(Value::as_str));
            provider.next(reply);
            *steps = Some(held);
        }
        "release" => {
            let pieces = argument.as_u64().context("release takes a number")?;
            steps.as_ref().context("there is no next")?.release(usize::try_from(pieces)?);
        }
        "otherwise" => {
            let text = argument.as_str().context("otherwise takes a text")?.to_owned();
            provider.otherwise(move |_| Reply::text(&text));
        }
        "asked" => {
            let prompt = |asked: &Asked| json!({ "system": asked.system(), "message": asked.message() });
            return Ok(provider.asked().iter().map(prompt).collect());
        }
        other => bail!("{other} is no command"),
    }
    Ok(json!({}))
}
