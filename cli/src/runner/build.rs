//! What `up` builds before it starts: the components, and the sandbox's interpreter.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use learnflow_provision as provision;

/// The interpreter, compiled for this machine and this build of the engine.
pub fn interpreter_path(root: &Path) -> anyhow::Result<PathBuf> {
    let key: String =
        learnflow_sandbox_host::artifact_key()?.chars().filter(char::is_ascii_alphanumeric).collect();
    Ok(root.join("target/sandbox").join(format!("sandbox-{key}.cwasm")))
}

/// Builds whatever is missing or out of date, and shows progress.
pub fn everything(root: &Path) -> anyhow::Result<()> {
    provision::wasm::ensure_target(root).context("the WebAssembly target")?;
    provision::wasm::build_functions(root).context("building the components")?;
    interpreter(root)?;
    Ok(())
}

/// Builds the interpreter: the component with componentize-py, then machine code ahead of time.
pub fn interpreter(root: &Path) -> anyhow::Result<PathBuf> {
    let component = provision::guest::build(root).context("building the sandbox's interpreter")?;
    let compiled = interpreter_path(root)?;
    let newer = |a: &Path, b: &Path| {
        Some(fs::metadata(a).ok()?.modified().ok()? > fs::metadata(b).ok()?.modified().ok()?)
    };
    if newer(&compiled, &component) == Some(true) {
        return Ok(compiled);
    }
    let step = provision::progress::Step::start("compiling the interpreter");
    let machine_code = learnflow_sandbox_host::engine::precompile(&fs::read(&component)?)?;
    // Renamed into place, so that a half-written file is never loaded.
    let draft = compiled.with_extension(format!("{}.new", std::process::id()));
    fs::write(&draft, machine_code)?;
    fs::rename(&draft, &compiled)?;
    step.done();
    Ok(compiled)
}
