//! The sandbox's guest: CPython and our Python side of it, as one component.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::progress::Step;
use crate::{Error, command, lock, python, tools_dir};

/// The package that links CPython and the guest's Python files into a component.
const COMPONENTIZE: (&str, &str) = ("componentize-py", "0.25.1");

/// What the component is made of.
const WIT: &str = "wit/sandbox";
const WORLD: &str = "sandbox";
const GUEST: &str = "sandbox-host/guest";

/// Builds `target/sandbox/sandbox.wasm` when one of its inputs changed, and returns its path. Takes half a minute
/// then; nothing otherwise.
pub fn build(checkout: &Path) -> Result<PathBuf, Error> {
    let dir = checkout.join("target/sandbox");
    let component = dir.join("sandbox.wasm");
    let stamp = dir.join("sandbox.wasm.inputs");
    let _lock = lock::wait(&dir.join("lock"))?;
    let inputs = fingerprint(checkout)?;
    if component.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|built_from| built_from == inputs) {
        return Ok(component);
    }

    let tool = componentize(checkout)?;
    let libraries = libraries(checkout)?;
    let step = Step::start("Building the Python sandbox");
    let unfinished = dir.join("sandbox.new.wasm");
    let mut build = Command::new(python::find()?);
    build.env("PYTHONPATH", tool).env("PYTHONDONTWRITEBYTECODE", "1").current_dir(checkout);
    // Its own stack would push what went wrong in the guest out of the error message.
    build.env("RUST_BACKTRACE", "0");
    build.args(["-c", "import componentize_py; componentize_py.script()"]);
    // --stub-wasi: clock, random bytes and files come through the world or not at all.
    build.args(["-d", WIT, "-w", WORLD, "componentize", "--stub-wasi", "-p", GUEST, "-p"]).arg(libraries);
    build.args(["app", "-o"]).arg(&unfinished);
    command::run(&mut build, &step, "see what componentize-py printed")?;
    // Without a stamp the component counts as stale, so a crash between these lines costs one more build.
    let _ = std::fs::remove_file(&stamp);
    std::fs::rename(&unfinished, &component).map_err(Error::io(&component))?;
    std::fs::write(&stamp, inputs).map_err(Error::io(&stamp))?;
    step.done();
    Ok(component)
}

/// The folder that holds componentize-py.
fn componentize(checkout: &Path) -> Result<PathBuf, Error> {
    let (name, version) = COMPONENTIZE;
    let target = tools_dir(checkout).join(format!("{name}-{version}"));
    python::install(&["--no-deps", &format!("{name}=={version}")], &target, &format!("{name} {version}"))?;
    Ok(target)
}

/// The folder with the Python libraries that are bundled, at the versions of the guest's requirements.
fn libraries(checkout: &Path) -> Result<PathBuf, Error> {
    let file = checkout.join(GUEST).join("requirements.txt");
    let text = std::fs::read(&file).map_err(Error::io(&file))?;
    let target = tools_dir(checkout).join(format!("guest-libraries-{}", &hex(&Sha256::digest(text))[..16]));
    let file = file.to_string_lossy();
    // Only pure Python runs in the guest, whatever this machine could install.
    let pure = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"];
    let mut requirements = vec!["--no-deps", "--no-compile"];
    requirements.extend(pure);
    requirements.extend(["-r", &file]);
    python::install(&requirements, &target, "the sandbox's Python libraries")?;
    Ok(target)
}

/// A name for everything that the component depends on.
fn fingerprint(checkout: &Path) -> Result<String, Error> {
    let mut files = Vec::new();
    for folder in [WIT, GUEST] {
        list(&checkout.join(folder), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    hash.update(format!("{COMPONENTIZE:?}"));
    for file in files {
        let name = file.strip_prefix(checkout).unwrap_or(&file).as_os_str().as_encoded_bytes();
        let content = std::fs::read(&file).map_err(Error::io(&file))?;
        // Lengths keep one file's end apart from the next one's name.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    Ok(hex(&hash.finalize()))
}

/// Every file below a folder, except what Python itself caches there.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if !path.is_dir() {
            files.push(path);
        } else if !path.ends_with("__pycache__") {
            list(&path, files)?;
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
