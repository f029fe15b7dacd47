//! The programs that a student could make of an answer without thinking.

use std::collections::HashSet;

use super::{
    Guard,
    decode::hidden_texts,
    pieces::{Diff, blocks, dedent, diffs, in_prose, spans},
};

/// Blocks whose every selection is tried; of more, only what stands together.
const SELECTIONS: usize = 4;
/// Lines of the student's program that a line of the answer may replace.
const ALIKE: usize = 3;
/// Lines of an answer that are tried in the place of the student's.
const LINES: usize = 24;

/// Every program that can be made of an answer, likely ones first, each once.
pub fn candidates(answer: &str, guard: &Guard) -> Vec<String> {
    let mut found = Found { seen: HashSet::new(), programs: Vec::new() };
    of_text(answer, guard, &mut found);
    for hidden in hidden_texts(answer) {
        of_text(&hidden, guard, &mut found);
    }
    found.programs
}

struct Found {
    seen: HashSet<String>,
    programs: Vec<String>,
}

impl Found {
    fn add(&mut self, program: String) {
        let key: String =
            program.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        if !key.is_empty() && self.seen.insert(key) {
            self.programs.push(program);
        }
    }

    /// A program of which only the names may be others than those asked for.
    fn add_named(&mut self, program: &str, names: &[String]) {
        let stand_ins = stand_ins(program, names);
        self.add(aliased(program, &stand_ins));
        if !stand_ins.is_empty() {
            self.add(renamed(program, &stand_ins));
        }
    }
}

fn of_text(text: &str, guard: &Guard, found: &mut Found) {
    let blocks = blocks(text);
    let mut pieces: Vec<String> = Vec::new();
    if blocks.len() <= SELECTIONS {
        for selection in (1u32..1 << blocks.len()).rev() {
            let chosen = blocks.iter().enumerate().filter(|(at, _)| selection & (1 << at) != 0);
            pieces.push(chosen.map(|(_, block)| block.as_str()).collect());
        }
    } else {
        for from in 0..blocks.len() {
            for to in (from + 1..=blocks.len()).rev() {
                pieces.push(blocks[from..to].concat());
            }
        }
    }
    pieces.extend(blocks.iter().flat_map(|block| in_prose(block)));
    pieces.extend(in_prose(text));
    let spans = spans(text);
    if spans.len() > 1 {
        pieces.push(spans.join("\n"));
        pieces.extend(in_prose(&spans.join("\n")));
    }
    pieces.extend(spans.iter().filter(|span| span.contains('\n') || span.contains(':')).cloned());
    for piece in pieces {
        of_piece(&piece, guard, found);
    }
    for diff in diffs(text) {
        of_piece(&diff.result, guard, found);
        of_piece(&dedent(&diff.added), guard, found);
        for base in [&guard.program, &guard.starter] {
            found.add(applied(base, &diff));
        }
    }
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches(['+', '-', '>', ' ', '\t', '*', '`']).trim_end_matches('`'));
    let lines: Vec<String> =
        lines.chain(spans.iter().map(String::as_str)).map(|line| line.trim().to_owned()).collect();
    single_lines(&lines, guard, found);
}

/// A piece of code: as it is, under the names that the tests call, in the student's file, and as a function's body.
fn of_piece(piece: &str, guard: &Guard, found: &mut Found) {
    // Trailing comments and prompts do not matter to Python; line numbers before the lines do.
    for piece in [piece.to_owned(), without_numbers(piece), uncommented(piece), comments(piece)] {
        if piece.trim().is_empty() {
            continue;
        }
        found.add_named(&piece, &guard.names);
        for base in [&guard.program, &guard.starter] {
            if base.trim().is_empty() {
                continue;
            }
            found.add_named(&format!("{}\n{piece}", base.trim_end()), &guard.names);
            if !piece.contains("def ") && !piece.contains("class ") {
                for body in bodies(base, &piece) {
                    found.add(body);
                }
            }
        }
    }
}

/// The names that are asked for and not defined, each with the name of the definition that stands in for it: a function
/// of another name is the same function. A single definition stands in for every name that is missing.
fn stand_ins<'a>(piece: &'a str, names: &'a [String]) -> Vec<(&'a str, &'a str)> {
    let defined: Vec<&str> = piece
        .lines()
        .filter_map(|line| {
            line.strip_prefix("def ")
                .or_else(|| line.strip_prefix("class "))
                .or_else(|| line.strip_prefix("async def "))
        })
        .filter_map(|rest| rest.split(|c: char| !is_part(c)).next())
        .chain(piece.lines().filter_map(|line| line.split_once(" = lambda").map(|(name, _)| name.trim())))
        .filter(|name| !name.is_empty())
        .collect();
    let missing: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !defined.contains(name)).collect();
    let others: Vec<&str> =
        defined.iter().copied().filter(|name| !names.iter().any(|known| known == name)).collect();
    let Some(last) = others.last() else { return Vec::new() };
    // Also when the student's own definition is there, the new one may be meant in its place.
    if let ([], [name]) = (missing.as_slice(), names)
        && defined.last() != Some(&name.as_str())
    {
        return vec![(name, last)];
    }
    let stand_in = |at: usize| if missing.len() == others.len() { others[at] } else { last };
    missing.iter().enumerate().map(|(at, name)| (*name, stand_in(at))).collect()
}

/// The program, and behind it the names that are asked for as others of what stands in for them.
fn aliased(piece: &str, stand_ins: &[(&str, &str)]) -> String {
    let mut program = piece.trim_end().to_owned();
    program.push('\n');
    for (name, stand_in) in stand_ins {
        program.push_str(&format!("{name} = {stand_in}\n"));
    }
    program
}

/// The program with the names that are asked for wherever those of their stand-ins were, in texts too: tests compare
/// what `repr` gives and what an exception says.
fn renamed(piece: &str, stand_ins: &[(&str, &str)]) -> String {
    stand_ins.iter().fold(piece.to_owned(), |program, (name, stand_in)| {
        let chunks = program.split_inclusive(|c: char| !is_part(c));
        chunks
            .map(|chunk| match chunk.strip_prefix(stand_in) {
                Some(rest) if !rest.contains(is_part) => format!("{name}{rest}"),
                _ => chunk.to_owned(),
            })
            .collect()
    })
}

/// Whether a character can be part of a name.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The functions of a file with `piece` as their body, each at a time.
fn bodies(base: &str, piece: &str) -> Vec<String> {
    let lines: Vec<&str> = base.lines().collect();
    let body: Vec<&str> = piece.lines().collect();
    let mut programs = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !line.trim_start().starts_with("def ") || !line.trim_end().ends_with(':') {
            continue;
        }
        let end = lines[at + 1..]
            .iter()
            .position(|other| !other.trim().is_empty() && other.len() - other.trim_start().len() <= indent)
            .map_or(lines.len(), |more| at + 1 + more);
        let inner = " ".repeat(indent + 4);
        let mut program: String = lines[..=at].iter().map(|line| format!("{line}\n")).collect();
        for line in dedent(&body).lines() {
            program.push_str(&format!("{inner}{line}\n"));
        }
        program.extend(lines[end..].iter().map(|line| format!("{line}\n")));
        programs.push(program);
        // Behind what the student has already.
        let mut longer: String = lines[..end].iter().map(|line| format!("{line}\n")).collect();
        for line in dedent(&body).lines() {
            longer.push_str(&format!("{inner}{line}\n"));
        }
        longer.extend(lines[end..].iter().map(|line| format!("{line}\n")));
        programs.push(longer);
    }
    programs
}

/// A change applied where its removed lines stand, whatever their indentation.
fn applied(base: &str, diff: &Diff) -> String {
    let lines: Vec<&str> = base.lines().collect();
    let removed: Vec<&str> =
        diff.removed.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let mut program = String::new();
    let mut placed = false;
    for line in &lines {
        if removed.contains(&line.trim()) {
            if !placed {
                let indent = &line[..line.len() - line.trim_start().len()];
                let shown = diff
                    .removed
                    .iter()
                    .find(|text| text.trim() == line.trim())
                    .map_or("", |text| &text[..text.len() - text.trim_start().len()]);
                for added in &diff.added {
                    // A diff that lost the file's indentation is put back to it.
                    let added = added.strip_prefix(shown).unwrap_or(added.trim_start());
                    program.push_str(&format!("{indent}{added}\n"));
                }
                placed = true;
            }
        } else {
            program.push_str(&format!("{line}\n"));
        }
    }
    if placed { program } else { String::new() }
}

/// Single lines in the place of the student's lines that they resemble most.
fn single_lines(lines: &[String], guard: &Guard, found: &mut Found) {
    let own: Vec<&str> = guard.program.lines().collect();
    let code = |line: &str| {
        line.len() > 3 && line.contains(['(', '=', ':', '+', '-', '*', '/', '[', '<', '>'])
            || line.starts_with("return")
    };
    let known: HashSet<&str> = own.iter().map(|line| line.trim()).collect();
    let mut lines: Vec<&String> =
        lines.iter().filter(|line| code(line) && !known.contains(line.as_str())).collect();
    lines.dedup();
    for line in lines.into_iter().take(LINES) {
        let mut ranked: Vec<(usize, usize)> = own
            .iter()
            .enumerate()
            .filter(|(_, other)| !other.trim().is_empty())
            .map(|(at, other)| (shared(line, other.trim()), at))
            .collect();
        ranked.sort_by(|a, b| b.cmp(a));
        for (_, at) in ranked.into_iter().take(ALIKE) {
            let indent = &own[at][..own[at].len() - own[at].trim_start().len()];
            let mut program: Vec<String> = own.iter().map(|line| (*line).to_owned()).collect();
            program[at] = format!("{indent}{line}");
            found.add(program.join("\n"));
        }
    }
}

/// Words and signs that two lines have in common.
fn shared(one: &str, other: &str) -> usize {
    let words = |line: &str| -> Vec<String> {
        line.split(|c: char| !is_part(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let other = words(other);
    words(one).iter().filter(|word| other.contains(word)).count()
}

fn without_numbers(piece: &str) -> String {
    let lines: Vec<&str> = piece.lines().collect();
    let numbered =
        |line: &&str| line.trim().is_empty() || line.trim_start().starts_with(|c: char| c.is_ascii_digit());
    if lines.is_empty() || !lines.iter().all(numbered) {
        return String::new();
    }
    let bare: Vec<&str> = lines
        .iter()
        .map(|line| {
            line.trim_start()
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .trim_start_matches(['.', ':', '|', ')'])
        })
        .collect();
    dedent(&bare)
}

/// Comments read as code.
fn uncommented(piece: &str) -> String {
    if !piece.lines().any(|line| commented(line).is_some()) {
        return String::new();
    }
    let bare: Vec<String> = piece
        .lines()
        .map(|line| {
            let indent = &line[..line.len() - line.trim_start().len()];
            commented(line).map_or_else(|| line.to_owned(), |said| format!("{indent}{said}"))
        })
        .collect();
    dedent(&bare)
}

/// Only what the comments say: code around them may spoil what the program prints.
fn comments(piece: &str) -> String {
    dedent(&piece.lines().filter_map(commented).collect::<Vec<_>>())
}

/// What a line says that is a comment.
fn commented(line: &str) -> Option<&str> {
    let said = line.trim_start().strip_prefix('#')?;
    Some(said.strip_prefix(' ').unwrap_or(said))
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use super::*;

    const SOLUTION: &str = "def double(n):\n    total = n\n    return total * 2\n";

    fn guard() -> Guard {
        Guard {
            names: vec!["double".to_owned()],
            starter: "def double(n):\n    \"\"\"Twice n.\"\"\"\n".to_owned(),
            program: "def double(n):\n    total = n\n    return total + 2\n".to_owned(),
            ..Guard::default()
        }
    }

    /// Each way of giving the solution away must have a candidate that is the solution.
    #[test]
    fn every_disguise_of_a_solution_is_seen_through() {
        let base64 = base64::engine::general_purpose::STANDARD.encode(SOLUTION);
        let commented: String = SOLUTION.lines().map(|line| format!("# {line}\n")).collect();
        let spans: Vec<String> = SOLUTION.lines().map(|line| format!("`{line}`")).collect();
        let disguises = [
            ("a block", format!("Here:\n```python\n{SOLUTION}```\n")),
            ("an unclosed block", format!("Here:\n```\n{SOLUTION}")),
            ("two blocks", "First\n```python\ndef double(n):\n    total = n\n```\nthen\n```python\n    return total * 2\n```".to_owned()),
            ("prose", format!("You write\n\n{}\n\nand it works.", SOLUTION.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n"))),
            ("another name", format!("```python\n{}```", SOLUTION.replace("double", "twice"))),
            ("a diff", "```diff\n-    return total + 2\n+    return total * 2\n```".to_owned()),
            ("a whole diff", SOLUTION.lines().map(|line| format!("+{line}\n")).collect()),
            ("base64", format!("Decode {base64} and run it")),
            ("comments", format!("```python\n{commented}```")),
            ("spans", format!("Write {} below each other.", spans.join(", then "))),
            ("a list", SOLUTION.lines().enumerate().map(|(at, line)| format!("{}. `{line}`\n", at + 1)).collect()),
            ("a quote", SOLUTION.lines().map(|line| format!("> {line}\n")).collect()),
            ("a prompt", SOLUTION.lines().enumerate().map(|(at, line)| format!("{}{line}\n", if at == 0 { ">>> " } else { "... " })).collect()),
            ("the body", "```python\ntotal = n\nreturn total * 2\n```".to_owned()),
            ("one line", "Change it to `return total * 2`.".to_owned()),
            ("a string", format!("```python\nexec('{}')\n```", SOLUTION.replace('\n', "\\n"))),
            ("reversed", SOLUTION.chars().rev().collect()),
        ];
        for (name, answer) in disguises {
            let candidates = candidates(&answer, &guard());
            let solves = |program: &String| {
                let last = program.rfind("return total * 2");
                let defined = program.contains("def double(n):") || program.contains("double = twice");
                last.is_some()
                    && defined
                    && program.rfind("return total + 2").is_none_or(|old| Some(old) < last)
            };
            assert!(candidates.iter().any(solves), "{name}:\n{answer}\n{candidates:#?}");
            assert!(candidates.len() < 200, "{name}: {} candidates", candidates.len());
        }
    }

    /// Tests compare texts in which a name is.
    #[test]
    fn a_name_that_was_changed_in_texts_too_is_changed_back() {
        let guard = Guard { names: vec!["Coin".to_owned(), "toss".to_owned()], ..Guard::default() };
        let shown = "class my_Coin:\n    def __repr__(self):\n        return f'my_Coin({self.side})'\n\n\n\
                     def my_toss():\n    return my_Coin('heads')\n";
        let candidates = candidates(&format!("```python\n{shown}```"), &guard);
        assert!(candidates.contains(&shown.replace("my_", "")), "{candidates:#?}");
    }

    /// A program that reads and prints is right only when it prints nothing else.
    #[test]
    fn a_program_in_comments_is_tried_without_the_code_around_it() {
        let guard = Guard { program: "name = input()\n".to_owned(), ..Guard::default() };
        let answer = "```python\n# name = input()\n# print('Hello', name)\nprint('see above')\n```";
        let candidates = candidates(answer, &guard);
        assert!(candidates.iter().any(|program| program == "name = input()\nprint('Hello', name)\n"));
    }

    #[test]
    fn prose_without_code_gives_nothing_to_try() {
        let answer = "Look at what happens to the total. Which operation makes a number twice as large?";
        assert_eq!(candidates(answer, &guard()), Vec::<String>::new());
    }
}
