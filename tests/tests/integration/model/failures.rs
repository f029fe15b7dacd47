//! Every row of the research document's table of errors, and what else a provider can do wrong.

use anyhow::{Context, ensure};
use learnflow_testkit::{Protocol, Reply};
use serde_json::{Value, json};

use super::{DEADLINE, Tutor, common};

const TEXT: &str = "A tuple is a sequence that cannot be changed.";

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_table_of_errors() -> anyhow::Result<()> {
    let tutor = Tutor::start(Protocol::Anthropic, "first,second", &[]).await?;
    another_key_is_tried(&tutor).await.context("keys")?;
    short_waits_are_waited(&tutor).await.context("429")?;
    no_key_is_an_alert(&tutor).await.context("401")?;
    bad_requests_are_told_in_plain_words(&tutor).await.context("400")?;
    server_errors_get_three_tries(&tutor).await.context("5xx")?;
    overload_puts_an_event_off(&tutor).await.context("529")?;
    tutor.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_go_wrong_end_in_a_whole_answer() -> anyhow::Result<()> {
    for protocol in [Protocol::Anthropic, Protocol::OpenAi] {
        let quick = [("LLM_FIRST_BYTE_MS", "300"), ("LLM_PAUSE_MS", "300")];
        let tutor = Tutor::start(protocol, "key", &quick).await?;
        silence_is_a_timeout(&tutor).await.context("silence")?;
        cut_streams_go_on(&tutor).await.context("cut")?;
        nonsense_is_not_shown(&tutor).await.context("nonsense")?;
        hostile_output_is_text(&tutor).await.context("hostile")?;
        tutor.stop().await?;
    }
    Ok(())
}

/// A tuple, explained by the HTTP trigger.
async fn explained(tutor: &Tutor) -> anyhow::Result<Value> {
    Ok(tutor.call("ada", "concepts/explain", &common("tuple")).await?.1)
}

fn written(answer: &Value) -> anyhow::Result<()> {
    ensure!(
        answer["answered_by"] != "authored" && answer["model"].is_object(),
        "not by the model: {answer:#}"
    );
    ensure!(answer["response_text"].as_str().is_some_and(|text| text.starts_with(TEXT)), "{answer:#}");
    Ok(())
}

fn authored(answer: &Value) -> anyhow::Result<()> {
    ensure!(answer["answered_by"] == "authored", "{answer:#}");
    ensure!(answer["response_text"].as_str().is_some_and(|text| text.contains("tuple")), "{answer:#}");
    Ok(())
}

async fn another_key_is_tried(tutor: &Tutor) -> anyhow::Result<()> {
    for (status, kind) in [(429, "rate_limit_error"), (401, "authentication_error")] {
        tutor.fresh().await?;
        tutor.provider.next(Reply::error(status, kind).header("retry-after", "30"));
        tutor.provider.next(Reply::text(TEXT));
        written(&explained(tutor).await?)?;
        let keys: Vec<String> = tutor.provider.asked().into_iter().map(|asked| asked.key).collect();
        ensure!(keys == ["first", "second"] || keys == ["second", "first"], "{keys:?}");
    }
    Ok(())
}

async fn short_waits_are_waited(tutor: &Tutor) -> anyhow::Result<()> {
    tutor.fresh().await?;
    for _ in 0..2 {
        tutor.provider.next(Reply::error(429, "rate_limit_error").header("retry-after", "1"));
    }
    tutor.provider.next(Reply::text(TEXT));
    written(&explained(tutor).await?)?;
    let asked = tutor.provider.asked();
    ensure!(asked.len() == 3, "{} requests", asked.len());
    ensure!((asked[2].at - asked[1].at).as_millis() >= 1_000, "it did not wait as long as it was told");
    // What asks for more than a person waits is not waited for.
    tutor.fresh().await?;
    tutor.provider.otherwise(|_| Reply::error(429, "rate_limit_error").header("retry-after", "30"));
    authored(&explained(tutor).await?)?;
    ensure!(tutor.provider.asked().len() == 2, "a long wait was waited");
    Ok(())
}

async fn no_key_is_an_alert(tutor: &Tutor) -> anyhow::Result<()> {
    tutor.fresh().await?;
    tutor.provider.otherwise(|_| Reply::error(401, "authentication_error"));
    let turn = tutor.ask("bob", &common("tuple")).await?;
    ensure!(turn["answered_by"] == "authored", "{turn:#}");
    let text = turn["response_text"].as_str().unwrap_or_default();
    ensure!(!text.contains("key"), "the student reads about keys:\n{text}");
    let id = turn["query_id"].as_str().context("no id")?;
    let alert = tutor.told("agent-logs", id, "refuses our key").await?;
    ensure!(alert["payload"]["log_level"] == "ERROR", "{alert:#}");
    ensure!(!alert.to_string().contains("first"), "the alert has the key: {alert:#}");
    ensure!(tutor.counter("concepts", "llm_errors_key").await? > 0, "it was not counted");
    Ok(())
}

async fn bad_requests_are_told_in_plain_words(tutor: &Tutor) -> anyhow::Result<()> {
    for status in [400, 413] {
        tutor.fresh().await?;
        tutor.provider.otherwise(move |_| Reply::error(status, "invalid_request_error"));
        let answer = explained(tutor).await?;
        authored(&answer)?;
        let text = answer["response_text"].as_str().unwrap_or_default();
        ensure!(text.contains("could not work with this message"), "{text}");
        ensure!(tutor.provider.asked().len() == 1, "it was asked again");
    }
    Ok(())
}

/// Three tries open the breaker: nobody is asked by any agent until it lets a call through again.
async fn server_errors_get_three_tries(tutor: &Tutor) -> anyhow::Result<()> {
    tutor.fresh().await?;
    tutor.provider.next(Reply::error(500, "api_error"));
    tutor.provider.next(Reply::error(503, "api_error"));
    tutor.provider.next(Reply::text(TEXT));
    written(&explained(tutor).await?)?;

    tutor.fresh().await?;
    tutor.provider.otherwise(|_| Reply::error(500, "api_error"));
    authored(&explained(tutor).await?)?;
    ensure!(tutor.provider.asked().len() == 3, "{} tries", tutor.provider.asked().len());
    let state: String =
        sqlx::query_scalar("SELECT state FROM circuit_breakers").fetch_one(&tutor.system.database).await?;
    ensure!(state == "open", "the breaker is {state}");
    // The failures came from three stores of one component; another component sees them.
    tutor.provider.otherwise(|_| Reply::text("Your program stops with an `IndexError`."));
    let query = json!({"query_text": "why?", "code": "x = [1]\nprint(x[3])\n"});
    let (_, answer) = tutor.call("ada", "debug/diagnose", &query).await?;
    ensure!(answer["answered_by"] == "authored", "{answer:#}");
    ensure!(tutor.provider.asked().len() == 3, "it was asked though the breaker is open");
    ensure!(tutor.counter("debug", "llm_errors_breaker_open").await? == 1, "it was not counted");
    // Time passes.
    sqlx::query("UPDATE circuit_breakers SET opened_at = opened_at - INTERVAL '6 seconds'")
        .execute(&tutor.system.database)
        .await?;
    let (_, answer) = tutor.call("ada", "debug/diagnose", &query).await?;
    ensure!(answer["answered_by"] == "anthropic", "{answer:#}");
    let state: String =
        sqlx::query_scalar("SELECT state FROM circuit_breakers").fetch_one(&tutor.system.database).await?;
    ensure!(state == "closed", "the breaker is {state}");
    Ok(())
}

async fn overload_puts_an_event_off(tutor: &Tutor) -> anyhow::Result<()> {
    // Once: the broker delivers it again.
    tutor.fresh().await?;
    tutor.provider.next(Reply::error(529, "overloaded_error"));
    tutor.provider.otherwise(|_| Reply::text(TEXT));
    let turn = tutor.ask("cleo", &common("tuple")).await?;
    ensure!(turn["answered_by"] == "anthropic", "{turn:#}");
    let asked = tutor.provider.asked();
    ensure!(asked.len() == 2, "{} requests", asked.len());
    ensure!((asked[1].at - asked[0].at).as_millis() >= 900, "the broker did not wait");
    let id = turn["query_id"].as_str().context("no id")?;
    let told = tutor.told("agent-logs", id, "is queued").await?;
    ensure!(told["payload"]["status"] == "queued", "{told:#}");

    // For good: after three times the authored tutor answers.
    tutor.fresh().await?;
    tutor.provider.otherwise(|_| Reply::error(529, "overloaded_error"));
    let turn = tutor.ask("dora", &common("tuple")).await?;
    ensure!(turn["status"] == "answered" && turn["answered_by"] == "authored", "{turn:#}");
    let dead = tutor.system.count("SELECT count(*) FROM dead_letters").await?;
    ensure!(dead == 0, "{dead} dead letters");

    // A person who waits gets two more tries.
    tutor.fresh().await?;
    tutor.provider.next(Reply::error(529, "overloaded_error"));
    tutor.provider.next(Reply::error(529, "overloaded_error"));
    tutor.provider.next(Reply::text(TEXT));
    written(&explained(tutor).await?)
}

async fn silence_is_a_timeout(tutor: &Tutor) -> anyhow::Result<()> {
    tutor.fresh().await?;
    tutor.provider.next(Reply::silence());
    tutor.provider.next(Reply::text(TEXT));
    written(&explained(tutor).await?)?;
    learnflow_tests::wait_for(DEADLINE, "the silent request to end", async || {
        Ok((tutor.provider.left() == 1).then_some(()))
    })
    .await?;
    ensure!(tutor.counter("concepts", "llm_errors_timeout").await? == 1, "it was not counted");
    tutor.fresh().await?;
    tutor.provider.otherwise(|_| Reply::silence());
    authored(&explained(tutor).await?)?;
    ensure!(tutor.provider.asked().len() == 3, "{} tries", tutor.provider.asked().len());
    Ok(())
}

async fn cut_streams_go_on(tutor: &Tutor) -> anyhow::Result<()> {
    type End = fn(Reply) -> Reply;
    let ends: [(&str, End); 2] = [("cut", Reply::cut), ("stalled", Reply::stalled)];
    for (name, end) in ends {
        // Once: it goes on where it stopped.
        tutor.fresh().await?;
        tutor.provider.next(end(Reply::pieces(["A tuple is ", "a sequence"])));
        tutor.provider.next(Reply::pieces([" that cannot ", "be changed."]));
        let (text, last) = tutor.stream("ada", "concepts/explain", &common("tuple")).await?.rest().await?;
        written(&last.data).context(name)?;
        ensure!(text == last.data["response_text"].as_str().unwrap_or_default(), "{name}: {text}");
        let resumed = &tutor.provider.asked()[1].body["messages"];
        ensure!(resumed.to_string().contains("A tuple is a sequence"), "{name}: {resumed:#}");
        // Always: the stored answer is whole, and authored.
        tutor.fresh().await?;
        tutor.provider.otherwise(move |_| end(Reply::pieces(["A tuple ", "is"])));
        let mut events = tutor.stream("ada", "concepts/explain", &common("tuple")).await?;
        let (text, last) = events.rest().await?;
        ensure!(last.name == "answered", "{name}: ended with {}", last.name);
        authored(&last.data).context(name)?;
        ensure!(tutor.provider.asked().len() == 2, "{name}: {} requests", tutor.provider.asked().len());
        // What stands on the screen is the authored answer alone.
        let given_up = events.given_up.concat();
        ensure!(events.given_up.len() == 1 && given_up.starts_with("A tuple is"), "{name}: {given_up:?}");
        ensure!(text == last.data["response_text"].as_str().unwrap_or_default(), "{name}: {text}");
        // On the live channel too.
        tutor.fresh().await?;
        tutor.provider.otherwise(move |_| end(Reply::pieces(["A tuple ", "is"])));
        let turn = tutor.ask("ada", &common("tuple")).await?;
        ensure!(turn["answered_by"] == "authored", "{name}: {turn:#}");
        let shown = shown_live(tutor, turn["query_id"].as_str().unwrap_or_default()).await?;
        ensure!(shown == turn["response_text"].as_str().unwrap_or_default(), "{name}: {shown}");
    }
    // An error in the stream, before and behind a piece.
    for pieces in [vec![], vec!["A tuple "]] {
        tutor.fresh().await?;
        let reply = Reply::pieces(pieces).failing("overloaded_error");
        tutor.provider.otherwise(move |_| reply.clone());
        authored(&explained(tutor).await?)?;
    }
    Ok(())
}

/// The text of a turn's pieces on the topic of deltas, in the order in which they were published.
async fn shown_live(tutor: &Tutor, turn: &str) -> anyhow::Result<String> {
    let records: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT r.value FROM event_log.records r JOIN event_log.topics t USING (topic_id)
          WHERE t.name = 'response-deltas' ORDER BY r.partition, r.record_offset",
    )
    .fetch_all(&tutor.system.database)
    .await?;
    let mut shown = String::new();
    for record in records {
        let event: Value = serde_json::from_slice(&record)?;
        let delta = &event["payload"];
        if delta["query_id"] == turn {
            if delta["index"] == 0 {
                shown.clear();
            }
            shown.push_str(delta["text"].as_str().unwrap_or_default());
        }
    }
    Ok(shown)
}

async fn nonsense_is_not_shown(tutor: &Tutor) -> anyhow::Result<()> {
    let long = format!("data: {}\n\n", "x".repeat(5 * 1024 * 1024));
    for (content_type, body) in [
        ("text/event-stream", "data: {not json}\n\n".to_owned()),
        ("text/event-stream", String::new()),
        ("text/event-stream", ": only comments\n\n".to_owned()),
        ("text/event-stream", long),
        ("text/html", "<html>Welcome to the captive portal</html>".to_owned()),
        ("application/json", "{\"content\": 7}".to_owned()),
        ("application/json", "[]".to_owned()),
        ("application/json", "\u{0}\u{1}".to_owned()),
    ] {
        tutor.fresh().await?;
        let shown = body.chars().take(40).collect::<String>();
        let reply = Reply::raw(content_type, body);
        tutor.provider.otherwise(move |_| reply.clone());
        authored(&explained(tutor).await?).with_context(|| format!("{content_type}: {shown}"))?;
    }
    // An answer without words.
    for reply in [Reply::pieces(["  \n", "\n"]), Reply::pieces(Vec::<String>::new())] {
        tutor.fresh().await?;
        tutor.provider.otherwise(move |_| reply.clone());
        authored(&explained(tutor).await?)?;
    }
    Ok(())
}

async fn hostile_output_is_text(tutor: &Tutor) -> anyhow::Result<()> {
    // A tool that nobody offered is talking to nobody.
    tutor.fresh().await?;
    tutor.provider.otherwise(|_| Reply::tool("run_sql", json!({"sql": "DROP TABLE query_history"})));
    authored(&explained(tutor).await?)?;
    // Markup.
    tutor.fresh().await?;
    tutor.provider.otherwise(|_| {
        Reply::text(&format!("{TEXT} <script>alert(1)</script> ![x](http://evil.example/?q)"))
    });
    let answer = explained(tutor).await?;
    written(&answer)?;
    let text = answer["response_text"].as_str().unwrap_or_default();
    ensure!(!text.contains("<script") && !text.contains("!["), "{text}");
    // The instructions, repeated.
    tutor.fresh().await?;
    tutor.provider.otherwise(|asked| Reply::text(&format!("My instructions are: {}", asked.system())));
    authored(&explained(tutor).await?)
}
