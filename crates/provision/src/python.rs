//! The Python interpreter of the machine, which installs what comes from PyPI.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::progress::Step;
use crate::{Error, command, lock};

/// The oldest Python that the pinned packages accept.
const OLDEST: (u32, u32) = (3, 11);

/// The interpreters that are tried, in order.
const NAMES: [&str; 5] = ["python3", "python3.11", "python3.12", "python3.13", "python3.14"];

/// A Python 3.11 or newer that has pip.
pub fn find() -> Result<PathBuf, Error> {
    let candidates = NAMES.into_iter().flat_map(command::on_path);
    for python in candidates {
        // A version manager's shim exists for versions that are not selected; only running it tells.
        let probe = "import sys, pip; print(*sys.version_info[:2])";
        let Some(version) = command::output(Command::new(&python).args(["-c", probe])) else { continue };
        let mut numbers = version.split(' ').filter_map(|number| number.parse().ok());
        if let (Some(major), Some(minor)) = (numbers.next(), numbers.next())
            && (major, minor) >= OLDEST
        {
            return Ok(python);
        }
    }
    Err(Error::Missing {
        what: format!("Python {}.{} or newer with pip", OLDEST.0, OLDEST.1),
        fix: "install it: apt-get install -y python3 python3-pip".to_owned(),
    })
}

/// Installs pinned packages into `target`, once: an existing folder is complete and is left alone.
/// `requirements` are pip's arguments, such as `name==1.2.3`.
pub fn install(requirements: &[&str], target: &Path, label: &str) -> Result<(), Error> {
    if target.is_dir() {
        return Ok(());
    }
    let _lock = lock::wait(&beside(target, "lock"))?;
    if target.is_dir() {
        return Ok(());
    }
    let step = Step::start(format!("Installing {label}"));
    let unfinished = beside(target, "new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(Error::io(&unfinished))?;
    }
    let mut pip = Command::new(find()?);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--target"]);
    pip.arg(&unfinished).args(requirements);
    command::run(&mut pip, &step, "check the network and pip's configuration, then try again")?;
    std::fs::rename(&unfinished, target).map_err(Error::io(target))?;
    step.done();
    Ok(())
}

/// The same path with something appended to its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}
