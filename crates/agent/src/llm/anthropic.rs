//! The Anthropic Messages API, version 2023-06-01.

use serde_json::{Value, json};

use super::request::{ModelRequest, Stop, Usage};

/// The path of the endpoint.
pub const PATH: &str = "/v1/messages";
/// The version that requests name.
pub const VERSION: &str = "2023-06-01";

/// Headers of a request, with the key that pays for it.
pub fn headers(key: &str) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/json".to_owned()),
        ("accept", "text/event-stream".to_owned()),
        ("x-api-key", key.to_owned()),
        ("anthropic-version", VERSION.to_owned()),
    ]
}

/// The body of a request for a streamed answer.
pub fn encode(request: &ModelRequest, model: &str) -> Value {
    let messages: Vec<Value> = request
        .messages
        .iter()
        .map(|message| json!({"role": message.role, "content": message.text}))
        .collect();
    let mut body = json!({
        "model": model,
        "max_tokens": request.max_tokens,
        "system": request.system,
        "messages": messages,
        "stream": true,
    });
    if let Some(tool) = &request.tool {
        body["tools"] = json!([{
            "name": tool.name, "description": tool.description, "input_schema": tool.schema,
        }]);
        body["tool_choice"] = json!({"type": "tool", "name": tool.name});
    }
    body
}

/// Tokens as the API counts them; those that its own prompt cache read or wrote are reported beside the others.
pub(super) fn usage(value: &Value) -> Usage {
    let count = |name: &str| value[name].as_u64().unwrap_or_default();
    Usage {
        input_tokens: count("input_tokens")
            + count("cache_creation_input_tokens")
            + count("cache_read_input_tokens"),
        output_tokens: count("output_tokens"),
    }
}

pub(super) fn stop(reason: &str) -> Stop {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::Tool,
        "refusal" => Stop::Refusal,
        _ => Stop::End,
    }
}
