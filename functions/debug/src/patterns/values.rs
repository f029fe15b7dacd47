//! Values: copies that are none, results that are thrown away, numbers of the wrong kind.

use ruff_python_ast::{ExceptHandler, Expr, Operator, Stmt, UnaryOp};
use ruff_text_size::Ranged;

use super::Report;
use crate::syntax::{called, each_expr, each_stmt, each_sub_expr, method_call, name_of};

/// Methods of immutable values, whose only effect is their result.
const PURE_METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "format",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "replace",
    "rjust",
    "rstrip",
    "split",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
    "union",
    "intersection",
    "difference",
    "copy",
];
/// Methods that change their object and give None.
const CHANGING_METHODS: &[&str] =
    &["append", "extend", "insert", "remove", "sort", "reverse", "clear", "update", "add", "discard"];

pub(super) fn check(report: &mut Report<'_>) {
    let body = report.program.body();
    each_stmt(body, &mut |stmt| match stmt {
        Stmt::Expr(expr) => unused(report, &expr.value),
        Stmt::Assign(assign) => {
            keeps_none(report, &assign.value);
            sign_after_equals(report, assign);
        }
        Stmt::Return(returned) => {
            if let Some(value) = &returned.value {
                keeps_none(report, value);
            }
        }
        Stmt::Try(tried) => hidden_error(report, tried),
        _ => {}
    });
    each_expr(body, &mut |expr| match expr {
        Expr::BinOp(binary) => {
            if binary.op == Operator::BitXor && numeric(&binary.right) {
                report.add(
                    report.program.line(expr),
                    ("caret-is-not-power", "arithmetic", 0.9),
                    "In Python `^` is not a power: it combines the bits of two numbers.",
                    "Look up the sign for powers.",
                );
            }
            if binary.op == Operator::Mult && (is_row_list(&binary.left) || is_row_list(&binary.right)) {
                report.add(
                    report.program.line(expr),
                    ("repeated-row", "aliasing", 0.8),
                    "Multiplying a list of lists repeats the same inner list, so a change in one row shows in all of them.",
                    "How can every row be made anew?",
                );
            }
            if binary.op == Operator::FloorDiv
                && called(&binary.left) == Some("sum")
                && called(&binary.right) == Some("len")
            {
                report.add(
                    report.program.line(expr),
                    ("average-cut-off", "integer-division", 0.6),
                    "`//` cuts off everything after the decimal point, also in an average.",
                    "Which division keeps the fraction?",
                );
            }
        }
        Expr::Subscript(subscript) => whole_number_needed(report, &subscript.slice),
        Expr::Call(call) if matches!(name_of(&call.func), Some("range")) => {
            call.arguments.args.iter().for_each(|argument| whole_number_needed(report, argument));
        }
        _ => {}
    });
    aliases(report, body);
}

fn numeric(expr: &Expr) -> bool {
    expr.is_number_literal_expr()
}

/// `[[…]]` or `[[0] * 3]`: a list of one element that is a list.
fn is_row_list(expr: &Expr) -> bool {
    let Some(list) = expr.as_list_expr() else { return false };
    let [only] = &list.elts[..] else { return false };
    only.is_list_expr()
        || only.is_list_comp_expr()
        || only
            .as_bin_op_expr()
            .is_some_and(|binary| binary.left.is_list_expr() || binary.right.is_list_expr())
}

fn unused(report: &mut Report<'_>, value: &Expr) {
    let line = report.program.line(value);
    if let Some((object, method)) = method_call(value)
        && PURE_METHODS.contains(&method)
    {
        let object = report.program.text(object);
        report.add(
            line,
            ("result-thrown-away", "string-methods", 0.85),
            format!(
                "`{method}` does not change `{object}`: it gives a new value, and nothing is done with it."
            ),
            "Where should the new value be kept?",
        );
    }
    if matches!(called(value), Some("sorted" | "reversed" | "int" | "str" | "float" | "round" | "abs")) {
        let name = called(value).unwrap_or_default();
        report.add(
            line,
            ("result-thrown-away", "return-values", 0.85),
            format!("`{name}` gives a new value and changes nothing itself, and the value is not kept."),
            "Where should the new value be kept?",
        );
    }
    let bare_name = name_of(value).filter(|name| is_function(report.program.body(), name));
    let bare_method = value.as_attribute_expr().map(|attribute| attribute.attr.as_str());
    if let Some(name) = bare_name.or(bare_method) {
        report.add(
            line,
            ("not-called", "functions", 0.85),
            format!("`{name}` is only named here, not called, so nothing happens."),
            "What has to follow a function's name to call it?",
        );
    }
}

fn is_function(body: &[Stmt], name: &str) -> bool {
    let mut found = false;
    each_stmt(body, &mut |stmt| {
        found |= stmt.as_function_def_stmt().is_some_and(|def| def.name.as_str() == name)
    });
    found
}

fn keeps_none(report: &mut Report<'_>, value: &Expr) {
    let Some((object, method)) = method_call(value) else { return };
    let plain = object.is_name_expr() || object.is_attribute_expr() || object.is_subscript_expr();
    // Objects of the student's own classes may have methods of these names.
    if CHANGING_METHODS.contains(&method)
        && plain
        && !is_function(report.program.body(), method)
        && method != "update"
        && method != "add"
    {
        let object = report.program.text(object);
        report.add(
            report.program.line(value),
            ("keeps-none", "lists", 0.85),
            format!("`{method}` changes `{object}` itself and gives back None, and that None is what is kept here."),
            "Does the name need a new value at all?",
        );
    }
}

/// `x =+ 1`.
fn sign_after_equals(report: &mut Report<'_>, assign: &ruff_python_ast::StmtAssign) {
    let Some(unary) = assign.value.as_unary_op_expr() else { return };
    let source = report.program.source();
    let before = source[..usize::from(unary.start())].ends_with('=');
    let spaced = source[usize::from(unary.start()) + 1..].starts_with(' ');
    if matches!(unary.op, UnaryOp::UAdd | UnaryOp::USub) && before && spaced {
        report.add(
            report.program.line(assign),
            ("sign-after-equals", "variables", 0.9),
            "The sign stands after the equals sign, so this is an ordinary assignment of a signed number and nothing is added.",
            "In which order do the two signs belong?",
        );
    }
}

fn whole_number_needed(report: &mut Report<'_>, expr: &Expr) {
    let mut at = None;
    let mut converted = false;
    each_sub_expr(expr, &mut |expr| {
        if expr.as_bin_op_expr().is_some_and(|binary| binary.op == Operator::Div) {
            at.get_or_insert(report.program.line(expr));
        }
        converted |= matches!(called(expr), Some("int" | "round"));
    });
    if let (Some(line), false) = (at, converted) {
        report.add(
            line,
            ("whole-number-needed", "integer-division", 0.85),
            "`/` always gives a number with a decimal point, and here a whole number is needed.",
            "Which division gives whole numbers?",
        );
    }
}

fn hidden_error(report: &mut Report<'_>, tried: &ruff_python_ast::StmtTry) {
    for handler in &tried.handlers {
        let ExceptHandler::ExceptHandler(handler) = handler;
        let silent = handler.body.iter().all(|stmt| matches!(stmt, Stmt::Pass(_) | Stmt::Continue(_)));
        if handler.type_.is_none() && silent {
            report.add(
                report.program.line(handler),
                ("error-hidden", "exceptions", 0.4),
                "This `except` hides every error, also the one that would tell what is wrong.",
                "Take it out while you look for the mistake, and then name the error you expect.",
            );
        }
    }
}

/// `b = a` where both are the same list and one of them is changed later.
fn aliases(report: &mut Report<'_>, body: &[Stmt]) {
    let mut containers: Vec<&str> = Vec::new();
    each_stmt(body, &mut |stmt| {
        if let Stmt::Assign(assign) = stmt
            && (matches!(&*assign.value, Expr::List(_) | Expr::Dict(_) | Expr::Set(_) | Expr::ListComp(_))
                || matches!(called(&assign.value), Some("list" | "dict" | "set")))
        {
            containers.extend(assign.targets.iter().filter_map(name_of));
        }
    });
    let changed = |name: &str, after: u32| {
        let mut changed = false;
        each_stmt(body, &mut |stmt| {
            let line = report.program.line(stmt);
            if line <= after {
                return;
            }
            changed |= match stmt {
                Stmt::Expr(expr) => method_call(&expr.value).is_some_and(|(object, method)| {
                    name_of(object) == Some(name) && (CHANGING_METHODS.contains(&method) || method == "pop")
                }),
                Stmt::Assign(assign) => assign
                    .targets
                    .iter()
                    .any(|t| t.as_subscript_expr().is_some_and(|s| name_of(&s.value) == Some(name))),
                Stmt::AugAssign(assign) => {
                    assign.target.as_subscript_expr().is_some_and(|s| name_of(&s.value) == Some(name))
                }
                _ => false,
            };
        });
        changed
    };
    let mut found = Vec::new();
    each_stmt(body, &mut |stmt| {
        if let Stmt::Assign(assign) = stmt
            && let ([target], Some(source)) = (&assign.targets[..], name_of(&assign.value))
            && let Some(copy) = name_of(target)
            && containers.contains(&source)
            && copy != source
        {
            let line = report.program.line(stmt);
            if changed(copy, line) || changed(source, line) {
                found.push((line, copy.to_owned(), source.to_owned()));
            }
        }
    });
    for (line, copy, source) in found {
        report.add(
            line,
            ("alias-not-copy", "aliasing", 0.7),
            format!("`{copy}` and `{source}` are two names for one and the same object, so a change through one shows in the other."),
            "How do you make an object of its own with the same items?",
        );
    }
}
