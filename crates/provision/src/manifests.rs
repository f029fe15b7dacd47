//! What tests hold the manifests to: kustomize, which builds them as `kubectl kustomize` does, and models made from the
//! definitions of Kubernetes, Knative and the Prometheus operator.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::progress::Step;
use crate::{Error, command, lock, python, python::beside};

/// The last release that Go 1.19 builds, which is what Debian 12 has. It builds the same as newer ones.
const KUSTOMIZE: &str = "v5.0.3";
const MODULE: &str = "sigs.k8s.io/kustomize/kustomize/v5";

/// Models for pydantic. The versions are the newest that Python 3.11 takes.
const MODELS: [&str; 6] = [
    "cloudcoil==0.6.0",
    "cloudcoil-models-kubernetes==1.32.1.3",
    "cloudcoil-models-knative-serving==1.17.0.1",
    "cloudcoil-models-knative-eventing==1.17.1.1",
    "cloudcoil-models-prometheus-operator==0.80.1.0",
    "pydantic==2.14.4",
];

/// Builds kustomize from its Go module, once, and returns the program. Takes a minute or two the first time.
///
/// # Errors
/// Without Go, or when the module cannot be fetched.
pub fn kustomize(tools_dir: &Path) -> Result<PathBuf, Error> {
    let folder = tools_dir.join(format!("kustomize-{KUSTOMIZE}"));
    let program = folder.join("kustomize");
    if program.is_file() {
        return Ok(program);
    }
    let _lock = lock::wait(&beside(&folder, "lock"))?;
    if program.is_file() {
        return Ok(program);
    }
    let go = command::on_path("go").into_iter().next().ok_or_else(|| Error::Missing {
        what: "Go, which builds kustomize,".to_owned(),
        fix: "install it: apt-get install -y golang-go".to_owned(),
    })?;
    let step = Step::start(format!("Building kustomize {KUSTOMIZE}"));
    let unfinished = beside(&folder, "new");
    std::fs::create_dir_all(&unfinished).map_err(Error::io(&unfinished))?;
    let mut install = Command::new(go);
    // A checkout around the current folder must not decide which modules are taken.
    install.args(["install", &format!("{MODULE}@{KUSTOMIZE}")]).current_dir(&unfinished);
    install.env("GOBIN", std::path::absolute(&unfinished).map_err(Error::io(&unfinished))?);
    install.env("GOFLAGS", "-mod=mod").env("GOTOOLCHAIN", "local");
    command::run(&mut install, &step, "check the network and Go's settings (go env), then try again")?;
    std::fs::rename(&unfinished, &folder).map_err(Error::io(&folder))?;
    step.done();
    Ok(program)
}

/// Installs the models, once. Returns the interpreter to run with the second path as `PYTHONPATH`.
///
/// # Errors
/// Without Python and pip, or when the packages cannot be fetched.
pub fn models(tools_dir: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let packages = tools_dir.join("manifest-models-1");
    python::install(&MODELS, &packages, "models of Kubernetes and Knative")?;
    Ok((python::find()?, packages))
}
