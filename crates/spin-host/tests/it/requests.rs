//! What a component sees of a request, and what loads.

use std::collections::{BTreeMap, BTreeSet};

use http::{Request, StatusCode};
use learnflow_spin_host::HostError;
use learnflow_topology::HttpRoute;

use crate::guest::{app, get, host, load, options, send, variable};

#[tokio::test]
async fn the_component_sees_an_absolute_uri_and_spins_headers() {
    let request =
        Request::put("/request/a%20b?q=1").header("x-mine", "kept").header("spin-full-url", "forged");
    let (status, seen) = send(&host(), request, "body").await;
    assert_eq!(status, StatusCode::OK);
    let expected = "PUT http://test/request/a%20b?q=1
spin-base-path: /
spin-client-addr: 127.0.0.1:0
spin-component-route: 
spin-full-url: http://test/request/a%20b?q=1
spin-matched-route: /...
spin-path-info: /request/a%20b
spin-raw-component-route: /...
x-mine: kept";
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn variables_are_templates_over_the_applications_variables() {
    let mut app = app();
    app.variables.insert("host".to_owned(), variable(Some("localhost")));
    app.variables.insert("key".to_owned(), variable(None));
    let component = app.components.get_mut("guest").unwrap();
    component.variables = BTreeMap::from([
        ("url".to_owned(), "http://{{ host }}/{{key}}".to_owned()),
        ("plain".to_owned(), "x".to_owned()),
    ]);

    let error = load(&app, options()).err().unwrap().to_string();
    assert!(error.contains("SPIN_VARIABLE_KEY"), "{error}");

    let mut set = options();
    set.variables =
        BTreeMap::from([("guest".to_owned(), BTreeMap::from([("key".to_owned(), "k".to_owned())]))]);
    let host = load(&app, set).unwrap();
    assert_eq!(get(&host, "/variable/url").await.1, "value http://localhost/k");
    assert_eq!(get(&host, "/variable/plain").await.1, "value x");
    // An application variable is not a component's.
    assert!(get(&host, "/variable/host").await.1.starts_with("undefined"));
    assert!(get(&host, "/variable/No-Name").await.1.starts_with("invalid"));
}

#[tokio::test]
async fn only_retained_components_answer() {
    let mut app = app();
    app.components.insert("other".to_owned(), app.components["guest"].clone());
    app.routes = ["guest", "other"]
        .map(|name| HttpRoute { route: format!("/count/{name}/..."), component: name.to_owned() })
        .to_vec();
    let all = load(&app, options()).unwrap();
    assert_eq!(get(&all, "/count/other").await.0, StatusCode::OK);
    assert_eq!(all.components().collect::<Vec<_>>(), ["guest", "other"]);

    let mut retain = options();
    retain.retain = Some(BTreeSet::from(["guest".to_owned()]));
    let one = load(&app, retain).unwrap();
    assert_eq!(get(&one, "/count/guest").await.0, StatusCode::OK);
    let (status, problem) = get(&one, "/count/other").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem.contains("no component has a route"), "{problem}");

    let mut wrong = options();
    wrong.retain = Some(BTreeSet::from(["gust".to_owned()]));
    let error = load(&app, wrong).err().unwrap().to_string();
    assert_eq!(error, "spin.toml has no component \"gust\"; it has guest, other");
}

#[tokio::test]
async fn spins_own_pages_are_there() {
    let host = host();
    assert_eq!(get(&host, "/.well-known/spin/health").await, (StatusCode::OK, "OK".to_owned()));
    let (_, info) = get(&host, "/.well-known/spin/info").await;
    assert_eq!(info, r#"{"name":"test","version":"1.2.3"}"#);
    assert_eq!(get(&host, "/.well-known/spin/x").await.0, StatusCode::NOT_FOUND);
}

#[test]
fn what_cannot_work_is_found_when_it_is_loaded() {
    let mut unbuilt = app();
    unbuilt.components.get_mut("guest").unwrap().source = "missing.wasm".into();
    let error = load(&unbuilt, options()).err().unwrap().to_string();
    assert!(error.contains("missing.wasm") && error.contains("spin build"), "{error}");

    let mut dangling = app();
    dangling.routes.push(HttpRoute { route: "/x".to_owned(), component: "nobody".to_owned() });
    assert!(matches!(load(&dangling, options()), Err(HostError::DanglingRoute { .. })));

    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.wasm");
    std::fs::write(&empty, b"\0asm\x0d\0\x01\0").unwrap();
    let mut no_handler = app();
    no_handler.components.get_mut("guest").unwrap().source = empty;
    let error = load(&no_handler, options()).err().unwrap().to_string();
    assert!(error.contains("does not fit") && error.contains("wasi:http/handler"), "{error}");
}
