//! The exported web app, served from the gateway's own origin.

use std::path::{Path, PathBuf};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use sha2::{Digest, Sha256};
use tower::ServiceExt;
use tower_http::{
    compression::CompressionLayer,
    services::{ServeDir, ServeFile},
};

use crate::{problem::Problem, security};

/// Largest page; pages are read whole, to say which scripts belong to them.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What `/` shows when there is no app.
const NO_APP: Html<&str> = Html(
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>LearnFlow</title>\
     <h1>LearnFlow</h1><p>The gateway runs; the web app is not built. <a href=\"/docs\">The API</a></p></html>",
);

/// Serves an exported site: `/history` is `history.html` or `history/index.html`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(web_root: Option<&Path>) -> Router<S> {
    let root: Option<PathBuf> = web_root.map(Path::to_owned);
    Router::new()
        .fallback(async move |request: Request| {
            let path = request.uri().path();
            match &root {
                _ if path.starts_with("/api/") => unknown_path(request.method(), path).into_response(),
                Some(root) => file(root, request).await,
                None if path == "/" => NO_APP.into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        })
        .layer(CompressionLayer::new())
}

fn unknown_path(method: &Method, path: &str) -> Problem {
    let path: String = path.chars().take(200).collect();
    Problem::not_found(format!("There is no {method} {path}; /docs lists what there is."))
}

async fn file(root: &Path, mut request: Request) -> Response {
    let path = request.uri().path().to_owned();
    // The export names a page's file after its path; whatever else it asks for is asked for by name.
    let named = path.rsplit('/').next().is_some_and(|last| last.is_empty() || last.contains('.'));
    if !named && let Ok(uri) = format!("{path}.html").parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    if !named || path.ends_with('/') || path.ends_with(".html") {
        // "Not modified" would give the page that the browser has a policy that forbids the page's own scripts.
        for condition in [header::IF_MODIFIED_SINCE, header::IF_NONE_MATCH] {
            request.headers_mut().remove(condition);
        }
    }
    let files = ServeDir::new(root)
        .append_index_html_on_directories(true)
        .not_found_service(ServeFile::new(root.join("404.html")));
    let response = match files.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut response = if is_page { with_policy(response).await } else { response };
    // Names below _next/static hold a hash of the content.
    let cached = if path.starts_with("/_next/static/") && response.status().is_success() {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
    response
}

/// A page with the policy that lets its own inline scripts run, and no others.
async fn with_policy(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let page = match to_bytes(body, PAGE_BYTES).await {
        Ok(page) => page,
        Err(error) => return Problem::bug(format!("a page could not be read: {error}")).into_response(),
    };
    let scripts = inline_scripts(&String::from_utf8_lossy(&page))
        .map(|script| format!(" 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script))))
        .collect::<String>();
    if let Ok(policy) = security::content_security_policy(&scripts).try_into() {
        parts.headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Response::from_parts(parts, Body::from(page))
}

/// The contents of `<script>` elements without `src`.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!tag.contains(" src=") && !script.is_empty()).then_some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inline_scripts_are_found() {
        let page = r#"<script src="/a.js" async=""></script><script>one()</script><p></p><script id="x">two("<b>")</script>"#;
        assert_eq!(inline_scripts(page).collect::<Vec<_>>(), ["one()", "two(\"<b>\")"]);
    }
}
