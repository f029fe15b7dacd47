//! Pages, headers and other sites.

use http::StatusCode;
use learnflow_gateway::token::Role;
use serde_json::json;

use crate::harness::Harness;

/// What every answer carries, word for word.
const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
];
/// Without what it says of a page's own scripts.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self' data:; worker-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

#[tokio::test]
async fn every_response_carries_the_security_headers() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<h1>home</h1><script>hello()</script>").unwrap();
    let root = folder.path().to_owned();
    let harness = Harness::start_with(|config| {
        config.web_root = Some(root);
        config.public_origins = vec!["https://learn.example.org".to_owned()];
    })
    .await;
    // printf 'hello()' | openssl dgst -sha256 -binary | base64
    let of_page =
        format!("{POLICY}; script-src 'self' 'sha256-mTytrf2QssaOZNGNRT1WCtMRd3ocH8LJxQQu5qMUanU='");
    for (path, policy) in [
        ("/", of_page.as_str()),
        ("/docs", POLICY),
        ("/docs/openapi.json", POLICY),
        ("/api/me", POLICY),
        ("/api/auth/providers", POLICY),
        ("/api/nowhere", POLICY),
        ("/nowhere", POLICY),
        ("/health", POLICY),
        ("/socket.io/?EIO=4&transport=polling", POLICY),
    ] {
        let response = harness.client.get(harness.url(path)).send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        for (name, value) in HEADERS {
            assert_eq!(header(name), Some(value), "{path}: {name}");
        }
        assert_eq!(header("content-security-policy"), Some(policy), "{path}");
        assert_eq!(header("strict-transport-security"), Some("max-age=31536000"), "{path}");
        assert_eq!(header("access-control-allow-origin"), None, "{path}");
        if path.starts_with("/api/") {
            assert_eq!(header("cache-control"), Some("no-store"), "{path}");
        }
    }
}

#[tokio::test]
async fn without_tls_browsers_are_not_told_to_insist_on_it() {
    for origins in [Vec::new(), vec!["http://learn.example.org".to_owned()]] {
        let harness = Harness::start_with(|config| config.public_origins = origins).await;
        let response = harness.client.get(harness.url("/")).send().await.unwrap();
        assert!(!response.headers().contains_key("strict-transport-security"));
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let harness =
        Harness::start_with(|config| config.public_origins = vec!["https://learn.example.org".to_owned()])
            .await;
    let token = harness.token("ada", Role::Student);
    let own = format!("http://{}", harness.gateway.address());
    for (origin, status) in [
        ("https://evil.example", StatusCode::FORBIDDEN),
        ("null", StatusCode::FORBIDDEN),
        ("https://learn.example.org.evil.example", StatusCode::FORBIDDEN),
        ("https://learn.example.org", StatusCode::ACCEPTED),
        (&own, StatusCode::ACCEPTED),
    ] {
        let request = harness.client.post(harness.url("/api/triage/analyze")).bearer_auth(&token);
        let response = request.header("origin", origin).json(&json!({})).send().await.unwrap();
        assert_eq!(response.status(), status, "{origin}");
    }
    let socket = harness
        .client
        .get(harness.url("/socket.io/?EIO=4&transport=polling"))
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(socket.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_exported_site_is_served_and_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("site");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("index.html"), "<h1>home</h1>").unwrap();
    std::fs::write(root.join("scripted.html"), "<script src=\"/a.js\"></script><script>hello()</script>")
        .unwrap();
    std::fs::write(root.join("history.html"), "<h1>history</h1>").unwrap();
    std::fs::write(root.join("404.html"), "<h1>not here</h1>").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    let harness = Harness::start_with(|config| config.web_root = Some(root)).await;
    let get = async |path: &str| {
        let response = harness.client.get(harness.url(path)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(get("/").await, (200, "<h1>home</h1>".to_owned()));
    assert_eq!(get("/history").await, (200, "<h1>history</h1>".to_owned()));
    assert_eq!(get("/nowhere").await, (404, "<h1>not here</h1>".to_owned()));
    let scripted = harness.client.get(harness.url("/scripted")).send().await.unwrap();
    let policy = scripted.headers()["content-security-policy"].to_str().unwrap();
    // printf 'hello()' | openssl dgst -sha256 -binary | base64
    assert!(
        policy.ends_with("script-src 'self' 'sha256-mTytrf2QssaOZNGNRT1WCtMRd3ocH8LJxQQu5qMUanU='"),
        "{policy}"
    );
    // A browser that has the page already must not be told another policy for it.
    let known = &scripted.headers()["last-modified"];
    for page in ["/scripted", "/scripted.html", "/"] {
        let request = harness.client.get(harness.url(page)).header("if-modified-since", known);
        let again = request.send().await.unwrap();
        assert_eq!(again.status(), StatusCode::OK, "{page}");
        let again = again.headers()["content-security-policy"].to_str().unwrap();
        assert!(again.contains("script-src"), "{page}: {again}");
    }
    assert_ne!(get("/%2e%2e/secret.txt").await.0, 200);
}

#[tokio::test]
async fn the_docs_need_no_other_origin() {
    let harness = Harness::start().await;
    let page = harness.client.get(harness.url("/docs")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("/api/turns/{id}"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"), "{page}");
}
