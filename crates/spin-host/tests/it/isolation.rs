//! What instances have in common: nothing. What they can reach: nothing that was not given to them.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use http::StatusCode;
use learnflow_spin_host::Reuse;

use crate::guest::{app, get, host, load, options};

#[tokio::test]
async fn every_request_gets_a_fresh_instance() {
    let host = host();
    for _ in 0..3 {
        assert_eq!(get(&host, "/count").await.1, "1");
    }
}

#[tokio::test]
async fn instances_are_reused_only_as_often_as_allowed() {
    let mut reusing = options();
    reusing.reuse = Reuse { requests: 2, ..Reuse::default() };
    let host = load(&app(), reusing).unwrap();
    let mut counts = Vec::new();
    for _ in 0..6 {
        counts.push(get(&host, "/count").await.1.parse::<u32>().unwrap());
    }
    // Whether the worker is ready again in time is a matter of luck; that nobody is third is not.
    assert!(counts.contains(&2) && counts.iter().all(|count| *count <= 2), "{counts:?}");
}

#[tokio::test]
async fn there_are_no_files_no_environment_and_no_sockets() {
    let host = host();
    assert_eq!(get(&host, "/sandbox/environment").await.1, "0 variables, 0 arguments");
    for path in ["/sandbox/read", "/sandbox/write"] {
        let (status, answer) = get(&host, path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(answer.starts_with("Err("), "{path}: {answer}");
    }
    assert_eq!(get(&host, "/sandbox/socket").await.1, "PermissionDenied");
}

#[tokio::test]
async fn memory_ends_at_the_limit() {
    let mut small = options();
    small.limits.memory_bytes = 16 << 20;
    let host = load(&app(), small).unwrap();
    let (status, mebibytes) = get(&host, "/sandbox/memory").await;
    assert_eq!(status, StatusCode::OK);
    let mebibytes: u32 = mebibytes.parse().unwrap();
    assert!((8..16).contains(&mebibytes), "{mebibytes}");
}

#[tokio::test]
async fn what_a_component_prints_is_logged_with_its_name() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer({
        let log = log.clone();
        move || log.clone()
    });
    // This runtime has one thread, so the subscriber of the thread hears everything.
    let _hearing = tracing::subscriber::set_default(subscriber.finish());
    assert_eq!(get(&host(), "/print").await.1, "printed");
    let heard = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for (stream, line) in [("stdout", "to standard output"), ("stderr", "to standard error")] {
        let found = heard.lines().find(|logged| logged.contains(line)).unwrap_or_else(|| panic!("{heard}"));
        assert!(
            found.contains("component=\"guest\"") && found.contains(&format!("stream=\"{stream}\"")),
            "{found}"
        );
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
