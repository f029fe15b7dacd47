//! Code in a text: blocks, code in prose, spans, changes.

/// A line that can be Python, with what stood before it taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diff {
    /// Lines to take out.
    pub removed: Vec<String>,
    /// Lines to put in.
    pub added: Vec<String>,
    /// The new text of the part that is shown, context included.
    pub result: String,
}

/// The contents of fenced blocks, whatever language they name and whether or not they are closed.
pub(super) fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut current: Option<Vec<&str>> = None;
    for line in text.lines() {
        let inner = line.trim_start_matches([' ', '\t', '>', '*', '-']);
        if inner.starts_with("```") || inner.starts_with("~~~") {
            match current.take() {
                Some(lines) => blocks.push(dedent(&lines)),
                None => current = Some(Vec::new()),
            }
        } else if let Some(lines) = &mut current {
            lines.push(line);
        }
    }
    blocks.extend(current.map(|lines| dedent(&lines)));
    blocks.retain(|block| !block.trim().is_empty());
    blocks
}

/// Runs of lines in prose that could be code: quoted, listed, numbered, commented or indented.
pub(super) fn in_prose(text: &str) -> Vec<String> {
    let stripped: Vec<String> = text.lines().map(unmarked).collect();
    let mut runs = Vec::new();
    for keep in [loose as fn(&str) -> bool, strict] {
        let mut run: Vec<&str> = Vec::new();
        let mut all: Vec<&str> = Vec::new();
        for line in &stripped {
            if line.trim().is_empty() || keep(line) {
                run.push(line);
            } else {
                push_run(&mut runs, &mut run);
            }
            if !line.trim().is_empty() && keep(line) {
                all.push(line);
            }
        }
        push_run(&mut runs, &mut run);
        push_run(&mut runs, &mut all);
    }
    runs
}

fn push_run(runs: &mut Vec<String>, run: &mut Vec<&str>) {
    if run.iter().any(|line| strict(line)) {
        runs.push(dedent(run));
    }
    run.clear();
}

/// A line without the marks of lists, quotes, prompts and comments before it, and without backticks around it.
fn unmarked(line: &str) -> String {
    let mut rest = line;
    // An indented mark: what counts is where the code behind it begins.
    loop {
        let inner = rest.trim_start();
        let indent = rest.len() - inner.len();
        let mark = [">>> ", "... ", "> ", "* ", "- ", "• ", "# ", "// ", "| "]
            .iter()
            .find(|mark| inner.starts_with(**mark));
        let numbered = inner.split_once(['.', ')', ':', '|']).filter(|(number, behind)| {
            !number.is_empty()
                && number
                    .trim_start_matches("line ")
                    .trim_start_matches("Line ")
                    .trim()
                    .chars()
                    .all(|c| c.is_ascii_digit())
                && behind.starts_with([' ', '\t'])
        });
        rest = match (mark, numbered) {
            (Some(mark), _) => &rest[indent + mark.len()..],
            (None, Some((_, behind))) => &behind[1..],
            _ => break,
        };
    }
    // "`def f(x):`" as a line of its own, also with a comma or a word behind it.
    let inner = rest.trim();
    match inner.strip_prefix('`').and_then(|inner| inner.split_once('`')) {
        Some((code, behind)) if behind.len() <= 3 => code.to_owned(),
        _ => rest.trim_end_matches("  ").to_owned(),
    }
}

/// Whether a line is plainly Python.
fn strict(line: &str) -> bool {
    let line = line.trim();
    const BEGINS: &[&str] = &[
        "def ",
        "class ",
        "return",
        "for ",
        "while ",
        "if ",
        "elif ",
        "else:",
        "else :",
        "try:",
        "except",
        "finally:",
        "with ",
        "import ",
        "from ",
        "print(",
        "raise ",
        "yield",
        "@",
        "pass",
        "break",
        "continue",
        "global ",
        "nonlocal ",
        "assert ",
        "del ",
        "match ",
        "case ",
        "lambda ",
        "async ",
        "await ",
    ];
    let prose = line.ends_with('.') && line.split(' ').count() > 5;
    !prose
        && (BEGINS.iter().any(|begin| line.starts_with(begin))
            && !(line.contains(", ") && line.ends_with('.'))
            || assignment(line)
            || line.ends_with(')') && line.split_once('(').is_some_and(|(name, _)| name_like(name)))
}

/// Whether a line can be part of a program at all: as [`strict`], or a continuation.
fn loose(line: &str) -> bool {
    let trimmed = line.trim();
    strict(line)
        || line.starts_with([' ', '\t'])
        || trimmed.ends_with([',', '(', '[', '{', '\\'])
        || trimmed.starts_with([')', ']', '}', '"', '\''])
}

fn assignment(line: &str) -> bool {
    let Some(at) = line.find('=') else { return false };
    let name = line[..at].trim_end_matches(['+', '-', '*', '/', '%', '|', '&', '^', ':']).trim();
    !name.is_empty() && name.split(", ").all(name_like) && !line[at + 1..].trim().is_empty()
}

fn name_like(name: &str) -> bool {
    let name = name.split([':', '[']).next().unwrap_or_default().trim();
    !name.is_empty()
        && !name.contains(' ')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
}

/// Spans of code in the prose, in order.
pub(super) fn spans(text: &str) -> Vec<String> {
    let mut spans = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        spans.extend(
            line.split('`').skip(1).step_by(2).filter(|span| !span.trim().is_empty()).map(str::to_owned),
        );
    }
    spans
}

/// Lines of the text that look like a unified diff, hunk by hunk and as a whole.
pub(super) fn diffs(text: &str) -> Vec<Diff> {
    let mut diffs = Vec::new();
    let parts = blocks(text).into_iter().chain([text.to_owned()]);
    for part in parts {
        let mut hunk = Diff { removed: Vec::new(), added: Vec::new(), result: String::new() };
        let mut all = hunk.clone();
        for line in part.lines() {
            if line.starts_with("+++") || line.starts_with("---") {
                continue;
            }
            if line.starts_with("@@") || line.starts_with("```") {
                push_diff(&mut diffs, &mut hunk);
                continue;
            }
            for diff in [&mut hunk, &mut all] {
                if let Some(added) = line.strip_prefix('+') {
                    diff.added.push(added.to_owned());
                    diff.result.push_str(&format!("{added}\n"));
                } else if let Some(removed) = line.strip_prefix('-') {
                    diff.removed.push(removed.to_owned());
                } else if let Some(context) = line.strip_prefix(' ') {
                    diff.result.push_str(&format!("{context}\n"));
                } else if !line.trim().is_empty() && strict(line) {
                    diff.result.push_str(&format!("{line}\n"));
                }
            }
        }
        push_diff(&mut diffs, &mut hunk);
        push_diff(&mut diffs, &mut all);
    }
    diffs.dedup();
    diffs
}

fn push_diff(diffs: &mut Vec<Diff>, diff: &mut Diff) {
    let empty = Diff { removed: Vec::new(), added: Vec::new(), result: String::new() };
    let diff = std::mem::replace(diff, empty);
    if !diff.added.is_empty() {
        diffs.push(diff);
    }
}

/// Takes the common indentation off, counting from the least indented line.
pub(super) fn dedent<L: AsRef<str>>(lines: &[L]) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let least = lines
        .iter()
        .map(AsRef::as_ref)
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .min()
        .unwrap_or_default();
    let mut text = String::new();
    for line in lines {
        let line = line.as_ref();
        text.push_str(line.get(least..).unwrap_or(line.trim_start()));
        text.push('\n');
    }
    text
}
