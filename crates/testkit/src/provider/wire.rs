use axum::body::Bytes;
use serde_json::{Value, json};

use super::reply::Answer;

/// Whose protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The Anthropic Messages API.
    Anthropic,
    /// OpenAI-compatible chat completions.
    OpenAi,
}

/// A part of a stream.
pub(super) enum Frame {
    /// A piece of the text.
    Piece(Bytes, String),
    /// Something else.
    Other(Bytes),
    /// What says that the answer is complete.
    End(Bytes),
}

impl Protocol {
    /// The stream of an answer.
    pub(super) fn frames(self, answer: &Answer) -> Vec<Frame> {
        match self {
            Self::Anthropic => anthropic(answer),
            Self::OpenAi => openai(answer),
        }
    }

    /// An error reported in a stream.
    pub(super) fn error(self, kind: &str) -> Bytes {
        let error = json!({"type": kind, "code": kind, "message": "scripted"});
        match self {
            Self::Anthropic => event("error", &json!({"type": "error", "error": error})),
            Self::OpenAi => data(&json!({"error": error})),
        }
    }
}

fn event(name: &str, value: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {value}\n\n"))
}

fn data(value: &Value) -> Bytes {
    Bytes::from(format!("data: {value}\n\n"))
}

/// The two halves of a text, cut at a character.
fn halves(text: &str) -> [&str; 2] {
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle += 1;
    }
    [&text[..middle], &text[middle..]]
}

fn anthropic(answer: &Answer) -> Vec<Frame> {
    let start = json!({"type": "message_start", "message": {
        "id": "msg_scripted", "role": "assistant", "content": [], "model": "scripted",
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": 1},
    }});
    let mut frames = vec![Frame::Other(event("message_start", &start))];
    let mut index = 0;
    if !answer.pieces.is_empty() {
        let block =
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
        frames.push(Frame::Other(event("content_block_start", &block)));
        frames.push(Frame::Other(event("ping", &json!({"type": "ping"}))));
        for piece in &answer.pieces {
            let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}});
            frames.push(Frame::Piece(event("content_block_delta", &delta), piece.clone()));
        }
        frames.push(Frame::Other(event(
            "content_block_stop",
            &json!({"type": "content_block_stop", "index": 0}),
        )));
        index = 1;
    }
    if let Some((name, input)) = &answer.tool {
        let block = json!({"type": "content_block_start", "index": index,
            "content_block": {"type": "tool_use", "id": "toolu_scripted", "name": name, "input": {}}});
        frames.push(Frame::Other(event("content_block_start", &block)));
        for half in halves(&input.to_string()) {
            let delta = json!({"type": "content_block_delta", "index": index,
                "delta": {"type": "input_json_delta", "partial_json": half}});
            frames.push(Frame::Other(event("content_block_delta", &delta)));
        }
        let stop = json!({"type": "content_block_stop", "index": index});
        frames.push(Frame::Other(event("content_block_stop", &stop)));
    }
    let reason = if answer.tool.is_some() { "tool_use" } else { "end_turn" };
    let end = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": answer.output_tokens}});
    let mut bytes = event("message_delta", &end).to_vec();
    bytes.extend(event("message_stop", &json!({"type": "message_stop"})));
    frames.push(Frame::End(Bytes::from(bytes)));
    frames
}

fn openai(answer: &Answer) -> Vec<Frame> {
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "model": "scripted",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let mut frames =
        vec![Frame::Other(data(&chunk(json!({"role": "assistant", "content": ""}), Value::Null)))];
    for piece in &answer.pieces {
        frames.push(Frame::Piece(data(&chunk(json!({"content": piece}), Value::Null)), piece.clone()));
    }
    if let Some((name, input)) = &answer.tool {
        let [first, second] = halves(&input.to_string()).map(str::to_owned);
        for call in [
            json!({"index": 0, "id": "call_scripted", "type": "function", "function": {"name": name, "arguments": first}}),
            json!({"index": 0, "function": {"arguments": second}}),
        ] {
            frames.push(Frame::Other(data(&chunk(json!({"tool_calls": [call]}), Value::Null))));
        }
    }
    let reason = if answer.tool.is_some() { "tool_calls" } else { "stop" };
    let mut bytes = data(&chunk(json!({}), json!(reason))).to_vec();
    let usage = json!({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "choices": [],
        "usage": {"prompt_tokens": answer.input_tokens, "completion_tokens": answer.output_tokens}});
    bytes.extend(data(&usage));
    bytes.extend(b"data: [DONE]\n\n");
    frames.push(Frame::End(Bytes::from(bytes)));
    frames
}
