//! YAML as Kubernetes reads it: the core schema, no anchors, no tags, unique keys.

use granit_parser::{Event, Parser, ScalarStyle};

use crate::{
    error::Errors,
    node::{Key, Map, Node, Place, Value},
};

/// The documents of a file; empty ones are left out. Stops at the first thing that is not YAML.
pub(crate) fn parse(file: &str, text: &str, errors: &mut Errors) -> Vec<Node> {
    let mut reader = Reader { parser: Parser::new_from_str(text), place: Place::file(file), errors };
    let mut documents = Vec::new();
    while let Some(event) = reader.next() {
        match event {
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            event => match reader.node(event) {
                Some(Node { value: Value::Null, .. }) => {}
                Some(node) => documents.push(node),
                None => break,
            },
        }
    }
    documents
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    place: Place,
    errors: &'a mut Errors,
}

impl<'a> Reader<'a> {
    /// The next event that is not a comment; `None` at the end or after an error.
    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            match self.parser.next_event()? {
                Ok((Event::Comment(..), _)) => {}
                Ok((event, span)) => {
                    self.place.line = span.start.line();
                    return Some(event);
                }
                Err(error) => {
                    self.place.line = error.marker().line();
                    let message = error.info().to_string();
                    self.errors.at(&self.place, format!("not YAML: {message}"));
                    return None;
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>) -> Option<Node> {
        let at = self.place.clone();
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(&at, anchor != 0, tag.is_some());
                match style {
                    ScalarStyle::Plain => plain(&text),
                    _ => Value::String(text.into_owned()),
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse(&at, anchor != 0, tag.is_some());
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break Value::List(items),
                        event => items.push(self.node(event)?),
                    }
                }
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse(&at, anchor != 0, tag.is_some());
                let mut map = Map::default();
                loop {
                    let event = self.next()?;
                    let key_at = self.place.clone();
                    let Some(name) = self.key(event)? else { break Value::Map(map) };
                    let event = self.next()?;
                    let node = self.node(event)?;
                    if let Some((first, _)) = map.0.iter().find(|(key, _)| key.name == name) {
                        let message = format!("duplicate key {name:?}, first on line {}", first.at.line);
                        self.errors.at(&key_at, message);
                    } else {
                        map.0.push((Key { name, at: key_at }, node));
                    }
                }
            }
            _ => {
                self.errors.at(&at, "anchors and aliases are not supported: write the value out");
                Value::Null
            }
        };
        Some(Node { at, value })
    }

    /// The name of the next entry, `Some(None)` at the end of the map.
    fn key(&mut self, event: Event<'a>) -> Option<Option<String>> {
        match event {
            Event::MappingEnd => Some(None),
            Event::Scalar(text, ..) => Some(Some(text.into_owned())),
            _ => {
                self.errors.at(&self.place, "a key must be a string");
                None
            }
        }
    }

    fn refuse(&mut self, at: &Place, anchor: bool, tag: bool) {
        if anchor {
            self.errors.at(at, "anchors and aliases are not supported: write the value out");
        }
        if tag {
            self.errors.at(at, "tags are not supported");
        }
    }
}

/// A scalar without quotes, by the rules that Kubernetes' reader follows.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        if let Ok(number) = text.parse::<i64>() {
            return Value::Int(number);
        }
        if let Ok(number) = text.parse::<f64>() {
            return Value::Float(number);
        }
    }
    Value::String(text.to_owned())
}
