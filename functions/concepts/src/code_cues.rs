//! Ideas that a program uses, seen from its text alone.

use crate::card::{self, Card};

/// An idea in a program.
#[derive(Clone, Debug)]
pub struct Cue {
    /// The card about it.
    pub card: &'static Card,
    /// Where it is first used, from 1.
    pub line: usize,
    /// That line, trimmed.
    pub text: String,
}

/// What gives an idea away, hardest idea first: the topic, and texts of which a line must have one.
const CUES: &[(&str, &[&str])] = &[
    ("dataclasses", &["@dataclass"]),
    ("properties", &["@property"]),
    ("regular-expressions", &["re.search(", "re.match(", "re.findall(", "re.sub(", "re.fullmatch("]),
    ("inheritance", &["super()"]),
    ("memoization", &["lru_cache", "@functools.cache", "@cache"]),
    ("decorators", &["@"]),
    ("generators", &["yield"]),
    ("json", &["json.load", "json.dump"]),
    ("csv-files", &["csv.reader", "csv.DictReader", "csv.writer"]),
    ("args-kwargs", &["*args", "**kwargs"]),
    ("lambda", &["lambda "]),
    ("list-comprehensions", &["[… for … in"]),
    ("match-statement", &["case _:", "case "]),
    ("init-self", &["def __init__"]),
    ("classes", &["class "]),
    ("exceptions", &["try:", "except "]),
    ("raising-exceptions", &["raise "]),
    ("unit-testing", &["assert ", "unittest"]),
    ("context-managers", &["with "]),
    ("reading-files", &["open("]),
    ("random-numbers", &["random."]),
    ("scope", &["global ", "nonlocal "]),
    ("enumerate-zip", &["enumerate(", "zip("]),
    ("counting", &["Counter(", "defaultdict("]),
    ("dict-iteration", &[".items()", ".keys()", ".values()"]),
    ("sorting", &["sorted(", ".sort("]),
    ("stacks-queues", &["deque("]),
    ("sets", &["set("]),
    ("list-methods", &[".append(", ".pop(", ".remove(", ".extend(", ".insert("]),
    ("string-methods", &[".split(", ".join(", ".strip(", ".replace(", ".upper(", ".lower("]),
    ("break-continue", &["break", "continue"]),
    ("while-loops", &["while "]),
    ("range", &["range("]),
    ("for-loops", &["for "]),
    ("return-values", &["return "]),
    ("functions", &["def "]),
    ("logical-operators", &[" and ", " or ", " not "]),
    ("if-statements", &["if ", "elif "]),
    ("integer-division", &["//", "%"]),
    ("string-formatting", &["f\"", "f'"]),
    ("input", &["input("]),
    ("modules", &["import "]),
    ("print", &["print("]),
    ("variables", &["="]),
];

/// Statements stand at the beginning of a line; the rest may be anywhere in it.
const STATEMENTS: &[&str] = &[
    "@",
    "yield",
    "class ",
    "try:",
    "except ",
    "raise ",
    "assert ",
    "with ",
    "global ",
    "nonlocal ",
    "break",
    "continue",
    "while ",
    "for ",
    "return ",
    "def ",
    "if ",
    "elif ",
    "import ",
    "case ",
    "case _:",
    "def __init__",
    "@dataclass",
    "@property",
    "@cache",
];

/// The ideas of a program, hardest first, at most five.
pub fn cards_in(code: &str) -> Vec<Cue> {
    let lines: Vec<String> = code.lines().map(without_text_and_comment).collect();
    let mut found: Vec<Cue> = Vec::new();
    for (topic, cues) in CUES {
        let Some(card) = card::card(topic) else { continue };
        let line = lines.iter().position(|line| cues.iter().any(|cue| has(line, cue)));
        let Some(line) = line else { continue };
        // One idea a line: the hardest one.
        if found.iter().all(|cue| cue.line != line + 1) {
            let text: String = code.lines().nth(line).unwrap_or_default().trim().chars().take(80).collect();
            found.push(Cue { card, line: line + 1, text });
        }
        if found.len() == 5 {
            break;
        }
    }
    found
}

fn has(line: &str, cue: &str) -> bool {
    let line = line.trim_start();
    if cue == "[… for … in" {
        return line.find('[').is_some_and(|at| line[at..].contains(" for ") && line[at..].contains(" in "));
    }
    if STATEMENTS.contains(&cue) { line.starts_with(cue) } else { line.contains(cue) }
}

/// A line without its comment and without what stands in quotes (the quotes and an `f` before them stay).
fn without_text_and_comment(line: &str) -> String {
    let mut kept = String::new();
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (None, '#') => break,
            (None, '"' | '\'') => {
                quote = Some(letter);
                kept.push(letter);
            }
            (Some(open), _) if letter == open => {
                quote = None;
                kept.push(letter);
            }
            (Some(_), _) => {}
            (None, _) => kept.push(letter),
        }
    }
    kept
}
