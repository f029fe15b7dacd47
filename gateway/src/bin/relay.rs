//! The relay as a process of its own, configured by its environment: see `learnflow_gateway::relay`.
//!
//! `RELAY_ROUTES` (required): `PATH=ORIGIN=TOKEN_FILE …`. `RELAY_LISTEN`: `127.0.0.1:8010` when absent; the relay lends
//! its pod's identity to whoever reaches it, so it belongs on loopback. `RELAY_HEALTH_LISTEN`: where the kubelet asks
//! for `/health`; nowhere when absent.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use learnflow_gateway::relay;
use learnflow_telemetry::Setup;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _telemetry = Setup::service("relay").start()?;
    let routes =
        std::env::var("RELAY_ROUTES").context("RELAY_ROUTES is not set: PATH=ORIGIN=TOKEN_FILE …")?;
    let routes = relay::routes(&routes)?;
    let listen = address("RELAY_LISTEN")?.unwrap_or(([127, 0, 0, 1], 8010).into());
    if !listen.ip().is_loopback() {
        bail!(
            "RELAY_LISTEN is {listen}: the relay lends this pod's identity, so it listens on loopback only"
        );
    }
    relay::serve(listen, address("RELAY_HEALTH_LISTEN")?, routes).await.context("cannot listen")
}

fn address(name: &str) -> anyhow::Result<Option<SocketAddr>> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.map(|value| value.parse().with_context(|| format!("{name} is {value:?}"))).transpose()
}
