//! The agents' components: the compiler's target for them, and their builds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::progress::Step;
use crate::{Error, command};

/// The target of every component.
pub const TARGET: &str = "wasm32-wasip2";

/// How a component that cargo builds is built. Several of them are one run of cargo, which compiles what they
/// share once.
const CARGO_BUILD: [&str; 5] = ["cargo", "build", "--release", "--target", TARGET];

/// Makes the toolchain of this checkout able to compile components.
pub fn ensure_target(checkout: &Path) -> Result<(), Error> {
    if has_target(checkout) {
        return Ok(());
    }
    let step = Step::start(format!("Installing the {TARGET} target"));
    let fix = format!("install rustup from https://rustup.rs, then: rustup target add {TARGET}");
    if command::on_path("rustup").is_empty() {
        return Err(Error::Missing { what: format!("the {TARGET} target"), fix });
    }
    let mut rustup = Command::new("rustup");
    command::run(rustup.args(["target", "add", TARGET]).current_dir(checkout), &step, &fix)?;
    step.done();
    Ok(())
}

/// Whether the target's standard library is there.
pub(crate) fn has_target(checkout: &Path) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(checkout);
    command::output(&mut rustc).is_some_and(|folder| Path::new(&folder).is_dir())
}

/// Builds every component of `spin.toml` whose sources changed, by the build commands of that file, and returns
/// their files. Cargo decides what changed.
pub fn build_functions(checkout: &Path) -> Result<Vec<PathBuf>, Error> {
    let application = Application::read(checkout)?;
    ensure_target(checkout)?;
    let step = Step::start("Building the agents");
    for words in Plan::of(&application).commands() {
        let mut build = Command::new(&words[0]);
        build.args(&words[1..]).current_dir(checkout);
        command::run(&mut build, &step, "see the compiler's message")?;
    }
    step.done();

    let sources = application.component.values().map(|component| checkout.join(&component.source));
    sources.map(|file| if file.is_file() { Ok(file) } else { Err(not_built(&file)) }).collect()
}

/// The packages of this workspace that are components of `spin.toml`.
pub fn packages(checkout: &Path) -> Result<Vec<String>, Error> {
    let plan = Plan::of(&Application::read(checkout)?);
    Ok(plan.cargo.into_iter().filter(|word| !word.starts_with('-')).collect())
}

fn not_built(file: &Path) -> Error {
    Error::Missing {
        what: file.display().to_string(),
        fix: "give its component in spin.toml a build command that writes it".to_owned(),
    }
}

/// The part of `spin.toml` that building needs; crates/topology reads and checks the whole.
#[derive(Deserialize)]
struct Application {
    component: BTreeMap<String, Component>,
}

impl Application {
    fn read(checkout: &Path) -> Result<Self, Error> {
        let manifest = checkout.join("spin.toml");
        let text = std::fs::read_to_string(&manifest).map_err(Error::io(&manifest))?;
        toml::from_str(&text)
            .map_err(|error| Error::Io { path: manifest, source: std::io::Error::other(error) })
    }
}

#[derive(Deserialize)]
struct Component {
    source: PathBuf,
    build: Option<Build>,
}

#[derive(Deserialize)]
struct Build {
    command: String,
}

/// Which commands build an application.
struct Plan {
    /// What follows [`CARGO_BUILD`], of all components together: `-p NAME` for each.
    cargo: Vec<String>,
    /// Build commands of another kind, for a shell.
    others: Vec<String>,
}

impl Plan {
    fn of(application: &Application) -> Self {
        let (mut cargo, mut others) = (Vec::new(), Vec::new());
        for build in application.component.values().filter_map(|component| component.build.as_ref()) {
            let words: Vec<&str> = build.command.split_whitespace().collect();
            match words.strip_prefix(&CARGO_BUILD) {
                Some(rest) => cargo.extend(rest.iter().map(|word| (*word).to_owned())),
                None => others.push(build.command.clone()),
            }
        }
        Self { cargo, others }
    }

    fn commands(self) -> Vec<Vec<String>> {
        let cargo = (!self.cargo.is_empty())
            .then(|| CARGO_BUILD.map(str::to_owned).into_iter().chain(self.cargo).collect());
        let others = self.others.into_iter().map(|command| vec!["sh".to_owned(), "-c".to_owned(), command]);
        cargo.into_iter().chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_of_cargo_are_one_build_and_others_keep_their_command() {
        let application = toml::from_str(
            r#"
            [component.a]
            source = "a.wasm"
            [component.a.build]
            command = "cargo build --release --target wasm32-wasip2 -p a"
            [component.b]
            source = "b.wasm"
            build.command = "make 'b c'"
            [component.c]
            source = "c.wasm"
            build.command = "cargo build --release --target wasm32-wasip2  -p c"
            [component.ready]
            source = "ready.wasm"
            "#,
        )
        .unwrap();
        let shown: Vec<String> =
            Plan::of(&application).commands().iter().map(|words| words.join(" ")).collect();
        assert_eq!(shown, ["cargo build --release --target wasm32-wasip2 -p a -p c", "sh -c make 'b c'"]);
    }
}
