//! Components compiled ahead of time and kept on disk.
//!
//! A file's name is the digest of the component and of the engine's configuration, so that nothing stale is ever
//! loaded; it is written under another name and renamed, so that nothing half-written is.

use std::{
    fs::{self, File},
    hash::{Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, component::Component};

use crate::{
    error::HostError,
    options::{LoadEvent, Progress},
};

const EXTENSION: &str = "cwasm";
/// Files that nobody used for so long are removed.
const KEEP: Duration = Duration::from_hours(14 * 24);

/// The folder of compiled components.
#[derive(Debug)]
pub(crate) struct ArtifactCache {
    folder: PathBuf,
}

impl ArtifactCache {
    /// Opens the folder, making it where it is missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, HostError> {
        let wrong = |problem: String| HostError::Cache { path: folder.to_owned(), problem };
        fs::create_dir_all(folder).map_err(|error| wrong(error.to_string()))?;
        close_to_others(folder).map_err(wrong)?;
        let cache = Self { folder: folder.to_owned() };
        cache.remove_unused();
        Ok(cache)
    }

    /// Loads a component from the cache, or compiles it and keeps the result.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        name: &str,
        path: &Path,
        wasm: &[u8],
        progress: &Progress,
    ) -> Result<Component, HostError> {
        let start = Instant::now();
        let file = self.folder.join(format!("{}.{EXTENSION}", key(engine, wasm)));
        let ready = |cached| {
            progress.tell(LoadEvent::Ready { component: name.to_owned(), cached, took: start.elapsed() });
        };
        if file.exists() {
            // SAFETY: only this module writes into the folder, which `close_to_others` closed; the name
            // holds the digest of the input and of the configuration.
            match unsafe { Component::deserialize_file(engine, &file) } {
                Ok(component) => {
                    // The time of the last use decides what `remove_unused` removes; nothing else depends on it.
                    let _ = File::options()
                        .append(true)
                        .open(&file)
                        .and_then(|opened| opened.set_modified(SystemTime::now()));
                    ready(true);
                    return Ok(component);
                }
                Err(error) => {
                    tracing::warn!(component = name, %error, "a cached component is unusable; compiling")
                }
            }
        }
        progress.tell(LoadEvent::Compiling { component: name.to_owned() });
        let compiled = engine.precompile_component(wasm).map_err(|error| HostError::Compile {
            component: name.to_owned(),
            path: path.to_owned(),
            problem: format!("{error:#}"),
        })?;
        self.write(&file, &compiled)?;
        // SAFETY: as above; the file was written a moment ago.
        let component = unsafe { Component::deserialize_file(engine, &file) }
            .map_err(|error| HostError::Cache { path: file, problem: format!("{error:#}") })?;
        ready(false);
        Ok(component)
    }

    fn write(&self, file: &Path, compiled: &[u8]) -> Result<(), HostError> {
        let wrong =
            |error: std::io::Error| HostError::Cache { path: file.to_owned(), problem: error.to_string() };
        let mut temporary = tempfile::NamedTempFile::new_in(&self.folder).map_err(wrong)?;
        temporary.write_all(compiled).map_err(wrong)?;
        temporary.persist(file).map(drop).map_err(|error| wrong(error.error))
    }

    /// Removes what has not been used for long. Failures only cost space.
    fn remove_unused(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let old = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|used| used.elapsed().is_ok_and(|age| age > KEEP));
            if old && path.extension().is_some_and(|extension| extension == EXTENSION) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The digest of the component and of everything that compiled code depends on.
fn key(engine: &Engine, wasm: &[u8]) -> String {
    struct Digested(Sha256);
    impl Hasher for Digested {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut digest = Digested(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut digest);
    digest.0.update(wasm);
    digest.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whoever can write into the folder decides what this process executes.
#[cfg(unix)]
fn close_to_others(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let metadata = fs::metadata(folder).map_err(|error| error.to_string())?;
    if metadata.mode() & 0o022 != 0 {
        let closed = fs::Permissions::from_mode(metadata.mode() & 0o755);
        fs::set_permissions(folder, closed)
            .map_err(|error| format!("others may write into it, and that cannot be changed: {error}"))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_others(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn engine() -> Engine {
        Engine::default()
    }

    fn load(folder: &Path, wasm: &[u8]) -> (Result<(), HostError>, Vec<bool>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let progress = Progress::new({
            let seen = seen.clone();
            move |event| {
                if let LoadEvent::Ready { cached, .. } = event {
                    seen.lock().unwrap().push(cached);
                }
            }
        });
        let cache = ArtifactCache::open(folder).unwrap();
        let result = cache.load(&engine(), "c", Path::new("c.wasm"), wasm, &progress).map(drop);
        let seen = seen.lock().unwrap().clone();
        (result, seen)
    }

    #[test]
    fn the_second_load_comes_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path(), EMPTY_COMPONENT).1, [false]);
        assert_eq!(load(folder.path(), EMPTY_COMPONENT).1, [true]);
    }

    #[test]
    fn a_damaged_file_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        load(folder.path(), EMPTY_COMPONENT).0.unwrap();
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, b"half a fi").unwrap();
        assert_eq!(load(folder.path(), EMPTY_COMPONENT).1, [false]);
        assert_eq!(load(folder.path(), EMPTY_COMPONENT).1, [true]);
    }

    #[test]
    fn what_is_no_component_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path(), b"not wasm").0.unwrap_err().to_string();
        assert!(error.contains("c.wasm"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn others_lose_their_right_to_write() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        ArtifactCache::open(folder.path()).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o755);
    }
}
