//! Edits of what begins a block and of indentation.

use super::{
    Edits,
    tokens::{Kind, Text},
};

/// Words that begin a line with a colon.
pub(super) const OPENERS: &[&str] = &[
    "if", "elif", "else", "for", "while", "def", "class", "try", "except", "finally", "with", "match",
    "case", "async",
];
/// Words that continue the block of an earlier line.
const CONTINUES: &[&str] = &["elif", "else", "except", "finally"];

/// Colons, `else if`, brackets of a definition.
pub(super) fn openers(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
    let word = text.first_word(line);
    let end = text.lines[line].code_end;
    if OPENERS.contains(&word) && text.text(last) != ":" {
        edits.insert(end, ":", "colon", line, 1.0);
        if matches!(text.text(last), ";" | "." | "," | "{" | "=") {
            edits.replace(last.start, last.end, ":", "colon", line, 0.95);
        }
        if matches!(text.text(last), "then" | "do") {
            edits.replace(last.start, last.end, ":", "foreign-word", line, 1.0);
        }
        // `if x > 3 print(x)`: the colon belongs before what is to be done.
        for pair in tokens.windows(2).skip(1) {
            if pair[1].kind == Kind::Word && !matches!(text.text(&pair[0]), "." | "(" | ",") {
                edits.insert(pair[0].end, ":", "colon", line, 0.5);
            }
        }
    }
    if text.text(last) == ":" && tokens.len() > 2 {
        let before = &tokens[tokens.len() - 2];
        if matches!(text.text(before), "then" | "do") {
            edits.remove(before.start, before.end, "foreign-word", line, 1.0);
        }
    }
    match word {
        "else" => {
            if let Some(second) = tokens.get(1) {
                if text.text(second) == "if" {
                    edits.replace(first.start, second.end, "elif", "elif", line, 1.0);
                } else if text.text(second) != ":" {
                    edits.replace(first.start, first.end, "elif", "elif", line, 0.9);
                    if text.text(last) == ":" {
                        edits.remove(first.end, last.start, "elif", line, 0.6);
                    }
                }
            }
        }
        "elif" if tokens.get(1).is_some_and(|second| text.text(second) == ":") => {
            edits.replace(first.start, first.end, "else", "elif", line, 0.95);
        }
        "elseif" | "elsif" | "elsfi" | "elf" => {
            edits.replace(first.start, first.end, "elif", "elif", line, 1.0)
        }
        "def" => {
            if let Some(name) = tokens.get(1).filter(|name| name.kind == Kind::Word) {
                match tokens.get(2) {
                    Some(colon) if text.text(colon) == ":" => {
                        edits.insert(name.end, "()", "parameters", line, 1.0);
                    }
                    None => edits.insert(name.end, "():", "parameters", line, 0.95),
                    Some(next) if next.kind == Kind::Word && text.text(last) == ":" => {
                        edits.replace(
                            name.end,
                            last.start,
                            &format!("({})", text.source[next.start..last.start].trim()),
                            "parameters",
                            line,
                            0.9,
                        );
                    }
                    _ => {}
                }
            }
        }
        "for" => {
            // `for i range(5)`, `for i = 1`, `for i of items`.
            if let (Some(name), Some(next)) = (tokens.get(1), tokens.get(2)) {
                let instead =
                    matches!(text.text(next), "of" | "on" | "im" | "is" | "from" | "=" | ":" | "to" | "ni");
                let has_in = tokens.iter().any(|token| text.text(token) == "in");
                if next.kind == Kind::Word && !has_in && !instead {
                    edits.insert(name.end, " in", "in", line, 0.95);
                }
                if instead && !has_in {
                    edits.replace(next.start, next.end, "in", "in", line, 0.95);
                }
            }
        }
        "import" => {
            if let [_, name, from, module] = tokens
                && text.text(from) == "from"
            {
                let swapped = format!("from {} import {}", text.text(module), text.text(name));
                edits.replace(first.start, module.end, &swapped, "import", line, 1.0);
            }
        }
        _ => {}
    }
}

/// Lines that stand too far to the left or to the right. `outside`: CPython has refused a statement for its place.
pub(super) fn indentation(text: &Text<'_>, line: usize, outside: bool, edits: &mut Edits) {
    if text.blank(line) || text.lines[line].inside_text {
        return;
    }
    let here = text.indent(line);
    let begins = text.lines[line].start;
    let word = text.first_word(line);
    let before = text.before(line);
    let opened =
        before.filter(|before| text.of_line(*before).last().is_some_and(|last| text.text(last) == ":"));
    if outside {
        if let Some(before) = before.filter(|_| matches!(word, "return" | "break" | "continue" | "yield")) {
            let above = text.indent(before);
            let deeper = if opened.is_some() { format!("{above}    ") } else { above.to_owned() };
            if deeper.len() > here.len() {
                edits.replace(begins, begins + here.len(), &deeper, "outside", line, 0.95);
            }
            edits.replace(begins, begins, "    ", "outside", line, 0.9);
        }
        return;
    }
    if let Some(before) = opened {
        first_of_block(text, (before, line), edits);
    }
    let kind = if CONTINUES.contains(&word) { "else-place" } else { "indent-extra" };
    let block: Vec<usize> = (line..line + run_of(text, line)).filter(|at| !text.blank(*at)).collect();
    for (far, level) in levels(text, line).into_iter().enumerate() {
        if level == here {
            continue;
        }
        // The odd line is likelier than a level that is wrong for many; `return` rather ends the outer block.
        let near = 0.02 * level.len().abs_diff(here.len()) as f64;
        let inner = if word == "return" && level.len() > here.len() { 0.03 } else { 0.0 };
        let uneven = if level.len() % 4 == 0 { 0.0 } else { 0.2 };
        let prior = (0.92 - 0.04 * far as f64 - near - inner - uneven).max(0.3);
        edits.replace(begins, begins + here.len(), level, kind, line, prior);
        if block.len() > 1 {
            let many = 0.05 * (block.len() - 1) as f64;
            edits.reindent(text, &block, here, level, (kind, line, (prior - many).max(0.2)));
        }
    }
}

/// The first line after one that opens a block.
fn first_of_block(text: &Text<'_>, (before, line): (usize, usize), edits: &mut Edits) {
    let (here, above) = (text.indent(line), text.indent(before));
    let begins = text.lines[line].start;
    let deeper = format!("{above}    ");
    if here.len() > above.len() {
        if here != deeper {
            edits.replace(begins, begins + here.len(), &deeper, "indent-extra", line, 0.5);
        }
        return;
    }
    // How much of what follows belongs to the block is not known: the next statement, or all up to a gap.
    let together = run_of(text, line);
    let defines = matches!(text.first_word(before), "def" | "class");
    let (all, one) = if defines { (0.96, 0.85) } else { (0.86, 0.96) };
    let lines: Vec<usize> = (line..text.lines.len()).filter(|at| !text.blank(*at)).take(together).collect();
    edits.reindent(text, &lines, here, &deeper, ("indent-missing", before + 1, all));
    // One statement comes with the lines that are its own block.
    let own = 1 + lines[1..].iter().take_while(|at| text.indent(**at).len() > here.len()).count();
    edits.reindent(text, &lines[..own], here, &deeper, ("indent-missing", before + 1, one));
    let method = text.first_word(before) == "class" && line == before + 1;
    let defined = matches!(text.first_word(line), "def" | "class") && !method;
    let apart = line > before + 1 || defined || CONTINUES.contains(&text.first_word(line));
    let end = text.lines[before].code_end;
    edits.insert(end, " pass", "body-missing", before, if apart { 0.97 } else { 0.3 });
}

/// The columns at which a line may stand: those that are open above it and below it, nearest first.
fn levels<'a>(text: &Text<'a>, line: usize) -> Vec<&'a str> {
    let here = text.indent(line).len();
    let mut levels: Vec<&str> = vec![""];
    let mut least = usize::MAX;
    for at in (0..line).rev().filter(|at| !text.blank(*at) && !text.lines[*at].inside_text) {
        let level = text.indent(at);
        if level.len() < least {
            least = level.len();
            if !levels.contains(&level) {
                levels.push(level);
            }
        }
    }
    if let Some(after) = text.after(line)
        && !levels.contains(&text.indent(after))
    {
        levels.push(text.indent(after));
    }
    levels.sort_by_key(|level| level.len().abs_diff(here));
    levels
}

/// A line above the place that stands out: what follows it is deeper though it opens nothing, or it is further left
/// than the lines on both sides.
pub(super) fn odd_lines(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let mut at = line;
    for _ in 0..12 {
        let Some(odd) = text.before(at) else { return };
        at = odd;
        let (Some(above), Some(below)) = (text.before(odd), text.after(odd)) else { continue };
        let opens = |line: usize| text.of_line(line).last().is_some_and(|last| text.text(last) == ":");
        let (here, up, down) = (text.indent(odd), text.indent(above), text.indent(below));
        let begins = text.lines[odd].start;
        let mut propose = |level: &str, prior: f64| {
            if level != here {
                let prior = if level.len().is_multiple_of(4) { prior } else { prior - 0.2 };
                edits.replace(begins, begins + here.len(), level, "indent-extra", odd, prior);
            }
        };
        if opens(above) {
            // The first of a block sets its column; if the others stand elsewhere, it is the odd one.
            if !opens(odd) && down.len() > up.len() && down != here {
                propose(down, 0.95);
            }
            if here.len() <= up.len() {
                propose(&format!("{up}    "), 0.94);
            }
        } else if here.len() < up.len() {
            propose(up, if opens(odd) { 0.93 } else { 0.9 });
            if !opens(odd) && down.len() > here.len() {
                propose(down, 0.95);
            }
        }
    }
}

/// How many lines from this one on stand together: without a gap and not further to the left.
fn run_of(text: &Text<'_>, line: usize) -> usize {
    let least = text.indent(line).len();
    (line..text.lines.len())
        .take_while(|at| {
            !text.blank(*at)
                && text.indent(*at).len() >= least
                && (*at == line || !["def", "class"].contains(&text.first_word(*at)))
                && (*at == line
                    || !CONTINUES.contains(&text.first_word(*at))
                    || text.indent(*at).len() > least)
        })
        .count()
        .max(1)
}

/// Blocks without lines, `try` without `except`.
pub(super) fn bodies(text: &Text<'_>, line: usize, edits: &mut Edits) {
    let tokens = text.of_line(line);
    let Some(last) = tokens.last() else { return };
    let next = text.after(line);
    let deeper = next.is_some_and(|next| text.indent(next).len() > text.indent(line).len());
    if text.text(last) == ":" && OPENERS.contains(&text.first_word(line)) && !deeper {
        edits.insert(last.end, " pass", "body-missing", line, if next.is_none() { 0.9 } else { 0.3 });
    }
    if text.first_word(line) == "try" {
        let indent = text.indent(line);
        let end = (line + 1..text.lines.len())
            .take_while(|at| text.blank(*at) || text.indent(*at).len() > indent.len())
            .filter(|at| !text.blank(*at))
            .last();
        if let Some(end) = end {
            let handler = format!("\n{indent}except Exception:\n{indent}    raise");
            let place = text.source[text.lines[end].start..]
                .find('\n')
                .map_or(text.source.len(), |at| text.lines[end].start + at);
            edits.insert(place, &handler, "handler-missing", line, 0.6);
        }
    }
}

/// Tabs in the indentation of any line become spaces, four or eight.
pub(super) fn tabs(text: &Text<'_>, edits: &mut Edits) {
    let tabbed = |line: &usize| text.indent(*line).contains('\t') && !text.lines[*line].inside_text;
    let Some(first) = (0..text.lines.len()).find(tabbed) else { return };
    for (width, prior) in [(4, 1.0), (8, 0.99)] {
        let mut program = String::new();
        for (at, line) in text.source.split('\n').enumerate() {
            let indent = if tabbed(&at) { text.indent(at) } else { "" };
            let mut column = 0;
            for letter in indent.chars() {
                column += if letter == '\t' { width - column % width } else { 1 };
            }
            program.push_str(&" ".repeat(column));
            program.push_str(&line[indent.len()..]);
            program.push('\n');
        }
        program.pop();
        edits.whole(program, "tabs", first, prior);
    }
}
