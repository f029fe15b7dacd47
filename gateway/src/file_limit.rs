//! Every browser that is connected is an open file.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises this process's limit of open files to what the system allows it. Distributions start programs with 1,024,
/// for the sake of `select`, which nothing here uses.
pub fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
