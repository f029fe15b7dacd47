//! A model decides who answers only where the words leave it open, and only by a form that is right.

use anyhow::{Context, ensure};
use learnflow_events::payload::QuerySubmitted;
use learnflow_testkit::{Protocol, Reply};
use serde_json::{Value, json};
use triage::{Decision, classify};

use super::Tutor;

/// Words of which each belongs to somebody else.
const WORDS: [&str; 8] = ["check", "why", "practice", "mistakes", "progress", "loops", "better", "explain"];

/// A message of three such words of which the classifier cannot tell whose it is.
fn vague() -> Option<String> {
    let pairs = WORDS.iter().flat_map(|first| WORDS.iter().map(move |second| (first, second)));
    let mut messages =
        pairs.flat_map(|(first, second)| WORDS.iter().map(move |third| format!("{first} {second} {third}")));
    messages.find(|message| local(message).unsure())
}

fn local(text: &str) -> Decision {
    classify(&QuerySubmitted { query_text: text.to_owned(), ..QuerySubmitted::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsure_message_is_routed_by_a_form_that_is_right() -> anyhow::Result<()> {
    let unsure = vague().context("the classifier is sure of everything; choose other words")?;
    let unsure = unsure.as_str();
    let sure = "what is a list comprehension?";
    ensure!(!local(sure).unsure(), "the classifier has changed; choose another message");
    let tutor = Tutor::start(Protocol::Anthropic, "key", &[]).await?;
    let other = if local(unsure).route.as_str() == "progress" { "concepts" } else { "progress" };
    let decide = async |reply: Reply| -> anyhow::Result<Value> {
        tutor.fresh().await?;
        tutor.provider.next(reply);
        // What answers afterwards is not looked at here.
        tutor.provider.otherwise(|_| Reply::text("Well."));
        Ok(tutor.call("ada", "triage/analyze", &json!({"query_text": unsure})).await?.1)
    };

    let form = json!({"agent": other, "confidence": 0.8, "reasoning": "It asks about learning."});
    let decision = decide(Reply::tool("route", form.clone())).await?;
    ensure!(decision["target_agent"] == other, "{decision:#}");
    ensure!(
        decision["reasoning"].as_str().is_some_and(|text| text.contains("a language model says")),
        "{decision:#}"
    );
    let asked = &tutor.provider.asked()[0];
    ensure!(asked.tool() == Some("route"), "{:#}", asked.body);
    ensure!(asked.message().contains(unsure) && !asked.system().contains(unsure), "{:#}", asked.body);

    for (name, reply) in [
        (
            "an agent that does not exist",
            Reply::tool("route", json!({"agent": "shell", "confidence": 1, "reasoning": ""})),
        ),
        (
            "a confidence that is none",
            Reply::tool("route", json!({"agent": other, "confidence": 7, "reasoning": ""})),
        ),
        ("a form with a field missing", Reply::tool("route", json!({"agent": other}))),
        ("another form", Reply::tool("grant_role", form)),
        ("prose", Reply::text("Route it to progress.")),
        ("an error", Reply::error(400, "invalid_request_error")),
    ] {
        let decision = decide(reply).await?;
        ensure!(decision["target_agent"] == local(unsure).route.as_str(), "{name}: {decision:#}");
        ensure!(decision["reasoning"] == local(unsure).reasoning.as_str(), "{name}: {decision:#}");
    }

    // A slow opinion is none.
    let slow = decide(Reply::silence()).await?;
    ensure!(slow["target_agent"] == local(unsure).route.as_str(), "{slow:#}");

    // Where the words suffice nobody is asked who answers.
    tutor.fresh().await?;
    tutor.provider.otherwise(|_| Reply::text("It builds a list."));
    tutor.ask("ada", &json!({"query_text": sure})).await?;
    // An agent that still writes on a message before may ask for a form of its own.
    let asked = tutor.provider.asked();
    ensure!(asked.iter().all(|asked| asked.tool() != Some("route")), "it was asked who answers");
    tutor.stop().await
}
