//! A response's body, as it arrives, turned into text and at last a [`Completion`].

use std::collections::BTreeMap;

use learnflow_events::limits;
use serde_json::Value;

use super::{
    ModelFault, ModelFaultKind, Provider, anthropic, openai,
    request::{Completion, Usage},
    sse::{SseEvent, SseParser},
};

/// The longest body that is read, in bytes.
const BODY_BYTES: usize = 4 * 1024 * 1024;

/// The state machine.
#[derive(Debug)]
pub struct Decoder {
    provider: Provider,
    /// The tool that was offered. A model that fills in any other is talking to nobody.
    tool: Option<&'static str>,
    sse: SseParser,
    /// A body that is one JSON document, from an endpoint that does not stream.
    whole: Option<Vec<u8>>,
    read: usize,
    done: bool,
    completion: Completion,
    /// Arguments of tools, by the number of their block or call.
    calls: BTreeMap<u64, Call>,
}

#[derive(Debug, Default)]
struct Call {
    name: String,
    arguments: String,
}

impl Decoder {
    /// For a response of `provider` to a request that offered `tool`. `content_type` tells a stream from a document.
    pub fn new(provider: Provider, tool: Option<&'static str>, content_type: &str) -> Self {
        Self {
            provider,
            tool,
            sse: SseParser::default(),
            whole: content_type.starts_with("application/json").then(Vec::new),
            read: 0,
            done: false,
            completion: Completion::default(),
            calls: BTreeMap::new(),
        }
    }

    /// Whether the answer is complete.
    pub fn done(&self) -> bool {
        self.done
    }

    /// Tokens so far, as far as the provider has told.
    pub fn usage(&self) -> Usage {
        self.completion.usage
    }

    /// Takes bytes in and returns the text that they bring.
    ///
    /// # Errors
    /// When the provider reports an error in the stream, or the bytes are not what the protocol says.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, ModelFault> {
        self.read += bytes.len();
        if self.read > BODY_BYTES {
            return Err(ModelFault::new(ModelFaultKind::TooLong, "the response is longer than is read"));
        }
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(bytes);
            return Ok(String::new());
        }
        let events = self.sse.push(bytes);
        let mut text = String::new();
        for event in events.map_err(|error| ModelFault::new(ModelFaultKind::TooLong, error.to_string()))? {
            if self.done {
                break;
            }
            match self.provider {
                Provider::Anthropic => self.anthropic(&event, &mut text)?,
                Provider::OpenAi => self.openai(&event, &mut text)?,
            }
        }
        self.append(&text)?;
        Ok(text)
    }

    /// The body has ended. Returns text that came only now.
    ///
    /// # Errors
    /// [`ModelFaultKind::Cut`] when the answer is not complete.
    pub fn end(&mut self) -> Result<String, ModelFault> {
        if let Some(whole) = self.whole.take() {
            let value: Value = serde_json::from_slice(&whole).map_err(|error| malformed(&error))?;
            let text = self.document(&value)?;
            self.append(&text)?;
            self.done = true;
            return Ok(text);
        }
        if self.done {
            return Ok(String::new());
        }
        Err(ModelFault::new(ModelFaultKind::Cut, "the stream ended before the answer did"))
    }

    /// The whole answer.
    pub fn completion(mut self) -> Completion {
        if let Some(tool) = self.tool {
            let call = self.calls.into_values().find(|call| call.name == tool);
            self.completion.tool_input = call.and_then(|call| serde_json::from_str(&call.arguments).ok());
        }
        self.completion
    }

    fn append(&mut self, text: &str) -> Result<(), ModelFault> {
        self.completion.text.push_str(text);
        if self.completion.text.len() > limits::ANSWER_BYTES {
            return Err(ModelFault::new(ModelFaultKind::TooLong, "the answer is longer than is kept"));
        }
        Ok(())
    }

    fn anthropic(&mut self, event: &SseEvent, text: &mut String) -> Result<(), ModelFault> {
        let data: Value = serde_json::from_str(&event.data).map_err(|error| malformed(&error))?;
        // The name of the event and the type in its data are the same; some proxies drop the first.
        match data["type"].as_str().unwrap_or(&event.name) {
            "message_start" => self.completion.usage = anthropic::usage(&data["message"]["usage"]),
            "content_block_start" => {
                let block = &data["content_block"];
                if block["type"] == "tool_use" {
                    let name = block["name"].as_str().unwrap_or_default().to_owned();
                    self.calls.insert(index(&data), Call { name, arguments: String::new() });
                } else {
                    text.push_str(block["text"].as_str().unwrap_or_default());
                }
            }
            "content_block_delta" => match data["delta"]["type"].as_str() {
                Some("text_delta") => text.push_str(data["delta"]["text"].as_str().unwrap_or_default()),
                Some("input_json_delta") => {
                    let piece = data["delta"]["partial_json"].as_str().unwrap_or_default();
                    self.calls.entry(index(&data)).or_default().arguments.push_str(piece);
                }
                // Thinking and whatever else is not for the student.
                _ => {}
            },
            "message_delta" => {
                let usage = anthropic::usage(&data["usage"]);
                self.completion.usage.output_tokens = usage.output_tokens;
                self.completion.usage.input_tokens =
                    self.completion.usage.input_tokens.max(usage.input_tokens);
                if let Some(reason) = data["delta"]["stop_reason"].as_str() {
                    self.completion.stop = anthropic::stop(reason);
                }
            }
            "message_stop" => self.done = true,
            "error" => return Err(ModelFault::reported(&data["error"])),
            _ => {}
        }
        Ok(())
    }

    fn openai(&mut self, event: &SseEvent, text: &mut String) -> Result<(), ModelFault> {
        if event.data.trim() == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let data: Value = serde_json::from_str(&event.data).map_err(|error| malformed(&error))?;
        if data["error"].is_object() {
            return Err(ModelFault::reported(&data["error"]));
        }
        if data["usage"].is_object() {
            self.completion.usage = openai::usage(&data["usage"]);
        }
        let choice = &data["choices"][0];
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let entry = self.calls.entry(index(call)).or_default();
            entry.name.push_str(call["function"]["name"].as_str().unwrap_or_default());
            entry.arguments.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.completion.stop = openai::stop(reason);
        }
        Ok(())
    }

    fn document(&mut self, value: &Value) -> Result<String, ModelFault> {
        if value["error"].is_object() {
            return Err(ModelFault::reported(&value["error"]));
        }
        let mut text = String::new();
        match self.provider {
            Provider::Anthropic => {
                self.completion.usage = anthropic::usage(&value["usage"]);
                self.completion.stop = anthropic::stop(value["stop_reason"].as_str().unwrap_or_default());
                let blocks = value["content"].as_array().ok_or_else(|| malformed(&"there is no content"))?;
                for (at, block) in blocks.iter().enumerate() {
                    if block["type"] == "tool_use" {
                        let name = block["name"].as_str().unwrap_or_default().to_owned();
                        let call = Call { name, arguments: block["input"].to_string() };
                        self.calls.insert(at as u64, call);
                    } else {
                        text.push_str(block["text"].as_str().unwrap_or_default());
                    }
                }
            }
            Provider::OpenAi => {
                self.completion.usage = openai::usage(&value["usage"]);
                let choice = value["choices"].get(0).ok_or_else(|| malformed(&"there are no choices"))?;
                self.completion.stop = openai::stop(choice["finish_reason"].as_str().unwrap_or_default());
                text.push_str(choice["message"]["content"].as_str().unwrap_or_default());
                for (at, call) in choice["message"]["tool_calls"].as_array().into_iter().flatten().enumerate()
                {
                    let field = |name: &str| call["function"][name].as_str().unwrap_or_default().to_owned();
                    self.calls.insert(at as u64, Call { name: field("name"), arguments: field("arguments") });
                }
            }
        }
        Ok(text)
    }
}

fn index(value: &Value) -> u64 {
    value["index"].as_u64().unwrap_or_default()
}

fn malformed(error: &dyn std::fmt::Display) -> ModelFault {
    ModelFault::new(ModelFaultKind::Malformed, format!("the response is not what the protocol says: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::llm::Stop;

    const ANTHROPIC: &str = r#"event: message_start
data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"A list "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"holds values — in order."}}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","name":"route","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"agent\": \"de"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"bug\"}"}}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":15}}

event: message_stop
data: {"type":"message_stop"}

"#;

    const OPENAI: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"A list "}}]}

data: {"choices":[{"index":0,"delta":{"content":"holds values — in order."}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"route","arguments":"{\"agent\": \"de"}}]}}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"bug\"}"}}]}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

data: {"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":15}}

data: [DONE]

"#;

    fn decoded(provider: Provider, tool: Option<&'static str>, text: &str, size: usize) -> Completion {
        let mut decoder = Decoder::new(provider, tool, "text/event-stream");
        let mut pieces = String::new();
        for piece in text.as_bytes().chunks(size) {
            pieces.push_str(&decoder.push(piece).unwrap());
        }
        pieces.push_str(&decoder.end().unwrap());
        let completion = decoder.completion();
        assert_eq!(completion.text, pieces);
        completion
    }

    #[test]
    fn both_protocols_say_the_same_in_any_pieces() {
        for (provider, text) in [(Provider::Anthropic, ANTHROPIC), (Provider::OpenAi, OPENAI)] {
            for size in [1, 2, 7, 64, 100_000] {
                let completion = decoded(provider, Some("route"), text, size);
                assert_eq!(completion.text, "A list holds values — in order.");
                assert_eq!(completion.tool_input, Some(serde_json::json!({"agent": "debug"})));
                assert_eq!(completion.usage, Usage { input_tokens: 30, output_tokens: 15 });
                assert_eq!(completion.stop, Stop::Tool);
            }
        }
    }

    #[test]
    fn a_tool_that_was_not_offered_is_nobody() {
        for tool in [None, Some("exercise")] {
            assert_eq!(decoded(Provider::Anthropic, tool, ANTHROPIC, 100).tool_input, None);
        }
    }

    #[test]
    fn a_cut_stream_is_no_answer() {
        let cut = &ANTHROPIC[..ANTHROPIC.find("event: message_delta").unwrap()];
        let mut decoder = Decoder::new(Provider::Anthropic, None, "text/event-stream");
        assert_eq!(decoder.push(cut.as_bytes()).unwrap(), "A list holds values — in order.");
        assert_eq!(decoder.end().unwrap_err().kind, ModelFaultKind::Cut);
    }

    #[test]
    fn errors_inside_a_stream_have_their_kind() {
        let error = "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
        let mut decoder = Decoder::new(Provider::Anthropic, None, "text/event-stream");
        assert_eq!(decoder.push(error.as_bytes()).unwrap_err().kind, ModelFaultKind::Overloaded);
        let mut decoder = Decoder::new(Provider::OpenAi, None, "text/event-stream");
        let fault = decoder.push(b"data: <html>\n\n").unwrap_err();
        assert_eq!(fault.kind, ModelFaultKind::Malformed);
    }

    #[test]
    fn an_endpoint_that_does_not_stream_is_understood() {
        let body = r#"{"content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;
        let mut decoder = Decoder::new(Provider::Anthropic, None, "application/json");
        assert_eq!(decoder.push(body.as_bytes()).unwrap(), "");
        assert_eq!(decoder.end().unwrap(), "Hello");
        assert_eq!(decoder.completion().usage.output_tokens, 2);
    }

    #[test]
    fn an_endless_answer_is_ended() {
        let delta = format!(
            "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{}\"}}}}\n\n",
            "x".repeat(30_000)
        );
        let mut decoder = Decoder::new(Provider::Anthropic, None, "text/event-stream");
        let fault = (0..10).find_map(|_| decoder.push(delta.as_bytes()).err()).unwrap();
        assert_eq!(fault.kind, ModelFaultKind::TooLong);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), openai: bool) {
            let provider = if openai { Provider::OpenAi } else { Provider::Anthropic };
            let mut decoder = Decoder::new(provider, Some("route"), "text/event-stream");
            let _ = decoder.push(&bytes);
            let _ = decoder.push(b"data: {\"type\":\"content_block_delta\",\"delta\":7}\n\n");
            let _ = decoder.end();
            let _ = decoder.completion();
        }
    }
}
