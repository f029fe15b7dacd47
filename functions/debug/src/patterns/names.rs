//! Names: shadowed built-ins and spelling.

use ruff_python_ast::{Expr, Stmt};
use strsim::osa_distance;

use super::Report;
use crate::syntax::{BUILTINS, bound_names, each_expr, each_stmt, name_of, names_bound_by};

/// Names that exist without being bound in the program, beside [`BUILTINS`].
const PREDEFINED: &[&str] = &[
    "__name__",
    "__file__",
    "__doc__",
    "True",
    "False",
    "None",
    "self",
    "cls",
    "exit",
    "quit",
    "help",
    "globals",
    "locals",
    "callable",
    "getattr",
    "setattr",
    "hasattr",
    "delattr",
    "issubclass",
    "complex",
    "oct",
    "ascii",
    "bytearray",
    "memoryview",
    "compile",
    "exec",
    "property",
    "staticmethod",
    "classmethod",
    "breakpoint",
    "aiter",
    "anext",
    "NotImplemented",
    "Ellipsis",
    "__import__",
    "__builtins__",
];

pub(super) fn check(report: &mut Report<'_>) {
    let body = report.program.body();
    shadowed(report, body);
    misspelt(report, body);
}

fn shadowed(report: &mut Report<'_>, body: &[Stmt]) {
    let called_names = {
        let mut names = Vec::new();
        each_expr(body, &mut |expr| {
            if let Some(call) = expr.as_call_expr() {
                names.extend(name_of(&call.func));
            }
        });
        names
    };
    each_stmt(body, &mut |stmt| {
        let bound = match stmt {
            // Methods live in their class and shadow nothing; functions are seen where they are at the top.
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => Vec::new(),
            other => names_bound_by(other),
        };
        for name in bound.into_iter().filter(|name| BUILTINS.contains(name)) {
            let used = called_names.contains(&name);
            report.add(
                report.program.line(stmt),
                ("shadowed-builtin", "variables", if used { 0.9 } else { 0.2 }),
                format!(
                    "`{name}` is the name of a function of Python; from here on it means this value instead."
                ),
                "Choose another name for the variable.",
            );
        }
    });
}

/// A name that is read but nowhere bound, and nearly the same as one that is.
fn misspelt(report: &mut Report<'_>, body: &[Stmt]) {
    let mut known: Vec<&str> = BUILTINS.iter().chain(PREDEFINED).copied().collect();
    let mut star_import = false;
    each_stmt(body, &mut |stmt| {
        known.extend(names_bound_by(stmt));
        if let Stmt::FunctionDef(def) = stmt {
            known.extend(def.parameters.iter().map(|parameter| parameter.name().as_str()));
        }
        if let Stmt::ImportFrom(import) = stmt {
            star_import |= import.names.iter().any(|alias| alias.name.as_str() == "*");
        }
        if let Stmt::Match(_) = stmt {
            // Patterns bind names in ways that are not followed here.
            star_import = true;
        }
    });
    each_expr(body, &mut |expr| match expr {
        Expr::ListComp(comp) => comp.generators.iter().for_each(|g| bound_names(&g.target, &mut known)),
        Expr::SetComp(comp) => comp.generators.iter().for_each(|g| bound_names(&g.target, &mut known)),
        Expr::DictComp(comp) => comp.generators.iter().for_each(|g| bound_names(&g.target, &mut known)),
        Expr::Generator(comp) => comp.generators.iter().for_each(|g| bound_names(&g.target, &mut known)),
        Expr::Named(named) => bound_names(&named.target, &mut known),
        Expr::Lambda(lambda) => {
            if let Some(parameters) = &lambda.parameters {
                known.extend(parameters.iter().map(|parameter| parameter.name().as_str()));
            }
        }
        _ => {}
    });
    if star_import {
        return;
    }
    each_expr(body, &mut |expr| {
        let Some(name) = expr.as_name_expr().filter(|name| name.ctx == ruff_python_ast::ExprContext::Load)
        else {
            return;
        };
        let name = name.id.as_str();
        if known.contains(&name) || is_exception(name) {
            return;
        }
        let near = known
            .iter()
            .filter(|candidate| !PREDEFINED.contains(candidate))
            .map(|candidate| (osa_distance(name, candidate), *candidate))
            .filter(|(distance, candidate)| *distance <= if candidate.len() > 4 { 2 } else { 1 })
            .min();
        let (cause, weight) = match near {
            Some((_, near)) => (
                format!(
                    "`{name}` is not defined anywhere; there is a `{near}`, which is spelt nearly the same."
                ),
                0.9,
            ),
            None => (format!("`{name}` is not defined anywhere in the program."), 0.8),
        };
        report.add(
            report.program.line(expr),
            ("name-misspelt", "NameError", weight),
            cause,
            "Compare the spelling, letter by letter and capitals too, with the line where the name gets its value.",
        );
    });
}

fn is_exception(name: &str) -> bool {
    let known =
        ["BaseException", "Exception", "KeyboardInterrupt", "StopIteration", "SystemExit", "GeneratorExit"];
    name.ends_with("Error") || name.ends_with("Warning") || known.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(osa_distance("total", "totl"), 1);
        assert_eq!(osa_distance("name", "nmae"), 1);
        assert_eq!(osa_distance("count", "Count"), 1);
        assert_eq!(osa_distance("x", "counter"), 7);
    }
}
