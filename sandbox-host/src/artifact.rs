//! The interpreter as machine code: where it lies, and how it is made from the component.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    ExecutorError,
    engine::{self, Metering},
    immortal::immortalise,
};

/// Where an interpreter for this build of the engine lies below a folder. Another build has another path.
///
/// # Errors
/// When the engine cannot be configured on this machine.
pub fn path(folder: &Path, metering: Metering) -> Result<PathBuf, ExecutorError> {
    let plain = folder.join(format!("sandbox-{}.cwasm", engine::artifact_key()?));
    Ok(match metering {
        Metering::Time => plain,
        Metering::Instructions => engine::counting_path(&plain),
    })
}

/// Makes the interpreter at its [`path`], which it returns, when it is missing or older than the component.
/// `compiling` is called before that, because it takes half a minute.
///
/// # Errors
/// When the component cannot be read or compiled, or the folder not be written to.
pub fn provide(
    component: &Path,
    folder: &Path,
    metering: Metering,
    compiling: impl FnOnce(),
) -> Result<PathBuf, ExecutorError> {
    let compiled = path(folder, metering)?;
    let modified = |path: &Path| path.metadata().and_then(|about| about.modified()).ok();
    if modified(&compiled) <= modified(component) {
        compiling();
        compile(component, &compiled, metering)?;
    }
    Ok(compiled)
}

/// Compiles a component to a file. Its libraries are merged into one module before: an interpreter is then made in a
/// fraction of the time, since its function table need not be filled, and programs run a little faster. Its objects are
/// made immortal, so that a run copies less of its memory. The file is renamed into place, so that nobody loads a
/// half-written one.
///
/// # Errors
/// When the component cannot be read, merged or compiled, or the file not be written.
pub fn compile(component: &Path, compiled: &Path, metering: Metering) -> Result<(), ExecutorError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| ExecutorError::Artifact { path, reason: error.to_string() }
    };
    let mut merged = learnflow_component_merge::merge(&fs::read(component).map_err(failed(component))?)
        .map_err(|error| failed(component)(std::io::Error::other(error)))?;
    let objects =
        immortalise(&mut merged).map_err(|error| failed(component)(std::io::Error::other(error)))?;
    tracing::debug!(objects, "references to the objects of the interpreter are not counted");
    let code = engine::precompile(&merged, metering)?;
    let draft = compiled.with_extension(format!("{}.new", std::process::id()));
    if let Some(folder) = compiled.parent() {
        fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    fs::write(&draft, code).map_err(failed(&draft))?;
    fs::rename(&draft, compiled).map_err(failed(compiled))
}
