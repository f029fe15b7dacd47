//! Whether an answer agrees with what is known: lines that exist, errors that happened, outputs that were printed.

use std::collections::BTreeSet;

use serde_json::Value;

/// What an answer must agree with.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The student's program; empty when there is none.
    pub program: String,
    /// Everything that was really stated: outputs of runs, messages of tests, the question itself, and the authored
    /// answer.
    pub stated: Vec<String>,
    /// What was really printed, where that is known: that a value is in the program or in the question does not mean that
    /// it was printed. `None` where no run decides; then a claimed output must at least be stated somewhere.
    pub printed: Option<Vec<String>>,
    /// Whether the program was run and ended with an exception; `None` when it was not run.
    pub failed: Option<bool>,
}

/// A claim that is not true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// A line that the program does not have.
    Line(u32),
    /// A line that says something else.
    Quote(u32),
    /// An exception that did not happen.
    Error(String),
    /// An output that was not printed.
    Output(String),
    /// That the program ran well, or that it failed.
    Outcome,
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "it names line {line}, which does not exist"),
            Self::Quote(line) => write!(f, "it quotes line {line} wrongly"),
            Self::Error(kind) => write!(f, "it claims a {kind} that did not happen"),
            Self::Output(_) => write!(f, "it claims an output that did not happen"),
            Self::Outcome => write!(f, "it is wrong about how the program ended"),
        }
    }
}

/// The first claim in the prose of `answer` that is not true. Blocks of code are not looked at: they are run.
pub fn disagreement(answer: &str, facts: &Facts) -> Option<Disagreement> {
    let prose = without_blocks(answer);
    lines(&prose, &facts.program)
        .or_else(|| errors(&prose, facts))
        .or_else(|| outputs(&prose, facts))
        .or_else(|| outcome(&prose, facts))
}

fn without_blocks(text: &str) -> String {
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        let fence = line.trim_start_matches([' ', '\t', '>']).starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// "line 12", "lines 3 and 5", "lines 3–5", "Line 7: `code`".
fn lines(prose: &str, program: &str) -> Option<Disagreement> {
    if program.trim().is_empty() {
        return None;
    }
    let source: Vec<&str> = program.lines().collect();
    let lower = prose.to_ascii_lowercase();
    for (at, word) in lower.match_indices("line") {
        let before = lower[..at].chars().next_back();
        let rest = &lower[at + word.len()..];
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        let rest = rest.trim_start_matches([' ', '\u{a0}', '*', '`', '#', '(']);
        let mut numbers = rest;
        let mut last = None;
        loop {
            let digits = numbers.chars().take_while(char::is_ascii_digit).count();
            if digits == 0 || digits > 9 {
                break;
            }
            let number: u32 = numbers[..digits].parse().ok()?;
            if number == 0 || number as usize > source.len() {
                return Some(Disagreement::Line(number));
            }
            last = Some((number, &numbers[digits..]));
            let tail = numbers[digits..].trim_start_matches([' ', ',', '-', '–', '—', '*', '`']);
            let tail = ["and ", "to ", "or ", "through "]
                .iter()
                .find_map(|word| tail.strip_prefix(word))
                .unwrap_or(tail);
            if !tail.starts_with(|c: char| c.is_ascii_digit()) {
                break;
            }
            numbers = tail;
        }
        // A span of code right behind the number quotes the line.
        if let Some((number, tail)) = last {
            let at = prose.len() - tail.len();
            let tail = prose[at..].trim_start_matches(['*', ' ', ',', ':', '(', '—', '–', '-']);
            if let Some(quoted) =
                tail.strip_prefix('`').and_then(|tail| tail.split_once('`')).map(|(quoted, _)| quoted)
                && quoted.contains(char::is_whitespace)
                && !squeezed(source[number as usize - 1]).contains(&squeezed(quoted.trim_end_matches('…')))
            {
                return Some(Disagreement::Quote(number));
            }
        }
    }
    None
}

/// "raises KeyError", "stops with a `KeyError`": one that the evidence does not know.
fn errors(prose: &str, facts: &Facts) -> Option<Disagreement> {
    facts.failed?;
    const VERBS: &[&str] = &[
        "raises",
        "raised",
        "stops with",
        "stopped with",
        "ends with",
        "ended with",
        "crashes with",
        "crashed with",
        "fails with",
        "failed with",
        "throws",
        "threw",
        "got",
        "caused a",
        "caused an",
    ];
    const HYPOTHETICAL: &[&str] = &["would", "could", "might", "may", "if", "can", "when", "instead"];
    for sentence in prose.split(['.', '\n', ';']) {
        let lower = sentence.to_ascii_lowercase();
        let words: BTreeSet<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        if HYPOTHETICAL.iter().any(|word| words.contains(word)) {
            continue;
        }
        for verb in VERBS {
            let Some(at) = lower.find(verb) else { continue };
            let behind = sentence[at + verb.len()..].split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let named = behind.filter(|word| !word.is_empty()).take(4).find(|word| is_exception(word));
            if let Some(kind) = named
                && !facts.stated.iter().any(|text| text.contains(kind))
            {
                return Some(Disagreement::Error(kind.to_owned()));
            }
        }
    }
    None
}

fn is_exception(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && (word.ends_with("Error") && word.len() > 5
            || word == "StopIteration"
            || word == "KeyboardInterrupt")
}

/// "it prints `7`": a span behind the verb that was not printed.
fn outputs(prose: &str, facts: &Facts) -> Option<Disagreement> {
    const VERBS: &[&str] = &[
        "prints ",
        "printed ",
        "prints: ",
        "outputs ",
        "output is ",
        "output was ",
        "displays ",
        "displayed ",
    ];
    const HYPOTHETICAL: &[&str] = &[
        "would",
        "should",
        "could",
        "might",
        "may",
        "expected",
        "wanted",
        "if",
        "does not",
        "did not",
        "doesn't",
        "didn't",
        "never",
        "instead of",
    ];
    for sentence in prose.split_inclusive(['\n', '?', '!']).flat_map(sentences) {
        let lower = sentence.to_ascii_lowercase();
        if HYPOTHETICAL.iter().any(|word| lower.contains(word)) {
            continue;
        }
        for verb in VERBS {
            let Some(at) = lower.find(verb) else { continue };
            // Up to two words may stand between ("prints the value `7`").
            let behind = &sentence[at + verb.len()..];
            let Some((between, span)) = behind.split_once('`') else { continue };
            if between.split_whitespace().count() > 2 {
                continue;
            }
            let claimed = span.split('`').next().unwrap_or_default().trim();
            let claimed = claimed.trim_matches(['"', '\'']);
            let happened = match &facts.printed {
                Some(printed) => printed.iter().any(|text| is_printed(text, claimed)),
                None => facts.stated.iter().any(|text| squeezed(text).contains(&squeezed(claimed))),
            };
            if claimed.is_empty() || happened {
                continue;
            }
            return Some(Disagreement::Output(claimed.to_owned()));
        }
    }
    None
}

/// What a run printed, and how its exception reads, by an answer's evidence (`stdout`, `error`).
pub fn printed_by_run(evidence: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let error = &evidence["error"];
    let exception =
        error.is_object().then(|| format!("{}: {}", text(&error["type"]), text(&error["message"])));
    [text(&evidence["stdout"])].into_iter().chain(exception).collect()
}

/// Whether a claimed output is in what was printed, as whole words and numbers: `5` is not in "15", "-5" or "5.5".
fn is_printed(printed: &str, claimed: &str) -> bool {
    let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (printed, claimed) = (spaced(printed), spaced(&claimed.replace("\\n", "\n")));
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let (first, last) = (claimed.chars().next(), claimed.chars().next_back());
    let whole = |at: usize| {
        let mut before = printed[..at].chars().rev();
        let mut behind = printed[at + claimed.len()..].chars();
        let (left, right) = (before.next(), behind.next());
        let cuts_number = is_digit(first)
            && (left == Some('.') && is_digit(before.next()) || left == Some('-'))
            || is_digit(last) && right == Some('.') && is_digit(behind.next());
        !(cuts_number || is_part(first) && is_part(left) || is_part(last) && is_part(right))
    };
    !claimed.is_empty() && printed.match_indices(&claimed).any(|(at, _)| whole(at))
}

/// Sentences end with a point and a space; a point inside a number or a name is none.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    line.split(". ")
}

/// "runs without errors" about a program that failed, "crashes" about one that did not.
fn outcome(prose: &str, facts: &Facts) -> Option<Disagreement> {
    let failed = facts.failed?;
    let lower = prose.to_ascii_lowercase();
    let well = [
        "runs without error",
        "runs without any error",
        "runs fine",
        "runs correctly",
        "works correctly as it is",
        "works as it is",
        "nothing is wrong with your program",
        "your program is correct",
        "all tests pass",
        "no errors",
    ];
    let badly =
        ["your program crashes", "your program crashed", "the program crashes", "the program crashed"];
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    (failed && says(&well) || !failed && says(&badly)).then_some(Disagreement::Outcome)
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // What is cut out of a text is cut between its characters; without facts, nothing contradicts them.
        #[test]
        fn any_text_can_be_held_to_the_evidence(words in prop::collection::vec("line|prints|output|`|3|İ|é|界|🐍|\\n| ", 0..20)) {
            let _ = disagreement(&words.concat(), &Facts::default());
        }
    }

    fn facts() -> Facts {
        Facts {
            program: "items = [1, 2]\nfor i in range(3):\n    print(items[i])\n".to_owned(),
            stated: vec![
                "1\n2\n".to_owned(),
                "IndexError: list index out of range".to_owned(),
                "why 30?".to_owned(),
            ],
            printed: Some(vec!["1\n2\n".to_owned(), "IndexError: list index out of range".to_owned()]),
            failed: Some(true),
        }
    }

    #[test]
    fn what_is_true_passes() {
        for text in [
            "Look at line 3: the list has two values.",
            "In line 2, `for i in range(3)`, `i` becomes 2. Your program stops with an `IndexError`.",
            "It prints `1` and then it stops. With `range(2)` it would raise no KeyError.",
            "Lines 2–3 repeat. A dictionary would raise KeyError instead.",
            "Online learners, deadline 40, and pipelines 12 are no lines.",
        ] {
            assert_eq!(disagreement(text, &facts()), None, "{text}");
        }
    }

    #[test]
    fn an_output_is_whole_words_and_numbers() {
        let printed = "total: 15\n-5 and 5.5\nAda...\n";
        for claimed in ["15", "total: 15", "-5", "5.5", "Ada...", "Ada", "15\\n-5", "15  -5"] {
            assert!(is_printed(printed, claimed), "{claimed}");
        }
        for claimed in ["5", "1", "tot", "15.", "Adam", ""] {
            assert!(!is_printed(printed, claimed), "{claimed}");
        }
    }

    #[test]
    fn what_is_not_true_is_caught() {
        for (text, expected) in [
            ("Look at line 12.", Disagreement::Line(12)),
            ("Look at **line 0**.", Disagreement::Line(0)),
            ("lines 2 and 9 differ", Disagreement::Line(9)),
            ("On line 2, `while i < 3:` never ends.", Disagreement::Quote(2)),
            ("Your program raises a KeyError.", Disagreement::Error("KeyError".to_owned())),
            ("It prints `42` at the end.", Disagreement::Output("42".to_owned())),
            // In the program, in the question, and nowhere in the output.
            ("It prints `3` at the end.", Disagreement::Output("3".to_owned())),
            ("It prints `30`.", Disagreement::Output("30".to_owned())),
            ("Your program runs fine.", Disagreement::Outcome),
        ] {
            assert_eq!(disagreement(text, &facts()), Some(expected), "{text}");
        }
    }
}
