//! `/docs`: the API as OpenAPI, and as a page that needs nothing but itself.

use std::{collections::BTreeSet, fmt::Write};

use axum::{Json, Router, response::Html, routing::get};
use serde_json::{Map, Value};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::schema;

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

/// The finished document: what utoipa makes of the routes, and what it cannot know.
pub(crate) fn complete(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let mut asked = BTreeSet::new();
    for operation in
        document["paths"].as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object)
    {
        for method in operation.values() {
            collect(&method["requestBody"], &document["components"]["schemas"], &mut asked);
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        // serde writes an absent value as `null`; utoipa takes the field for one that may be missing.
        schemas.iter_mut().filter(|(name, _)| !asked.contains(*name)).for_each(|(_, schema)| require(schema));
        schemas.extend(schema::catalogue());
    }
    document.sort_all_objects();
    document
}

/// The names of the schemas that a part of the document refers to, also through others.
fn collect(part: &Value, schemas: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Object(map) => {
            if let Some(name) =
                map.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
                && names.insert(name.to_owned())
            {
                collect(&schemas[name], schemas, names);
            }
            map.values().for_each(|part| collect(part, schemas, names));
        }
        Value::Array(items) => items.iter().for_each(|part| collect(part, schemas, names)),
        _ => {}
    }
}

/// Makes every field of a schema required.
fn require(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(fields) = map.get("properties").and_then(Value::as_object) {
                let fields: Vec<Value> = fields.keys().cloned().map(Value::String).collect();
                map.insert("required".to_owned(), fields.into());
            }
            map.values_mut().for_each(require);
        }
        Value::Array(items) => items.iter_mut().for_each(require),
        _ => {}
    }
}

/// The routes of this module, for a finished document.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(document: Value) -> Router<S> {
    let page = page(&document);
    Router::new()
        .route("/docs", get(async move || Html(page)))
        .route("/docs/openapi.json", get(async move || Json(document)))
        .route("/docs/functions.json", get(async || json(FUNCTIONS)))
        .route("/docs/sandbox.json", get(async || json(SANDBOX)))
        .route("/docs/asyncapi.json", get(async || json(EVENTS)))
}

/// Written by `cargo xtask codegen`.
const FUNCTIONS: &str = include_str!("../../docs/api/functions.openapi.json");
const SANDBOX: &str = include_str!("../../docs/api/sandbox.openapi.json");
const EVENTS: &str = include_str!("../../docs/api/asyncapi.json");

fn json(text: &'static str) -> ([(http::HeaderName, &'static str); 1], &'static str) {
    ([(http::header::CONTENT_TYPE, "application/json")], text)
}

/// The document as a page: each operation with its parameters and answers.
fn page(document: &Value) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>LearnFlow API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{font:16px/1.5 system-ui;\
         max-width:60rem;margin:auto;padding:1rem;color-scheme:light dark}code{font-size:.95em}\
         h2{margin:2rem 0 0}dt{font-family:monospace}</style><h1>LearnFlow API</h1>\
         <p>The same as <a href=\"/docs/openapi.json\">OpenAPI</a>. Behind the gateway: the \
         <a href=\"/docs/functions.json\">functions</a> and the <a href=\"/docs/sandbox.json\">sandbox</a> (OpenAPI), \
         and the events between them (<a href=\"/docs/asyncapi.json\">AsyncAPI</a>).</p>",
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
