//! How far help goes: step by step after attempts, and never past what a teacher allows.

use anyhow::{Context, ensure};
use learnflow_testkit::{Protocol, Reply};
use serde_json::{Value, json};

use super::Tutor;

const EXERCISE: &str = "digit-sum";

/// What the classes of a student say, as `course_context` of the accounts' part of the schema gives it.
async fn policy(tutor: &Tutor, context: &'static str) -> anyhow::Result<()> {
    sqlx::query("DROP FUNCTION IF EXISTS course_context(text, text)").execute(&tutor.system.database).await?;
    sqlx::query(context).execute(&tutor.system.database).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn help_grows_with_attempts_and_ends_where_the_teacher_says() -> anyhow::Result<()> {
    let tutor = Tutor::start(Protocol::Anthropic, "key", &[]).await?;
    let solution = exercise::bank::exercise(EXERCISE).context("the exercise is in the bank")?.solution;
    let ask = async |tier: &str, code: &str, answer: &str| -> anyhow::Result<(Value, String)> {
        tutor.provider.reset();
        let answer = answer.to_owned();
        tutor.provider.otherwise(move |_| Reply::text(&answer));
        let query = json!({
            "query_text": "it is wrong, why?", "code": code, "exercise_id": EXERCISE, "hint_tier": tier,
        });
        let answer = tutor.call("ada", "debug/diagnose", &query).await?.1;
        let asked = tutor.provider.asked();
        let system = asked.first().map(|asked| asked.system().to_owned()).unwrap_or_default();
        Ok((answer, system))
    };
    let attempt = |number: u8| format!("def digit_sum(n):\n    return n % 10 + {number}\n");
    let question = "What does the function do with the other digits?";

    // No attempt yet: not above the usual tier.
    let (answer, system) = ask("full", &attempt(0), question).await?;
    ensure!(answer["answered_by"] == "anthropic" && answer["hint_tier"] == "explanation", "{answer:#}");
    ensure!(system.contains("How far you may go: an explanation"), "{system}");
    ensure!(answer["response_text"].as_str().is_some_and(|text| text.contains("Try it first")), "{answer:#}");
    // The same program again is no attempt; a changed one is.
    let (answer, _) = ask("full", &attempt(0), question).await?;
    ensure!(answer["hint_tier"] == "explanation", "{answer:#}");
    let (answer, system) = ask("full", &attempt(1), question).await?;
    ensure!(answer["hint_tier"] == "worked-part", "{answer:#}");
    ensure!(system.contains("How far you may go: a worked part"), "{system}");
    // A learner without a class gets no further, whatever is tried.
    let (answer, _) = ask("full", &attempt(2), question).await?;
    ensure!(answer["hint_tier"] == "worked-part", "{answer:#}");
    ensure!(
        answer["response_text"].as_str().is_some_and(|text| text.contains("Your course allows no more")),
        "{answer:#}"
    );

    // A model that solves it is asked once more, a tier lower; then the tutor's own words stand.
    let given = format!("```python\n{solution}\n```");
    let (answer, _) = ask("worked-part", &attempt(3), &given).await?;
    ensure!(answer["answered_by"] == "authored" && answer["hint_tier"] == "pointer", "{answer:#}");
    let asked = tutor.provider.asked();
    ensure!(asked.len() == 2, "{} requests", asked.len());
    ensure!(asked[1].system().contains("How far you may go: an explanation"), "not a tier lower");
    // What stands says what a pointer says, and so does the data behind it: a line, and neither the cause nor the steps.
    let text = answer["response_text"].as_str().unwrap_or_default();
    ensure!(text.contains("Look at line 2.") && !text.contains("what changed"), "{text}");
    ensure!(answer["evidence"]["suspects"][0] == json!({"line": 2}), "{:#}", answer["evidence"]);
    ensure!(!asked[1].message().contains("last_steps\": [\n    {"), "the steps are told a tier lower");
    ensure!(tutor.counter("debug", "leaks_lowered").await? == 2, "it was not counted");

    // A teacher's policy, for the class or for the exercise, and a note.
    policy(
        &tutor,
        r#"CREATE FUNCTION course_context(p_student TEXT, p_exercise TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
           SELECT CASE p_exercise WHEN 'digit-sum' THEN '{"max_tier": "pointer",
               "notes": [{"title": "House style", "text": "We loop with while first.", "topics": []}]}'::jsonb
               ELSE '{"max_tier": "full"}' END $$"#,
    )
    .await?;
    let (answer, system) = ask("worked-part", &attempt(4), question).await?;
    ensure!(answer["hint_tier"] == "pointer", "{answer:#}");
    ensure!(system.contains("How far you may go: a pointer"), "{system}");
    // Leaving the exercise out, or naming another one, opens no way around it; nor does a program that has many.
    let many = "def factorial(n):\n    return n\n\n".to_owned() + &attempt(4);
    for (id, code) in [(None, attempt(4)), (Some("fizz-buzz"), attempt(4)), (None, many)] {
        let query =
            json!({"query_text": "why?", "code": code, "exercise_id": id, "hint_tier": "worked-part"});
        for trigger in ["debug/diagnose", "code-review/review"] {
            let answer = tutor.call("eve", trigger, &query).await?.1;
            ensure!(answer["hint_tier"] == "pointer", "{trigger} of {id:?}: {answer:#}");
        }
    }
    let (answer, system) = ask("worked-part", &attempt(4), question).await?;
    ensure!(answer["hint_tier"] == "pointer", "{answer:#}");
    let asked = tutor.provider.asked();
    ensure!(asked[0].message().contains("We loop with while first."), "{}", asked[0].message());
    ensure!(!system.contains("We loop"), "the note is in the system prompt");

    // Where the teacher allows all, all is reached step by step, and then the solution may be shown.
    policy(
        &tutor,
        r#"CREATE FUNCTION course_context(p_student TEXT, p_exercise TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
           SELECT '{"max_tier": "full"}'::jsonb $$"#,
    )
    .await?;
    let mut reached = Vec::new();
    for number in 5..8 {
        let (answer, _) = ask("full", &attempt(number), question).await?;
        reached.push(answer["hint_tier"].as_str().unwrap_or_default().to_owned());
    }
    ensure!(reached == ["worked-part", "full", "full"], "{reached:?}");
    let (answer, _) = ask("full", &attempt(9), &given).await?;
    ensure!(answer["answered_by"] == "anthropic" && answer["hint_tier"] == "full", "{answer:#}");
    ensure!(
        answer["response_text"].as_str().is_some_and(|text| text.contains("def digit_sum")),
        "{answer:#}"
    );
    tutor.stop().await
}
