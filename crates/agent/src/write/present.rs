//! A model's Markdown on its way to the student, piece by piece: text goes on at once, a program is held back until it
//! has been run, and the output that a model imagined makes room for the real one.

/// The longest line that may introduce an output ("It prints:").
const LEAD_IN_CHARS: usize = 80;

/// What to do next, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Show this text as it is.
    Show(String),
    /// Run this program; its block, fences included, is the first field.
    Program(String, String),
    /// Here belongs what the last program printed. A model that wrote an output itself claimed the given one.
    Output(Option<String>),
}

/// The state machine.
#[derive(Debug, Default)]
pub struct Presenter {
    /// The line that is being received, and how much of it was shown.
    line: String,
    shown: usize,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    /// Inside a fenced block.
    Block { raw: String, body: String, fence: String, kind: Kind, held: Option<String> },
    /// Behind a program: `held` waits for what follows; `lead_in` when a line that introduces an output was seen.
    Behind { held: String, lead_in: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Program,
    /// A block of another language, or an output: after a program it is a claim.
    Other,
    /// A block that names no language: what is in it decides.
    Unnamed,
}

impl Presenter {
    /// Takes a piece of text in.
    pub fn push(&mut self, piece: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for part in piece.split_inclusive('\n') {
            self.line.push_str(part);
            if part.ends_with('\n') {
                let line = std::mem::take(&mut self.line);
                let shown = std::mem::take(&mut self.shown);
                self.whole_line(&line, shown, &mut steps);
            }
        }
        // The beginning of a line goes on at once, unless it may become a fence.
        if matches!(self.state, State::Text) && !may_be_fence(&self.line) && self.shown < self.line.len() {
            show(&mut steps, &self.line[self.shown..]);
            self.shown = self.line.len();
        }
        steps
    }

    /// The text has ended.
    pub fn finish(mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.whole_line(&line, self.shown, &mut steps);
        }
        match std::mem::take(&mut self.state) {
            State::Text => {}
            State::Block { raw, body, fence, kind, held } => {
                // A fence that is never closed ends with the text.
                let line_end = if raw.ends_with('\n') { "" } else { "\n" };
                let raw = format!("{raw}{line_end}{fence}\n");
                self.close(raw, body, kind, held, &mut steps);
                if let State::Behind { held, .. } = self.state {
                    steps.push(Step::Output(None));
                    show(&mut steps, &held);
                }
            }
            State::Behind { held, lead_in } => {
                // A lead-in without an output introduces the real one.
                if lead_in {
                    show(&mut steps, &held);
                    steps.push(Step::Output(None));
                } else {
                    steps.push(Step::Output(None));
                    show(&mut steps, &held);
                }
            }
        }
        steps
    }

    fn whole_line(&mut self, line: &str, shown: usize, steps: &mut Vec<Step>) {
        match std::mem::take(&mut self.state) {
            State::Text => match opening(line) {
                Some((fence, kind)) => self.open(line, fence, kind, None),
                None => show(steps, &line[shown..]),
            },
            State::Block { mut raw, mut body, fence, kind, held } => {
                raw.push_str(line);
                if closes(line, &fence) {
                    self.close(raw, body, kind, held, steps);
                } else {
                    body.push_str(line);
                    self.state = State::Block { raw, body, fence, kind, held };
                }
            }
            State::Behind { mut held, lead_in } => {
                if line.trim().is_empty() {
                    held.push_str(line);
                    self.state = State::Behind { held, lead_in };
                } else if let Some((fence, kind)) = opening(line) {
                    self.open(line, fence, kind, Some(held));
                } else if !lead_in && introduces(line) {
                    held.push_str(line);
                    self.state = State::Behind { held, lead_in: true };
                } else {
                    steps.push(Step::Output(None));
                    held.push_str(line);
                    show(steps, &held);
                }
            }
        }
    }

    fn open(&mut self, line: &str, fence: String, kind: Kind, held: Option<String>) {
        self.state = State::Block { raw: line.to_owned(), body: String::new(), fence, kind, held };
    }

    /// A block is complete. `held` is what stood between the program before it and this block.
    fn close(&mut self, raw: String, body: String, kind: Kind, held: Option<String>, steps: &mut Vec<Step>) {
        let program = match kind {
            Kind::Program => true,
            Kind::Other => false,
            Kind::Unnamed => looks_like_python(&body) && held.is_none(),
        };
        if program {
            if let Some(held) = held {
                steps.push(Step::Output(None));
                show(steps, &held);
            }
            steps.push(Step::Program(raw, body));
            self.state = State::Behind { held: String::new(), lead_in: false };
        } else if let Some(held) = held {
            show(steps, &held);
            steps.push(Step::Output(Some(body)));
        } else {
            show(steps, &raw);
        }
    }
}

fn show(steps: &mut Vec<Step>, text: &str) {
    if text.is_empty() {
        return;
    }
    match steps.last_mut() {
        Some(Step::Show(before)) => before.push_str(text),
        _ => steps.push(Step::Show(text.to_owned())),
    }
}

/// The text of a line without the marks of quotes and lists before it.
fn inner(line: &str) -> &str {
    line.trim_start_matches([' ', '\t', '>'])
}

fn may_be_fence(line: &str) -> bool {
    // In bytes: three of them may end in the middle of a character.
    let inner = inner(line).as_bytes();
    let start = &inner[..inner.len().min(3)];
    [b"```", b"~~~"].iter().any(|fence| fence.starts_with(start))
}

fn opening(line: &str) -> Option<(String, Kind)> {
    let inner = inner(line).trim_end();
    let mark = inner.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = inner.chars().take_while(|c| *c == mark).count();
    let info = inner[length..].trim().to_ascii_lowercase();
    // A code span in backticks is no fence.
    if length < 3 || info.contains('`') {
        return None;
    }
    let language = info.split([' ', ',', '{', ':']).next().unwrap_or_default();
    let kind = match language {
        "python" | "py" | "python3" | "py3" | "pycon" | "ipython" => Kind::Program,
        "" => Kind::Unnamed,
        _ => Kind::Other,
    };
    Some((inner[..length].to_owned(), kind))
}

fn closes(line: &str, fence: &str) -> bool {
    let inner = inner(line).trim_end();
    inner.starts_with(fence) && inner.chars().all(|c| fence.starts_with(c))
}

fn introduces(line: &str) -> bool {
    const WORDS: &[&str] = &["output", "print", "result", "shows", "gives", "see", "display", "returns"];
    let line = line.trim().trim_end_matches('*').to_ascii_lowercase();
    line.ends_with(':')
        && line.chars().count() <= LEAD_IN_CHARS
        && WORDS.iter().any(|word| line.contains(word))
}

/// Whether a block without a language is a program: some line of it can be nothing else.
pub fn looks_like_python(text: &str) -> bool {
    let begins = [
        "def ", "class ", "import ", "from ", "print(", "for ", "while ", "if ", "return ", "@", "with ",
        "try:", ">>> ",
    ];
    text.lines().any(|line| {
        let line = line.trim_start();
        begins.iter().any(|begin| line.starts_with(begin))
            || line.split_once(" = ").is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_.[], ".contains(c))
            })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Characters of one to four bytes, and what fences, quotes and lists are made of.
        #[test]
        fn it_does_not_matter_how_a_text_arrives(text in "[ a\n>`~#:é\u{200b}界🐍]{0,60}", size in 2_usize..9) {
            prop_assert_eq!(steps(&text, size), steps(&text, 1));
        }
    }

    const ANSWER: &str = "A `list` holds values.\n\n```python\nprint(1 + 1)\n```\n\nIt prints:\n\n```text\n3\n```\n\nThen\n```\nx = 2\nprint(x)\n```\nDone. Its picture:\n```text\n[ ]\n```\n";

    fn steps(text: &str, size: usize) -> Vec<Step> {
        let mut presenter = Presenter::default();
        let mut all = Vec::new();
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(size) {
            all.extend(presenter.push(&piece.iter().collect::<String>()));
        }
        all.extend(presenter.finish());
        let mut joined: Vec<Step> = Vec::new();
        for step in all {
            match step {
                Step::Show(text) => show(&mut joined, &text),
                other => joined.push(other),
            }
        }
        joined
    }

    #[test]
    fn an_imagined_output_makes_room_for_the_real_one() {
        let expected = vec![
            Step::Show("A `list` holds values.\n\n".to_owned()),
            Step::Program("```python\nprint(1 + 1)\n```\n".to_owned(), "print(1 + 1)\n".to_owned()),
            Step::Show("\nIt prints:\n\n".to_owned()),
            Step::Output(Some("3\n".to_owned())),
            Step::Show("\nThen\n".to_owned()),
            Step::Program("```\nx = 2\nprint(x)\n```\n".to_owned(), "x = 2\nprint(x)\n".to_owned()),
            Step::Output(None),
            Step::Show("Done. Its picture:\n```text\n[ ]\n```\n".to_owned()),
        ];
        for size in [1, 2, 3, 10, 1000] {
            assert_eq!(steps(ANSWER, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn text_is_not_held_back() {
        let mut presenter = Presenter::default();
        assert_eq!(presenter.push("Hel"), [Step::Show("Hel".to_owned())]);
        assert_eq!(presenter.push("lo `a"), [Step::Show("lo `a".to_owned())]);
        assert_eq!(presenter.push("`\n``"), [Step::Show("`\n".to_owned())]);
        assert_eq!(presenter.push("x`` is code"), [Step::Show("``x`` is code".to_owned())]);
    }

    #[test]
    fn a_block_without_end_is_run_too() {
        assert_eq!(
            steps("Look:\n```python\nprint(1)", 4),
            [
                Step::Show("Look:\n".to_owned()),
                Step::Program("```python\nprint(1)\n```\n".to_owned(), "print(1)".to_owned()),
                Step::Output(None),
            ]
        );
    }
}
