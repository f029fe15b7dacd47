//! The service and its executor processes in one program.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use learnflow_sandbox_host::{FleetConfig, ServeConfig, executor_main, serve};

#[derive(Parser)]
#[command(about = "Runs Python programs of students", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address to listen on.
    #[arg(long, env = "SANDBOX_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// The interpreter, compiled ahead of time.
    #[arg(long, env = "SANDBOX_CWASM", default_value = "target/sandbox/sandbox.cwasm")]
    cwasm: PathBuf,
    /// PostgreSQL, where runs of students are kept.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// An executor process; the service starts these itself.
    #[command(hide = true)]
    Executor,
    /// Measures this machine's sandbox and prints the figures as JSON.
    Bench {
        /// Seconds for each series.
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
    /// Compiles a component ahead of time.
    Compile {
        /// The component.
        wasm: PathBuf,
        /// Where the compiled interpreter goes.
        cwasm: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    // Standard output belongs to the frames in an executor process, so logs go to standard error.
    tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .init();
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Executor) => executor_main(),
        Some(Command::Compile { wasm, cwasm }) => {
            let component =
                std::fs::read(&wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
            let compiled = learnflow_sandbox_host::engine::precompile(&component)?;
            std::fs::write(&cwasm, compiled).with_context(|| format!("cannot write {}", cwasm.display()))
        }
        Some(Command::Bench { seconds }) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let figures =
                runtime.block_on(learnflow_sandbox_host::bench::measure(&arguments.cwasm, seconds))?;
            println!("{}", serde_json::to_string_pretty(&figures)?);
            Ok(())
        }
        None => {
            let this = std::env::current_exe().context("cannot find this program")?;
            let cwasm = std::path::absolute(&arguments.cwasm)?;
            let fleet = FleetConfig::new(vec![this.into_os_string(), OsString::from("executor")], cwasm);
            let config =
                ServeConfig { listen: arguments.listen, database_url: arguments.database_url, fleet };
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?
                .block_on(serve(config, stopped()))
        }
    }
}

/// Completes on Ctrl-C or SIGTERM.
async fn stopped() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("the process can listen for signals");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
