//! Code and tracebacks inside a message.

/// What a message holds beside prose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pasted {
    /// The program, from code fences or from lines that are plainly Python.
    pub code: Option<String>,
    /// The error of a pasted traceback.
    pub error: Option<PastedError>,
}

/// The last lines of a traceback that a student pasted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastedError {
    /// The exception's class.
    pub kind: String,
    /// What it said.
    pub message: String,
    /// The innermost line that the traceback names.
    pub line: Option<u32>,
    /// The text of that line, as the traceback shows it.
    pub source_line: Option<String>,
}

/// Takes a message apart.
pub fn read(text: &str) -> Pasted {
    Pasted { code: fenced(text).or_else(|| unfenced(text)), error: traceback(text) }
}

/// The fenced blocks that are not tracebacks, joined.
fn fenced(text: &str) -> Option<String> {
    let mut code = String::new();
    // Every second piece between fences is inside one.
    for block in text.split("```").skip(1).step_by(2) {
        let body = match block.split_once('\n') {
            Some((language, body)) if !language.trim().contains(char::is_whitespace) => body,
            _ => block,
        };
        if !body.contains("Traceback (most recent call last)") && !body.trim().is_empty() {
            code.push_str(body.trim_end());
            code.push('\n');
        }
    }
    (!code.is_empty()).then_some(code)
}

/// The longest run of lines that parses as Python and looks like it.
fn unfenced(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let looks = |line: &str| {
        let trimmed = line.trim();
        trimmed.is_empty()
            || line.starts_with("    ")
            || line.starts_with('\t')
            || trimmed.starts_with('#')
            || trimmed.ends_with(':')
                && ["def ", "class ", "for ", "while ", "if ", "elif ", "else", "try", "except", "with "]
                    .iter()
                    .any(|k| trimmed.starts_with(k))
            || ["import ", "from ", "return", "print(", "break", "continue"]
                .iter()
                .any(|k| trimmed.starts_with(k))
            || assignment(trimmed)
            || call(trimmed)
    };
    let mut best: &[&str] = &[];
    let mut start = 0;
    while start < lines.len() {
        let length = lines[start..]
            .iter()
            .take_while(|line| looks(line) && !line.trim_start().starts_with("File \""))
            .count();
        if length > best.len() && lines[start..start + length].iter().any(|line| !line.trim().is_empty()) {
            best = &lines[start..start + length];
        }
        start += length.max(1);
    }
    let filled = best.iter().filter(|line| !line.trim().is_empty()).count();
    (filled >= 2).then(|| format!("{}\n", best.join("\n").trim_matches('\n')))
}

fn assignment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(target, value)| {
        let target = target.trim_end_matches(['+', '-', '*', '/', ' ']);
        !value.trim().is_empty()
            && !target.is_empty()
            && target.chars().all(|c| c.is_alphanumeric() || "_.[],".contains(c))
    })
}

fn call(line: &str) -> bool {
    line.ends_with(')')
        && line.split_once('(').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        })
}

/// The error that a pasted traceback, or a lone last line of one, names.
fn traceback(text: &str) -> Option<PastedError> {
    let mut error = PastedError::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.starts_with("File \"") {
            let number = trimmed
                .split("line ")
                .nth(1)
                .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
            if let Some(Ok(number)) = number.map(|digits| digits.parse()) {
                error.line = Some(number);
                error.source_line =
                    lines.peek().map(|next| next.trim().to_owned()).filter(|next| !next.is_empty());
            }
        }
        if let Some((kind, message)) = exception(trimmed) {
            kind.clone_into(&mut error.kind);
            message.clone_into(&mut error.message);
        }
    }
    (!error.kind.is_empty()).then_some(error)
}

/// `IndexError: list index out of range`, alone or after other words.
fn exception(line: &str) -> Option<(&str, &str)> {
    for (at, _) in line.match_indices("Error") {
        let start = line[..at].rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |before| before + 1);
        let kind = &line[start..at + "Error".len()];
        let rest = &line[at + "Error".len()..];
        if kind.len() > "Error".len()
            && kind.starts_with(|c: char| c.is_ascii_uppercase())
            && !rest.starts_with(char::is_alphanumeric)
        {
            return Some((kind, rest.strip_prefix(':').unwrap_or_default().trim()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_and_tracebacks() {
        let pasted = read(
            "why?\n```python\nx = [1]\nprint(x[1])\n```\n```\nTraceback (most recent call last):\n  File \"a.py\", line 2, in <module>\n    print(x[1])\nIndexError: list index out of range\n```",
        );
        assert_eq!(pasted.code.as_deref(), Some("x = [1]\nprint(x[1])\n"));
        assert_eq!(
            pasted.error,
            Some(PastedError {
                kind: "IndexError".into(),
                message: "list index out of range".into(),
                line: Some(2),
                source_line: Some("print(x[1])".into())
            })
        );
    }

    #[test]
    fn code_without_fences() {
        let pasted = read("hello, this loops\n\ni = 0\nwhile i < 3:\n    print(i)\n\nwhat now?");
        assert_eq!(pasted.code.as_deref(), Some("i = 0\nwhile i < 3:\n    print(i)\n"));
        assert_eq!(
            read("I get a KeyError: 'age' when I run it").error.unwrap().message,
            "'age' when I run it"
        );
        assert_eq!(read("what is a list?"), Pasted::default());
    }
}
