//! An application whose components are all the guest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use learnflow_spin_host::{HostError, HostOptions, SpinHost};
use learnflow_topology::{Component, HttpRoute, SpinApp, VariableDeclaration};

const TARGET_DIR: &str = "target/spin-host-guest";

/// An application with one component, `guest`, that answers everything.
pub fn app() -> SpinApp {
    let component = Component { source: wasm().to_owned(), ..Component::default() };
    SpinApp {
        name: "test".to_owned(),
        version: "1.2.3".to_owned(),
        routes: vec![HttpRoute { route: "/...".to_owned(), component: "guest".to_owned() }],
        components: BTreeMap::from([("guest".to_owned(), component)]),
        ..SpinApp::default()
    }
}

/// The same with hosts that the component may connect to.
pub fn app_with_hosts(hosts: &[&str]) -> SpinApp {
    let mut app = app();
    if let Some(component) = app.components.get_mut("guest") {
        component.allowed_outbound_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    }
    app
}

/// A declared variable.
pub fn variable(default: Option<&str>) -> VariableDeclaration {
    VariableDeclaration { default: default.map(str::to_owned), secret: false }
}

/// The defaults, with one cache for all tests.
pub fn options() -> HostOptions {
    HostOptions::new(checkout().join(TARGET_DIR).join("compiled"))
}

/// Loads an application. One test at a time, so that the component is compiled once.
pub fn load(app: &SpinApp, options: HostOptions) -> Result<SpinHost, HostError> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    SpinHost::load(app, options)
}

/// The default application with the default options.
pub fn host() -> SpinHost {
    load(&app(), options()).unwrap()
}

/// A GET in process.
pub async fn get(host: &SpinHost, path: &str) -> (StatusCode, String) {
    send(host, Request::get(path), "").await
}

/// A request in process; the `Host` header is `test`.
pub async fn send(
    host: &SpinHost,
    request: http::request::Builder,
    body: impl Into<Bytes>,
) -> (StatusCode, String) {
    read(host.call(request.header("host", "test").body(Full::new(body.into())).unwrap()).await).await
}

/// The status and the whole body.
pub async fn read<B>(response: Response<B>) -> (StatusCode, String)
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// The component's file. Cargo decides whether it must be built.
fn wasm() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        // A target folder of its own: the outer cargo may hold the lock of the other.
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--release",
                "--quiet",
                "--package",
                "spin-host-guest",
                "--target",
                "wasm32-wasip2",
            ])
            .args(["--target-dir", TARGET_DIR])
            .current_dir(checkout())
            .status()
            .unwrap();
        assert!(status.success(), "the guest cannot be built");
        checkout().join(TARGET_DIR).join("wasm32-wasip2/release/spin_host_guest.wasm")
    })
}
