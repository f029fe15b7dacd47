//! One thing that is good, taken from the program itself: praise without evidence teaches nothing.

use learnflow_events::code::{Outcome, RunReport};
use ruff_python_ast::{
    Expr, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;

/// A sentence about the best thing in the program.
pub fn of(code: &str, report: &RunReport) -> String {
    let Ok(parsed) = parse_module(code) else {
        return "You asked before giving up, which is the right moment to ask.".to_owned();
    };
    let mut seen = Seen::default();
    seen.visit_body(&parsed.syntax().body);
    if let Some(function) = seen.documented {
        return format!(
            "`{function}` has a docstring that says what it does; whoever reads it next will be glad."
        );
    }
    if seen.guarded {
        return "The lines under `if __name__ == \"__main__\"` run only when the file is the program, so others can \
                import it."
            .to_owned();
    }
    if seen.managed {
        return "Opening the file in a `with` block closes it even when something goes wrong.".to_owned();
    }
    if seen.comprehension {
        return "The comprehension says in one line what the result is made of.".to_owned();
    }
    if seen.enumerates {
        return "Walking over the items themselves instead of their positions makes the loop easy to read."
            .to_owned();
    }
    match seen.functions.as_slice() {
        [] => {}
        [only] => {
            return format!(
                "Putting the work into the function `{only}` gives it a name and lets you reuse it."
            );
        }
        [first, .., last] => {
            return format!(
                "The work is split into {} functions, from `{first}` to `{last}`, each with one job.",
                seen.functions.len()
            );
        }
    }
    if seen.formats {
        return "The f-string keeps the text and its values together, where they are easy to read."
            .to_owned();
    }
    match report.outcome {
        Outcome::Ok if !report.stdout.is_empty() => "It runs, and it shows its result.".to_owned(),
        Outcome::Ok => "It runs from the first line to the last.".to_owned(),
        _ => "The program is short enough to be understood as a whole, and that makes it easy to mend."
            .to_owned(),
    }
}

#[derive(Default)]
struct Seen<'a> {
    documented: Option<&'a str>,
    functions: Vec<&'a str>,
    guarded: bool,
    managed: bool,
    comprehension: bool,
    enumerates: bool,
    formats: bool,
}

impl<'a> Visitor<'a> for Seen<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                let name = function.name.as_str();
                self.functions.push(name);
                let docstring = matches!(function.body.first(), Some(Stmt::Expr(first)) if first.value.is_string_literal_expr());
                if docstring {
                    self.documented.get_or_insert(name);
                }
            }
            Stmt::If(condition) => {
                if let Expr::Compare(compare) = &*condition.test
                    && matches!(&*compare.left, Expr::Name(name) if name.id == "__name__")
                {
                    self.guarded = true;
                }
            }
            Stmt::With(_) => self.managed = true,
            Stmt::For(for_loop) => {
                let indexed = matches!(&*for_loop.iter, Expr::Call(call)
                    if matches!(&*call.func, Expr::Name(name) if name.id == "range"));
                self.enumerates |= !indexed;
            }
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::ListComp(_) | Expr::DictComp(_) | Expr::SetComp(_) => self.comprehension = true,
            Expr::FString(_) => self.formats = true,
            _ => {}
        }
        walk_expr(self, expression);
    }
}
