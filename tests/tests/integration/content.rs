//! What the authored tutor says and sets is true: every card's example prints what the card states, and every
//! exercise can be solved by its solution and by nothing that it calls wrong, and tells its wrong answers apart. All in
//! the real sandbox.

use std::time::Duration;

use anyhow::{Context, ensure};
use exercise::{bank::Exercise, grade};
use futures::{StreamExt, TryStreamExt, stream};
use learnflow_events::code::{RunReport, RunRequest, TestReport};
use learnflow_tests::{Backend, System};
use reqwest::StatusCode;
use serde::{Serialize, de::DeserializeOwned};

/// Requests at a time; the sandbox says 429 when that is too many for it.
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn cards_and_exercises_are_as_they_say() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let cards = stream::iter(concepts::cards())
        .map(async |card| check_card(&system, card).await.with_context(|| format!("card {}", card.id)));
    let cards: Vec<()> = cards.buffer_unordered(CLIENTS).try_collect().await?;
    ensure!(cards.len() >= 83, "there are {} cards", cards.len());
    let exercises = stream::iter(exercise::bank()).map(async |exercise| {
        check_exercise(&system, exercise).await.with_context(|| format!("exercise {}", exercise.id))
    });
    let exercises: Vec<()> = exercises.buffer_unordered(CLIENTS).try_collect().await?;
    ensure!(exercises.len() >= 170, "there are {} exercises", exercises.len());
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

async fn check_card(system: &System, card: &concepts::card::Card) -> anyhow::Result<()> {
    let example = &card.example;
    let request = RunRequest {
        code: example.code.to_owned(),
        stdin: example.stdin.to_owned(),
        ..RunRequest::default()
    };
    let report: RunReport = post(system, "/run", &request).await?;
    let printed =
        |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned();
    ensure!(printed(&report.stdout) == printed(example.output), "prints {:?}", report.stdout);
    let error = report.error.map(|error| format!("{}: {}", error.kind, error.message)).unwrap_or_default();
    let stated = example.error.trim();
    // Python adds suggestions ("Did you mean …?") behind the message.
    let agrees = stated.is_empty() == error.is_empty() && stated.starts_with(error.trim_end_matches(": "));
    ensure!(agrees, "ends with {error:?} instead of {stated:?}");
    Ok(())
}

async fn check_exercise(system: &System, exercise: &Exercise) -> anyhow::Result<()> {
    ensure!(exercise.shown.len() >= 3 && exercise.hidden.len() >= 5, "too few tests");
    ensure!(exercise.wrong.len() == 3, "{} wrong answers", exercise.wrong.len());
    ensure!(passes(system, exercise, exercise.solution).await?, "the solution fails");
    ensure!(!passes(system, exercise, exercise.starter).await?, "the starter passes");
    let mut reports: Vec<TestReport> = Vec::new();
    for wrong in exercise.wrong {
        let report = graded(system, exercise, wrong.code).await?;
        ensure!(!report.passed, "a wrong answer passes:\n{}", wrong.code);
        // A misconception is recognised by what the program does, so each has to do something of its own.
        let known = reports.iter().any(|other| grade::alike(other, &report));
        ensure!(!known, "nothing tells this wrong answer from one before it:\n{}", wrong.code);
        reports.push(report);
    }
    Ok(())
}

async fn passes(system: &System, exercise: &Exercise, code: &str) -> anyhow::Result<bool> {
    Ok(graded(system, exercise, code).await?.passed)
}

async fn graded(system: &System, exercise: &Exercise, code: &str) -> anyhow::Result<TestReport> {
    post(system, "/tests", &grade::request(exercise, code)).await
}

async fn post<T: DeserializeOwned>(system: &System, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
    learnflow_tests::wait_for(Duration::from_secs(60), path, async || {
        let response =
            system.http.post(format!("{}{path}", system.running.sandbox_url)).json(body).send().await?;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            return Ok(None);
        }
        ensure!(response.status() == StatusCode::OK, "{}", response.text().await?);
        Ok(Some(response.json().await?))
    })
    .await
}
