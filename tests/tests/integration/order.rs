//! Many messages at once: every one is answered, in each student's order, on each event log.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use learnflow_event_log::{EventLog, Start, kafka::KafkaLog, postgres::PostgresLog};
use learnflow_events::EventType;
use learnflow_tests::{Backend, System};
use serde_json::{Value, json};

use crate::kafka::OwnKafka;

const DEADLINE: Duration = Duration::from_secs(60);
const BROKER_TOPIC: &str = "knative-broker-learnflow-default";
const STUDENTS: usize = 10;
const EACH: usize = 10;
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
    a_hundred_messages(&system).await?;
    let log = PostgresLog::open(&system.running.database_url).await?;
    each_student_is_in_order(&log).await?;
    drop(log);
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_messages_at_once_keep_each_students_order_on_kafka() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    let (variable, servers) = kafka.environment();
    let system = System::start_with(vec![(variable, servers.clone())]).await?;
    a_hundred_messages(&system).await?;
    each_student_is_in_order(&KafkaLog::open(&servers).await?).await?;
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    kafka.stop().await;
    Ok(())
}

async fn a_hundred_messages(system: &System) -> anyhow::Result<()> {
    let students: Vec<String> = (0..STUDENTS).map(|number| format!("student-{number}")).collect();
    // Each student asks one question after the other; the students ask at the same time.
    let asked = try_join_all(students.iter().map(async |student| {
        let mut turns = Vec::new();
        for round in 0..EACH {
            let body = json!({"query_text": QUESTIONS[round % QUESTIONS.len()]});
            turns.push(system.ask(student, &body).await?);
        }
        anyhow::Ok(turns)
    }))
    .await?;
    for turns in &asked {
        for (index, turn_id) in turns.iter().enumerate() {
            let turn = system.finished_turn(*turn_id, DEADLINE).await?;
            ensure!(turn["status"] == "answered", "{turn:#}");
            ensure!(turn["seq"] == index + 1, "turn {} has number {}", index + 1, turn["seq"]);
        }
    }
    ensure!(system.count("SELECT count(*) FROM query_history").await? == 100, "lost or doubled");
    Ok(())
}

/// What the log has of routed turns: each student in one partition, in the order in which the turns were asked.
async fn each_student_is_in_order(log: &dyn EventLog) -> anyhow::Result<()> {
    let mut records = log.subscribe("order", &[BROKER_TOPIC], Start::Earliest).await?;
    let mut seen: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    let all = async {
        while seen.values().map(Vec::len).sum::<usize>() < STUDENTS * EACH {
            let delivered = records.next().await?;
            let routed = ("ce_type".to_owned(), EventType::QueryRouted.as_str().as_bytes().to_vec());
            if !delivered.record.headers.contains(&routed) {
                continue;
            }
            let data: Value = serde_json::from_slice(&delivered.record.value)?;
            let student = data["student_id"].as_str().context("a student")?.to_owned();
            ensure!(
                delivered.record.key.as_deref() == Some(student.as_bytes()),
                "the key is not the student"
            );
            seen.entry(student.clone()).or_default().push(data["payload"]["seq"].as_i64().context("a seq")?);
            partitions.entry(student).or_default().insert(delivered.position.partition);
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, all).await.context("routed turns are missing on the log")??;
    ensure!(seen.len() == STUDENTS, "{} students", seen.len());
    for (student, numbers) in &seen {
        let in_order: Vec<i64> = (1..=i64::try_from(EACH)?).collect();
        ensure!(*numbers == in_order, "{student} was routed in the order {numbers:?}");
        ensure!(partitions[student].len() == 1, "{student} is in the partitions {:?}", partitions[student]);
    }
    let used: BTreeSet<i32> = partitions.into_values().flatten().collect();
    ensure!(used.len() > 1, "everybody is in the partition {used:?}");
    Ok(())
}
