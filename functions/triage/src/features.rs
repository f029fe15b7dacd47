//! What the classifier sees of a message: hashed features with weights.
//!
//! Four groups, each of one length so that a long message does not drown the others: words; patterns of words, in
//! which all names of programs are one; pieces of words (three to five characters, which also carry typos and other
//! languages); and flags about code, tracebacks and form.

use learnflow_events::payload::QuerySubmitted;
use ruff_python_parser::parse_module;

use crate::{
    parts::{Orders, Parts},
    words::{Word, is_exception, words},
};

/// Number of hash buckets, a power of two.
pub const BUCKETS: usize = 1 << 17;

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

/// What the classifier sees of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// All features.
    pub weighted: Vec<Feature>,
    /// Hashes of the words and of what they stand for, without numbers and question marks: what a model may know.
    pub words: Vec<u64>,
    /// Whether there is code, which says something without any word.
    pub code: bool,
}

/// The features of a message.
pub fn extract(query: &QuerySubmitted) -> Features {
    let parts = Parts::of(query);
    let prose = excerpt(&parts.prose);
    let words = words(&prose);
    let mut features = Vec::new();
    add_group(&mut features, 1.0, word_features(&words));
    let mut patterns = pattern_features(&words);
    patterns.extend(last_sentence_features(&prose));
    add_group(&mut features, 1.0, patterns);
    add_group(&mut features, 1.0, piece_features(&words));
    add_group(&mut features, 0.7, flags(query, &parts, &prose, words.len()));
    Features {
        weighted: features,
        words: words
            .iter()
            .flat_map(|word| [&word.text, &word.kind])
            .filter(|text| !matches!(text.as_str(), "0" | "?"))
            .map(|text| hash(text))
            .collect(),
        code: parts.code.is_some(),
    }
}

/// Beginning and end of the prose.
fn excerpt(prose: &str) -> String {
    let total = prose.chars().count();
    if total <= HEAD_CHARS + TAIL_CHARS {
        return prose.to_owned();
    }
    let head: String = prose.chars().take(HEAD_CHARS).collect();
    let tail: String = prose.chars().skip(total - TAIL_CHARS).collect();
    format!("{head} {tail}")
}

fn word_features(words: &[Word]) -> Vec<(String, Option<String>)> {
    let mut features: Vec<_> = words
        .iter()
        .map(|word| (format!("w {}", word.text), (word.text != "?").then(|| word.text.clone())))
        .collect();
    features.extend(
        words.iter().filter(|word| word.text != word.kind).map(|word| (format!("w {}", word.kind), None)),
    );
    features
}

/// Neighbours, words with one between them, and three in a row, by what they stand for.
fn pattern_features(words: &[Word]) -> Vec<(String, Option<String>)> {
    let mut features = Vec::new();
    features.extend(words.windows(2).map(|two| (format!("b {} {}", two[0].kind, two[1].kind), None)));
    features.extend(words.windows(3).map(|three| (format!("s {} {}", three[0].kind, three[2].kind), None)));
    features.extend(
        words
            .windows(3)
            .map(|three| (format!("t {} {} {}", three[0].kind, three[1].kind, three[2].kind), None)),
    );
    // How a message begins, how it ends, and how its last sentence begins, say what is wanted of it.
    for length in 1..=3 {
        let start: Vec<&str> = words.iter().take(length).map(|word| word.kind.as_str()).collect();
        features.push((format!("start {}", start.join(" ")), None));
    }
    for length in 1..=2 {
        let end: Vec<&str> =
            words[words.len().saturating_sub(length)..].iter().map(|word| word.kind.as_str()).collect();
        features.push((format!("end {}", end.join(" ")), None));
    }
    features
}

fn last_sentence_features(prose: &str) -> Vec<(String, Option<String>)> {
    let sentence = prose
        .split(['.', '!', '?', '\n', '？', '。'])
        .rfind(|sentence| sentence.split_whitespace().count() > 2)
        .unwrap_or_default();
    let words = words(sentence);
    (1..=3)
        .map(|length| {
            let start: Vec<&str> = words.iter().take(length).map(|word| word.kind.as_str()).collect();
            (format!("last {}", start.join(" ")), None)
        })
        .collect()
}

fn piece_features(words: &[Word]) -> Vec<(String, Option<String>)> {
    let mut features = Vec::new();
    for word in words {
        // A name of forty characters says no more than its beginning.
        let padded: Vec<char> =
            std::iter::once('<').chain(word.text.chars().take(24)).chain(std::iter::once('>')).collect();
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
    if query.query_text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_exception) {
        names.push("the name of an exception");
    }
    match parts.orders {
        Orders::None => {}
        Orders::LeftOut => names.push("words addressed to the router"),
        Orders::Alone => names.push("nothing but words addressed to the router"),
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

fn bucket(key: &str) -> usize {
    let hash = hash(key);
    let folded = hash ^ (hash >> 32);
    usize::try_from(folded & (BUCKETS as u64 - 1)).unwrap_or_default()
}

/// FNV-1a (Fowler, Noll, Vo): stable across machines and versions.
fn hash(key: &str) -> u64 {
    key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
