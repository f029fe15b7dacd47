//! The web app: its packages from npm, and its export.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::progress::Step;
use crate::{Error, command, lock};

/// What the export is made of, below `web/`.
const INPUTS: [&str; 5] = ["src", "public", "package-lock.json", "next.config.ts", "tsconfig.json"];

/// Whether this machine can build the web app; if not, why, in a sentence.
pub fn node() -> Result<(), String> {
    for program in ["node", "npm"] {
        if command::output(Command::new(program).arg("--version")).is_none() {
            return Err(format!("{program} is missing; apt-get install -y nodejs npm"));
        }
    }
    Ok(())
}

/// Builds `web/out` when its sources changed, and returns its path. Takes a minute or two then; nothing otherwise.
pub fn build(checkout: &Path) -> Result<PathBuf, Error> {
    let web = checkout.join("web");
    let (out, stamp) = (web.join("out"), checkout.join("target/web/inputs"));
    let _lock = lock::wait(&checkout.join("target/web/lock"))?;
    let inputs = fingerprint(&web)?;
    if out.join("index.html").is_file() && std::fs::read_to_string(&stamp).is_ok_and(|built| built == inputs)
    {
        return Ok(out);
    }
    packages(&web)?;
    let step = Step::start("Building the web app");
    let mut build = Command::new("npm");
    build.args(["run", "build"]).env("NEXT_TELEMETRY_DISABLED", "1").current_dir(&web);
    command::run(&mut build, &step, "see what next printed")?;
    std::fs::write(&stamp, inputs).map_err(Error::io(&stamp))?;
    step.done();
    Ok(out)
}

/// Installs the packages of the lock file, unless they are there.
fn packages(web: &Path) -> Result<(), Error> {
    // npm writes this file last, so it is newer than a lock file whose packages are all there.
    let modified = |file: &Path| std::fs::metadata(file).and_then(|about| about.modified()).ok();
    let installed = modified(&web.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&web.join("package-lock.json")) {
        return Ok(());
    }
    let step = Step::start("Installing the web app's packages");
    let mut install = Command::new("npm");
    install.args(["ci", "--no-audit", "--no-fund"]).current_dir(web);
    command::run(&mut install, &step, "npm needs its registry once")?;
    step.done();
    Ok(())
}

/// A name for everything that the export depends on.
fn fingerprint(web: &Path) -> Result<String, Error> {
    let mut files = Vec::new();
    for input in INPUTS {
        let path = web.join(input);
        if path.is_dir() {
            list(&path, &mut files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let name = file.strip_prefix(web).unwrap_or(&file).as_os_str().as_encoded_bytes();
        let content = std::fs::read(&file).map_err(Error::io(&file))?;
        // Lengths keep one file's end apart from the next one's name.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_source_is_another_fingerprint_and_a_built_file_is_not() {
        let web = tempfile::tempdir().unwrap();
        std::fs::create_dir(web.path().join("src")).unwrap();
        std::fs::write(web.path().join("src/page.tsx"), "1").unwrap();
        let before = fingerprint(web.path()).unwrap();
        std::fs::create_dir(web.path().join("out")).unwrap();
        std::fs::write(web.path().join("out/index.html"), "1").unwrap();
        assert_eq!(fingerprint(web.path()).unwrap(), before);
        std::fs::write(web.path().join("src/page.tsx"), "2").unwrap();
        assert_ne!(fingerprint(web.path()).unwrap(), before);
    }
}
