//! Text into terms, the same way for cards (when they are built in) and for questions.

/// Words without which a phrase is the same phrase.
const ARTICLES: &[&str] = &["a", "an", "the", "my", "your", "this", "that", "some", "python", "python's"];

/// Words that say nothing about the topic of a question.
const STOP_WORDS: &[&str] = &[
    "about",
    "all",
    "also",
    "am",
    "anyone",
    "are",
    "as",
    "at",
    "be",
    "been",
    "being",
    "but",
    "by",
    "can",
    "cannot",
    "could",
    "did",
    "do",
    "does",
    "doing",
    "don",
    "dont",
    "explain",
    "for",
    "from",
    "get",
    "give",
    "go",
    "got",
    "had",
    "has",
    "have",
    "hello",
    "help",
    "hey",
    "hi",
    "how",
    "i",
    "if",
    "im",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "know",
    "let",
    "like",
    "make",
    "me",
    "mean",
    "means",
    "need",
    "of",
    "on",
    "one",
    "or",
    "our",
    "please",
    "really",
    "s",
    "should",
    "so",
    "t",
    "tell",
    "than",
    "thanks",
    "them",
    "then",
    "there",
    "these",
    "they",
    "thing",
    "things",
    "to",
    "understand",
    "use",
    "used",
    "using",
    "very",
    "want",
    "was",
    "way",
    "we",
    "well",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "work",
    "works",
    "would",
    "you",
    "work",
    "and",
    "not",
    "code",
    "program",
    "question",
    "something",
    "someone",
    "only",
    "other",
    "m",
    "re",
    "ve",
    "ll",
    "d",
];

/// Operators that students write in questions, longest first; each is a term.
const OPERATORS: &[&str] = &["**", "//", "==", "!=", "<=", ">=", "+=", "-=", "*=", "->", ":=", "%", "@"];

/// The words of a text in order, lower case, stemmed, without articles.
pub fn words(text: &str) -> Vec<String> {
    plain_words(text).iter().map(|word| stem(word)).collect()
}

/// Words that students use for one another; all become the first of their row.
const SYNONYMS: &[&[&str]] = &[
    &["item", "element", "entry", "member"],
    &["largest", "biggest", "maximum", "max", "highest", "greatest"],
    &["smallest", "minimum", "min", "lowest"],
    &["averag", "mean"],
    &["multiply", "multiplication"],
    &["addition", "add", "plu"],
    &["subtract", "subtraction", "minu"],
    &["halv", "half"],
    &["alphabetical", "alphabetically", "alphabet"],
    &["recursion", "recursiv", "recurs", "recursively"],
    &["both", "common", "shar"],
    &["unique", "distinct"],
    &["quick", "quickly", "fast", "faster"],
    &["conversion", "convert", "cast"],
    &["remov", "delet", "eras", "rid"],
    &["swap", "exchang"],
    &["join", "stick", "glu", "concatenat"],
    &["quot", "quotation"],
    &["dictionary", "dict"],
    &["boolean", "bool"],
    &["integer", "int"],
    &["uppercas", "upper", "capital"],
    &["letter", "character", "char"],
    &["folder", "directory", "subfolder"],
    &["sav", "stor"],
    &["endless", "infinit", "forever", "never"],
    &["duplicat", "doubl", "repetition"],
    &["rest", "remainder", "leftover"],
    &["backward", "revers"],
    &["parent", "superclas", "superclass"],
    &["random", "surpris"],
    &["position", "index"],
    &["begin", "start", "beginn"],
    &["mistak", "bug", "wrong"],
    &["text", "sentenc"],
    &["function", "procedur", "subroutin"],
    &["same", "equal", "identical"],
    &["calculat", "comput"],
    &["big", "larg", "huge"],
    &["inherit", "inheritanc"],
];

/// The words of a text in order, lower case, without articles. Pieces of code give the name of what they are.
fn plain_words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let mut words = Vec::new();
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            rest = &rest[operator.len()..];
            // `**kwargs` and `@property` are the words; a lone operator is a term.
            if !rest.starts_with(|c: char| c.is_alphabetic()) || matches!(*operator, "==" | "//" | "%") {
                words.push((*operator).to_owned());
            }
            continue;
        }
        if let Some((idea, length)) = piece_of_code(rest) {
            words.push(idea.to_owned());
            rest = &rest[length..];
            continue;
        }
        if first.is_alphanumeric() || first == '_' {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\'')).unwrap_or(rest.len());
            let word = rest[..end].trim_matches('\'');
            // `__name__` is another word than a name.
            let special = word.starts_with("__") && word.ends_with("__");
            let word = if special { word } else { word.trim_matches('_') };
            if !word.is_empty() && !ARTICLES.contains(&word) {
                words.push(word.to_owned());
            }
            rest = &rest[end..];
            continue;
        }
        rest = &rest[first.len_utf8()..];
    }
    words
}

/// The words as one string, for looking up aliases.
pub fn phrase(text: &str) -> String {
    words(text).join(" ")
}

/// Weight of a word that says little by itself (`how`, `in`, `not`).
const LITTLE: f32 = 0.4;
/// Weight of two words that say something without one between them, and of any two neighbours.
const PAIR: f32 = 0.2;
const NEIGHBOURS: f32 = 0.3;

/// The words of a text in order, as [`words`] gives them, each with whether it says nothing about the topic.
fn weighed(text: &str) -> Vec<(String, bool)> {
    plain_words(text)
        .iter()
        .map(|word| {
            let stem = stem(word);
            let stop = STOP_WORDS.contains(&word.as_str()) || STOP_WORDS.contains(&stem.as_str());
            (stem, stop)
        })
        .collect()
}

/// What a text says beside words that say nothing about its topic: `variable` of “what is a variable?”.
pub fn gist(text: &str) -> String {
    let telling: Vec<String> =
        weighed(text).into_iter().filter(|(_, stop)| !stop).map(|(word, _)| word).collect();
    telling.join(" ")
}

/// A text as weighted features, each once: words, pairs of words that say something, pairs of neighbours.
pub fn features(text: &str) -> Vec<(String, f32)> {
    let words = weighed(text);
    let mut features: Vec<(String, f32)> = Vec::new();
    let mut add = |feature: String, weight: f32| {
        if !features.iter().any(|(known, _)| *known == feature) {
            features.push((feature, weight));
        }
    };
    for (word, stop) in &words {
        add(word.clone(), if *stop { LITTLE } else { 1.0 });
    }
    let telling: Vec<&str> = words.iter().filter(|(_, stop)| !stop).map(|(word, _)| word.as_str()).collect();
    for pair in telling.windows(2) {
        add(format!("{}&{}", pair[0], pair[1]), PAIR);
    }
    for pair in words.windows(2) {
        add(format!("{}~{}", pair[0].0, pair[1].0), NEIGHBOURS);
    }
    features
}

/// Whether a feature is a word, not a pair of words.
pub fn is_word(feature: &str) -> bool {
    !feature.contains(['&', '~'])
}

/// What the text begins with, if that is a piece of Python that names an idea, and its length.
fn piece_of_code(text: &str) -> Option<(&'static str, usize)> {
    if text.starts_with('#') {
        return Some(("hash", 1));
    }
    if let Some(rest) = text.strip_prefix(" = ") {
        return (!rest.starts_with('=')).then_some(("assign_sign", 3));
    }
    if let Some(rest) = text.strip_prefix("for ") {
        let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
        // “for x in numbers”, but not “for this in general”.
        return (name <= 8 && rest[name..].starts_with(" in ")).then_some(("for_in", 4 + name + 4));
    }
    let inside = text.strip_prefix('[')?;
    let end = inside.find(']')?;
    let idea = match &inside[..end] {
        inner if inner.contains(" for ") => "comprehension",
        inner if inner.contains(':') && inner.len() < 12 => "slice",
        inner if inner.len() < 4 && inside[end + 1..].starts_with('[') => "grid",
        inner if inner.parse::<i64>().is_ok() => "index",
        _ => return None,
    };
    Some((idea, end + 2))
}

/// Cuts the commonest endings, so that `loops`, `looping` and `looped` are one term. Names with digits or
/// underscores and short words stay.
fn stem(word: &str) -> String {
    let stem = without_ending(word);
    let row = SYNONYMS.iter().find(|row| row.contains(&stem.as_str()));
    row.map_or(stem, |row| row[0].to_owned())
}

fn without_ending(word: &str) -> String {
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("n't")).unwrap_or(word).replace('\'', "");
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word;
    }
    let cut = |ending: &str, least: usize| word.strip_suffix(ending).filter(|stem| stem.len() >= least);
    if let Some(stem) = cut("ies", 2) {
        return format!("{stem}y");
    }
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word;
    }
    let word = cut("s", 3).unwrap_or(&word).to_owned();
    for (ending, least) in [("ing", 3), ("ed", 3)] {
        let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.len() >= least) else { continue };
        // Endings are cut only from what still has a vowel: `string` and `shed` stay.
        if !stem.bytes().any(|byte| b"aeiouy".contains(&byte)) {
            continue;
        }
        let bytes = stem.as_bytes();
        let doubled = bytes.len() >= 2 && bytes[bytes.len() - 1] == bytes[bytes.len() - 2];
        if doubled && !stem.ends_with("ll") && !stem.ends_with("ss") {
            return stem[..stem.len() - 1].to_owned();
        }
        return stem.strip_suffix('e').unwrap_or(stem).to_owned();
    }
    // `slice` and `slicing`, `recurse` and `recursing` meet without the e.
    if word.len() > 4 { word.strip_suffix('e').unwrap_or(&word).to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that say something.
    fn terms(text: &str) -> Vec<String> {
        features(text)
            .into_iter()
            .filter(|(feature, weight)| is_word(feature) && *weight >= 1.0)
            .map(|(feature, _)| feature)
            .collect()
    }

    #[test]
    fn forms_of_a_word_meet() {
        for (one, other) in [
            ("loops", "looping"),
            ("slice", "slicing"),
            ("dictionaries", "dictionary"),
            ("stopped", "stopping"),
            ("IndexError", "indexerror"),
            ("comparing", "compare"),
            ("calls", "called"),
        ] {
            assert_eq!(words(one), words(other));
        }
        assert_eq!(words("string"), ["string"]);
        assert_eq!(words("class"), ["class"]);
        assert_eq!(words("__init__"), ["__init__"]);
        assert_eq!(words("the biggest element"), words("largest item"));
    }

    #[test]
    fn pieces_of_code_name_their_idea() {
        assert_eq!(terms("what does word[2:5] do"), ["word", "slic"]);
        assert_eq!(terms("grid[1][2]"), ["grid", "position"]);
        assert_eq!(terms("for name in names"), ["for_in", "name"]);
        assert_eq!(terms("x = x + 1"), ["x", "assign_sign", "1"]);
    }

    #[test]
    fn operators_are_terms() {
        assert_eq!(terms("what does 7 // 2 do"), ["7", "//", "2"]);
        assert_eq!(words("*args and **kwargs"), ["arg", "and", "kwarg"]);
        assert_eq!(phrase("Loop over a list!"), "loop over list");
    }
}
