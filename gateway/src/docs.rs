//! `/docs`: the API as OpenAPI, and as a page that needs nothing but itself.

use std::fmt::Write;

use axum::{Json, Router, response::Html, routing::get};
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// What the OpenAPI document says beyond its paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "LearnFlow gateway",
        description = "Accounts, messages to the agents, turns and what operators need. Errors are RFC 9457 \
                       problem documents. Real time is Socket.IO, at /socket.io/."
    ),
    modifiers(&Bearer)
)]
pub(crate) struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The routes of this module, for a finished document.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(document: &utoipa::openapi::OpenApi) -> Router<S> {
    let document = serde_json::to_value(document).unwrap_or_default();
    let page = page(&document);
    Router::new()
        .route("/docs", get(async move || Html(page)))
        .route("/docs/openapi.json", get(async move || Json(document)))
}

/// The document as a page: each operation with its parameters and answers.
fn page(document: &Value) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>LearnFlow API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{font:16px/1.5 system-ui;\
         max-width:60rem;margin:auto;padding:1rem;color-scheme:light dark}code{font-size:.95em}\
         h2{margin:2rem 0 0}dt{font-family:monospace}</style><h1>LearnFlow API</h1>\
         <p>The same as <a href=\"/docs/openapi.json\">OpenAPI</a>.</p>",
    );
    let empty = serde_json::Map::new();
    for (path, methods) in document["paths"].as_object().unwrap_or(&empty) {
        for (method, operation) in methods.as_object().unwrap_or(&empty) {
            if !operation.is_object() {
                continue;
            }
            let method = method.to_uppercase();
            // Writing to a String cannot fail.
            let _ = write!(page, "<h2><code>{method} {}</code></h2>", escaped(path));
            for text in ["summary", "description"] {
                if let Some(text) = operation[text].as_str() {
                    let _ = write!(page, "<p>{}</p>", escaped(text));
                }
            }
            if operation["security"].is_array() {
                page.push_str("<p>Needs an access token.</p>");
            }
            page.push_str("<dl>");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let _ = write!(
                    page,
                    "<dt>{} ({})</dt><dd>{}</dd>",
                    escaped(parameter["name"].as_str().unwrap_or_default()),
                    escaped(parameter["in"].as_str().unwrap_or_default()),
                    escaped(parameter["description"].as_str().unwrap_or_default())
                );
            }
            for (status, response) in operation["responses"].as_object().unwrap_or(&empty) {
                let _ = write!(
                    page,
                    "<dt>{}</dt><dd>{}</dd>",
                    escaped(status),
                    escaped(response["description"].as_str().unwrap_or_default())
                );
            }
            page.push_str("</dl>");
        }
    }
    page.push_str("</html>");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
