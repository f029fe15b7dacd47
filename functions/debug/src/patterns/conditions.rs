//! Conditions: what they compare, and branches that cannot be taken.

use ruff_python_ast::{BoolOp, CmpOp, Expr, ExprCompare, Operator, Stmt, StmtIf};

use super::Report;
use crate::syntax::{called, each_expr, each_stmt, each_sub_expr, int_of, name_of};

pub(super) fn check(report: &mut Report<'_>) {
    let body = report.program.body();
    let texts = text_variables(body);
    each_expr(body, &mut |expr| match expr {
        Expr::BoolOp(bool_op) => {
            value_as_condition(report, bool_op.op, &bool_op.values);
            contradictions(report, bool_op.op, &bool_op.values);
        }
        Expr::Compare(compare) => {
            float_equality(report, compare);
            identity(report, compare);
            chain(report, compare);
            input_is_text(report, compare, &texts);
        }
        _ => {}
    });
    each_stmt(body, &mut |stmt| match stmt {
        Stmt::If(branch) => {
            never_taken(report, branch);
            if let Some(text) = branch.test.as_string_literal_expr() {
                constant_condition(report, text);
            }
        }
        Stmt::Expr(expr) if is_equality(&expr.value) => {
            report.add(
                report.program.line(stmt),
                ("compares-instead-of-assigning", "variables", 0.9),
                "This line compares two values and throws the answer away; nothing is assigned.",
                "Which sign compares, and which one assigns?",
            );
        }
        _ => {}
    });
}

fn is_equality(expr: &Expr) -> bool {
    expr.as_compare_expr().is_some_and(|compare| matches!(compare.ops[..], [CmpOp::Eq]))
}

fn constant_condition(report: &mut Report<'_>, text: &ruff_python_ast::ExprStringLiteral) {
    report.add(
        report.program.line(text),
        ("always-true", "logical-operators", 0.6),
        "A text that is not empty counts as True, so this condition always holds.",
        "What should the text be compared with?",
    );
}

/// `x == "a" or "b"`: the second part is no comparison.
fn value_as_condition(report: &mut Report<'_>, op: BoolOp, values: &[Expr]) {
    let compares = values.iter().any(Expr::is_compare_expr);
    let Some(constant) = values.iter().find(|value| {
        value.is_string_literal_expr() || value.is_number_literal_expr() || value.is_tuple_expr()
    }) else {
        return;
    };
    if compares {
        let text = report.program.text(constant);
        let word = if op == BoolOp::Or { "or" } else { "and" };
        report.add(
            report.program.line(constant),
            ("or-with-a-value", "logical-operators", 0.9),
            format!("`{word}` joins conditions, and `{text}` alone is not compared with anything: it simply counts as true."),
            "Say each comparison in full, or ask whether the value is one of several.",
        );
    }
}

/// `x != a or x != b` always holds; `x == a and x == b` and `x < 1 and x > 5` never do.
fn contradictions(report: &mut Report<'_>, op: BoolOp, values: &[Expr]) {
    let simple: Vec<(&str, CmpOp, &str, Option<i64>)> = values
        .iter()
        .filter_map(|value| {
            let compare = value.as_compare_expr()?;
            let [op] = compare.ops[..] else { return None };
            let right = &compare.comparators[0];
            let constant = int_of(right);
            (constant.is_some() || right.is_string_literal_expr())
                .then(|| (report.program.text(&*compare.left), op, report.program.text(right), constant))
        })
        .collect();
    for (index, first) in simple.iter().enumerate() {
        for second in simple[index + 1..].iter().filter(|second| second.0 == first.0 && second.2 != first.2) {
            let always = match (op, first.1, second.1) {
                (BoolOp::Or, CmpOp::NotEq, CmpOp::NotEq) => Some(true),
                (BoolOp::And, CmpOp::Eq, CmpOp::Eq) => Some(false),
                (BoolOp::And, CmpOp::Lt | CmpOp::LtE, CmpOp::Gt | CmpOp::GtE)
                    if first.3 <= second.3 && first.3.is_some() =>
                {
                    Some(false)
                }
                (BoolOp::And, CmpOp::Gt | CmpOp::GtE, CmpOp::Lt | CmpOp::LtE)
                    if first.3 >= second.3 && second.3.is_some() =>
                {
                    Some(false)
                }
                (BoolOp::Or, CmpOp::Gt | CmpOp::GtE, CmpOp::Lt | CmpOp::LtE)
                    if first.3 < second.3 && first.3.is_some() =>
                {
                    Some(true)
                }
                (BoolOp::Or, CmpOp::Lt | CmpOp::LtE, CmpOp::Gt | CmpOp::GtE)
                    if first.3 > second.3 && second.3.is_some() =>
                {
                    Some(true)
                }
                _ => None,
            };
            let line = report.program.line(&values[0]);
            match always {
                Some(true) => report.add(
                    line,
                    ("always-true", "logical-operators", 0.9),
                    format!("Whatever `{}` is, at least one of these comparisons holds, so the condition is always true.", first.0),
                    format!("Try it with `{}` equal to {}: which parts hold?", first.0, first.2),
                ),
                Some(false) => report.add(
                    line,
                    ("always-false", "logical-operators", 0.9),
                    format!("`{}` cannot meet both comparisons at once, so the condition is never true.", first.0),
                    "Should both hold, or is one of them enough?",
                ),
                None => {}
            }
        }
    }
}

/// `x in items == True`, `a != b != c` and `a < b > c`: each joins two comparisons by `and`, which is seldom meant.
fn chain(report: &mut Report<'_>, compare: &ExprCompare) {
    let [first, second, ..] = compare.ops[..] else { return };
    let has = |wanted: fn(&CmpOp) -> bool| compare.ops.iter().any(wanted);
    let odd = has(|op| matches!(op, CmpOp::In | CmpOp::NotIn | CmpOp::Is | CmpOp::IsNot));
    let unequal = has(|op| *op == CmpOp::NotEq);
    let up_and_down =
        has(|op| matches!(op, CmpOp::Lt | CmpOp::LtE)) && has(|op| matches!(op, CmpOp::Gt | CmpOp::GtE));
    if !(odd || unequal || up_and_down) {
        return;
    }
    let text = |expr: &Expr| report.program.text(expr);
    let (left, middle) = (text(&compare.left), text(&compare.comparators[0]));
    let right = text(&compare.comparators[1]);
    let cause = format!(
        "Python reads this as two comparisons that must both hold: `{left} {} {middle}`, and `{middle} {} {right}`.",
        first.as_str(),
        second.as_str()
    );
    report.add(
        report.program.line(compare),
        ("comparison-chain", "comparisons", if odd { 0.85 } else { 0.5 }),
        cause,
        "Which two values should be compared with one another?",
    );
}

fn float_equality(report: &mut Report<'_>, compare: &ExprCompare) {
    if !compare.ops.iter().any(|op| matches!(op, CmpOp::Eq | CmpOp::NotEq)) {
        return;
    }
    let inexact = |expr: &Expr| {
        let mut inexact = false;
        each_sub_expr(expr, &mut |expr| {
            inexact |= expr.as_number_literal_expr().is_some_and(|literal| {
                // Halves and quarters are exact in binary.
                literal.value.as_float().is_some_and(|value| (value * 1024.0).fract() != 0.0)
            });
        });
        inexact
    };
    let computed = |expr: &Expr| expr.as_bin_op_expr().is_some_and(|binary| binary.op == Operator::Div);
    if std::iter::once(&*compare.left)
        .chain(&compare.comparators[..])
        .any(|expr| inexact(expr) || computed(expr))
    {
        let certain = std::iter::once(&*compare.left).chain(&compare.comparators[..]).any(inexact);
        report.add(
            report.program.line(compare),
            ("float-equality", "arithmetic", if certain { 0.65 } else { 0.15 }),
            "Numbers with a decimal point are rounded when they are stored, so two that look equal may differ in the last digits.",
            "Ask whether the two are close enough instead of exactly the same.",
        );
    }
}

fn identity(report: &mut Report<'_>, compare: &ExprCompare) {
    let literal = |expr: &Expr| {
        expr.is_number_literal_expr()
            || expr.is_string_literal_expr()
            || expr.is_list_expr()
            || expr.is_tuple_expr()
    };
    for (op, right) in compare.ops.iter().zip(&compare.comparators) {
        if matches!(op, CmpOp::Is | CmpOp::IsNot) && (literal(right) || literal(&compare.left)) {
            report.add(
                report.program.line(compare),
                ("is-with-a-value", "comparisons", 0.75),
                "`is` asks whether two names mean the very same object, not whether two values are equal.",
                "Which comparison asks for equal values?",
            );
        }
    }
}

/// Names that hold what `input()` gave, unconverted.
fn text_variables(body: &[Stmt]) -> Vec<&str> {
    let mut texts = Vec::new();
    let mut others = Vec::new();
    each_stmt(body, &mut |stmt| {
        if let Stmt::Assign(assign) = stmt {
            for name in assign.targets.iter().filter_map(name_of) {
                if called(&assign.value) == Some("input") { &mut texts } else { &mut others }.push(name);
            }
        }
    });
    texts.retain(|name| !others.contains(name));
    texts
}

fn input_is_text(report: &mut Report<'_>, compare: &ExprCompare, texts: &[&str]) {
    let is_text = |expr: &Expr| {
        called(expr) == Some("input") || name_of(expr).is_some_and(|name| texts.contains(&name))
    };
    let sides: Vec<&Expr> = std::iter::once(&*compare.left).chain(&compare.comparators[..]).collect();
    if sides.iter().any(|side| is_text(side)) && sides.iter().any(|side| side.is_number_literal_expr()) {
        report.add(
            report.program.line(compare),
            ("input-is-text", "type-conversion", 0.9),
            "`input()` always gives text, and a text is never equal to a number and cannot be ordered with one.",
            "Where should the text be turned into a number?",
        );
    }
}

/// `if p > 50 … elif p > 90`: what meets the second has met the first already.
fn never_taken(report: &mut Report<'_>, branch: &StmtIf) {
    let tests: Vec<&Expr> = std::iter::once(&*branch.test)
        .chain(branch.elif_else_clauses.iter().filter_map(|clause| clause.test.as_ref()))
        .collect();
    let bounds: Vec<Option<(&str, CmpOp, i64)>> = tests
        .iter()
        .map(|test| {
            let compare = test.as_compare_expr()?;
            let [op] = compare.ops[..] else { return None };
            Some((report.program.text(&*compare.left), op, int_of(&compare.comparators[0])?))
        })
        .collect();
    for (later, second) in bounds.iter().enumerate() {
        let Some((name, op, limit)) = second else { continue };
        let covered = bounds[..later].iter().flatten().any(|(known, known_op, known_limit)| {
            known == name
                && match (known_op, op) {
                    (CmpOp::Gt, CmpOp::Gt) | (CmpOp::GtE, CmpOp::GtE | CmpOp::Gt | CmpOp::Eq) => {
                        known_limit <= limit
                    }
                    (CmpOp::Gt, CmpOp::GtE | CmpOp::Eq) => known_limit < limit,
                    (CmpOp::Lt, CmpOp::Lt) | (CmpOp::LtE, CmpOp::LtE | CmpOp::Lt | CmpOp::Eq) => {
                        known_limit >= limit
                    }
                    (CmpOp::Lt, CmpOp::LtE | CmpOp::Eq) => known_limit > limit,
                    (CmpOp::Eq, CmpOp::Eq) => known_limit == limit,
                    _ => false,
                }
        });
        if covered {
            report.add(
                report.program.line(tests[later]),
                ("branch-never-taken", "if-statements", 0.85),
                format!("Every `{name}` that meets this condition has met an earlier one of this if already, so this branch is never taken."),
                "In which order must the conditions be asked?",
            );
        }
    }
    if let Some(first) = tests.first()
        && let Some((at, _)) = tests
            .iter()
            .enumerate()
            .skip(1)
            .find(|(_, test)| report.program.text(**test) == report.program.text(*first))
    {
        report.add(
            report.program.line(tests[at]),
            ("branch-never-taken", "if-statements", 0.8),
            "The same condition was asked before in this if, so this branch is never taken.",
            "Which case is meant here?",
        );
    }
}
