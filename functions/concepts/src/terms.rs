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

/// The words of a text in order, lower case, without articles.
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
        if first.is_alphanumeric() || first == '_' {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\'')).unwrap_or(rest.len());
            let word = rest[..end].trim_matches(['_', '\'']);
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

/// The words that say something about the topic.
pub fn terms(text: &str) -> Vec<String> {
    plain_words(text)
        .iter()
        .filter(|word| !STOP_WORDS.contains(&word.as_str()))
        .map(|word| stem(word))
        .collect()
}

/// Cuts the commonest endings, so that `loops`, `looping` and `looped` are one term. Names with digits or
/// underscores and short words stay.
fn stem(word: &str) -> String {
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
        assert_eq!(words("__init__"), ["init"]);
    }

    #[test]
    fn operators_are_terms() {
        assert_eq!(terms("what does 7 // 2 do"), ["7", "//", "2"]);
        assert_eq!(words("*args and **kwargs"), ["arg", "and", "kwarg"]);
        assert_eq!(phrase("Loop over a list!"), "loop over list");
    }
}
