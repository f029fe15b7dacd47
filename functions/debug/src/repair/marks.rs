//! Edits of brackets and quotation marks.

use super::{
    Edits,
    tokens::{Kind, Text, Token, closing_of, opening_of},
};

/// Brackets without a partner, wherever they are.
pub(super) fn brackets(text: &Text<'_>, edits: &mut Edits) {
    for at in text.unmatched() {
        let token = text.tokens[at];
        match text.text(&token) {
            open @ ("(" | "[" | "{") => unclosed(text, at, closing_of(open), edits),
            close => unopened(text, at, opening_of(close), edits),
        }
    }
}

fn unclosed(text: &Text<'_>, at: usize, closing: &str, edits: &mut Edits) {
    let token = text.tokens[at];
    let line = token.line;
    let tokens = text.of_line(line);
    let end = text.lines[line].code_end;
    if let Some(last) = tokens.last() {
        if text.text(last) == ":" {
            edits.insert(last.start, closing, "bracket-open", line, 1.0);
        } else {
            edits.insert(end, closing, "bracket-open", line, 1.0);
        }
        if matches!(text.text(last), "{" | "[" | "(") && last.start == token.start {
            edits.remove(token.start, token.end, "bracket-extra", line, 0.3);
        }
        // `print("a"` with its text's end taken for the bracket's place.
        for pair in tokens.windows(2).filter(|pair| pair[0].start >= token.start) {
            let other_kind = matches!(text.text(&pair[1]), ")" | "]" | "}") && text.text(&pair[1]) != closing;
            if other_kind || (closing == "]" && text.text(&pair[1]) == "=") {
                edits.insert(pair[0].end, closing, "bracket-open", line, 0.98);
            }
            let place = match text.text(&pair[1]) {
                "+" | "-" | "*" | "/" | "==" | "!=" | "<" | ">" | "<=" | ">=" | "," | ")" | "]" | "}"
                | "and" | "or" | "for" | "if" | "in" => Some(pair[0].end),
                _ => None,
            };
            if let Some(place) = place {
                edits.insert(place, closing, "bracket-open", line, 0.7);
            }
        }
    }
    // The last line of what follows inside the bracket.
    let mut last = line;
    while let Some(next) = text.after(last) {
        let begins = text.first_word(next);
        if super::blocks::OPENERS.contains(&begins)
            || matches!(begins, "return" | "print" | "import" | "from" | "break" | "continue")
            || text.of_line(next).get(1).is_some_and(|second| text.text(second) == "=")
            || next > line + 40
        {
            break;
        }
        last = next;
        edits.insert(text.lines[next].code_end, closing, "bracket-open", next, 0.6);
    }
    edits.remove(token.start, token.end, "bracket-extra", line, 0.35);
    // Closed by another kind.
    for other in &text.tokens[at + 1..] {
        if matches!(text.text(other), ")" | "]" | "}") && text.text(other) != closing {
            edits.replace(other.start, other.end, closing, "bracket-kind", other.line, 0.97);
        }
        if other.line > line + 3 {
            break;
        }
    }
}

fn unopened(text: &Text<'_>, at: usize, opening: &str, edits: &mut Edits) {
    let token = text.tokens[at];
    let line = token.line;
    edits.remove(token.start, token.end, "bracket-extra", line, 0.9);
    let before: Vec<Token> =
        text.of_line(line).iter().copied().filter(|other| other.start < token.start).collect();
    for (place, other) in before.iter().enumerate() {
        let name = other.kind == Kind::Word && !super::names::is_keyword(text.text(other));
        let next = before.get(place + 1);
        if name && next.is_some_and(|next| next.kind != Kind::Sign && text.text(next) != "in") {
            // `print x)`: the bracket takes the place of the space.
            let gap = next.map_or(other.end, |next| next.start);
            edits.replace(other.end, gap, opening, "bracket-extra", line, 0.95);
        }
        if matches!(text.text(other), "=" | "return" | "in" | "if" | "while" | "+" | "*" | "," | "==") {
            edits.insert(next.map_or(other.end, |next| next.start), opening, "bracket-extra", line, 0.8);
        }
    }
    if let Some(first) = before.first() {
        edits.insert(first.start, opening, "bracket-extra", line, 0.5);
    }
}

/// Texts that do not end, end early, or have no marks.
pub(super) fn quotes(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    for token in tokens {
        let Kind::Text { closed } = token.kind else { continue };
        let all = text.text(token);
        let opens = all.find(['"', '\'']).unwrap_or(0);
        let mark = &all[opens..=opens];
        let triple = all[opens..].starts_with(&mark.repeat(3));
        if closed {
            if all[..opens].to_ascii_lowercase().contains('f') {
                braces(all, token, line, edits);
            }
            continue;
        }
        let mark = if triple { mark.repeat(3) } else { mark.to_owned() };
        let first_line_end = text.lines[token.line].start
            + text.source[text.lines[token.line].start..]
                .find('\n')
                .unwrap_or(text.source.len() - text.lines[token.line].start);
        let end = token.end.min(first_line_end);
        let body = &text.source[token.start..end];
        if body.trim_end().len() == opens + mark.len() {
            // A mark too many at the end: `print("a"")`.
            edits.remove(token.start, token.end, "quote", line, 0.9);
        }
        // The brackets and the colon behind the text are not part of it.
        let mut tail = body.trim_end().len();
        edits.insert(token.start + tail, &mark, "quote", line, 0.8);
        while let Some(last) = body[..tail].chars().next_back().filter(|last| ")]}:, ".contains(*last)) {
            tail -= last.len_utf8();
            if tail <= opens {
                break;
            }
            edits.insert(token.start + tail, &mark, "quote", line, 0.95);
        }
        // `"abc'`: another kind of mark stands at the end.
        let other = if mark.starts_with('"') { '\'' } else { '"' };
        if let Some(place) = body.rfind(other).filter(|place| *place > opens) {
            edits.replace(token.start + place, token.start + place + 1, &mark, "quote", line, 0.97);
            edits.replace(
                token.start + opens,
                token.start + opens + 1,
                &other.to_string(),
                "quote",
                line,
                0.9,
            );
        }
        // `print(hello")`: the mark that opens is missing.
        if let Some(before) = tokens.iter().rev().find(|before| {
            before.end <= token.start
                && matches!(
                    text.text(before),
                    "(" | "=" | "," | "[" | "+" | ":" | "{" | "return" | "in" | "=="
                )
        }) {
            let place = text.source[before.end..]
                .find(|c: char| c != ' ')
                .map_or(before.end, |skip| before.end + skip);
            if place < token.start {
                edits.insert(place, &mark, "quote", line, 0.96);
            }
        }
        // `'it's'`: an apostrophe ends the text; other marks go around all of it.
        if let Some(first) = tokens
            .iter()
            .find(|first| matches!(first.kind, Kind::Text { closed: true }) && first.end <= token.start)
        {
            let (from, to) = (first.start, token.start);
            if text.text(first).starts_with('\'')
                && text.source[first.end..to].chars().all(|c| c.is_alphanumeric() || " .,!?-".contains(c))
            {
                let inner = &text.source[from + 1..to];
                if !inner.contains('"') {
                    edits.replace(from, to + 1, &format!("\"{inner}\""), "quote-inside", line, 1.0);
                }
            }
        }
    }
    unmarked(text, line, edits);
    strange_marks(text, line, edits);
}

/// `print(Hello world)`: words in a call that are no names.
fn unmarked(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    let is_open = |token: &Token| matches!(text.text(token), "(" | "=" | ",");
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| is_open(token)) {
        let inner: Vec<&Token> = tokens[at + 1..]
            .iter()
            .take_while(|next| {
                !matches!(text.text(next), ")" | "," | "(" | "=") && !matches!(next.kind, Kind::Text { .. })
            })
            .collect();
        if inner.len() < 2 || inner[0].kind != Kind::Word {
            continue;
        }
        let (from, to) = (inner[0].start, inner[inner.len() - 1].end);
        let words = inner.windows(2).any(|pair| pair[0].kind == Kind::Word && pair[1].kind == Kind::Word);
        // Names that the program knows are values with a comma missing between them.
        let known = |word: &Token| {
            let places = text
                .tokens
                .iter()
                .filter(|token| token.kind == Kind::Word && text.text(token) == text.text(word));
            places.count() > 1 || super::names::is_keyword(text.text(word))
        };
        let strange = inner.iter().all(|word| word.kind != Kind::Word || !known(word));
        let sentence = inner.last().is_some_and(|last| matches!(text.text(last), "!" | "?" | "." | ":"));
        if words || sentence {
            let quoted = format!("\"{}\"", &text.source[from..to]);
            edits.replace(from, to, &quoted, "quotes-missing", line, if strange { 0.93 } else { 0.6 });
        }
    }
}

/// Typographic quotes and dashes, in the whole program.
fn strange_marks(text: &Text<'_>, line: usize, edits: &mut Edits) {
    const STRANGE: &[(char, &str)] = &[
        ('“', "\""),
        ('”', "\""),
        ('„', "\""),
        ('‘', "'"),
        ('’', "'"),
        ('–', "-"),
        ('−', "-"),
        ('×', "*"),
        ('÷', "/"),
        ('\u{a0}', " "),
    ];
    if text.source.contains(|c| STRANGE.iter().any(|(strange, _)| *strange == c)) {
        let program: String = text
            .source
            .chars()
            .map(|c| {
                STRANGE
                    .iter()
                    .find(|(strange, _)| *strange == c)
                    .map_or(c.to_string(), |(_, plain)| (*plain).to_owned())
            })
            .collect();
        edits.whole(program, "quotes-curly", line, 0.98);
    }
}

/// `f"{x"` and `f"x}"`.
fn braces(all: &str, token: &Token, line: usize, edits: &mut Edits) {
    let (open, close) = (all.matches('{').count(), all.matches('}').count());
    if open > close {
        for (place, _) in all.match_indices('{') {
            let rest = &all[place + 1..];
            let stop = rest.find(|c: char| !(c.is_alphanumeric() || "_.[]()".contains(c))).unwrap_or(0);
            edits.insert(token.start + place + 1 + stop, "}", "brace-in-text", line, 0.95);
        }
    } else if close > open {
        for (place, _) in all.match_indices('}') {
            edits.remove(token.start + place, token.start + place + 1, "brace-in-text", line, 0.7);
            let begin =
                all[..place].rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
            edits.insert(token.start + begin, "{", "brace-in-text", line, 0.95);
        }
    }
}
