use wasm_encoder::reencode;

/// Why a component was not merged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was given is not a valid component.
    #[error("this is not a valid WebAssembly component: {0}")]
    Invalid(wasmparser::Error),
    /// What was given is a core module.
    #[error("this is a core module of WebAssembly, not a component")]
    Module,
    /// What would be merged uses something that is not known here.
    #[error("{place} cannot be merged: it has {what}")]
    Unsupported {
        /// Which part of the component.
        place: String,
        /// What it uses.
        what: String,
    },
    /// The merged component is not valid, by a mistake of this crate's.
    #[error("merging gave an invalid component, which is a mistake of the program: {0}")]
    Result(wasmparser::Error),
    /// Something refers to nothing, which a valid component does not.
    #[error("merging lost track of {0}, which is a mistake of the program")]
    Lost(String),
}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Self {
        Self::Invalid(error)
    }
}

impl From<reencode::Error<Error>> for Error {
    fn from(error: reencode::Error<Error>) -> Self {
        match error {
            reencode::Error::UserError(error) => error,
            reencode::Error::ParseError(error) => Self::Invalid(error),
            other => Self::Unsupported { place: "the component".to_owned(), what: other.to_string() },
        }
    }
}
