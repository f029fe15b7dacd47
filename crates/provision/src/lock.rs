//! File locks between processes. The operating system releases them when a process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::Error;

/// Opens (and creates) a lock file.
fn open(path: &Path) -> Result<File, Error> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(Error::io(path))
}

/// Waits until no other process holds the lock. It lasts until the returned file is dropped.
pub fn wait(path: &Path) -> Result<File, Error> {
    let file = open(path)?;
    file.lock().map_err(Error::io(path))?;
    Ok(file)
}

/// Takes the lock when it is free; `None` when another process holds it.
pub fn try_take(path: &Path) -> Result<Option<File>, Error> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(Error::Io { path: path.to_path_buf(), source }),
    }
}
