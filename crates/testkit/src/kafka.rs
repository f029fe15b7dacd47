use anyhow::{Context, Result};
use learnflow_provision::kafka::{Broker, Options};
use learnflow_provision::{Error, TEST_KAFKA, tools_dir};
use tokio::sync::OnceCell;

/// How many test binaries can run Kafka at the same time: each takes some 350 MB of memory.
const SLOTS: usize = 8;

/// The Kafka that this process shares. Tests use topics and groups of their own names.
pub struct Kafka {
    bootstrap_servers: String,
    /// Kept for as long as this process lives, when it is ours.
    _broker: Option<Broker>,
}

impl Kafka {
    /// What `KAFKA_BOOTSTRAP_SERVERS` has to be.
    pub fn bootstrap_servers(&self) -> String {
        self.bootstrap_servers.clone()
    }
}

/// The shared Kafka; the first call starts it, in about ten seconds. A test that kills its broker starts a
/// `learnflow_provision::kafka::Broker` of its own instead.
///
/// # Errors
/// When Kafka cannot be installed or does not start; the message says what to do.
pub async fn kafka() -> Result<&'static Kafka> {
    static KAFKA: OnceCell<Kafka> = OnceCell::const_new();
    KAFKA.get_or_try_init(start).await
}

async fn start() -> Result<Kafka> {
    if let Ok(bootstrap_servers) = std::env::var(TEST_KAFKA) {
        return Ok(Kafka { bootstrap_servers, _broker: None });
    }
    let checkout = crate::checkout();
    let mut slot = 0;
    let broker = loop {
        let dir = checkout.join(format!("target/testkit/kafka-{slot}"));
        let options = Options { dir, tools_dir: tools_dir(&checkout), port: None, fresh: true };
        match Broker::start(options).await {
            Err(Error::InUse { .. }) if slot + 1 < SLOTS => slot += 1,
            other => break other.context("no Kafka for the tests")?,
        }
    };
    Ok(Kafka { bootstrap_servers: broker.bootstrap_servers(), _broker: Some(broker) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_started_once_and_accepts_connections() {
        let kafka = kafka().await.unwrap();
        assert!(std::ptr::eq(kafka, super::kafka().await.unwrap()));
        tokio::net::TcpStream::connect(kafka.bootstrap_servers()).await.unwrap();
    }
}
