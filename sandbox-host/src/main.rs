//! The service and its executor processes in one program.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use learnflow_sandbox_host::{
    FleetConfig, McpConfig, ServeConfig, artifact,
    engine::{self, Metering},
    executor_main, serve,
};
use learnflow_telemetry::{Output, Setup};

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
    /// Host names besides the loopback ones under which MCP clients may address it, separated by commas.
    #[arg(long, env = "SANDBOX_MCP_HOSTS", value_delimiter = ',')]
    mcp_hosts: Vec<String>,
    /// Origins of the web pages whose MCP clients may use it, separated by commas; none by default.
    #[arg(long, env = "SANDBOX_MCP_ORIGINS", value_delimiter = ',')]
    mcp_origins: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// An executor process; the service starts these itself.
    #[command(hide = true)]
    Executor,
    /// Compiles a component ahead of time: as it is, and once more so that it counts instructions.
    Compile {
        /// The component.
        wasm: PathBuf,
        /// Where the compiled interpreter goes; the counting one goes beside it, as `….counting.cwasm`.
        cwasm: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    // Standard output belongs to the frames in an executor process, so logs go to standard error.
    let _telemetry = Setup { output: Output::Stderr, ..Setup::service("sandbox-host") }.start()?;
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Executor) => executor_main(),
        Some(Command::Compile { wasm, cwasm }) => {
            let counting = engine::counting_path(&cwasm);
            for (path, metering) in [(cwasm, Metering::Time), (counting, Metering::Instructions)] {
                artifact::compile(&wasm, &path, metering)?;
            }
            Ok(())
        }
        None => {
            let this = std::env::current_exe().context("cannot find this program")?;
            let cwasm = std::path::absolute(&arguments.cwasm)?;
            let fleet = FleetConfig::new(vec![this.into_os_string(), OsString::from("executor")], cwasm);
            let config = ServeConfig {
                listen: arguments.listen,
                database_url: arguments.database_url,
                fleet,
                mcp: McpConfig { hosts: arguments.mcp_hosts, origins: arguments.mcp_origins },
                grace: ServeConfig::GRACE,
            };
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
