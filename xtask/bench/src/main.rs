//! What `cargo xtask bench` runs. It is a program of its own, since it needs the wasm engine and xtask must not.
//!
//! Every figure stands beside one of what would be used instead, measured in turns on the same machine. Compare
//! within one report: another machine, or the same one an hour later, is another experiment.

mod functions;
mod sandbox;
mod section;
mod system;
mod track;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser};

/// Measures LearnFlow
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
enum Arguments {
    /// The agents' components on the Spin host, beside a native server with the same answer
    Functions(Measurement),
    /// From a message to its authored answer in the browser, on both event logs
    System(system::Options),
    /// The sandbox beside python3, bubblewrap and Pyodide
    Sandbox(sandbox::SandboxArguments),
    /// Exercises of an Exercism track in the sandbox and under the machine's own Python: what behaves differently
    Track {
        /// A checkout of the track, for example of <https://github.com/exercism/python>
        folder: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// The sandbox's service, which the measurement starts
    #[command(hide = true)]
    SandboxService(sandbox::ServeArguments),
    /// An executor process, which the service starts
    #[command(hide = true)]
    SandboxExecutor,
}

/// How to measure.
#[derive(Args)]
struct Measurement {
    /// How long each server is under load
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Measurement {
    fn load(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if matches!(arguments, Arguments::SandboxExecutor) {
        // It makes its own runtime, once it has given up what it does not need.
        return learnflow_sandbox_host::executor_main();
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<()> {
    match arguments {
        Arguments::Functions(measurement) => functions::measure(&checkout()?, &measurement).await,
        Arguments::System(options) => system::measure(&checkout()?, &options).await,
        Arguments::Sandbox(arguments) => sandbox::measure(&checkout()?, &arguments).await,
        Arguments::Track { folder, json } => {
            track::compare(sandbox::executor(&checkout()?)?, &folder, json).await
        }
        Arguments::SandboxService(arguments) => sandbox::serve(arguments).await,
        Arguments::SandboxExecutor => Ok(()),
    }
}

fn checkout() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask bench`")?;
    learnflow_provision::find_checkout(Path::new(&here)).context("this is no checkout of LearnFlow")
}
