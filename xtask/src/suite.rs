//! `cargo xtask test`: every test there is, one stage after the other.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use learnflow_provision::{TEST_DATABASE_URL, TEST_KAFKA, kafka, postgres, tools_dir, wasm, web};

use crate::{codegen, supplies};

/// Builds the programs and tests of the whole workspace, and the scripted provider of the browser tests, at once.
const BUILD: &[&str] = &["build", "--release", "--workspace", "--bins", "--tests", "--example", "provider"];

/// Compiles everything that is tested, as it is tested.
pub fn build(checkout: &Path) -> Result<()> {
    cargo(checkout, BUILD)
}

/// Runs all stages, also after one failed, and says at the end how each of them went.
pub fn run(checkout: &Path) -> Result<()> {
    let mut suite = Suite::default();
    suite.stage("format", || cargo(checkout, &["fmt", "--all", "--check"]));
    suite.stage("generated files", || codegen::check(checkout));
    suite.stage("supplies", || supplies::provide(checkout));
    suite.stage("lints", || {
        cargo(checkout, &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])
    });
    suite.stage("lints of components", || lint_components(checkout));
    suite.stage("Rust tests", || rust_tests(checkout));
    suite.stage("web types", || web_types(&checkout.join("web")));
    suite.stage("browser tests", || browser_tests(checkout));
    suite.finish()
}

/// What happened so far.
#[derive(Default)]
struct Suite {
    stages: Vec<(&'static str, Duration, Result<()>)>,
}

impl Suite {
    fn stage(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        println!("── {name}");
        let started = Instant::now();
        let result = work();
        if let Err(error) = &result {
            println!("── {name} failed: {error:#}");
        }
        self.stages.push((name, started.elapsed(), result));
    }

    fn finish(self) -> Result<()> {
        println!("──");
        for (name, elapsed, result) in &self.stages {
            let outcome = if result.is_ok() { "ok" } else { "FAILED" };
            println!("{name:<20} {outcome:<6} {:>7.1} s", elapsed.as_secs_f64());
        }
        let failed = self.stages.iter().filter(|(_, _, result)| result.is_err()).count();
        if failed > 0 {
            bail!("{failed} of {} stages failed", self.stages.len());
        }
        Ok(())
    }
}

/// A component is other code than the same crate on the machine: its shell is compiled for wasm only.
fn lint_components(checkout: &Path) -> Result<()> {
    let mut arguments = vec!["clippy", "--release", "--target", wasm::TARGET];
    let packages = wasm::packages(checkout)?;
    for package in &packages {
        arguments.extend(["--package", package]);
    }
    arguments.extend(["--", "-D", "warnings"]);
    cargo(checkout, &arguments)
}

/// All tests of the workspace, on one PostgreSQL and one Kafka.
fn rust_tests(checkout: &Path) -> Result<()> {
    // Some tests run the programs of other packages, which `cargo test` alone does not build. Together with the
    // tests they are compiled with the same features, so nothing is compiled twice.
    build(checkout)?;

    let scratch = Scratch::new(checkout)?;
    let mut options = postgres::Options::new(scratch.dir.join("postgres"), tools_dir(checkout));
    options.ephemeral = true;
    options.max_connections = 500;
    let postgres = postgres::Server::start_blocking(&options)?;
    let kafka = kafka::Broker::start_blocking(&kafka::Options {
        dir: scratch.dir.join("kafka"),
        tools_dir: tools_dir(checkout),
        port: None,
        fresh: true,
    })?;

    let mut test = Command::new("cargo");
    test.args(["test", "--release", "--workspace", "--no-fail-fast"]).current_dir(checkout);
    test.env(TEST_DATABASE_URL, postgres.database_url()).env(TEST_KAFKA, kafka.bootstrap_servers());
    let mut child = test.stdout(Stdio::piped()).spawn().context("cargo does not run")?;

    // The output goes on to where it would have gone; the closing lines are added up on the way.
    let mut totals = Totals::default();
    let mut output = BufReader::new(child.stdout.take().context("standard output is piped")?);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        totals.add(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = child.wait()?;
    println!("{totals}");
    if !status.success() {
        bail!("cargo test failed ({status})");
    }
    if totals.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// The data of the suite's services, which goes away with the suite.
struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    fn new(checkout: &Path) -> Result<Self> {
        let dir = checkout.join("target/testkit/suite");
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// What the closing lines of all test binaries add up to.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    binaries: u32,
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Totals {
    /// Adds a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        self.binaries += 1;
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { binaries, passed, failed, ignored } = self;
        write!(
            f,
            "all Rust tests: {passed} passed; {failed} failed; {ignored} ignored; in {binaries} test binaries"
        )
    }
}

/// The web app's types, on exactly the packages of its lock file.
fn web_types(web: &Path) -> Result<()> {
    for arguments in [&["ci", "--no-audit", "--no-fund"][..], &["run", "typecheck"]] {
        run_command(Command::new("npm").args(arguments).current_dir(web))?;
    }
    Ok(())
}

/// What students and teachers do, in Chromium, against the system as `learnflow up` starts it.
fn browser_tests(checkout: &Path) -> Result<()> {
    web::build(checkout)?;
    // The programs are those of the Rust tests: built by themselves they would get other features, all of them anew.
    build(checkout)?;
    for arguments in [&["ci", "--no-audit", "--no-fund"][..], &["test"]] {
        run_command(Command::new("npm").args(arguments).current_dir(checkout.join("tests/e2e")))?;
    }
    Ok(())
}

fn cargo(checkout: &Path, arguments: &[&str]) -> Result<()> {
    run_command(Command::new("cargo").args(arguments).current_dir(checkout))
}

fn run_command(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} does not run"))?;
    if !status.success() {
        let first = command.get_args().next().unwrap_or_default().to_string_lossy();
        bail!("{program} {first} failed ({status})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up_and_other_lines_are_not() {
        let mut totals = Totals::default();
        for line in [
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.76s\n",
            "test a::b ... ok\n",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
        ] {
            totals.add(line);
        }
        assert_eq!(totals, Totals { binaries: 2, passed: 7, failed: 3, ignored: 1 });
    }

    #[test]
    fn a_failed_stage_fails_the_suite_and_the_stages_after_it_still_run() {
        let mut suite = Suite::default();
        suite.stage("first", || bail!("broken"));
        let mut ran = false;
        suite.stage("second", || {
            ran = true;
            Ok(())
        });
        assert!(suite.finish().unwrap_err().to_string().contains("1 of 2"));
        assert!(ran);
    }
}
