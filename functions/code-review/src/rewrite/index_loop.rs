//! `for i in range(len(names))` with nothing but `names[i]` inside becomes `for name in names`.

use lint::Edit;
use ruff_python_ast::{
    Expr, ExprContext, Stmt, StmtFor,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

/// The edits of each loop that can be written so.
pub fn mends(code: &str) -> Vec<Vec<Edit>> {
    let Ok(parsed) = parse_module(code) else { return Vec::new() };
    let mut program = Program::default();
    program.visit_body(&parsed.syntax().body);
    program.loops.iter().filter_map(|candidate| mend(candidate, &program)).collect()
}

/// Loops and names of a program.
#[derive(Default)]
struct Program<'a> {
    loops: Vec<&'a StmtFor>,
    names: Vec<(&'a str, TextRange)>,
}

impl<'a> Visitor<'a> for Program<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::For(for_loop) = statement {
            self.loops.push(for_loop);
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression {
            self.names.push((name.id.as_str(), name.range()));
        }
        walk_expr(self, expression);
    }
}

fn mend(candidate: &StmtFor, program: &Program<'_>) -> Option<Vec<Edit>> {
    let Expr::Name(index) = &*candidate.target else { return None };
    let sequence = crate::structure::indexed(&candidate.iter)?;
    let index = index.id.as_str();
    if !candidate.orelse.is_empty() || candidate.is_async {
        return None;
    }
    let mut uses = Uses { index, sequence, found: Vec::new(), other: false };
    uses.visit_body(&candidate.body);
    if uses.other || uses.found.is_empty() || used_elsewhere(candidate, index, program) {
        return None;
    }
    let item = item_name(sequence, program)?;
    let header = TextRange::new(candidate.target.start(), candidate.iter.end());
    let mut edits = vec![edit(header, format!("{item} in {sequence}"))];
    edits.extend(uses.found.into_iter().map(|range| edit(range, item.clone())));
    Some(edits)
}

fn edit(range: TextRange, text: String) -> Edit {
    Edit { start: range.start().to_usize(), end: range.end().to_usize(), text }
}

/// Whether the index is read where no loop over the same name gives it a value.
fn used_elsewhere(candidate: &StmtFor, index: &str, program: &Program<'_>) -> bool {
    let own_loops = || {
        program
            .loops
            .iter()
            .filter(|other| matches!(&*other.target, Expr::Name(name) if name.id.as_str() == index))
    };
    program.names.iter().any(|(name, range)| {
        *name == index
            && !candidate.range().contains_range(*range)
            && !own_loops().any(|other| other.range().contains_range(*range))
    })
}

/// `names` gives `name`; what the program already uses is not taken.
fn item_name(sequence: &str, program: &Program<'_>) -> Option<String> {
    let singular = match sequence.strip_suffix("ies") {
        Some(stem) if stem.len() > 1 => Some(format!("{stem}y")),
        _ => sequence.strip_suffix('s').filter(|stem| stem.len() > 1).map(str::to_owned),
    };
    let taken = |name: &String| {
        program.names.iter().any(|(other, _)| other == name) || PYTHONS_OWN.contains(&name.as_str())
    };
    singular.into_iter().chain(["item".to_owned()]).find(|name| !taken(name))
}

/// Words that a plural may lead to and that mean something else in Python.
const PYTHONS_OWN: [&str; 8] = ["clas", "list", "dict", "set", "str", "input", "int", "pas"];

/// How the body uses the index and the sequence.
struct Uses<'a> {
    index: &'a str,
    sequence: &'a str,
    found: Vec<TextRange>,
    other: bool,
}

impl<'a> Visitor<'a> for Uses<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        // A function made inside sees the name later; another loop may change it.
        if matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            self.other = true;
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Subscript(subscript)
                if subscript.ctx == ExprContext::Load
                    && named(&subscript.value, self.sequence)
                    && named(&subscript.slice, self.index) =>
            {
                self.found.push(subscript.range());
                return;
            }
            Expr::Name(name) if name.id.as_str() == self.index || name.id.as_str() == self.sequence => {
                self.other = true;
            }
            Expr::Lambda(_) => self.other = true,
            _ => {}
        }
        walk_expr(self, expression);
    }
}

fn named(expression: &Expr, wanted: &str) -> bool {
    matches!(expression, Expr::Name(name) if name.id.as_str() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_only_reads_its_items() {
        let code = "for i in range(len(names)):\n    print(names[i], names[i])\n";
        let edits = mends(code);
        assert_eq!(edits.len(), 1);
        let texts: Vec<_> =
            edits[0].iter().map(|edit| (&code[edit.start..edit.end], edit.text.as_str())).collect();
        assert_eq!(
            texts,
            [("i in range(len(names))", "name in names"), ("names[i]", "name"), ("names[i]", "name")]
        );
    }

    #[test]
    fn loops_that_need_the_position_stay() {
        for code in [
            "for i in range(len(names)):\n    print(i, names[i])\n",
            "for i in range(len(names)):\n    names[i] = 0\n",
            "for i in range(len(names)):\n    print(names[i + 1])\n",
            "for i in range(len(names)):\n    print(names[i])\nprint(i)\n",
            "for i in range(len(names)):\n    print(names[i])\n    names.append(1)\n",
            "name = 1\nitem = 2\nfor i in range(len(names)):\n    print(names[i])\n",
        ] {
            assert_eq!(mends(code), Vec::<Vec<Edit>>::new(), "{code}");
        }
    }
}
