//! The whole path on a Kafka that goes away in mid-stream, and with a second runner that comes and goes.

use std::time::Duration;

use anyhow::ensure;
use learnflow_events::payload::QuerySubmitted;
use learnflow_provision::{kafka, tools_dir};
use learnflow_tests::{System, repository, submitted, wait_for};
use reqwest::StatusCode;
use tempfile::TempDir;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(120);

/// A Kafka that belongs to one test, which may take it away.
pub(crate) struct OwnKafka {
    options: kafka::Options,
    broker: kafka::Broker,
    _dir: TempDir,
}

impl OwnKafka {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let dir = TempDir::with_prefix("learnflow-kafka-")?;
        let mut options = kafka::Options {
            dir: dir.path().to_owned(),
            tools_dir: tools_dir(repository()),
            port: None,
            fresh: true,
        };
        let broker = kafka::Broker::start(options.clone()).await?;
        (options.port, options.fresh) = (Some(broker.port()), false);
        Ok(Self { options, broker, _dir: dir })
    }

    /// What makes `up` use it.
    pub(crate) fn environment(&self) -> (String, String) {
        ("KAFKA_BOOTSTRAP_SERVERS".to_owned(), self.broker.bootstrap_servers())
    }

    /// Stops it properly; what it takes to start it again.
    pub(crate) async fn stop(self) -> StoppedKafka {
        self.broker.stop().await;
        StoppedKafka { options: self.options, dir: self._dir }
    }

    /// Ends it as a power failure does.
    async fn kill(self) -> StoppedKafka {
        self.broker.kill().await;
        StoppedKafka { options: self.options, dir: self._dir }
    }
}

/// A Kafka that is down and has its data.
pub(crate) struct StoppedKafka {
    options: kafka::Options,
    dir: TempDir,
}

impl StoppedKafka {
    pub(crate) async fn start(self) -> anyhow::Result<OwnKafka> {
        let broker = kafka::Broker::start(self.options.clone()).await?;
        Ok(OwnKafka { options: self.options, broker, _dir: self.dir })
    }
}

/// Publishes a question of each of these students; the turns.
async fn publish(system: &System, students: std::ops::Range<usize>) -> anyhow::Result<Vec<Uuid>> {
    let mut turns = Vec::new();
    for student in students {
        let query = QuerySubmitted {
            query_text: "why does it stop?".to_owned(),
            code: Some("names = ['a']\nprint(names[1])\n".to_owned()),
            ..QuerySubmitted::default()
        };
        let (event, turn) = submitted(Uuid::new_v4(), &format!("student-{}", student % 24), query);
        let status = system.publish(&event).await?;
        ensure!(status == StatusCode::ACCEPTED, "the broker refused: {status}");
        turns.push(turn);
    }
    Ok(turns)
}

async fn all_answered(system: &System, turns: &[Uuid]) -> anyhow::Result<()> {
    for turn in turns {
        let turn = system.finished_turn(*turn, DEADLINE).await?;
        ensure!(turn["status"] == "answered", "{turn:#}");
    }
    system.ensure_each_once(turns.len()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_in_mid_stream_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    let system = System::start_with(vec![kafka.environment()]).await?;
    let turns = publish(&system, 0..60).await?;
    let answered = system.count("SELECT count(*) FROM query_history WHERE status = 'answered'").await?;
    ensure!(answered < 60, "all were answered before the end of Kafka; the test shows nothing");
    let kafka = kafka.kill().await.start().await?;
    all_answered(&system, &turns).await?;
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    kafka.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_runner_takes_its_share_and_gives_it_back() -> anyhow::Result<()> {
    let kafka = OwnKafka::start().await?;
    let database = learnflow_testkit::database().await;
    let environment = vec![kafka.environment(), ("DATABASE_URL".to_owned(), database.url.clone())];
    let first = System::start_with(environment.clone()).await?;
    let mut turns = publish(&first, 0..24).await?;

    let second = System::start_with(environment).await?;
    wait_for(DEADLINE, "the second runner to be given partitions", async || {
        turns.extend(publish(&first, turns.len()..turns.len() + 4).await?);
        let (there, here) = (delivered(&second).await?, delivered(&first).await?);
        Ok((there > 0.0 && here > 0.0).then_some(()))
    })
    .await?;
    // It leaves with events on their way.
    turns.extend(publish(&first, turns.len()..turns.len() + 24).await?);
    ensure!(second.stop().await?, "the second runner did not stop cleanly");
    turns.extend(publish(&first, turns.len()..turns.len() + 24).await?);
    all_answered(&first, &turns).await?;
    ensure!(first.stop().await?, "the runner did not stop cleanly");
    kafka.stop().await;
    Ok(())
}

/// How many events a runner's broker has handled.
async fn delivered(system: &System) -> anyhow::Result<f64> {
    Ok(system.broker_metric("broker_events_total").await?.into_iter().sum())
}
