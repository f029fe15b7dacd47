//! Which topics a program's text shows, for a program that ran to its end.
//!
//! Only keywords are looked at, which cannot mean anything else, and only where they were certainly executed: what
//! stands in a function or a class may never have run, so it shows nothing.

use crate::curriculum;

/// Topics that the main part of a program uses, in teaching order.
pub fn topics_used(program: &str) -> Vec<&'static str> {
    let code = without_text(program);
    let used = main_lines(&code);
    let shows = |topic: &str| used.iter().any(|line| line_shows(line, topic));
    curriculum::topics().map(|topic| topic.id).filter(|topic| shows(topic)).collect()
}

/// Whether a line shows a topic by a keyword.
fn line_shows(line: &str, topic: &str) -> bool {
    let begins = |keyword: &str| words(line).next() == Some(keyword);
    let has = |keyword: &str| words(line).any(|word| word == keyword);
    match topic {
        "string-formatting" => ["f\"", "F\""].iter().any(|prefix| has_prefix(line, prefix)),
        "if-statements" => begins("if"),
        "logical-operators" => has("and") || has("or"),
        "for-loops" => begins("for"),
        "while-loops" => begins("while"),
        "list-comprehensions" => comprehends(line),
        "exceptions" => begins("try"),
        "modules" => begins("import") || begins("from"),
        "context-managers" => begins("with"),
        _ => false,
    }
}

/// Names and keywords of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_name(c)).filter(|word| !word.is_empty())
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether a text in quotes has this prefix, which is no end of a longer name.
fn has_prefix(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| !line[..at].ends_with(is_name))
}

/// Whether a list is made by a `for` directly in its brackets.
fn comprehends(line: &str) -> bool {
    let mut open = Vec::new();
    let mut word = String::new();
    for letter in line.chars().chain([' ']) {
        if is_name(letter) {
            word.push(letter);
            continue;
        }
        if word == "for" && open.last() == Some(&'[') {
            return true;
        }
        word.clear();
        match letter {
            '(' | '[' | '{' => open.push(letter),
            ')' | ']' | '}' => drop(open.pop()),
            _ => {}
        }
    }
    false
}

/// The lines outside of functions and classes; a statement that goes on over several lines is one of them.
fn main_lines(code: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut depth = 0i32;
    // The indentation of the definition that the line may be in.
    let mut definition: Option<usize> = None;
    for line in code.lines().filter(|line| !line.trim().is_empty()) {
        let goes_on = depth > 0;
        let brackets = |signs: [char; 3]| line.chars().filter(|letter| signs.contains(letter)).count() as i32;
        depth = (depth + brackets(['(', '[', '{']) - brackets([')', ']', '}'])).max(0);
        if goes_on {
            if definition.is_none()
                && let Some(last) = lines.last_mut()
            {
                last.push(' ');
                last.push_str(line.trim());
            }
            continue;
        }
        let indentation = line.len() - line.trim_start().len();
        if definition.is_some_and(|outer| indentation > outer) {
            continue;
        }
        let defines = line.trim_start().starts_with('@')
            || matches!(words(line).next(), Some("def" | "class" | "async"));
        definition = defines.then_some(indentation);
        if !defines {
            lines.push(line.trim().to_owned());
        }
    }
    lines
}

/// The program without comments, and with nothing between its quotes, all of which become `"`.
fn without_text(program: &str) -> String {
    let mut code = String::with_capacity(program.len());
    let mut rest = program;
    while let Some(letter) = rest.chars().next() {
        match letter {
            '#' => rest = rest.find('\n').map_or("", |end| &rest[end..]),
            '"' | '\'' => {
                let thrice: String = [letter; 3].iter().collect();
                let quotes = if rest.starts_with(&thrice) { 3 } else { 1 };
                code.push_str("\"\"");
                rest = after_text(&rest[quotes..], &thrice[..quotes]);
            }
            _ => {
                code.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    code
}

/// What follows a text that `quotes` close; a text in single ones ends with its line at the latest.
fn after_text<'a>(text: &'a str, quotes: &str) -> &'a str {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if text[at..].starts_with(quotes) {
            return &text[at + quotes.len()..];
        } else if letter == '\n' && quotes.len() == 1 {
            return &text[at..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_of_the_main_part_show_their_topics() {
        let program = "\
import random
numbers = [
    n * n
    for n in range(9)
]
for number in numbers:
    if number > 3 and number < 50:
        print(f'{number} is it')
";
        let expected = [
            "string-formatting",
            "if-statements",
            "logical-operators",
            "for-loops",
            "list-comprehensions",
            "modules",
        ];
        assert_eq!(topics_used(program), expected);
    }

    #[test]
    fn what_may_not_have_run_shows_nothing() {
        let program = "\
def total(numbers):
    for number in numbers:
        while True:
            pass

@decorated
class Box:
    with_lid = [n for n in ()]

    def open(self):
        try:
            return 1
        except ValueError:
            return 2

wide = 1
";
        assert!(topics_used(program).is_empty(), "{:?}", topics_used(program));
        assert_eq!(topics_used(&format!("{program}while wide < 9:\n    wide += 1\n")), ["while-loops"]);
    }

    #[test]
    fn words_in_texts_comments_and_names_are_no_keywords() {
        let program = "\
# for this and that
text = 'if only, and \\' while'
forest = \"\"\"
for ever
and ever
\"\"\"
iffy = {'for': 1}
print(sum(n for n in (1, 2)))
buf = 3
";
        assert!(topics_used(program).is_empty(), "{:?}", topics_used(program));
    }

    #[test]
    fn programs_that_are_cut_anywhere_are_read() {
        let program = "x = f'''a\\'''\nfor y in [\"ä\", (1]):\n    '\\\n";
        for (at, _) in program.char_indices() {
            topics_used(&program[..at]);
        }
    }

    #[test]
    fn other_statements_show_their_topics() {
        let program = "from math import pi\nx = [a for a in b]\ntry:\n    pass\nfinally:\n    pass\nwith x as y:\n    pass\n";
        assert_eq!(
            topics_used(program),
            ["list-comprehensions", "exceptions", "modules", "context-managers"]
        );
    }
}
