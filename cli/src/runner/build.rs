//! What `up` builds before it starts: the components, and the sandbox's interpreter.

use std::path::{Path, PathBuf};

use anyhow::Context;
use learnflow_provision as provision;
use learnflow_sandbox_host::{artifact, engine::Metering};

/// The interpreter, compiled for this machine and this build of the engine.
pub fn interpreter_path(root: &Path) -> anyhow::Result<PathBuf> {
    Ok(artifact::path(&folder(root), Metering::Time)?)
}

/// Builds whatever is missing or out of date, and shows progress.
pub fn everything(root: &Path) -> anyhow::Result<()> {
    provision::wasm::ensure_target(root).context("the WebAssembly target")?;
    provision::wasm::build_functions(root).context("building the components")?;
    counting_interpreter(root)?;
    web(root)?;
    Ok(())
}

/// Builds the web app; without Node.js everything else works, and says so.
fn web(root: &Path) -> anyhow::Result<()> {
    if !root.join("web/package.json").is_file() {
        return Ok(());
    }
    if let Err(missing) = provision::web::node() {
        eprintln!("the web app is not built: {missing}. The API and the command line work without it.");
        return Ok(());
    }
    provision::web::build(root).context("building the web app")?;
    Ok(())
}

/// Builds the interpreter: the component with componentize-py, then machine code ahead of time.
pub fn interpreter(root: &Path) -> anyhow::Result<PathBuf> {
    compile(root, Metering::Time, "compiling the interpreter")
}

/// Builds the interpreter that counts instructions beside [`interpreter`], and returns the path of that.
pub fn counting_interpreter(root: &Path) -> anyhow::Result<PathBuf> {
    let interpreter = interpreter(root)?;
    compile(root, Metering::Instructions, "compiling the interpreter that counts instructions")?;
    Ok(interpreter)
}

fn compile(root: &Path, metering: Metering, what: &str) -> anyhow::Result<PathBuf> {
    let component = provision::guest::build(root).context("building the sandbox's interpreter")?;
    let mut step = None;
    let compiled = artifact::provide(&component, &folder(root), metering, || {
        step = Some(provision::progress::Step::start(what));
    })?;
    if let Some(step) = step {
        step.done();
    }
    Ok(compiled)
}

/// Where compiled interpreters are kept.
fn folder(root: &Path) -> PathBuf {
    root.join("target/sandbox")
}
