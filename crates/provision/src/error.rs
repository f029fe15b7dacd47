use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be provided. Every message ends with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that has to be on the machine is not there.
    #[error("{what} was not found; {fix}")]
    Missing {
        /// What was looked for.
        what: String,
        /// The command that provides it.
        fix: String,
    },
    /// A program ran and failed.
    #[error("`{program}` failed ({outcome}); {fix}\n{output}")]
    Failed {
        /// The command line.
        program: String,
        /// Its exit status.
        outcome: String,
        /// What to try.
        fix: String,
        /// The end of what it printed.
        output: String,
    },
    /// A service started and did not become usable.
    #[error("{service} {outcome}; its log {} says:\n{log_end}", log.display())]
    NotReady {
        /// Which service.
        service: &'static str,
        /// What it did instead, such as "did not become ready within 60 s".
        outcome: String,
        /// The whole log.
        log: PathBuf,
        /// The lines of it that tell why.
        log_end: String,
    },
    /// Another process works on the same data.
    #[error("{} is in use by another LearnFlow process; stop that one, or choose another data directory", path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The data was written by a PostgreSQL that this machine does not have (any more).
    #[error(
        "{} holds data of PostgreSQL {needed}, and only {available} is here; install PostgreSQL {needed} or move the folder away",
        path.display()
    )]
    OtherVersion {
        /// The data directory.
        path: PathBuf,
        /// The major version which wrote the data.
        needed: u32,
        /// The major versions that were found.
        available: String,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path at fault.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// Adds the path to an error of the operating system, for `map_err`.
    pub(crate) fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, source }
    }
}
