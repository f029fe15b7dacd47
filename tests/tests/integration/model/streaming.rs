//! Pieces of an answer reach the student while the provider still writes.

use anyhow::{Context, ensure};
use learnflow_testkit::{Protocol, Reply};
use serde_json::json;
use uuid::Uuid;

use super::{DEADLINE, Tutor, common, made};

const PIECES: [&str; 4] = ["A tuple is ", "a sequence ", "that cannot ", "be changed."];

#[tokio::test(flavor = "multi_thread")]
async fn each_piece_arrives_before_the_next_is_written() -> anyhow::Result<()> {
    let tutor = Tutor::start(Protocol::Anthropic, "key", &[]).await?;
    let mut delays = Vec::new();
    for round in 0..5 {
        tutor.fresh().await?;
        let (reply, steps) = Reply::stepwise(PIECES);
        tutor.provider.next(reply);
        let mut events =
            tutor.stream(&format!("student-{round}"), "concepts/explain", &common("tuple")).await?;
        for (at, piece) in PIECES.iter().enumerate() {
            steps.release(1);
            let delta = events.until("delta").await?;
            ensure!(delta.data["text"] == *piece, "piece {at} is {:#}", delta.data);
            let sent = tutor.provider.sent();
            ensure!(sent.len() == at + 1, "the provider was ahead");
            delays.push(delta.at.duration_since(sent[at].at));
        }
        let last = events.until("answered").await?;
        ensure!(last.data["answered_by"] == "anthropic", "{:#}", last.data);
    }
    delays.sort();
    println!(
        "from the provider's send to the client's receipt, through component and gateway: p50 {:?}, longest {:?}, {} pieces",
        delays[delays.len() / 2],
        delays[delays.len() - 1],
        delays.len()
    );

    // On the event path: through the topic of deltas.
    tutor.fresh().await?;
    let (reply, steps) = Reply::stepwise(PIECES);
    tutor.provider.next(reply);
    let turn = tutor.system.ask("ada", &common("tuple")).await?;
    let mut events = tutor.turn_events("ada", turn).await?;
    for piece in PIECES {
        steps.release(1);
        let delta = events.until("delta").await?;
        ensure!(delta.data["text"] == piece, "{:#}", delta.data);
        let sent = tutor.provider.sent();
        delays.push(delta.at.duration_since(sent[sent.len() - 1].at));
    }
    let last = events.until("answered").await?;
    ensure!(last.data["answered_by"] == "anthropic", "{:#}", last.data);
    let events_path = &delays[delays.len() - PIECES.len()..];
    println!("on the event path: {events_path:?}");

    nobody_pays_for_what_nobody_reads(&tutor).await?;
    nothing_guarded_is_shown_before_it_is_judged(&tutor).await?;
    tutor.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn authored_answers_stream_without_a_provider() -> anyhow::Result<()> {
    let tutor = Tutor::alone().await?;
    let program = "import os\nxs = [1, 2]\nfor i in range(len(xs)):\n    print(xs[i])\n";
    for (trigger, query) in [
        ("concepts/explain", common("tuple")),
        ("code-review/review", json!({"query_text": "review my code", "code": program})),
        ("debug/diagnose", json!({"query_text": "why?", "code": "x = [1]\nprint(x[3])\n"})),
        ("exercise/generate", json!({"query_text": "give me an exercise on loops"})),
    ] {
        let mut events = tutor.stream("ada", trigger, &query).await?;
        let first = events.next().await?.context("the stream is empty")?;
        ensure!(first.name == "delta" && first.data["index"] == 0, "{trigger}: {:#}", first.data);
        let (rest, last) = events.rest().await?;
        let text = format!("{}{rest}", first.data["text"].as_str().unwrap_or_default());
        ensure!(
            last.name == "answered" && last.data["answered_by"] == "authored",
            "{trigger}: {:#}",
            last.data
        );
        ensure!(last.data["response_text"] == text, "{trigger}: the pieces are not the answer:\n{text}");
        ensure!(!rest.is_empty(), "{trigger}: it came in one piece");
        ensure!(last.data["evidence"]["run_seconds_remaining"].is_number(), "{trigger}: {:#}", last.data);
    }
    // A question back rests on nothing, and tells what remains all the same.
    let (_, last) =
        tutor.stream("ada", "code-review/review", &json!({"query_text": "review it"})).await?.rest().await?;
    ensure!(last.data["evidence"]["run_seconds_remaining"].is_number(), "{:#}", last.data);
    ensure!(tutor.provider.asked().is_empty(), "a provider was asked");
    tutor.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_exercise_streams_once_it_is_verified() -> anyhow::Result<()> {
    let tutor = Tutor::start(Protocol::Anthropic, "key", &[]).await?;
    let form = made::exercise("def thrice(n):\n    return n * 3\n", "def thrice(n):\n    return n + 3\n");
    tutor.provider.next(Reply::tool("exercise", form));
    let ask = json!({"query_text": "give me an exercise on functions"});
    let (text, last) = tutor.stream("ada", "exercise/generate", &ask).await?.rest().await?;
    ensure!(last.name == "answered" && last.data["answered_by"] == "anthropic", "{:#}", last.data);
    ensure!(last.data["response_text"] == text && text.contains("three times"), "{text}");
    tutor.stop().await
}

/// Whoever leaves ends the provider's request; the turn still gets an answer, which costs nothing.
async fn nobody_pays_for_what_nobody_reads(tutor: &Tutor) -> anyhow::Result<()> {
    tutor.fresh().await?;
    let (reply, steps) = Reply::stepwise(PIECES);
    tutor.provider.next(reply);
    let mut events = tutor.stream("leaver", "concepts/explain", &common("tuple")).await?;
    steps.release(1);
    events.until("delta").await?;
    drop(events);
    learnflow_tests::wait_for(DEADLINE, "the provider's request to end", async || {
        Ok((tutor.provider.left() == 1).then_some(()))
    })
    .await?;
    let turn: Uuid = sqlx::query_scalar("SELECT query_id FROM query_history WHERE student_id = $1")
        .bind(learnflow_events::ids::student_of_name("leaver").to_string())
        .fetch_one(&tutor.system.database)
        .await?;
    let turn = tutor.system.finished_turn(turn, DEADLINE).await?;
    ensure!(turn["answered_by"] == "authored" && turn["status"] == "answered", "{turn:#}");
    Ok(())
}

/// An answer about an exercise is complete and judged before its first letter leaves.
async fn nothing_guarded_is_shown_before_it_is_judged(tutor: &Tutor) -> anyhow::Result<()> {
    tutor.fresh().await?;
    let query = json!({"query_text": "review my code", "code": "total = 0\nfor n in [1, 2]:\n    total += n\nprint(total)\n"});
    let (reply, steps) = Reply::stepwise(["Your loop is clear. ", "Which name says ", "more than `n`?"]);
    tutor.provider.next(reply);
    let mut events = tutor.stream("careful", "code-review/review", &query).await?;
    steps.release(2);
    learnflow_tests::wait_for(DEADLINE, "two pieces to be sent", async || {
        Ok((tutor.provider.sent().len() == 2).then_some(()))
    })
    .await?;
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), events.next()).await;
    ensure!(early.is_err(), "something was shown before the answer was complete");
    steps.release(1);
    let (text, last) = events.rest().await?;
    ensure!(last.data["answered_by"] == "anthropic", "{:#}", last.data);
    ensure!(text == last.data["response_text"].as_str().unwrap_or_default(), "{text}");
    Ok(())
}
