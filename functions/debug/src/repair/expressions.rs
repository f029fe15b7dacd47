//! Edits inside a line: `print` without brackets, operators, commas, and at last any sign.

use super::{
    Edits,
    tokens::{Kind, Text, Token},
};

/// Operators of other languages and slips of the finger.
const OPERATORS: &[(&str, &[&str])] = &[
    ("=<", &["<="]),
    ("=>", &[">="]),
    ("=!", &["!="]),
    ("<>", &["!="]),
    ("===", &["=="]),
    ("!==", &["!="]),
    ("&&", &["and"]),
    ("||", &["or"]),
    ("!", &["not "]),
    ("^", &["**"]),
];

pub(super) fn statements(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    let end = text.lines[line].code_end;
    let word = text.first_word(line);
    if matches!(word, "print" | "Print" | "pritn" | "prnt")
        && tokens.get(1).is_some_and(|second| text.text(second) != "(")
    {
        let (first, second) = (&tokens[0], &tokens[1]);
        let rest = &text.source[second.start..end];
        edits.replace(first.start, end, &format!("print({rest})"), "print", line, 1.0);
    }
    // Inside a line: `if x: print x`.
    for (at, token) in tokens.iter().enumerate().skip(1) {
        if text.text(token) == "print" && tokens.get(at + 1).is_some_and(|next| text.text(next) != "(") {
            let rest = &text.source[tokens[at + 1].start..end];
            edits.replace(token.start, end, &format!("print({rest})"), "print", line, 0.95);
        }
    }
    operators(text, line, edits);
    separators(text, line, edits);
}

fn operators(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    let end = text.lines[line].code_end;
    let asks = matches!(text.first_word(line), "if" | "elif" | "while" | "return" | "assert")
        || tokens.iter().any(|token| matches!(text.text(token), "if" | "and" | "or" | "not" | "while"));
    for (at, token) in tokens.iter().enumerate() {
        let sign = text.text(token);
        if sign == "=" {
            edits.replace(token.start, token.end, "==", "equals", line, if asks { 1.0 } else { 0.45 });
        }
        if let Some((_, own)) = OPERATORS.iter().find(|(foreign, _)| *foreign == sign) {
            for own in *own {
                let spaced = if own.starts_with(char::is_alphabetic) && !own.ends_with(' ') {
                    let open = text.source[..token.start].ends_with(' ');
                    let close = text.source[token.end..].starts_with(' ');
                    format!("{}{own}{}", if open { "" } else { " " }, if close { "" } else { " " })
                } else {
                    (*own).to_owned()
                };
                edits.replace(token.start, token.end, &spaced, "operator", line, 1.0);
            }
        }
        if matches!(sign, "++" | "--") {
            let by = if sign == "++" { " += 1" } else { " -= 1" };
            if at > 0 {
                edits.replace(token.start, token.end, by, "operator", line, 0.97);
            } else if let Some(name) = tokens.get(1) {
                edits.replace(
                    token.start,
                    name.end,
                    &format!("{}{by}", text.text(name)),
                    "operator",
                    line,
                    0.97,
                );
            }
        }
        // `= =`, `> =`, `! =`, `+ =`: a space inside the operator.
        if let Some(next) = tokens.get(at + 1) {
            let joined =
                matches!((sign, text.text(next)), ("=" | ">" | "<" | "!" | "+" | "-" | "*" | "/", "="));
            if joined && next.start > token.end {
                edits.remove(token.end, next.start, "operator", line, 0.97);
            }
            let is_value =
                |token: &Token| token.kind != Kind::Sign && !super::names::is_keyword(text.text(token));
            if matches!(sign, "is") && matches!(text.text(next), "=" | "==") {
                edits.remove(token.start, next.start, "operator", line, 0.9);
            }
            // `if x > 3 & < 5` has no value between; `x not == 3`.
            if sign == "not" && text.text(next) == "==" {
                edits.replace(token.start, next.end, "!=", "operator", line, 0.97);
            }
            // `2(x + 1)`, `2 x`.
            if token.kind == Kind::Number && (text.text(next) == "(" || is_value(next)) {
                edits.insert(token.end, "*", "times", line, 0.55);
            }
            // Two values side by side.
            let ends_value = is_value(token) || matches!(sign, ")" | "]" | "}");
            let begins_value =
                is_value(next) || (matches!(text.text(next), "[" | "{") && next.start > token.end);
            if ends_value && begins_value {
                let inside = tokens[..=at].iter().any(|open| matches!(text.text(open), "(" | "[" | "{"));
                edits.insert(token.end, ",", "comma", line, if inside { 0.88 } else { 0.4 });
                let texts = matches!(token.kind, Kind::Text { .. }) || matches!(next.kind, Kind::Text { .. });
                edits.insert(token.end, " +", "comma", line, if texts { 0.5 } else { 0.3 });
                if in_braces(text, &tokens[..=at]) {
                    edits.insert(token.end, ":", "separator", line, 0.9);
                }
                edits.insert(token.end, " =", "assignment-side", line, 0.5);
                edits.insert(token.end, " in", "in", line, 0.35);
            }
        }
    }
    if let Some(last) = tokens.last() {
        let hangs = matches!(
            text.text(last),
            "+" | "-"
                | "*"
                | "/"
                | "="
                | "=="
                | "<"
                | ">"
                | "<="
                | ">="
                | "and"
                | "or"
                | "not"
                | "in"
                | "+="
                | "-="
                | "."
                | "%"
                | "//"
                | "**"
                | "!="
        );
        if hangs {
            edits.insert(end, " None", "value-missing", line, 0.8);
            edits.remove(last.start, last.end, "value-missing", line, 0.7);
        }
        if text.text(last) == ":"
            && tokens.len() > 1
            && matches!(text.first_word(line), "if" | "while" | "elif")
        {
            let before = &tokens[tokens.len() - 2];
            if before.kind == Kind::Sign || tokens.len() == 2 {
                edits.insert(last.start, " None", "value-missing", line, 0.5);
            }
        }
    }
}

/// Whether the innermost bracket that is open behind these tokens is a curly one.
fn in_braces(text: &Text<'_>, tokens: &[Token]) -> bool {
    let mut open: Vec<&str> = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == Kind::Sign) {
        match text.text(token) {
            sign @ ("(" | "[" | "{") => open.push(sign),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ => {}
        }
    }
    open.last() == Some(&"{")
}

/// `[1; 2]`, `{"a" = 1}`, `f(a. b)`.
fn separators(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    for (at, token) in tokens.iter().enumerate() {
        let sign = text.text(token);
        if matches!(sign, ";" | "." | ":" | "|") && at > 0 {
            edits.replace(token.start, token.end, ",", "separator", line, 0.75);
        }
        if matches!(sign, "=" | "," | ";" | "->" | "=>") && at > 0 {
            let start = if text.source[..token.start].ends_with(' ') { token.start - 1 } else { token.start };
            edits.replace(start, token.end, ":", "separator", line, 0.72);
        }
        if matches!(sign, "," | ";") && tokens.get(at + 1).is_some_and(|next| text.text(next) == sign) {
            edits.remove(token.start, token.end, "stray", line, 0.95);
        }
    }
}

/// The last resort: any sign goes, or a likely one comes in.
pub(super) fn anything(text: &Text<'_>, line: usize, edits: &mut Edits) {
    for token in text.of_line(line) {
        let lone = token.kind == Kind::Sign;
        edits.remove(token.start, token.end, "stray", line, if lone { 0.45 } else { 0.15 });
        for sign in [",", ")", "(", ":", "]"] {
            edits.insert(token.end, sign, "stray", line, 0.12);
        }
    }
    for strange in ["?", "$", "`", "!", "\\", "…", "§", "€", "¿", ";"] {
        for (at, _) in text.source
            [text.lines[line].start..text.lines[line].code_end.max(text.lines[line].start)]
            .match_indices(strange)
        {
            let at = text.lines[line].start + at;
            edits.remove(at, at + strange.len(), "stray", line, 0.7);
        }
    }
}
