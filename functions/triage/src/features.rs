//! What the classifier sees of a message: hashed features with weights.
//!
//! Three groups, each of unit length so that a long message does not drown the others: words and pairs of
//! neighbouring words; pieces of words (three to five characters, which also carry typos and other languages);
//! and flags about code, tracebacks and form.

use learnflow_events::payload::QuerySubmitted;
use ruff_python_parser::parse_module;

/// Number of hash buckets, a power of two.
pub const BUCKETS: usize = 1 << 15;

/// Characters of prose that are looked at: a longer message says what it wants at its beginning or its end.
const HEAD_CHARS: usize = 1_200;
const TAIL_CHARS: usize = 500;
/// Code that is parsed, in bytes; what is longer is judged without its syntax.
const PARSED_BYTES: usize = 16 * 1024;

/// One feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// The bucket, below [`BUCKETS`].
    pub bucket: usize,
    /// Its weight.
    pub value: f32,
    /// The word or flag behind it, for reasons; pieces of words have none.
    pub name: Option<String>,
}

/// A message taken apart: prose, and the code that came with it or inside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// The message without code blocks and tracebacks.
    pub prose: String,
    /// The code, from the field or from the message.
    pub code: Option<String>,
    /// Whether the message or the code holds a traceback.
    pub traceback: bool,
    /// Whether the code is in the message instead of the field.
    pub code_in_message: bool,
}

impl Parts {
    /// Takes a query apart.
    pub fn of(query: &QuerySubmitted) -> Self {
        let mut parts = Self::default();
        let mut inline = String::new();
        let mut fenced = false;
        let mut in_traceback = false;
        for line in query.query_text.lines() {
            let trimmed = line.trim();
            if trimmed.starts_with("```") {
                fenced = !fenced;
                continue;
            }
            if trimmed.starts_with("Traceback (most recent call last)") {
                parts.traceback = true;
                in_traceback = true;
                continue;
            }
            if in_traceback {
                // Frames are indented; the line that names the exception ends the traceback and is kept.
                if line.starts_with(' ') {
                    continue;
                }
                in_traceback = false;
            }
            if fenced || looks_like_code(line) {
                inline.push_str(line);
                inline.push('\n');
            } else {
                parts.prose.push_str(line);
                parts.prose.push('\n');
            }
        }
        let given = query.code.as_deref().filter(|code| !code.trim().is_empty());
        parts.code_in_message = given.is_none() && !inline.trim().is_empty();
        parts.code = given.map(str::to_owned).or_else(|| parts.code_in_message.then_some(inline));
        parts.traceback |=
            parts.code.as_deref().is_some_and(|code| code.contains("Traceback (most recent call last)"));
        parts
    }
}

/// Whether a line of a message is Python rather than prose.
fn looks_like_code(line: &str) -> bool {
    let trimmed = line.trim_start();
    let indented = line.starts_with("    ") || line.starts_with('\t');
    let header = ["def ", "class ", "for ", "while ", "if ", "elif ", "else", "try", "except", "with "]
        .iter()
        .any(|keyword| trimmed.starts_with(keyword))
        && trimmed.trim_end().ends_with(':')
        && !trimmed.contains('?');
    let starts = ["import ", "from ", "print(", "return ", ">>> ", "@"];
    let statement = starts.iter().any(|start| trimmed.starts_with(start))
        && (!trimmed.starts_with("from ") || trimmed.contains(" import "))
        && (!trimmed.starts_with("import ") || trimmed.split_whitespace().count() <= 4)
        && (!trimmed.starts_with("return ") || trimmed.split_whitespace().count() <= 5);
    header || statement || is_assignment(trimmed) || (indented && trimmed.contains(['(', '=', '[']))
}

/// `name = …`, `name[…] += …`: one word before the sign.
fn is_assignment(line: &str) -> bool {
    let Some(at) = line.find('=') else { return false };
    let target = line[..at].trim_end_matches(['+', '-', '*', '/', ' ']);
    !target.is_empty()
        && target.chars().all(|c| c.is_ascii_alphanumeric() || "_.[]".contains(c))
        && target.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !line[at..].starts_with("==")
}

/// The features of a message.
pub fn extract(query: &QuerySubmitted) -> Vec<Feature> {
    let parts = Parts::of(query);
    let prose = excerpt(&parts.prose);
    let words = words(&prose);
    let mut features = Vec::new();
    add_group(&mut features, 1.0, word_features(&words));
    add_group(&mut features, 1.0, piece_features(&words));
    add_group(&mut features, 0.7, flags(query, &parts, &prose, words.len()));
    features
}

/// Beginning and end of the prose, in lower case.
fn excerpt(prose: &str) -> String {
    let total = prose.chars().count();
    if total <= HEAD_CHARS + TAIL_CHARS {
        return prose.to_lowercase();
    }
    let head: String = prose.chars().take(HEAD_CHARS).collect();
    let tail: String = prose.chars().skip(total - TAIL_CHARS).collect();
    format!("{head} {tail}").to_lowercase()
}

/// Words: runs of letters, digits and underscores; each character of scripts without spaces by itself.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if is_ideograph(c) {
            flush(&mut words, &mut word);
            words.push(c.to_string());
        } else if c.is_alphanumeric() || c == '_' || ('\u{900}'..='\u{97f}').contains(&c) {
            word.push(c);
        } else if c == '\'' || c == '’' {
            // "don't" and "dont" are one word.
        } else {
            flush(&mut words, &mut word);
            if c == '?' {
                words.push("?".to_owned());
            }
        }
    }
    flush(&mut words, &mut word);
    words
}

fn flush(words: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    if word.chars().all(|c| c.is_ascii_digit()) {
        // Which number it is says nothing.
        *word = "0".to_owned();
    }
    words.push(std::mem::take(word));
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

fn word_features(words: &[String]) -> Vec<(String, Option<String>)> {
    let mut features: Vec<_> =
        words.iter().map(|word| (format!("w {word}"), (word != "?").then(|| word.clone()))).collect();
    features.extend(words.windows(2).map(|pair| (format!("b {} {}", pair[0], pair[1]), None)));
    if let Some(first) = words.first() {
        features.push((format!("first {first}"), None));
    }
    features
}

fn piece_features(words: &[String]) -> Vec<(String, Option<String>)> {
    let mut features = Vec::new();
    for word in words {
        // A name of forty characters says no more than its beginning.
        let padded: Vec<char> =
            std::iter::once('<').chain(word.chars().take(24)).chain(std::iter::once('>')).collect();
        for length in 3..=5 {
            features.extend(padded.windows(length).map(|piece| (piece.iter().collect::<String>(), None)));
        }
    }
    features
}

fn flags(
    query: &QuerySubmitted,
    parts: &Parts,
    prose: &str,
    word_count: usize,
) -> Vec<(String, Option<String>)> {
    let mut names: Vec<&str> = Vec::new();
    match &parts.code {
        None => names.push("no code"),
        Some(code) => {
            names.push("code");
            names.push(if parts.code_in_message { "code in the message" } else { "code beside the message" });
            if code.len() <= PARSED_BYTES && !parts.traceback {
                names.push(if parse_module(code).is_ok() {
                    "valid Python"
                } else {
                    "code with a syntax error"
                });
            }
            names.push(match code.lines().count() {
                0..=3 => "very short code",
                4..=40 => "short code",
                _ => "long code",
            });
        }
    }
    if parts.traceback {
        names.push("a traceback");
    }
    if names_an_exception(&query.query_text) {
        names.push("the name of an exception");
    }
    if query.tests.is_some() {
        names.push("tests");
    }
    if query.exercise_id.is_some() {
        names.push("an open exercise");
    }
    if prose.contains('?') {
        names.push("a question mark");
    }
    names.push(match word_count {
        0 => "no words",
        1..=3 => "very few words",
        4..=12 => "few words",
        13..=40 => "a message of normal length",
        _ => "a long message",
    });
    // A message of few words with code stands for something else than the same words alone.
    let cross =
        format!("{} with{} code", names[names.len() - 1], if parts.code.is_some() { "" } else { "out" });
    let mut flags: Vec<_> =
        names.into_iter().map(|name| (format!("f {name}"), Some(name.to_owned()))).collect();
    flags.push((format!("f {cross}"), None));
    flags
}

/// `IndexError`, `ZeroDivisionError`, `KeyboardInterrupt`…
fn names_an_exception(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        let named =
            word.ends_with("Error") && word.len() > 5 && word.starts_with(|c: char| c.is_ascii_uppercase());
        named || ["StopIteration", "KeyboardInterrupt", "RecursionError"].contains(&word)
    })
}

/// Adds distinct features, scaled so that the group has the length `weight`.
fn add_group(features: &mut Vec<Feature>, weight: f32, mut group: Vec<(String, Option<String>)>) {
    group.sort();
    group.dedup_by(|a, b| a.0 == b.0);
    if group.is_empty() {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand features at most")]
    let value = weight / (group.len() as f32).sqrt();
    features.extend(group.into_iter().map(|(key, name)| Feature { bucket: bucket(&key), value, name }));
}

/// FNV-1a (Fowler, Noll, Vo), folded to the number of buckets: stable across machines and versions.
fn bucket(key: &str) -> usize {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let folded = hash ^ (hash >> 32);
    usize::try_from(folded & (BUCKETS as u64 - 1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Parts {
        Parts::of(&QuerySubmitted { query_text: text.to_owned(), ..QuerySubmitted::default() })
    }

    #[test]
    fn code_and_tracebacks_are_taken_out_of_the_prose() {
        let message = "why does this fail\n```python\nx = [1]\nprint(x[1])\n```\nTraceback (most recent call last):\n  File \"a.py\", line 2, in <module>\nIndexError: list index out of range";
        let parts = parts(message);
        assert_eq!(parts.prose, "why does this fail\nIndexError: list index out of range\n");
        assert_eq!(parts.code.as_deref(), Some("x = [1]\nprint(x[1])\n"));
        assert!(parts.traceback && parts.code_in_message);
    }

    #[test]
    fn unfenced_code_is_seen() {
        let parts = parts("here it is\nfor i in range(3):\n    print(i)\ntotal += 1\nif you can, explain it");
        assert_eq!(parts.code.as_deref(), Some("for i in range(3):\n    print(i)\ntotal += 1\n"));
        assert_eq!(parts.prose, "here it is\nif you can, explain it\n");
    }

    #[test]
    fn scripts_without_spaces_give_words() {
        assert_eq!(words("为什么 x10 12 don't?"), ["为", "什", "么", "x10", "0", "dont", "?"]);
    }
}
