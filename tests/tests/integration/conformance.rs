//! The functions' cases, which can be pointed at any host, on ours.

use anyhow::ensure;
use learnflow_tests::{Backend, System};

#[tokio::test(flavor = "multi_thread")]
async fn the_components_keep_their_contract() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let report = learnflow_conformance::functions::run(&system.running.functions_url).await?;
    ensure!(report.failed() == 0 && report.skipped().is_empty(), "{report}");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
