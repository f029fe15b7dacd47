//! Server-sent events from bytes that arrive in any pieces (HTML Living Standard, 9.2.6).

/// The longest event that is kept, in bytes; a provider's events are far smaller.
const EVENT_BYTES: usize = 256 * 1024;

/// An event: its name (`message` when it has none) and its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// The name.
    pub name: String,
    /// The data lines, joined.
    pub data: String,
}

/// An event grew beyond what any provider sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is longer than {EVENT_BYTES} bytes")]
pub struct TooLong;

/// Collects bytes and gives events.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    name: String,
    data: Vec<String>,
    size: usize,
    /// The last byte was a carriage return, so a line feed that follows belongs to it.
    after_return: bool,
}

impl SseParser {
    /// Takes bytes in and returns the events that they complete.
    ///
    /// # Errors
    /// When an event is too long.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let skip = std::mem::take(&mut self.after_return) && byte == b'\n';
            match byte {
                _ if skip => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.line(&String::from_utf8_lossy(&line)));
                }
                _ => {
                    self.size += 1;
                    if self.size > EVENT_BYTES {
                        return Err(TooLong);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(events)
    }

    fn line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            self.size = 0;
            let name = std::mem::take(&mut self.name);
            let data = std::mem::take(&mut self.data);
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return (!data.is_empty()).then(|| SseEvent { name, data: data.join("\n") });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push(value.to_owned()),
            // Comments (an empty field) and fields that are not used here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn pieces_do_not_matter() {
        let text = "event: a\r\ndata: {\"x\":\r\ndata: \"é\"}\r\n\r\n: ping\n\ndata:b\n\n";
        let expected = vec![event("a", "{\"x\":\n\"é\"}"), event("message", "b")];
        for size in 1..text.len() {
            let mut parser = SseParser::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                events.extend(parser.push(piece).unwrap());
            }
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = SseParser::default();
        assert_eq!(parser.push(&vec![b'x'; EVENT_BYTES + 1]), Err(TooLong));
    }
}
