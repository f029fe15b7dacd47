//! Functions and methods: what they return, their defaults, recursion, `self`.

use ruff_python_ast::{Expr, Stmt, StmtClassDef, StmtFunctionDef};

use super::Report;
use crate::syntax::{
    always_leaves, always_returns, called, each_expr, each_own_stmt, each_stmt, method_call, name_of,
    names_bound_by, nested_bodies,
};

pub(super) fn check(report: &mut Report<'_>) {
    let body = report.program.body();
    each_stmt(body, &mut |stmt| match stmt {
        Stmt::FunctionDef(def) => {
            mutable_default(report, def);
            missing_return(report, def);
            recursion(report, def);
        }
        Stmt::ClassDef(class) => class_mistakes(report, class),
        _ => {}
    });
    unreachable(report, body);
    local_instead_of_global(report, body);
}

fn mutable_default(report: &mut Report<'_>, def: &StmtFunctionDef) {
    for parameter in def.parameters.iter_non_variadic_params() {
        let Some(default) = parameter.default.as_deref() else { continue };
        let mutable = matches!(default, Expr::List(_) | Expr::Dict(_) | Expr::Set(_))
            || matches!(called(default), Some("list" | "dict" | "set"));
        if mutable {
            let name = parameter.parameter.name.as_str();
            report.add(
                report.program.line(def),
                ("mutable-default", "default-arguments", 0.7),
                format!(
                    "The default of `{name}` is made once, when the function is defined; all calls share it."
                ),
                "What should a call without that argument start with, every time?",
            );
        }
    }
}

/// Whether some statement uses the value of a call of `function`: not only as a statement of its own.
fn first_use_of_result(body: &[Stmt], function: &str) -> Option<u32> {
    let mut calls = 0_u32;
    each_expr(body, &mut |expr| {
        let is_call =
            called(expr) == Some(function) || method_call(expr).is_some_and(|(_, method)| method == function);
        calls = calls.saturating_add(u32::from(is_call));
    });
    each_stmt(body, &mut |stmt| {
        if let Stmt::Expr(expr) = stmt {
            let is_call = called(&expr.value) == Some(function)
                || method_call(&expr.value).is_some_and(|(_, method)| method == function);
            calls = calls.saturating_sub(u32::from(is_call));
        }
    });
    (calls > 0).then_some(calls)
}

fn missing_return(report: &mut Report<'_>, def: &StmtFunctionDef) {
    let mut returns_value = false;
    let mut is_generator = false;
    each_own_stmt(&def.body, &mut |stmt| {
        if let Stmt::Return(returned) = stmt {
            returns_value |= returned.value.as_deref().is_some_and(|value| !value.is_none_literal_expr());
        }
    });
    each_expr(&def.body, &mut |expr| is_generator |= expr.is_yield_expr() || expr.is_yield_from_expr());
    let name = def.name.as_str();
    if is_generator || (name.starts_with("__") && name.ends_with("__")) {
        return;
    }
    let Some(last) = def.body.last() else { return };
    let used = first_use_of_result(report.program.body(), name).is_some();
    let stub = matches!(last, Stmt::Pass(_) | Stmt::Raise(_))
        || (def.body.len() == 1 && last.is_expr_stmt() && !is_value(last));
    if !returns_value && !stub && (used || is_value(last)) {
        let prints = last.as_expr_stmt().is_some_and(|expr| called(&expr.value) == Some("print"));
        let (cause, line) = if prints {
            (format!("`{name}` prints its result but returns nothing, so whoever calls it gets None."), last)
        } else {
            (format!("`{name}` has no return with a value, so whoever calls it gets None."), last)
        };
        report.add(
            report.program.line(line),
            ("missing-return", "return-values", if used { 0.85 } else { 0.6 }),
            cause,
            "What should the caller get back, and which statement hands it over?",
        );
    } else if returns_value && !always_returns(&def.body) {
        report.add(
            report.program.line(last),
            ("return-missing-on-a-path", "return-values", 0.45),
            format!("`{name}` returns a value on some ways through it, but can also end without one and then gives None."),
            "Which case ends the function without a return?",
        );
    }
}

/// A statement that computes something and does nothing with it.
fn is_value(stmt: &Stmt) -> bool {
    stmt.as_expr_stmt().is_some_and(|expr| {
        matches!(
            &*expr.value,
            Expr::BinOp(_) | Expr::Compare(_) | Expr::BoolOp(_) | Expr::Name(_) | Expr::FString(_)
        )
    })
}

fn recursion(report: &mut Report<'_>, def: &StmtFunctionDef) {
    let name = def.name.as_str();
    let is_self_call = |expr: &Expr| {
        called(expr) == Some(name)
            || method_call(expr)
                .is_some_and(|(object, method)| method == name && name_of(object) == Some("self"))
    };
    let mut first = None;
    let mut same_arguments = None;
    let parameters: Vec<&str> = def
        .parameters
        .iter_non_variadic_params()
        .map(|parameter| parameter.parameter.name.as_str())
        .filter(|parameter| *parameter != "self")
        .collect();
    each_expr(&def.body, &mut |expr| {
        if !is_self_call(expr) {
            return;
        }
        let line = report.program.line(expr);
        first.get_or_insert(line);
        let arguments = expr.as_call_expr().map(|call| &call.arguments.args[..]).unwrap_or_default();
        let same = !arguments.is_empty()
            && arguments.len() == parameters.len()
            && arguments
                .iter()
                .zip(&parameters)
                .all(|(argument, parameter)| name_of(argument) == Some(parameter));
        let rebound = {
            let mut rebound = false;
            each_own_stmt(&def.body, &mut |stmt| {
                rebound |= names_bound_by(stmt).iter().any(|bound| parameters.contains(bound));
            });
            rebound
        };
        if same && !rebound {
            same_arguments.get_or_insert(line);
        }
    });
    let Some(first) = first else { return };
    if let Some(line) = same_arguments {
        report.add(
            line,
            ("recursion-without-progress", "recursion", 0.85),
            format!(
                "`{name}` calls itself with exactly what it was given, so it never comes nearer to an end."
            ),
            "What should be smaller in each call?",
        );
    }
    // Some way through the function must avoid the call: a branch, a loop that may not run, `and`, `or`, `… if …`.
    if always_recurses(&def.body, &is_self_call) {
        report.add(
            first,
            ("missing-base-case", "recursion", 0.9),
            format!("Every call of `{name}` calls `{name}` again; nothing ends it."),
            "For which input is the answer known without another call?",
        );
    }
}

/// Whether each way through `body` meets a call for which `is_call` holds before it leaves.
fn always_recurses(body: &[Stmt], is_call: &impl Fn(&Expr) -> bool) -> bool {
    for stmt in body {
        match stmt {
            Stmt::If(branch) => {
                if certainly(&branch.test, is_call) {
                    return true;
                }
                let bodies = nested_bodies(stmt);
                let exhaustive = branch.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none());
                if exhaustive && bodies.iter().all(|body| always_recurses(body, is_call)) {
                    return true;
                }
                if bodies.iter().any(|body| body.iter().any(always_leaves) && !always_recurses(body, is_call))
                {
                    return false;
                }
            }
            Stmt::Return(returned) => {
                return returned.value.as_deref().is_some_and(|value| certainly(value, is_call));
            }
            Stmt::Raise(_) => return false,
            Stmt::Expr(expr) if certainly(&expr.value, is_call) => return true,
            Stmt::Assign(assign) if certainly(&assign.value, is_call) => return true,
            Stmt::AugAssign(assign) if certainly(&assign.value, is_call) => return true,
            // Loops may run no round; try and with are taken as they come.
            Stmt::For(_) | Stmt::While(_) | Stmt::Try(_) | Stmt::Match(_) => {
                let mut leaves = false;
                each_own_stmt(std::slice::from_ref(stmt), &mut |inner| {
                    leaves |= matches!(inner, Stmt::Return(_))
                });
                if leaves {
                    return false;
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether evaluating `expr` certainly makes the call: not behind `and`, `or`, `if`, a lambda or a comprehension.
fn certainly(expr: &Expr, is_call: &impl Fn(&Expr) -> bool) -> bool {
    if is_call(expr) {
        return true;
    }
    match expr {
        Expr::BinOp(binary) => certainly(&binary.left, is_call) || certainly(&binary.right, is_call),
        Expr::UnaryOp(unary) => certainly(&unary.operand, is_call),
        Expr::BoolOp(bool_op) => bool_op.values.first().is_some_and(|value| certainly(value, is_call)),
        Expr::If(choice) => {
            certainly(&choice.test, is_call)
                || (certainly(&choice.body, is_call) && certainly(&choice.orelse, is_call))
        }
        Expr::Compare(compare) => {
            certainly(&compare.left, is_call)
                || compare.comparators.iter().any(|value| certainly(value, is_call))
        }
        Expr::Call(call) => {
            certainly(&call.func, is_call)
                || call.arguments.args.iter().any(|value| certainly(value, is_call))
        }
        Expr::List(list) => list.elts.iter().any(|value| certainly(value, is_call)),
        Expr::Tuple(tuple) => tuple.elts.iter().any(|value| certainly(value, is_call)),
        Expr::Attribute(attribute) => certainly(&attribute.value, is_call),
        Expr::Subscript(subscript) => {
            certainly(&subscript.value, is_call) || certainly(&subscript.slice, is_call)
        }
        _ => false,
    }
}

fn class_mistakes(report: &mut Report<'_>, class: &StmtClassDef) {
    let read: Vec<String> = attributes_of_self(&class.body, false);
    let written: Vec<String> = attributes_of_self(&class.body, true);
    let class_level: Vec<&str> = class.body.iter().flat_map(names_bound_by).collect();
    for def in class.body.iter().filter_map(Stmt::as_function_def_stmt) {
        let name = def.name.as_str();
        let line = report.program.line(def);
        if [
            "_init_",
            "__int__",
            "__init",
            "init__",
            "__inti__",
            "_init__",
            "__init_",
            "init",
            "_str_",
            "__string__",
        ]
        .contains(&name)
        {
            report.add(
                line,
                ("special-name-misspelt", "classes", 0.85),
                format!("Python does not know a special method `{name}`, so it is never called by itself."),
                "Compare the name with the special methods: how many underscores stand on each side?",
            );
        }
        let free = def
            .decorator_list
            .iter()
            .any(|decorator| matches!(name_of(&decorator.expression), Some("staticmethod" | "classmethod")));
        let first = def.parameters.iter_non_variadic_params().next();
        if first.is_none() && def.parameters.vararg.is_none() && !free {
            report.add(
                line,
                ("self-missing", "classes", 0.85),
                format!("A method is given its object as the first argument, but `{name}` takes none."),
                "Which name does every method list first?",
            );
        }
        // A local name in a method that other methods read from the object.
        each_own_stmt(&def.body, &mut |stmt| {
            let Stmt::Assign(assign) = stmt else { return };
            for bound in assign.targets.iter().filter_map(name_of) {
                if read.iter().any(|known| known == bound)
                    && !written.iter().any(|known| known == bound)
                    && !class_level.contains(&bound)
                {
                    report.add(
                        report.program.line(stmt),
                        ("attribute-without-self", "classes", 0.85),
                        format!(
                            "`{bound}` here is a variable of this call only; it is not kept in the object."
                        ),
                        "How does a method store something in its object?",
                    );
                }
            }
        });
    }
}

/// The attributes of `self` that a class reads or writes.
fn attributes_of_self(body: &[Stmt], written: bool) -> Vec<String> {
    let mut names = Vec::new();
    each_expr(body, &mut |expr| {
        if let Some(attribute) = expr.as_attribute_expr()
            && name_of(&attribute.value) == Some("self")
            && (attribute.ctx == ruff_python_ast::ExprContext::Store) == written
        {
            names.push(attribute.attr.to_string());
        }
    });
    names
}

fn unreachable(report: &mut Report<'_>, body: &[Stmt]) {
    for pair in body.windows(2) {
        if always_leaves(&pair[0]) {
            report.add(
                report.program.line(&pair[1]),
                ("unreachable", "return-values", 0.6),
                format!(
                    "This line is never reached, because line {} always leaves before it.",
                    report.program.line(&pair[0])
                ),
                "Does it belong before that line, or less far to the right?",
            );
            break;
        }
    }
    for stmt in body {
        nested_bodies(stmt).into_iter().for_each(|nested| unreachable(report, nested));
    }
}

/// A function that changes a name of the module without saying so reads it before it has a value.
fn local_instead_of_global(report: &mut Report<'_>, body: &[Stmt]) {
    let module: Vec<&str> = body.iter().flat_map(names_bound_by).collect();
    each_stmt(body, &mut |stmt| {
        let Stmt::FunctionDef(def) = stmt else { return };
        let mut declared: Vec<&str> =
            def.parameters.iter().map(|parameter| parameter.name().as_str()).collect();
        each_own_stmt(&def.body, &mut |inner| match inner {
            Stmt::Global(global) => declared.extend(global.names.iter().map(|name| name.as_str())),
            Stmt::Nonlocal(nonlocal) => declared.extend(nonlocal.names.iter().map(|name| name.as_str())),
            Stmt::AugAssign(assign) => {
                if let Some(name) = name_of(&assign.target)
                    && module.contains(&name)
                    && !declared.contains(&name)
                {
                    report.add(
                        report.program.line(inner),
                        ("local-instead-of-global", "scope", 0.8),
                        format!("Because `{name}` is assigned in this function, it is a new local variable here, without a value yet."),
                        "Pass the value in and return the new one, or say that the outer variable is meant.",
                    );
                }
            }
            Stmt::Assign(assign) => declared.extend(assign.targets.iter().filter_map(name_of)),
            Stmt::For(each) => declared.extend(name_of(&each.target)),
            _ => {}
        });
    });
}
