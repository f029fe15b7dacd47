//! `learnflow up`: the graph of the manifests on this machine.

use std::{process::ExitCode, time::Instant};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    installation::{DataDirectory, Running, checkout},
    runner::{System, SystemOptions, build},
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
    /// Use an Apache Kafka of yours as the event log (`host:port,…`)
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS")]
    kafka_bootstrap_servers: Option<String>,
    /// Start what is built, without looking whether it is up to date
    #[arg(long)]
    no_build: bool,
}

/// Starts everything, says where it is, and stops it on Ctrl-C or SIGTERM.
pub async fn up(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Standard output is for the addresses; what happens goes to standard error.
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let root = checkout()?;
    let data_dir = arguments.data.path()?;
    if !arguments.no_build {
        let root = root.clone();
        tokio::task::spawn_blocking(move || build::everything(&root)).await??;
    }

    let started = Instant::now();
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let options = SystemOptions {
        root,
        data_dir: data_dir.clone(),
        port: arguments.port,
        database_url: arguments.database_url,
        kafka_bootstrap_servers: arguments.kafka_bootstrap_servers,
    };
    let mut system = tokio::select! {
        system = System::start(options) => system?,
        _ = interrupted.recv() => return Ok(ExitCode::from(130)),
        _ = terminated.recv() => return Ok(ExitCode::from(143)),
    };
    let running = system.running();
    running.write(&data_dir)?;
    println!("gateway    {}", running.gateway_url);
    println!("functions  {}", running.functions_url);
    println!("sandbox    {}", running.sandbox_url);
    println!("broker     {}", running.broker_url);
    println!("ready in {:.1} s", started.elapsed().as_secs_f64());

    let outcome = tokio::select! {
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
        error = system.failed() => Err(error),
    };
    eprintln!("stopping; the data stays in {}", data_dir.display());
    // A stale file would only make `ask` say that nothing answers.
    let _ = std::fs::remove_file(data_dir.join(Running::FILE));
    system.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}
