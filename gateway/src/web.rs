//! The exported web app, served from the gateway's own origin.

use std::path::Path;

use axum::{
    Router,
    extract::Request,
    response::{Html, IntoResponse, Response},
};
use http::{Method, StatusCode, Uri};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use crate::problem::Problem;

/// Serves an exported site: `/history` is `history.html` or `history/index.html`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(web_root: Option<&Path>) -> Router<S> {
    let root = web_root.map(Path::to_owned);
    Router::new().fallback(async move |request: Request| {
        let path = request.uri().path();
        match &root {
            _ if path.starts_with("/api/") => unknown_path(request.method(), path).into_response(),
            Some(root) => page(root, request).await,
            None if path == "/" => NO_APP.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    })
}

async fn page(root: &Path, mut request: Request) -> Response {
    // The export names a page's file after its path; whatever else it asks for is asked for by name.
    let path = request.uri().path();
    let named = path.rsplit('/').next().is_some_and(|last| last.is_empty() || last.contains('.'));
    if !named && let Ok(uri) = format!("{path}.html").parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    let files = ServeDir::new(root)
        .append_index_html_on_directories(true)
        .precompressed_gzip()
        .not_found_service(ServeFile::new(root.join("404.html")));
    match files.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}

const NO_APP: Html<&str> = Html(
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>LearnFlow</title>\
     <h1>LearnFlow</h1><p>The gateway runs; the web app is not built. <a href=\"/docs\">The API</a></p></html>",
);

fn unknown_path(method: &Method, path: &str) -> Problem {
    let path: String = path.chars().take(200).collect();
    Problem::not_found(format!("There is no {method} {path}; /docs lists what there is."))
}
