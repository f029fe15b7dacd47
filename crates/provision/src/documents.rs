//! Independent readers of what we publish: AsyncAPI's own parser from npm; a validator of OpenAPI and Prometheus' own
//! reader of metrics from PyPI.

use std::path::{Path, PathBuf};

use crate::{Error, npm, python, tools_dir};

const OPENAPI_VALIDATOR: &str = "openapi-spec-validator==0.9.0";
const METRICS_PARSER: &str = "prometheus-client==0.23.1";

/// The folder of `asyncapi.mjs` with its packages, installed once for each version of the lock file.
///
/// # Errors
/// Without Node.js and npm, or when the packages cannot be fetched.
pub fn asyncapi_parser(checkout: &Path) -> Result<PathBuf, Error> {
    let sources = checkout.join("tests/contracts");
    let folder = tools_dir(checkout).join("asyncapi-parser");
    npm::install(&sources, "asyncapi.mjs", &folder, "the parser of AsyncAPI documents")?;
    Ok(folder)
}

/// The interpreter that runs `-m openapi_spec_validator`, with the second path as `PYTHONPATH`.
///
/// # Errors
/// Without Python and pip, or when the package cannot be fetched.
pub fn openapi_validator(tools_dir: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let packages = tools_dir.join("openapi-spec-validator-0.9.0");
    python::install(&[OPENAPI_VALIDATOR], &packages, "the validator of OpenAPI documents")?;
    Ok((python::find()?, packages))
}

/// The interpreter that has `prometheus_client.parser`, with the second path as `PYTHONPATH`.
///
/// # Errors
/// Without Python and pip, or when the package cannot be fetched.
pub fn metrics_parser(tools_dir: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let packages = tools_dir.join("prometheus-client-0.23.1");
    python::install(&[METRICS_PARSER], &packages, "the reader of metrics")?;
    Ok((python::find()?, packages))
}
