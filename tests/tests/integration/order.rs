//! Many messages at once: every one is answered, in each student's order, and a second start is quick.

use std::time::Duration;

use anyhow::ensure;
use futures::future::try_join_all;
use learnflow_tests::{Backend, System};
use serde_json::json;

const QUESTIONS: [&str; 5] = [
    "what is a dictionary?",
    "how do for loops work",
    "give me an exercise on strings",
    "what is the difference between a list and a tuple?",
    "how am I doing?",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_messages_at_once_keep_each_students_order() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let students: Vec<String> = (0..10).map(|number| format!("student-{number}")).collect();
    // Each student asks one question after the other; the students ask at the same time.
    let asked = try_join_all(students.iter().map(async |student| {
        let mut turns = Vec::new();
        for round in 0..10 {
            let body = json!({"query_text": QUESTIONS[round % QUESTIONS.len()]});
            turns.push(system.ask(student, &body).await?);
        }
        anyhow::Ok(turns)
    }))
    .await?;
    for turns in &asked {
        for (index, turn_id) in turns.iter().enumerate() {
            let turn = system.finished_turn(*turn_id, Duration::from_secs(60)).await?;
            ensure!(turn["status"] == "answered", "{turn:#}");
            ensure!(turn["seq"] == index + 1, "turn {} has number {}", index + 1, turn["seq"]);
        }
    }
    ensure!(system.count("SELECT count(*) FROM query_history").await? == 100, "lost or doubled");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
