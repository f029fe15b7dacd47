//! A run as the answer to a student's message, in Markdown.

use learnflow_events::code::{Outcome, RunReport};

/// Output that is shown in an answer, in bytes; the stored run has all of it.
const SHOWN_BYTES: usize = 8 * 1024;

/// What the program did, and what its error means.
pub(crate) fn markdown(report: &RunReport) -> String {
    let mut text = String::new();
    let said = match report.outcome {
        Outcome::Ok => "Your program ran to its end.".to_owned(),
        Outcome::Exited => format!("Your program ended itself with exit code {}.", report.exit_code),
        Outcome::Raised => "Your program ended with an error.".to_owned(),
        Outcome::SyntaxError => "Python could not read your program, so nothing ran.".to_owned(),
        Outcome::Timeout => {
            "Your program did not end in time and was stopped. Is there a loop whose condition never becomes \
             false, or an `input()` that nobody answers?"
                .to_owned()
        }
        Outcome::MemoryLimit => {
            "Your program used more memory than it may and was stopped. Does something grow in a loop?".to_owned()
        }
        Outcome::OutputLimit => {
            "Your program printed more than is kept and was stopped. Is there a `print` in a loop that never ends?"
                .to_owned()
        }
        Outcome::Interrupted => "Your program was interrupted.".to_owned(),
        Outcome::Crashed => "The interpreter itself failed while it ran your program. Please report it.".to_owned(),
    };
    text.push_str(&said);
    if !report.stdout.is_empty() {
        text.push_str("\n\nOutput:\n\n");
        text.push_str(&fenced(&report.stdout));
    } else if report.outcome == Outcome::Ok {
        text.push_str(" It printed nothing.");
    }
    if let Some(error) = &report.error {
        text.push_str("\n\n");
        text.push_str(&fenced(&error.traceback));
        text.push_str("\n\n");
        text.push_str(&error.explanation);
    } else if !report.stderr.is_empty() {
        text.push_str("\n\nError output:\n\n");
        text.push_str(&fenced(&report.stderr));
    }
    text
}

/// The answer to a message without a program.
pub(crate) fn nothing_to_run() -> String {
    "There is no program in your message. Put it into the editor, or between two lines of three backticks, and \
     ask again."
        .to_owned()
}

/// The first fenced block of a message.
pub(crate) fn fenced_code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("```")?;
    let (first, rest) = rest.split_once('\n')?;
    let (code, _) = rest.split_once("```")?;
    let language = first.trim().to_ascii_lowercase();
    matches!(language.as_str(), "" | "py" | "python" | "python3").then(|| code.to_owned())
}

/// A block that its own text cannot end.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let shown = &text[..text.floor_char_boundary(SHOWN_BYTES)];
    let cut = if shown.len() < text.len() { "\n…" } else { "" };
    format!("{fence}text\n{}{cut}\n{fence}", shown.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_programs_are_found() {
        assert_eq!(fenced_code("run this\n```python\nprint(1)\n```\nplease").as_deref(), Some("print(1)\n"));
        assert_eq!(fenced_code("```json\n{}\n```"), None);
        assert_eq!(fenced_code("print(1)"), None);
    }

    #[test]
    fn output_cannot_leave_its_block() {
        insta::assert_snapshot!(fenced("a\n```\nb"), @r"
        ````text
        a
        ```
        b
        ````
        ");
    }
}
