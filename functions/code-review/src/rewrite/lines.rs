//! Which statement a line belongs to.

use ruff_python_ast::{
    Expr, Stmt,
    visitor::{Visitor, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::Ranged;

/// For each line, from 0, the first line (from 1) of the innermost statement on it. None where nothing runs:
/// outside of statements, and for statements that only declare.
pub fn statements(code: &str) -> Vec<Option<u32>> {
    let count = code.lines().count();
    let mut walk = Walk { starts: line_starts(code), first: vec![None; count] };
    if let Ok(parsed) = parse_module(code) {
        walk.visit_body(&parsed.syntax().body);
    }
    walk.first
}

/// Offsets at which lines start.
fn line_starts(code: &str) -> Vec<usize> {
    std::iter::once(0).chain(code.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

struct Walk {
    starts: Vec<usize>,
    first: Vec<Option<u32>>,
}

impl Walk {
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

impl Visitor<'_> for Walk {
    fn visit_stmt(&mut self, statement: &Stmt) {
        let first = self.line(statement.start().to_usize());
        let last = self.line(statement.end().to_usize());
        let declares = match statement {
            Stmt::Global(_) | Stmt::Nonlocal(_) => true,
            Stmt::Expr(expression) => matches!(&*expression.value, Expr::StringLiteral(_)),
            _ => false,
        };
        let runs = (!declares).then(|| u32::try_from(first + 1).unwrap_or(u32::MAX));
        for line in self.first.iter_mut().take(last + 1).skip(first) {
            *line = runs;
        }
        // Statements inside are visited later, so that the innermost stays.
        walk_stmt(self, statement);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_statement_of_each_line() {
        let code = "# note\ndef f(\n    x,\n):\n    \"\"\"Says.\"\"\"\n    if x:\n        return 1\n    # else\n    return 2\n";
        assert_eq!(
            statements(code),
            [None, Some(2), Some(2), Some(2), None, Some(6), Some(7), Some(2), Some(9)]
        );
    }
}
