//! What tests need that cargo does not bring.

use std::path::Path;

use anyhow::{Context, Result};
use learnflow_provision::{documents, guest, kafka, manifests, postgres, tools_dir, wasm};

/// Fetches and builds all of it. What is there already costs nothing.
pub fn provide(checkout: &Path) -> Result<()> {
    let tools = tools_dir(checkout);
    postgres::find_or_install(&tools).context("PostgreSQL")?;
    kafka::find_java().context("Apache Kafka")?;
    kafka::install(&tools).context("Apache Kafka")?;
    manifests::kustomize(&tools).context("kustomize")?;
    manifests::models(&tools).context("models of manifests")?;
    documents::openapi_validator(&tools).context("OpenAPI documents")?;
    documents::asyncapi_parser(checkout).context("AsyncAPI documents")?;
    documents::metrics_parser(&tools).context("metrics")?;
    guest::build(checkout).context("the Python sandbox")?;
    wasm::build_functions(checkout).context("the agents' components")?;
    Ok(())
}
