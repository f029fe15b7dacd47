//! OpenAI's chat completions, as Ollama, vLLM and others speak them too.

use serde_json::{Value, json};

use super::request::{ModelRequest, Stop, Usage};

/// The path of the endpoint below the base path (`/v1`).
pub const PATH: &str = "/chat/completions";

/// Headers of a request; a local endpoint needs no key.
pub fn headers(key: &str) -> Vec<(&'static str, String)> {
    let mut headers =
        vec![("content-type", "application/json".to_owned()), ("accept", "text/event-stream".to_owned())];
    if !key.is_empty() {
        headers.push(("authorization", format!("Bearer {key}")));
    }
    headers
}

/// The body of a request for a streamed answer. `newer` is for OpenAI itself, whose models refuse the older name of
/// the limit that everybody else understands.
pub fn encode(request: &ModelRequest, model: &str, newer: bool) -> Value {
    let mut messages = vec![json!({"role": "system", "content": request.system})];
    messages.extend(
        request.messages.iter().map(|message| json!({"role": message.role, "content": message.text})),
    );
    let limit = if newer { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({
        "model": model,
        limit: request.max_tokens,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Some(tool) = &request.tool {
        body["tools"] = json!([{
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
        }]);
        body["tool_choice"] = json!({"type": "function", "function": {"name": tool.name}});
    }
    body
}

pub(super) fn usage(value: &Value) -> Usage {
    let count = |name: &str| value[name].as_u64().unwrap_or_default();
    Usage { input_tokens: count("prompt_tokens"), output_tokens: count("completion_tokens") }
}

pub(super) fn stop(reason: &str) -> Stop {
    match reason {
        "length" => Stop::Length,
        "tool_calls" | "function_call" => Stop::Tool,
        "content_filter" => Stop::Refusal,
        _ => Stop::End,
    }
}
