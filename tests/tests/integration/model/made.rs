//! Exercises made by a model are shown when the sandbox has seen them do what they must.

use anyhow::{Context, ensure};
use learnflow_testkit::{Protocol, Reply};
use serde_json::{Value, json};

use super::Tutor;

pub fn exercise(solution: &str, wrong: &str) -> Value {
    let tests = |numbers: &[i32]| -> Vec<Value> {
        numbers
            .iter()
            .map(|n| json!({"call": format!("thrice({n})"), "expected": (n * 3).to_string()}))
            .collect()
    };
    json!({
        "title": "Three times", "statement": "Write `thrice(n)`, which returns three times `n`. <img src=x onerror=y>",
        "starter": "def thrice(n):\n    \"\"\"Three times n.\"\"\"\n", "solution": solution, "wrong": wrong,
        "misconception": "Adds three instead.", "hints": ["What is three times two?", "Which sign multiplies?", "Return it."],
        "shown": tests(&[1, 2, 3]), "hidden": tests(&[0, -1, 10, 7]),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_verified_is_set() -> anyhow::Result<()> {
    let tutor = Tutor::start(Protocol::Anthropic, "key", &[]).await?;
    let right = "def thrice(n):\n    return n * 3\n";
    let wrong = "def thrice(n):\n    return n + 3\n";
    let ask = json!({"query_text": "give me an exercise on functions"});

    tutor.provider.next(Reply::tool("exercise", exercise(right, wrong)));
    let (_, set) = tutor.call("ada", "exercise/generate", &ask).await?;
    ensure!(set["answered_by"] == "anthropic", "{set:#}");
    let id = set["evidence"]["exercise_id"].as_str().context("no id")?.to_owned();
    let text = set["response_text"].as_str().unwrap_or_default();
    ensure!(text.contains("three times") && !text.contains("<img"), "{text}");
    ensure!(!text.contains("n * 3"), "the solution is shown:\n{text}");
    let kept = tutor.system.count("SELECT count(*) FROM exercises").await?;
    ensure!(kept == 1, "{kept} exercises are kept");

    // It is graded like any other, in another instance.
    for (code, passed) in [(right, true), (wrong, false)] {
        tutor.provider.otherwise(|_| Reply::text("What does your function return for 2?"));
        let query = json!({"query_text": "here it is", "exercise_id": id, "code": code});
        let (_, graded) = tutor.call("ada", "exercise/submit", &query).await?;
        ensure!(graded["evidence"]["passed"] == passed, "{graded:#}");
    }

    for (name, reply) in [
        ("a solution that fails", Reply::tool("exercise", exercise(wrong, wrong))),
        ("a wrong program that passes", Reply::tool("exercise", exercise(right, right))),
        ("a solution that is no Python", Reply::tool("exercise", exercise("def thrice(n)", wrong))),
        (
            "a solution that does not end",
            Reply::tool("exercise", exercise("def thrice(n):\n    while True: pass\n", wrong)),
        ),
        ("half a form", Reply::tool("exercise", json!({"title": "Half"}))),
        ("prose", Reply::text("Write a loop.")),
        ("an error", Reply::error(400, "invalid_request_error")),
    ] {
        tutor.fresh().await?;
        tutor.provider.otherwise(move |_| reply.clone());
        let (_, set) = tutor.call("ada", "exercise/generate", &ask).await?;
        ensure!(set["answered_by"] == "authored", "{name}: {set:#}");
        let id = set["evidence"]["exercise_id"].as_str().context("no id")?;
        ensure!(exercise::bank::exercise(id).is_some(), "{name}: {id} is not in the bank");
    }
    let kept = tutor.system.count("SELECT count(*) FROM exercises").await?;
    ensure!(kept == 1, "{kept} exercises are kept");
    ensure!(tutor.counter("exercise", "exercises_refused").await? == 6, "refusals were not counted");
    tutor.stop().await
}
