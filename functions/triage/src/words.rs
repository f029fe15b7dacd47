//! Words of a message, as they are written and as what they stand for.

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// In lower case, without apostrophes; a number is `0`, a question mark is a word.
    pub text: String,
    /// What it stands for in patterns: `<name>` for names from a program, `<error>` for exceptions, else the text.
    pub kind: String,
}

/// Words that a number is written to without a space: `task3`.
const NUMBERED: [&str; 14] = [
    "task", "lab", "hw", "part", "step", "problem", "question", "number", "ex", "exercise", "homework",
    "line", "lines", "aufgabe",
];

/// Words: runs of letters, digits and underscores; each character of scripts without spaces by itself.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if is_ideograph(c) {
            flush(&mut words, &mut word, false);
            words.push(Word { text: c.to_string(), kind: c.to_string() });
        } else if c.is_alphanumeric() || c == '_' || ('\u{900}'..='\u{97f}').contains(&c) {
            word.push(c);
        } else if c == '\'' || c == '’' {
            // "don't" and "dont" are one word.
        } else {
            flush(&mut words, &mut word, c == '(');
            if c == '?' || c == '？' || c == '؟' {
                words.push(Word { text: "?".to_owned(), kind: "?".to_owned() });
            }
        }
    }
    flush(&mut words, &mut word, false);
    words
}

fn flush(words: &mut Vec<Word>, word: &mut String, called: bool) {
    if word.is_empty() {
        return;
    }
    let raw = std::mem::take(word);
    let text = raw.to_lowercase();
    let plain = |text: &str| Word { text: text.to_owned(), kind: text.to_owned() };
    if text.chars().all(|c| c.is_ascii_digit()) {
        // Which number it is says nothing.
        words.push(plain("0"));
        return;
    }
    let stem = text.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() < text.len() && NUMBERED.contains(&stem) {
        words.push(plain(stem));
        words.push(plain("0"));
        return;
    }
    let kind = if is_exception(&raw) {
        "<error>".to_owned()
    } else if called || is_program_name(&raw) {
        "<name>".to_owned()
    } else {
        text.clone()
    };
    words.push(Word { text, kind });
}

/// `IndexError`, `ZeroDivisionError`, `KeyboardInterrupt`…
pub fn is_exception(word: &str) -> bool {
    let named =
        word.ends_with("Error") && word.len() > 5 && word.starts_with(|c: char| c.is_ascii_uppercase());
    let small = word.ends_with("error")
        && [
            "index",
            "key",
            "type",
            "value",
            "name",
            "syntax",
            "attribute",
            "indentation",
            "zerodivision",
            "recursion",
            "import",
            "modulenotfound",
            "filenotfound",
            "unboundlocal",
            "runtime",
            "eof",
            "assertion",
            "memory",
            "overflow",
        ]
        .contains(&&word[..word.len() - 5]);
    named || small || ["StopIteration", "KeyboardInterrupt"].contains(&word)
}

/// `check_card`, `num1`, `moveTail`: what nobody writes who does not mean a name of a program.
fn is_program_name(word: &str) -> bool {
    let underscore = word.trim_matches('_').contains('_') || word.starts_with('_');
    let digits =
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.ends_with(|c: char| c.is_ascii_digit());
    let humps =
        word.starts_with(|c: char| c.is_ascii_lowercase()) && word.contains(|c: char| c.is_ascii_uppercase());
    underscore || digits || humps
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_without_spaces_give_words() {
        let texts: Vec<String> = words("为什么 x10 12 don't?").into_iter().map(|word| word.text).collect();
        assert_eq!(texts, ["为", "什", "么", "x10", "0", "dont", "?"]);
    }

    #[test]
    fn names_of_programs_stand_for_each_other() {
        let kinds: Vec<String> = words("Explain check_card in task3, jump(2) and an IndexError")
            .into_iter()
            .map(|word| word.kind)
            .collect();
        assert_eq!(kinds, ["explain", "<name>", "in", "task", "0", "<name>", "0", "and", "an", "<error>"]);
    }
}
