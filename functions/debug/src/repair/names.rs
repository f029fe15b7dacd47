//! Edits of words: misspelt keywords, words of other languages, what is no name.

use super::{
    Edits,
    tokens::{Kind, Text, Token},
};

/// The words that no variable can be called.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Words that begin a line in another language, and what Python says.
const FOREIGN: &[(&str, &str)] = &[
    ("function", "def"),
    ("func", "def"),
    ("fun", "def"),
    ("fn", "def"),
    ("define", "def"),
    ("void", "def"),
    ("sub", "def"),
    ("foreach", "for"),
    ("until", "while"),
    ("repeat", "while"),
    ("switch", "match"),
    ("catch", "except"),
    ("throw", "raise"),
    ("include", "import"),
    ("using", "import"),
    ("require", "import"),
    ("elseif", "elif"),
    ("elsif", "elif"),
    ("unless", "if not"),
];

/// Words that stand before a name in another language.
const DECLARES: &[&str] = &[
    "int", "float", "str", "string", "String", "double", "bool", "char", "var", "let", "const", "auto",
    "new", "list", "dict", "dim", "my", "set",
];

pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

pub(super) fn words(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let word = text.text(token);
        let first = at == 0;
        if !is_keyword(word) {
            misspelt(word, token, first, line, edits);
        } else {
            reserved(text, tokens, at, line, edits);
        }
        if first {
            if let Some((_, own)) = FOREIGN.iter().find(|(foreign, _)| *foreign == word) {
                edits.replace(token.start, token.end, own, "foreign-word", line, 1.0);
            }
            if DECLARES.contains(&word) && tokens.get(1).is_some_and(|next| next.kind == Kind::Word) {
                edits.remove(token.start, tokens[1].start, "foreign-word", line, 1.0);
            }
        }
    }
    not_a_name(text, line, edits);
}

/// A keyword with one letter too many, too few, wrong or swapped, or with capitals.
fn misspelt(word: &str, token: &Token, first: bool, line: usize, edits: &mut Edits) {
    for keyword in KEYWORDS.iter().copied().chain(["print", "match", "case", "input", "range"]) {
        let prior = if first { 0.97 } else { 0.85 };
        if word.eq_ignore_ascii_case(keyword) {
            if word != keyword {
                edits.replace(token.start, token.end, keyword, "keyword", line, prior);
            }
        } else if keyword.len() >= 2
            && word.len() >= 2
            && near(&word.to_ascii_lowercase(), &keyword.to_ascii_lowercase())
        {
            let weight = if keyword.len() <= 2 { 0.6 } else { 0.95 };
            edits.replace(token.start, token.end, keyword, "keyword", line, prior * weight);
        }
        // `returnx`, `elsex`, `importmath`: the space behind it is missing.
        if first && keyword.len() >= 3 && word.len() > keyword.len() && word.starts_with(keyword) {
            edits.insert(token.start + keyword.len(), " ", "keyword", line, 0.7);
        }
    }
}

/// One letter more, less, other, or two swapped.
fn near(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    if long.len() - short.len() > 1 || one == other {
        return false;
    }
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[same..], &long[same..]);
    match (short, long) {
        (rest, [_, more @ ..]) if rest == more => true,
        ([_, rest @ ..], [_, more @ ..]) if rest == more => true,
        ([a, b, rest @ ..], [c, d, more @ ..]) => a == d && b == c && rest == more,
        _ => false,
    }
}

/// A keyword used as a name: it gets an underscore wherever it stands as one.
fn reserved(text: &Text<'_>, tokens: &[Token], at: usize, line: usize, edits: &mut Edits) {
    let token = &tokens[at];
    let word = text.text(token);
    let next = tokens.get(at + 1).map(|next| text.text(next));
    let before = at.checked_sub(1).map(|before| text.text(&tokens[before]));
    let as_name = matches!(next, Some("=" | "+=" | "-=" | "." | "[" | ")" | "," | "in"))
        || matches!(before, Some("for" | "def" | "(" | ","));
    if !as_name
        || matches!(word, "True" | "False" | "None" | "lambda" | "not" | "in" | "if" | "else" | "and" | "or")
    {
        return;
    }
    let is_name = |index: usize, other: &Token| {
        if other.kind != Kind::Word || text.text(other) != word {
            return false;
        }
        let all = &text.tokens;
        let next = all.get(index + 1).map(|next| text.text(next));
        // At the beginning of a line it is the keyword, unless something is assigned to it.
        let begins = text.lines[other.line].code == other.start;
        matches!(
            next,
            Some("=" | "+=" | "-=" | "." | "[" | ")" | "," | "]" | ":" | "+" | "*" | "-" | "/" | "in")
        ) || !begins
    };
    let mut program = String::new();
    let mut copied = 0;
    for (_, other) in text.tokens.iter().enumerate().filter(|(index, other)| is_name(*index, other)) {
        program.push_str(&text.source[copied..other.end]);
        program.push('_');
        copied = other.end;
    }
    program.push_str(&text.source[copied..]);
    edits.whole(program, "reserved-name", line, 0.95);
}

/// `my var = 5`, `my-var = 5`, `2nd = 5`, `5 = x`, `x + 1 = y`.
fn not_a_name(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    for token in tokens.iter().filter(|token| token.kind == Kind::Number) {
        let number = text.text(token);
        let digits = number.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let rest = &number[digits..];
        let based = number.starts_with('0') && rest.starts_with(['x', 'b', 'o']);
        if rest.starts_with(|c: char| c.is_alphabetic()) && !based {
            if tokens[0].start == token.start || text.first_word(line) == "def" {
                rename(text, number, &format!("_{number}"), line, edits);
            }
            edits.insert(token.start + digits, "*", "times", line, 0.9);
        }
        if number.len() > 1 && number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit()) {
            let plain = number.trim_start_matches('0');
            edits.replace(
                token.start,
                token.end,
                if plain.is_empty() { "0" } else { plain },
                "zeros",
                line,
                1.0,
            );
        }
    }
    let Some(equals) = tokens.iter().position(|token| text.text(token) == "=") else { return };
    let left = &tokens[..equals];
    let plain = left.iter().all(|token| token.kind == Kind::Word || text.text(token) == "-");
    if left.len() >= 2
        && left[0].kind == Kind::Word
        && plain
        && !super::blocks::OPENERS.contains(&text.first_word(line))
    {
        let (from, to) = (left[0].start, left[left.len() - 1].end);
        let name: Vec<&str> =
            left.iter().filter(|token| token.kind == Kind::Word).map(|token| text.text(token)).collect();
        if name.iter().all(|word| !is_keyword(word)) {
            rename(text, &text.source[from..to], &name.join("_"), line, edits);
        }
    }
    if let (Some(first), Some(last), [_, ..]) = (left.first(), tokens.last(), &tokens[equals + 1..]) {
        let right = &text.source[tokens[equals + 1].start..last.end];
        if right.chars().all(|c| c.is_alphanumeric() || c == '_')
            && right.starts_with(|c: char| c.is_alphabetic() || c == '_')
        {
            let swapped = format!("{right} = {}", &text.source[first.start..left[left.len() - 1].end]);
            edits.replace(first.start, last.end, &swapped, "assignment-side", line, 0.9);
        }
    }
}

/// Everywhere, so that the program stays the same but for the name.
fn rename(text: &Text<'_>, from: &str, to: &str, line: usize, edits: &mut Edits) {
    let mut program = String::new();
    let mut copied = 0;
    for (at, _) in text.source.match_indices(from) {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let apart = !word(text.source[..at].chars().next_back())
            && !word(text.source[at + from.len()..].chars().next());
        let quoted = text
            .tokens
            .iter()
            .any(|token| matches!(token.kind, Kind::Text { .. }) && (token.start..token.end).contains(&at));
        if at >= copied && apart && !quoted {
            program.push_str(&text.source[copied..at]);
            program.push_str(to);
            copied = at + from.len();
        }
    }
    program.push_str(&text.source[copied..]);
    edits.whole(program, "name", line, 0.97);
}
