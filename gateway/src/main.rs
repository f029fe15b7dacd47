//! The gateway as a process of its own, configured by its environment (`gateway --help` lists it).

use std::sync::Arc;

use anyhow::Context;
use learnflow_event_log::{
    EventLog,
    kafka::{Connection, KafkaLog, VARIABLES as KAFKA_VARIABLES},
};
use learnflow_gateway::{
    Gateway,
    env::{VARIABLES, configuration, name, required},
};
use learnflow_telemetry::Setup;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().len() > 1 {
        println!("Usage: gateway. It is configured by its environment:\n");
        for (name, text) in VARIABLES {
            println!("{name}\n   {}\n", text.trim().replace('\n', "\n  "));
        }
        for (name, text) in KAFKA_VARIABLES {
            println!("{name}\n   {text}\n");
        }
        println!(
            "OTEL_EXPORTER_OTLP_ENDPOINT\n   A collector of traces; docs/observability.md has more variables."
        );
        return Ok(());
    }
    let _telemetry = Setup::service("gateway").start()?;
    learnflow_gateway::raise_file_limit();
    let lookup = |name: &str| std::env::var(name).ok();
    let config = configuration(&lookup, event_log(&lookup).await?)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let gateway = Gateway::start(config).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    gateway.shutdown().await;
    Ok(())
}

async fn event_log(lookup: &(dyn Fn(&str) -> Option<String> + Sync)) -> anyhow::Result<Arc<dyn EventLog>> {
    if let Some(servers) = lookup(name::KAFKA_BOOTSTRAP_SERVERS).filter(|servers| !servers.is_empty()) {
        let connection = Connection::from_variables(&servers, &|name| lookup(name))?;
        let log = KafkaLog::connect(connection).await.context("connecting to Kafka")?;
        return Ok(Arc::new(log));
    }
    let database_url = required(&|name| lookup(name), name::DATABASE_URL)?;
    let log = learnflow_event_log::postgres::PostgresLog::open(&database_url)
        .await
        .context("opening the event log in PostgreSQL")?;
    Ok(Arc::new(log))
}
