//! `cargo xtask …`: the project's own chores. Run `cargo xtask help` for a list.
//!
//! This crate stays light, so that a chore starts without first compiling a wasm engine: heavy work is done by
//! other programs of the workspace, which are run through cargo.

mod asyncapi;
mod codegen;
mod contract;
mod openapi;
mod suite;
mod supplies;
mod typescript;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// LearnFlow's chores
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs every test there is
    Test,
    /// Measures, beside what one would use instead
    Bench {
        /// What is measured, and how: see `cargo xtask bench help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "help")]
        arguments: Vec<String>,
    },
    /// Holds a broker's data plane or a host of the functions to the documented behaviour, by URL
    Conformance {
        /// See `cargo xtask conformance --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "--help")]
        arguments: Vec<String>,
    },
    /// Trains the classifier of messages from its data, measures it, writes its figures to docs/triage.md
    TrainTriage {
        /// See functions/triage/examples/train.rs: --check, --questions FILE, --show SET, FILE.jsonl…
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Fetches and builds what tests and `learnflow up` need beyond crates
    Provision,
    /// Writes the files that are generated from the code
    Codegen {
        /// Only says which files are out of date, and fails when one is
        #[arg(long)]
        check: bool,
    },
}

fn main() -> Result<()> {
    let checkout = checkout()?;
    match Arguments::parse().chore {
        Chore::Test => suite::run(&checkout),
        Chore::Bench { arguments } => bench(&checkout, &arguments),
        Chore::Conformance { arguments } => program(&checkout, "learnflow-conformance", &arguments),
        Chore::TrainTriage { arguments } => example(&checkout, "train", &arguments),
        Chore::Provision => supplies::provide(&checkout),
        Chore::Codegen { check: true } => codegen::check(&checkout),
        Chore::Codegen { check: false } => codegen::write(&checkout),
    }
}

/// Measures what the tests have tested: built by itself, the program and what it starts would get other features of
/// other people's crates, and nearly all of them would be compiled again.
fn bench(checkout: &Path, arguments: &[String]) -> Result<()> {
    suite::build(checkout)?;
    let mut program = Command::new(checkout.join("target/release/learnflow-bench"));
    end_as(program.args(arguments).env("CARGO_MANIFEST_DIR", checkout))
}

/// Runs a program of the workspace that is too heavy to be part of this one.
fn program(checkout: &Path, name: &str, arguments: &[String]) -> Result<()> {
    run(checkout, ["--bin", name], arguments)
}

/// Runs an example of a crate: a chore that needs what the crate has.
fn example(checkout: &Path, name: &str, arguments: &[String]) -> Result<()> {
    run(checkout, ["--example", name], arguments)
}

/// By the kind and name of what is run, not by its package: cargo would choose other features for that alone, and compile
/// nearly everything again.
fn run(checkout: &Path, which: [&str; 2], arguments: &[String]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet"]).args(which).arg("--");
    end_as(cargo.args(arguments).current_dir(checkout))
}

/// Runs a program, and ends as it did: it said itself what went wrong.
fn end_as(program: &mut Command) -> Result<()> {
    let name = program.get_program().to_string_lossy().into_owned();
    let status = program.status().with_context(|| format!("{name} does not run"))?;
    std::process::exit(status.code().unwrap_or(1));
}

/// The checkout that this program was built from, which is the one that cargo was called in.
fn checkout() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    learnflow_provision::find_checkout(Path::new(&here)).context("this is no checkout of LearnFlow")
}
