//! A parsed program, with lines.

use ruff_python_ast::{ModModule, Stmt};
use ruff_python_parser::{Parsed, parse_module};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// A program that is valid Python.
#[derive(Debug)]
pub struct Program {
    source: String,
    parsed: Parsed<ModModule>,
    line_starts: Vec<usize>,
}

/// Where and why a text is not Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unparsable {
    /// Line, from 1.
    pub line: u32,
    /// The parser's words.
    pub message: String,
}

impl Program {
    /// Parses a program.
    ///
    /// # Errors
    /// [`Unparsable`] where the first mistake in its syntax is.
    pub fn parse(source: &str) -> Result<Self, Unparsable> {
        let line_starts: Vec<usize> =
            std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
        match parse_module(source) {
            Ok(parsed) => Ok(Self { source: source.to_owned(), parsed, line_starts }),
            Err(error) => Err(Unparsable {
                line: line_at(&line_starts, error.location.start()),
                message: error.error.to_string(),
            }),
        }
    }

    /// The text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The statements at the top.
    pub fn body(&self) -> &[Stmt] {
        &self.parsed.syntax().body
    }

    /// The line a node starts on, from 1.
    pub fn line(&self, node: &impl Ranged) -> u32 {
        self.line_of(node.start())
    }

    /// The line of a position, from 1.
    pub fn line_of(&self, at: TextSize) -> u32 {
        line_at(&self.line_starts, at)
    }

    /// The text of a node.
    pub fn text(&self, node: &impl Ranged) -> &str {
        self.slice(node.range())
    }

    /// The text of a range.
    pub fn slice(&self, range: TextRange) -> &str {
        &self.source[range]
    }

    /// The text of a line, from 1, without its end; empty when there is none.
    pub fn line_text(&self, line: u32) -> &str {
        self.source.lines().nth((line as usize).saturating_sub(1)).unwrap_or_default()
    }

    /// Where a line starts, in bytes.
    pub fn line_start(&self, line: u32) -> usize {
        self.line_starts.get((line as usize).saturating_sub(1)).copied().unwrap_or(self.source.len())
    }

    /// Number of lines.
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }
}

fn line_at(line_starts: &[usize], at: TextSize) -> u32 {
    let line = line_starts.partition_point(|start| *start <= at.to_usize());
    u32::try_from(line).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        let program = Program::parse("a = 1\n\nb = a\n").unwrap();
        let lines: Vec<_> = program.body().iter().map(|stmt| program.line(stmt)).collect();
        assert_eq!(lines, [1, 3]);
        assert_eq!(program.line_text(3), "b = a");
        assert_eq!(&program.source()[program.line_start(3)..], "b = a\n");
    }

    #[test]
    fn a_mistake_has_a_line() {
        assert_eq!(Program::parse("x = 1\nif x\n    pass\n").unwrap_err().line, 2);
    }
}
