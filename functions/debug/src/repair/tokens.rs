//! Tokens of a text that need not be Python: a lexer that never fails.
//!
//! The parser stops at the first mistake; repairs need to see the words around it.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// Digits, and what is stuck to them.
    Number,
    /// A string, quotes included; `closed` says whether it ends.
    Text {
        /// Whether the closing quotes are there.
        closed: bool,
    },
    /// An operator, a bracket or any other sign.
    Sign,
}

/// A token with its place in the source, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// The line it starts on, from 0.
    pub line: usize,
}

/// Signs of more than one character, longest first; those of other languages are among them.
const SIGNS: &[&str] = &[
    "===", "!==", "**=", "//=", "<<=", ">>=", "...", "->", ":=", "==", "!=", "<=", ">=", "=<", "=>", "=!",
    "<>", "+=", "-=", "*=", "/=", "%=", "@=", "&=", "|=", "^=", "**", "//", "<<", ">>", "&&", "||", "++",
    "--",
];

/// A line of the source.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Where it starts, in bytes.
    pub start: usize,
    /// Where its indentation ends.
    pub code: usize,
    /// Where its last token ends (before a comment); the same as `code` when it has none.
    pub code_end: usize,
    /// Its tokens: a range of [`Text::tokens`].
    pub tokens: std::ops::Range<usize>,
    /// Whether it starts inside a string that an earlier line opened.
    pub inside_text: bool,
}

/// A source as tokens and lines.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub source: &'a str,
    pub tokens: Vec<Token>,
    pub lines: Vec<Line>,
}

impl<'a> Text<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let tokens = tokens(source);
        let mut lines = Vec::new();
        let mut start = 0;
        let mut next = 0;
        for (number, text) in source.split('\n').enumerate() {
            let first = next;
            while next < tokens.len() && tokens[next].line == number {
                next += 1;
            }
            let inside_text = first > 0 && tokens[first - 1].end > start;
            let code = start + (text.len() - text.trim_start_matches([' ', '\t', '\u{c}']).len());
            let code_end = tokens[first..next].last().map_or(code, |token| token.end.min(start + text.len()));
            lines.push(Line { start, code, code_end, tokens: first..next, inside_text });
            start += text.len() + 1;
        }
        Self { source, tokens, lines }
    }

    pub(super) fn text(&self, token: &Token) -> &'a str {
        &self.source[token.start..token.end]
    }

    pub(super) fn of_line(&self, line: usize) -> &[Token] {
        &self.tokens[self.lines[line].tokens.clone()]
    }

    /// The indentation of a line.
    pub(super) fn indent(&self, line: usize) -> &'a str {
        &self.source[self.lines[line].start..self.lines[line].code]
    }

    /// Whether a line has nothing to run.
    pub(super) fn blank(&self, line: usize) -> bool {
        self.lines[line].tokens.is_empty() && !self.lines[line].inside_text
    }

    /// The last line before this one that has something to run.
    pub(super) fn before(&self, line: usize) -> Option<usize> {
        (0..line).rev().find(|line| !self.blank(*line))
    }

    /// The first line after this one that has something to run.
    pub(super) fn after(&self, line: usize) -> Option<usize> {
        (line + 1..self.lines.len()).find(|line| !self.blank(*line))
    }

    /// The first word of a line.
    pub(super) fn first_word(&self, line: usize) -> &'a str {
        self.of_line(line)
            .first()
            .filter(|token| token.kind == Kind::Word)
            .map_or("", |token| self.text(token))
    }

    /// Opening brackets that are never closed and closing ones that were never opened or are of another kind.
    pub(super) fn unmatched(&self) -> Vec<usize> {
        let mut open: Vec<usize> = Vec::new();
        let mut unmatched = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            match self.text(token) {
                "(" | "[" | "{" if token.kind == Kind::Sign => open.push(at),
                closing @ (")" | "]" | "}") if token.kind == Kind::Sign => match open.last() {
                    Some(last) if closing_of(self.text(&self.tokens[*last])) == closing => {
                        open.pop();
                    }
                    _ => unmatched.push(at),
                },
                _ => {}
            }
        }
        unmatched.extend(open);
        unmatched.sort_unstable();
        unmatched
    }
}

/// The bracket that closes this one.
pub(super) fn closing_of(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

/// The bracket that opens what this one closes.
pub(super) fn opening_of(close: &str) -> &'static str {
    match close {
        ")" => "(",
        "]" => "[",
        _ => "{",
    }
}

fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 0);
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (kind, length) = match first {
            '\n' => {
                line += 1;
                at += 1;
                continue;
            }
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            _ if first.is_whitespace() || first == '\\' => {
                at += first.len_utf8();
                continue;
            }
            '"' | '\'' => text(rest, first),
            _ if first.is_alphabetic() || first == '_' => {
                let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                let prefix = rest[..length].to_ascii_lowercase();
                match rest[length..].chars().next() {
                    Some(quote @ ('"' | '\''))
                        if matches!(
                            prefix.as_str(),
                            "f" | "r" | "b" | "u" | "t" | "rb" | "br" | "fr" | "rf"
                        ) =>
                    {
                        let (kind, more) = text(&rest[length..], quote);
                        (kind, length + more)
                    }
                    _ => (Kind::Word, length),
                }
            }
            _ if first.is_ascii_digit() => {
                let length =
                    rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
                (Kind::Number, length)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                (Kind::Sign, sign.map_or(first.len_utf8(), |sign| sign.len()))
            }
        };
        tokens.push(Token { kind, start: at, end: at + length, line });
        line += rest[..length].matches('\n').count();
        at += length;
    }
    tokens
}

/// A string from its opening quote on: kind and length.
fn text(rest: &str, quote: char) -> (Kind, usize) {
    let triple: String = [quote; 3].iter().collect();
    let (mark, many_lines) =
        if rest.starts_with(&triple) { (triple, true) } else { (quote.to_string(), false) };
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(mark.len()) {
        if letter == '\n' && !many_lines && !escaped {
            return (Kind::Text { closed: false }, rest[..at].trim_end().len());
        }
        if !escaped && rest[at..].starts_with(&mark) {
            return (Kind::Text { closed: true }, at + mark.len());
        }
        escaped = letter == '\\' && !escaped;
    }
    (Kind::Text { closed: false }, rest.trim_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_text_has_tokens_and_lines() {
        let text = Text::new("if x =< 'abc:\n    # note\n\ty = f\"\"\"a\nb\"\"\" # end\n");
        let seen: Vec<&str> = text.tokens.iter().map(|token| text.text(token)).collect();
        assert_eq!(seen, ["if", "x", "=<", "'abc:", "y", "=", "f\"\"\"a\nb\"\"\""]);
        assert_eq!(text.tokens[3].kind, Kind::Text { closed: false });
        assert!(text.blank(1) && text.lines[3].inside_text);
        assert_eq!(text.indent(2), "\t");
    }

    #[test]
    fn brackets_without_partner() {
        let text = Text::new("f(a[1)\n)");
        let seen: Vec<&str> = text.unmatched().into_iter().map(|at| text.text(&text.tokens[at])).collect();
        assert_eq!(seen, ["(", "[", ")", ")"]);
    }
}
