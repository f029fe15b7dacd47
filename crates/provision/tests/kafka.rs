//! A real Apache Kafka, started, killed and started again.

use std::net::TcpStream;
use std::path::Path;

use learnflow_provision::kafka::{Broker, Options};
use learnflow_provision::{Error, find_checkout, tools_dir};

#[tokio::test]
async fn a_broker_survives_its_death_and_has_one_owner() {
    let tools_dir =
        tools_dir(&find_checkout(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("tests run in a checkout"));
    let folder = tempfile::tempdir().unwrap();
    let options = Options { dir: folder.path().to_path_buf(), tools_dir, port: None, fresh: false };

    let broker = Broker::start(options.clone()).await.unwrap();
    let port = broker.port();
    TcpStream::connect(broker.bootstrap_servers()).unwrap();
    let second = Broker::start(options.clone()).await.err().expect("the folder is taken");
    assert!(matches!(second, Error::InUse { .. }), "{second}");
    let identity = std::fs::read_to_string(folder.path().join("data/meta.properties")).unwrap();
    broker.kill().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it is gone");

    let broker = Broker::start(Options { port: Some(port), ..options.clone() }).await.unwrap();
    assert_eq!(broker.port(), port);
    assert_eq!(std::fs::read_to_string(folder.path().join("data/meta.properties")).unwrap(), identity);
    broker.stop().await;

    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error =
        Broker::start(Options { port: Some(port), ..options }).await.err().expect("the port is taken");
    assert!(error.to_string().contains("Address already in use"), "{error}");
}
