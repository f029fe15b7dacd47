//! What `cargo xtask bench` runs. It is a program of its own, since it needs the wasm engine and xtask must not.
//!
//! Every figure stands beside one of what would be used instead, measured in turns on the same machine. Compare
//! within one report: another machine, or the same one an hour later, is another experiment.

mod functions;

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

#[tokio::main]
async fn main() -> Result<()> {
    let checkout = checkout()?;
    match Arguments::parse() {
        Arguments::Functions(measurement) => functions::measure(&checkout, &measurement).await,
    }
}

fn checkout() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask bench`")?;
    learnflow_provision::find_checkout(Path::new(&here)).context("this is no checkout of LearnFlow")
}
