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
                    ScalarStyle::Plain => {
                        if is_ambiguous(&text) {
                            self.errors.at(
                                &at,
                                format!("quote {text}, or write it another way: readers differ on it"),
                            );
                        }
                        plain(&text)
                    }
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

/// Whether YAML 1.1, which Kubernetes' reader follows, takes a scalar without quotes for something else than YAML 1.2:
/// booleans such as `no`, octal and grouped numbers.
fn is_ambiguous(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = digits.starts_with(|c: char| c.is_ascii_digit());
    let octal = number && digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let grouped = number && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | ':'));
    let grouped = grouped && digits.contains(['_', ':']);
    let octal = octal && digits.chars().all(|c| c.is_ascii_alphanumeric());
    octal || grouped || ["y", "n", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str())
}

/// A scalar without quotes.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Value {
        let mut errors = Errors::default();
        let documents = parse("test.yaml", &format!("value: {text}"), &mut errors);
        errors.finish(()).unwrap();
        documents[0].map().unwrap().get("value").unwrap().value.clone()
    }

    #[test]
    fn scalars_are_what_kubernetes_takes_them_for() {
        for text in ["12", "-3", "+4"] {
            assert!(matches!(one(text), Value::Int(_)), "{text}");
        }
        for text in ["\"12\"", "'true'", "1.2.3", "50m", "PT0.5S", "0.0.0.0:80", "inf"] {
            assert!(matches!(one(text), Value::String(_)), "{text}");
        }
        assert!(matches!(one("true"), Value::Bool(true)));
        assert!(matches!(one("~"), Value::Null));
        assert!(matches!(one("0.5"), Value::Float(_)));
    }

    #[test]
    fn what_readers_differ_on_is_refused() {
        for text in ["no", "On", "0440", "-010", "0x1F", "1_000", "12:30"] {
            assert!(is_ambiguous(text), "{text}");
            let mut errors = Errors::default();
            parse("test.yaml", &format!("value: {text}"), &mut errors);
            assert!(errors.finish(()).is_err(), "{text}");
        }
        for text in ["0", "0.5", "10", "none", "v0", "50m", "0.0.0.0:80"] {
            assert!(!is_ambiguous(text), "{text}");
        }
    }

    #[test]
    fn documents_are_apart_and_know_their_lines() {
        let mut errors = Errors::default();
        let documents = parse("test.yaml", "# first\na: 1\n---\n---\nb: 2\n", &mut errors);
        errors.finish(()).unwrap();
        assert_eq!(documents.iter().map(|node| node.at.line).collect::<Vec<_>>(), [2, 5]);
    }

    proptest! {
        /// Whatever a file holds, reading it ends, and what is wrong has a line of that file.
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z:\\-\\[\\]{}&*!|>'\"#% \\n\\t,?]{0,80}") {
            let mut errors = Errors::default();
            let documents = parse("test.yaml", &text, &mut errors);
            let lines = text.matches('\n').count() + 1;
            if let Err(errors) = errors.finish(()) {
                prop_assert!(errors.0.iter().all(|error| (1..=lines + 1).contains(&error.line)), "{}", errors);
            } else {
                prop_assert!(documents.iter().all(|node| (1..=lines).contains(&node.at.line)));
            }
        }
    }
}
