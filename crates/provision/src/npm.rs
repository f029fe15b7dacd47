//! Node.js programs of tests, each with the packages of its lock file.

use std::path::Path;
use std::process::Command;

use crate::progress::Step;
use crate::{Error, command, lock, python::beside};

/// Copies a program (`package.json`, `package-lock.json` and its `script`) to a folder and installs its packages there,
/// without their install scripts, unless that is done for this lock file. `what` is shown meanwhile.
///
/// # Errors
/// Without Node.js and npm, or when the packages cannot be fetched.
pub fn install(sources: &Path, script: &str, folder: &Path, what: &str) -> Result<(), Error> {
    let _lock = lock::wait(&beside(folder, "lock"))?;
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    // npm writes it last.
    let mut changed = !folder.join("node_modules/.package-lock.json").is_file();
    for name in ["package.json", "package-lock.json", script] {
        let (from, to) = (sources.join(name), folder.join(name));
        let text = std::fs::read(&from).map_err(Error::io(&from))?;
        if std::fs::read(&to).ok().as_deref() != Some(&text) {
            changed |= name != script;
            std::fs::write(&to, text).map_err(Error::io(&to))?;
        }
    }
    if changed {
        let step = Step::start(format!("Installing {what}"));
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        command::run(&mut install, &step, "npm needs its registry once; apt-get install -y nodejs npm")?;
        step.done();
    }
    Ok(())
}
