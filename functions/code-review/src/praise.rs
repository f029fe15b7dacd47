//! One thing that is good, taken from the program itself: praise without evidence teaches nothing.

use learnflow_events::code::{Outcome, RunReport};
use ruff_python_ast::{
    Expr, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;

/// A sentence about the best thing in the program.
pub fn of(code: &str, report: &RunReport) -> String {
    let Ok(parsed) = parse_module(code) else { return of_unreadable(code, report) };
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
                "The work is split into {} functions, from `{first}` to `{last}`, each with a name of its own.",
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
        _ => of_unfinished(code, report),
    }
}

/// Programs up to this many lines are called short.
const SHORT: usize = 25;

/// What there is in a text that Python cannot read: the part before the place where it stops.
fn of_unreadable(code: &str, report: &RunReport) -> String {
    let stop = report.error.as_ref().and_then(|error| error.line).unwrap_or_default();
    let before: Vec<&str> =
        code.lines().take(usize::try_from(stop).unwrap_or_default().saturating_sub(1)).collect();
    let statements =
        parse_module(&before.join("\n")).map(|parsed| parsed.syntax().body.len()).unwrap_or_default();
    match statements {
        0 => "The whole program is here, so the place that Python cannot read can be found.".to_owned(),
        _ => format!("Everything above line {stop} is Python as it stands."),
    }
}

/// What a program did before it ended in another way than it should.
fn of_unfinished(code: &str, report: &RunReport) -> String {
    let printed = report.stdout.lines().count();
    let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
    match (printed, lines) {
        (1, _) => "It got as far as printing a line.".to_owned(),
        (2.., _) => format!("It got as far as printing {printed} lines."),
        (0, ..=SHORT) => {
            format!("With {lines} lines the program is short enough to be understood as a whole.")
        }
        _ => "Python can read all of it, so what is left to find is what it does.".to_owned(),
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
            Stmt::With(with) => {
                self.managed |= with.items.iter().any(|item| {
                    matches!(&item.context_expr, Expr::Call(call)
                        if matches!(&*call.func, Expr::Name(name) if name.id == "open"))
                });
            }
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

#[cfg(test)]
mod tests {
    use learnflow_events::code::PythonError;

    use super::*;

    fn ended(outcome: Outcome, stdout: &str, line: Option<u32>) -> RunReport {
        let error = line.map(|line| PythonError {
            kind: String::new(),
            message: String::new(),
            line: Some(line),
            file: String::new(),
            explanation: String::new(),
            parts: Default::default(),
            traceback: String::new(),
        });
        RunReport {
            outcome,
            exit_code: 1,
            stdout: stdout.to_owned(),
            stderr: String::new(),
            error,
            duration_us: 0,
            memory_bytes: 0,
            fuel_used: None,
            trace: None,
            receipt: None,
        }
    }

    #[test]
    fn what_is_praised_is_there() {
        let long: String = (0..60).map(|at| format!("x{at} = {at}\n")).collect::<String>() + "1 / 0\n";
        let stopped = |stdout| ended(Outcome::Raised, stdout, Some(2));
        for (code, report, expected) in [
            ("x = 1\nprint(x\n", ended(Outcome::SyntaxError, "", Some(2)), "above line 2 is Python"),
            ("print(1\n", ended(Outcome::SyntaxError, "", Some(1)), "The whole program is here"),
            ("print(1)\n1 / 0\n", stopped("1\n"), "printing a line"),
            ("x = 1\n1 / 0\n", stopped(""), "With 2 lines"),
            (long.as_str(), stopped(""), "Python can read all of it"),
            (
                "with lock:\n    print(1)\n",
                ended(Outcome::Ok, "1\n", None),
                "It runs, and it shows its result.",
            ),
            ("with open('a') as file:\n    print(1)\n", ended(Outcome::Ok, "1\n", None), "closes it"),
        ] {
            let praise = of(code, &report);
            assert!(praise.contains(expected), "{code}: {praise}");
        }
    }
}
