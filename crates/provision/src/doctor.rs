//! What is missing on this machine, and the command that fixes it.

use std::path::Path;
use std::process::Command;

use crate::{command, find_checkout, kafka, postgres, python, tools_dir, wasm};

/// The oldest Node.js that builds the web app.
const OLDEST_NODE: u32 = 20;

/// One thing that was looked for.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was looked for and, where it is not needed by everybody, by whom.
    pub name: String,
    /// Whether it is there.
    pub ok: bool,
    /// What was found, or why it is not usable.
    pub detail: String,
    /// The command that provides it; empty when nothing is missing.
    pub fix: String,
}

impl Check {
    fn of(name: &str, found: Result<String, (String, &str)>) -> Self {
        match found {
            Ok(detail) => Self { name: name.to_owned(), ok: true, detail, fix: String::new() },
            Err((detail, fix)) => Self { name: name.to_owned(), ok: false, detail, fix: fix.to_owned() },
        }
    }
}

/// Looks for everything that a checkout needs. Installs nothing; takes a second or two.
pub fn doctor() -> Vec<Check> {
    let here = std::env::current_dir().unwrap_or_default();
    let checkout = find_checkout(&here).unwrap_or(here);
    let mut checks = vec![
        Check::of("Rust", version_of("cargo", "install rustup from https://rustup.rs")),
        Check::of("WebAssembly target", wasm_target(&checkout)),
        Check::of("C and C++ compilers", compilers()),
        Check::of("Python", python()),
        Check::of("PostgreSQL", Ok(postgresql(&checkout))),
        Check::of("Java (tests on Kafka)", java()),
        Check::of("Maven (tests on Kafka)", version_of("mvn", "apt-get install -y maven")),
        Check::of("Go (tests of the manifests)", go()),
    ];
    if checkout.join("web/package.json").is_file() {
        checks.push(Check::of("Node.js (web app)", node()));
        checks.push(Check::of(
            "Chromium (browser tests)",
            version_of("chromium", "apt-get install -y chromium"),
        ));
    }
    checks
}

/// The first line of a program's `--version`.
fn version_of<'fix>(program: &str, fix: &'fix str) -> Result<String, (String, &'fix str)> {
    let answer = command::output(Command::new(program).arg("--version"));
    let line = answer.as_deref().and_then(|text| text.lines().next()).map(str::to_owned);
    line.ok_or_else(|| (format!("{program} does not run"), fix))
}

fn wasm_target(checkout: &Path) -> Result<String, (String, &'static str)> {
    match wasm::has_target(checkout) {
        true => Ok(wasm::TARGET.to_owned()),
        false => Err((format!("{} is not installed", wasm::TARGET), "rustup target add wasm32-wasip2")),
    }
}

/// The Kafka client is C, and its build runs make.
fn compilers() -> Result<String, (String, &'static str)> {
    for program in ["c++", "make"] {
        version_of(program, "apt-get install -y build-essential")?;
    }
    version_of("cc", "apt-get install -y build-essential")
}

fn python() -> Result<String, (String, &'static str)> {
    let python =
        python::find().map_err(|error| (error.to_string(), "apt-get install -y python3 python3-pip"))?;
    Ok(python.display().to_string())
}

fn postgresql(checkout: &Path) -> String {
    match postgres::find() {
        Some(dir) => dir.display().to_string(),
        None => format!("none here; a pinned one will be installed into {}", tools_dir(checkout).display()),
    }
}

fn java() -> Result<String, (String, &'static str)> {
    let java = kafka::find_java();
    let java = java.map_err(|error| (error.to_string(), "apt-get install -y openjdk-17-jre-headless"))?;
    Ok(java.display().to_string())
}

/// Go says its version in words of its own.
fn go() -> Result<String, (String, &'static str)> {
    let version = command::output(Command::new("go").arg("version"));
    version.ok_or_else(|| ("go does not run".to_owned(), "apt-get install -y golang-go"))
}

fn node() -> Result<String, (String, &'static str)> {
    const FIX: &str = "install Node.js 20 from https://nodejs.org or apt-get install -y nodejs npm";
    let version = version_of("node", FIX)?;
    version_of("npm", FIX)?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    match major {
        Some(OLDEST_NODE..) => Ok(version),
        _ => Err((format!("{version} is older than {OLDEST_NODE}"), FIX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_names_a_command_and_what_is_there_names_none() {
        let checks = doctor();
        assert!(checks.iter().any(|check| check.name == "Rust" && check.ok), "cargo runs this test");
        for check in checks {
            assert_eq!(check.ok, check.fix.is_empty(), "{check:?}");
            assert!(!check.detail.is_empty(), "{check:?}");
        }
        let missing = Check::of("x", version_of("no-such-program", "apt-get install -y x"));
        assert!(!missing.ok && missing.fix.starts_with("apt-get"), "{missing:?}");
    }
}
