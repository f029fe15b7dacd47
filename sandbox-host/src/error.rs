//! Why a run could not be made. What a program does wrong is never an error but an outcome.

use std::path::PathBuf;

/// Failures of the executor itself.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The request breaks a limit.
    #[error("{0}")]
    Invalid(String),
    /// As many runs as are allowed are in progress or waiting.
    #[error("{running} runs are in progress; try again in a second")]
    Busy {
        /// Runs in progress.
        running: usize,
    },
    /// The compiled interpreter cannot be loaded.
    #[error("cannot load the interpreter {path}: {reason}; run `learnflow up` to make it again", path = path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What wasmtime says.
        reason: String,
    },
    /// The compiled interpreter cannot be made.
    #[error("cannot make the interpreter: {path}: {reason}", path = path.display())]
    Artifact {
        /// The file that was read or written.
        path: PathBuf,
        /// What the operating system says, or what is wrong with the component.
        reason: String,
    },
    /// The engine refused something that should always work.
    #[error("the engine failed: {0}")]
    Engine(String),
    /// The executor process went away and a new one did not finish the run either.
    #[error("the executor process died: {0}")]
    ProcessDied(String),
}

impl ExecutorError {
    /// What a span says about it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Busy { .. } => "busy",
            Self::Load { .. } | Self::Artifact { .. } => "load",
            Self::Engine(_) => "engine",
            Self::ProcessDied(_) => "process_died",
        }
    }

    pub(crate) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}
