//! What is wrong with the manifests, and where.

use std::fmt;

use crate::node::Place;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopologyError {
    /// The file, relative to the root that was loaded, with `/` between folders.
    pub file: String,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// What is wrong and, where that is not obvious, what to do.
    pub message: String,
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// Everything that is wrong, in the order of files and lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TopologyErrors(pub Vec<TopologyError>);

impl fmt::Display for TopologyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// Where errors gather while loading goes on, so that one run shows all of them.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<TopologyError>);

impl Errors {
    /// Adds an error at a place.
    pub(crate) fn at(&mut self, place: &Place, message: impl Into<String>) {
        self.0.push(TopologyError {
            file: place.file.to_string(),
            line: place.line,
            message: message.into(),
        });
    }

    /// How many there are so far.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// `value`, if nothing went wrong.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<T, TopologyErrors> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort();
        self.0.dedup();
        Err(TopologyErrors(self.0))
    }
}
