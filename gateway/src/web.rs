//! The exported web app, served from the gateway's own origin.

use std::path::Path;

use axum::{
    Router,
    response::{Html, IntoResponse},
    routing::get,
};
use http::StatusCode;
use tower_http::services::{ServeDir, ServeFile};

/// Serves an exported site: `/history` is `history.html` or `history/index.html`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(web_root: Option<&Path>) -> Router<S> {
    let Some(root) = web_root else {
        return Router::new()
            .route("/", get(no_app))
            .fallback(async || StatusCode::NOT_FOUND.into_response());
    };
    let not_found = ServeFile::new(root.join("404.html"));
    let files = ServeDir::new(root)
        .append_index_html_on_directories(true)
        .precompressed_gzip()
        .not_found_service(not_found);
    Router::new().fallback_service(files)
}

async fn no_app() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>LearnFlow</title>\
         <h1>LearnFlow</h1><p>The gateway runs; the web app is not built. <a href=\"/docs\">The API</a></p></html>",
    )
}
