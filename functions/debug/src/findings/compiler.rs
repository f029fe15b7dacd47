//! The warnings of Python's compiler, which a run prints before anything else.

use super::{Finding, Tool, rules};

/// The class of what the compiler warns of.
pub(super) const WARNING: &str = "SyntaxWarning";

/// The warnings about the student's program at the top of what a run printed to standard error.
pub(super) fn warnings(stderr: &str) -> impl Iterator<Item = Finding> {
    stderr.lines().filter_map(|line| {
        let (place, message) = line.strip_prefix("main.py:")?.split_once(": ")?;
        let message = message.strip_prefix(WARNING)?.strip_prefix(": ")?;
        Some(Finding::new(Tool::Compiler, place.parse().ok()?, rules::of_compiler(message)?, ""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_have_a_line_and_other_output_is_none() {
        let stderr = "main.py:3: SyntaxWarning: 'str' object is not callable; perhaps you missed a comma?\n  \
                      print(\"a\" (1))\nmain.py:x: SyntaxWarning: no line\nmain.py:4: UserWarning: by hand\n\
                      Traceback (most recent call last):\n";
        let found: Vec<_> = warnings(stderr).map(|finding| (finding.line, finding.rule)).collect();
        assert_eq!(found, [(3, "SyntaxWarning")]);
    }
}
