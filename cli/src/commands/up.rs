//! `learnflow up`: the graph of the manifests on this machine.

use std::{process::ExitCode, time::Instant};

use clap::Args;
use learnflow_event_log::kafka::Connection;
use learnflow_telemetry::{Format, Output, Setup};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    demo,
    installation::{DataDirectory, Running, checkout},
    runner::{ModelVariables, System, SystemOptions, build},
};

/// How to start.
#[derive(Args)]
pub struct Arguments {
    /// The gateway's port on 127.0.0.1; 0 takes free ports for everything
    #[arg(long, default_value_t = 3000)]
    port: u16,
    #[command(flatten)]
    data: DataDirectory,
    /// Use a PostgreSQL of yours instead of an embedded one
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Use an Apache Kafka of yours as the event log (`host:port,…`); KAFKA_SECURITY_PROTOCOL and its like say how to log
    /// in (`gateway --help` lists them)
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS")]
    kafka_bootstrap_servers: Option<String>,
    /// Start what is built, without looking whether it is up to date
    #[arg(long)]
    no_build: bool,
    /// Fill it with a class of thirty and what they did in the last fortnight
    #[arg(long)]
    demo: bool,
}

/// Starts everything, says where it is, and stops it on Ctrl-C or SIGTERM.
pub async fn up(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Standard output is for the addresses; what happens goes to standard error.
    let _telemetry =
        Setup { service: "learnflow", format: Format::Text, output: Output::Stderr, level: "warn" }
            .start()?;
    learnflow_gateway::raise_file_limit();
    let root = checkout()?;
    let data_dir = arguments.data.path()?;
    if !arguments.no_build {
        let root = root.clone();
        tokio::task::spawn_blocking(move || build::everything(&root)).await??;
    }

    let kafka = arguments.kafka_bootstrap_servers.filter(|servers| !servers.is_empty());
    let kafka = kafka.map(|servers| Connection::from_variables(&servers, &|name| std::env::var(name).ok()));
    let started = Instant::now();
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let options = SystemOptions {
        root,
        data_dir: data_dir.clone(),
        port: arguments.port,
        database_url: arguments.database_url,
        kafka: kafka.transpose()?,
        model: ModelVariables::from_environment(texts(std::env::vars_os()))?,
    };
    let mut system = tokio::select! {
        system = System::start(options) => system?,
        _ = interrupted.recv() => return Ok(ExitCode::from(130)),
        _ = terminated.recv() => return Ok(ExitCode::from(143)),
    };
    let running = system.running().clone();
    running.write(&data_dir)?;
    println!("gateway    {}", running.gateway_url);
    println!("functions  {}", running.functions_url);
    println!("sandbox    {}", running.sandbox_url);
    println!("broker     {}", running.broker_url);
    println!("ready in {:.1} s", started.elapsed().as_secs_f64());
    let with_demo = arguments.demo;
    let filled = async {
        if with_demo && let Err(error) = demo::fill(&running, &data_dir).await {
            // What is there works without it.
            eprintln!("the demo is not complete, `up --demo` goes on with it: {error:#}");
        }
        std::future::pending::<anyhow::Error>().await
    };

    let outcome = tokio::select! {
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
        error = system.failed() => Err(error),
        error = filled => Err(error),
    };
    eprintln!("stopping; the data stays in {}", data_dir.display());
    // A stale file would only make `ask` say that nothing answers.
    let _ = std::fs::remove_file(data_dir.join(Running::FILE));
    system.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The environment without what is no text: none of it is ours.
fn texts(variables: std::env::VarsOs) -> impl Iterator<Item = (String, String)> {
    variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
