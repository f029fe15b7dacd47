//! Loops: bounds, conditions that never change, rounds that end too early.

use ruff_python_ast::{CmpOp, Expr, Operator, Stmt, StmtFor, StmtWhile};

use super::Report;
use crate::syntax::{
    always_leaves, body_mentions, bound_names, called, each_expr, each_own_stmt, each_stmt, each_sub_expr,
    int_of, may_leave, mentions, method_call, name_of, names_bound_by, nested_bodies,
};

pub(super) fn check(report: &mut Report<'_>) {
    each_stmt(report.program.body(), &mut |stmt| match stmt {
        Stmt::For(each) => {
            range_bounds(report, each);
            iterated(report, each);
            inner_loops(report, &each.target, &each.body);
            ends_in_first_round(report, &each.body);
            changed_while_looping(report, each);
            factor_zero(report, each);
        }
        Stmt::While(each) => {
            unchanged_condition(report, each);
            jumps_over(report, each);
            index_past_end(report, each);
            ends_in_first_round(report, &each.body);
        }
        _ => {}
    });
    accumulators(report, report.program.body());
    each_stmt(report.program.body(), &mut |stmt| {
        if let Stmt::FunctionDef(def) = stmt {
            accumulators(report, &def.body);
        }
    });
}

/// The arguments of `range(…)`.
fn range_args(expr: &Expr) -> Option<&[Expr]> {
    let call = expr.as_call_expr()?;
    (name_of(&call.func) == Some("range")).then_some(&call.arguments.args[..])
}

/// The name in `len(name)`.
fn len_of(expr: &Expr) -> Option<&str> {
    let call = expr.as_call_expr()?;
    (name_of(&call.func) == Some("len")).then(|| call.arguments.args.first().and_then(name_of)).flatten()
}

/// `len(a) + 1` gives `("a", 1)`.
fn len_with_offset(expr: &Expr) -> Option<(&str, i64)> {
    if let Some(name) = len_of(expr) {
        return Some((name, 0));
    }
    let binary = expr.as_bin_op_expr()?;
    let offset = int_of(&binary.right)?;
    let name = len_of(&binary.left)?;
    match binary.op {
        Operator::Add => Some((name, offset)),
        Operator::Sub => Some((name, offset.checked_neg()?)),
        _ => None,
    }
}

/// The offsets with which `index` is used on `list` in `body`: `a[i + 1]` gives 1; other uses give nothing.
fn index_offsets(body: &[Stmt], list: &str, index: &str) -> Vec<i64> {
    let mut offsets = Vec::new();
    each_expr(body, &mut |expr| {
        let Some(subscript) = expr.as_subscript_expr() else { return };
        if name_of(&subscript.value) != Some(list) {
            return;
        }
        if name_of(&subscript.slice) == Some(index) {
            offsets.push(0);
        } else if let Some(binary) = subscript.slice.as_bin_op_expr()
            && name_of(&binary.left) == Some(index)
            && let Some(offset) = int_of(&binary.right)
        {
            match binary.op {
                Operator::Add => offsets.push(offset),
                Operator::Sub => offsets.push(offset.saturating_neg()),
                _ => {}
            }
        }
    });
    offsets
}

fn range_bounds(report: &mut Report<'_>, each: &StmtFor) {
    let Some(args) = range_args(&each.iter) else { return };
    let line = report.program.line(each);
    if let [start, stop] = args
        && let (Some(start), Some(stop)) = (int_of(start), int_of(stop))
        && start >= stop
    {
        report.add(
            line,
            ("empty-range", "range", 0.8),
            format!("range({start}, {stop}) is empty, because range counts upwards by itself, so this loop never runs."),
            "Think about how range is told to count down.",
        );
    }
    let (stop, start) = match args {
        [stop] => (stop, None),
        [start, stop, ..] => (stop, int_of(start)),
        [] => return,
    };
    let (Some((list, offset)), Some(index)) = (len_with_offset(stop), name_of(&each.target)) else { return };
    let used = index_offsets(&each.body, list, index);
    if used.is_empty() || args.len() > 2 {
        return;
    }
    // The largest index that is used is len - 1 + offset + the largest offset in the body.
    let reach = offset.saturating_add(used.iter().copied().max().unwrap_or(0));
    if reach > 0 {
        report.add(
            line,
            ("range-past-end", "IndexError", 0.85),
            format!(
                "In its last round this loop uses an index of `{list}` that does not exist: indexes of `{list}` end at \
                 len({list}) - 1, and here they go {reach} further."
            ),
            format!("Write down the values of `{index}` for a list of three items, and which items exist."),
        );
    } else if reach < 0 && used.iter().all(|offset| *offset <= 0) {
        report.add(
            line,
            ("range-stops-early", "range", 0.55),
            format!(
                "range leaves out its end, so with this bound the last item of `{list}` is never looked at."
            ),
            "Check which value is the last one that the loop variable gets.",
        );
    }
    if start == Some(1) && used.iter().all(|offset| *offset == 0) && reach == 0 {
        report.add(
            line,
            ("range-starts-late", "range", 0.3),
            format!("The loop starts at index 1, so `{list}[0]`, the first item, is not looked at in it."),
            "Ask whether the first item is taken care of somewhere else.",
        );
    }
}

fn iterated(report: &mut Report<'_>, each: &StmtFor) {
    let line = report.program.line(each);
    if matches!(called(&each.iter), Some("len" | "int")) || int_of(&each.iter).is_some() {
        report.add(
            line,
            ("loops-over-a-number", "range", 0.9),
            "A for loop goes through the items of something, and this is a single number.",
            "What gives you the numbers from 0 up to that number?",
        );
    }
    if let (Some(list), Some(item)) = (name_of(&each.iter), name_of(&each.target)) {
        let mut at = None;
        each_expr(&each.body, &mut |expr| {
            if let Some(subscript) = expr.as_subscript_expr()
                && name_of(&subscript.value) == Some(list)
                && name_of(&subscript.slice) == Some(item)
                && subscript.ctx == ruff_python_ast::ExprContext::Load
            {
                at.get_or_insert(report.program.line(expr));
            }
        });
        // For a dictionary this is how its values are read.
        if let Some(at) = at.filter(|_| !is_dict(report.program.body(), list)) {
            report.add(
                at,
                ("item-used-as-index", "for-loops", 0.7),
                format!("`{item}` already is an item of `{list}`, not its position, so `{list}[{item}]` looks up something else."),
                format!("Print `{item}` in the first rounds: is it an item or a position?"),
            );
        }
    }
}

/// Whether `name` is somewhere bound to something that is plainly a dictionary, or may be one.
fn is_dict(body: &[Stmt], name: &str) -> bool {
    let mut list = false;
    each_stmt(body, &mut |stmt| {
        if let Stmt::Assign(assign) = stmt
            && assign.targets.iter().any(|target| name_of(target) == Some(name))
        {
            list |= matches!(
                &*assign.value,
                Expr::List(_) | Expr::ListComp(_) | Expr::Tuple(_) | Expr::StringLiteral(_)
            ) || matches!(called(&assign.value), Some("list" | "sorted" | "input" | "range"));
        }
    });
    !list
}

fn inner_loops(report: &mut Report<'_>, target: &Expr, body: &[Stmt]) {
    let mut outer = Vec::new();
    bound_names(target, &mut outer);
    each_own_stmt(body, &mut |stmt| {
        if let Stmt::For(inner) = stmt {
            let mut names = Vec::new();
            bound_names(&inner.target, &mut names);
            if let Some(name) = names.into_iter().find(|name| *name != "_" && outer.contains(name)) {
                report.add(
                    report.program.line(inner),
                    ("loop-variable-reused", "nested-loops", 0.7),
                    format!(
                        "The inner loop uses the same variable `{name}` as the outer one and overwrites it."
                    ),
                    "Each loop needs a variable of its own.",
                );
            }
        }
    });
}

/// The last statement of the body leaves the loop whatever happens.
fn ends_in_first_round(report: &mut Report<'_>, body: &[Stmt]) {
    let Some(last) = body.last() else { return };
    let leaving = match last {
        Stmt::Return(_) => Some(last),
        Stmt::If(branch) if always_leaves(last) => nested_bodies(last)
            .into_iter()
            .filter_map(<[Stmt]>::last)
            // The other branches leave as well, so none continues; the else branch is the one to doubt.
            .rfind(|stmt| matches!(stmt, Stmt::Return(_)))
            .filter(|_| branch.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none())),
        _ => None,
    };
    let mut continues = false;
    each_own_stmt(body, &mut |stmt| continues |= matches!(stmt, Stmt::Continue(_)));
    if let (Some(leaving), false) = (leaving, continues) {
        report.add(
            report.program.line(leaving),
            ("returns-in-first-round", "return-values", 0.85),
            "This return is reached in the first round of the loop, so the later rounds never happen.",
            "When is it known for sure what the answer is: during the loop or after it? Look at the indentation.",
        );
    }
}

fn changed_while_looping(report: &mut Report<'_>, each: &StmtFor) {
    let Some(list) = name_of(&each.iter) else { return };
    each_own_stmt(&each.body, &mut |stmt| {
        let changes = match stmt {
            Stmt::Expr(expr) => method_call(&expr.value).is_some_and(|(object, method)| {
                name_of(object) == Some(list)
                    && ["remove", "pop", "append", "insert", "clear"].contains(&method)
            }),
            Stmt::Delete(delete) => delete
                .targets
                .iter()
                .any(|target| target.as_subscript_expr().is_some_and(|s| name_of(&s.value) == Some(list))),
            _ => false,
        };
        if changes {
            report.add(
                report.program.line(stmt),
                ("changed-while-looping", "lists", 0.75),
                format!("`{list}` is changed while the loop goes through it, so items are skipped or visited again."),
                format!("What could the loop go through that stays as it is while `{list}` changes?"),
            );
        }
    });
}

fn factor_zero(report: &mut Report<'_>, each: &StmtFor) {
    let Some([_]) = range_args(&each.iter) else { return };
    let Some(index) = name_of(&each.target) else { return };
    each_own_stmt(&each.body, &mut |stmt| {
        let by_index = match stmt {
            Stmt::AugAssign(assign) => assign.op == Operator::Mult && name_of(&assign.value) == Some(index),
            Stmt::Assign(assign) => assign.value.as_bin_op_expr().is_some_and(|product| {
                let factors = [&product.left, &product.right];
                product.op == Operator::Mult
                    && factors.iter().any(|factor| name_of(factor) == Some(index))
                    && factors.iter().any(|factor| {
                        name_of(factor)
                            .is_some_and(|name| assign.targets.iter().any(|t| name_of(t) == Some(name)))
                    })
            }),
            _ => false,
        };
        if by_index {
            report.add(
                report.program.line(stmt),
                ("factor-zero", "range", 0.8),
                format!("`{index}` starts at 0, and once a product is multiplied by 0 it stays 0."),
                "From which number to which number should the loop count?",
            );
        }
    });
}

fn unchanged_condition(report: &mut Report<'_>, each: &StmtWhile) {
    if may_leave(&each.body) {
        return;
    }
    let line = report.program.line(each);
    if let Some(literal) = each.test.as_boolean_literal_expr() {
        if literal.value {
            report.add(
                line,
                ("endless-loop", "while-loops", 0.85),
                "The condition is always True and nothing in the loop leaves it.",
                "Decide when the loop should end, and what inside it could end it.",
            );
        }
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    let mut calls = false;
    each_sub_expr(&each.test, &mut |expr| {
        names.extend(name_of(expr).filter(|name| !crate::syntax::BUILTINS.contains(name)));
        // A function or an attribute may give another value each time; `len(x)` does only when x changes.
        calls |= expr.is_attribute_expr() || (expr.is_call_expr() && called(expr) != Some("len"));
    });
    names.dedup();
    if names.is_empty() || calls {
        return;
    }
    let changed = |name: &str| {
        let mut changed = false;
        each_own_stmt(&each.body, &mut |stmt| {
            changed |= names_bound_by(stmt).contains(&name);
            changed |= matches!(stmt, Stmt::Global(_) | Stmt::Delete(_));
            if let Stmt::Assign(assign) = stmt {
                changed |=
                    assign.targets.iter().any(|target| !target.is_name_expr() && mentions(target, name));
            }
            if let Stmt::AugAssign(assign) = stmt {
                changed |= mentions(&assign.target, name);
            }
        });
        each_expr(&each.body, &mut |expr| {
            changed |= method_call(expr).is_some_and(|(object, _)| mentions(object, name));
            changed |= expr.as_named_expr().is_some_and(|named| name_of(&named.target) == Some(name));
            // A function that gets the object may change it; one that is not built in may change globals.
            changed |= expr.as_call_expr().is_some_and(|call| {
                name_of(&call.func).is_none_or(|function| !crate::syntax::BUILTINS.contains(&function))
                    && !call.func.is_attribute_expr()
                    && (call.arguments.args.iter().any(|argument| mentions(argument, name))
                        || report.program.source().contains("global "))
            });
        });
        changed
    };
    if names.iter().all(|name| !changed(name)) {
        let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        let (verb, none) = if names.len() == 1 { ("does", "it") } else { ("do", "them") };
        report.add(
            line,
            ("unchanged-condition", "while-loops", 0.9),
            format!(
                "{listed} {verb} not change inside the loop, so once the condition is true it stays true."
            ),
            format!("Which line of the loop should change {none}?"),
        );
    }
}

/// `while n != 0:` with steps that can pass by zero.
fn jumps_over(report: &mut Report<'_>, each: &StmtWhile) {
    let Some(compare) = each.test.as_compare_expr() else { return };
    let ([CmpOp::NotEq], Some(name)) = (&compare.ops[..], name_of(&compare.left)) else { return };
    if may_leave(&each.body) || int_of(&compare.comparators[0]).is_none() {
        return;
    }
    each_own_stmt(&each.body, &mut |stmt| {
        if let Stmt::AugAssign(assign) = stmt
            && name_of(&assign.target) == Some(name)
            && matches!(assign.op, Operator::Add | Operator::Sub)
            && int_of(&assign.value).is_some_and(|step| step.abs() > 1)
        {
            report.add(
                report.program.line(each),
                ("steps-over-the-end", "while-loops", 0.6),
                format!("`{name}` moves in steps of more than one and can pass the value at which the loop should stop."),
                "What if the value is passed without being hit exactly?",
            );
        }
    });
}

fn index_past_end(report: &mut Report<'_>, each: &StmtWhile) {
    let Some(compare) = each.test.as_compare_expr() else { return };
    if let ([CmpOp::LtE], Some(index), Some((list, 0))) =
        (&compare.ops[..], name_of(&compare.left), len_with_offset(&compare.comparators[0]))
        && index_offsets(&each.body, list, index).contains(&0)
    {
        report.add(
            report.program.line(each),
            ("range-past-end", "IndexError", 0.85),
            format!("The last index of `{list}` is len({list}) - 1, but this condition lets `{index}` become len({list})."),
            format!("Which is the largest value of `{index}` that `{list}[{index}]` allows?"),
        );
    }
}

/// Values that are meant to grow over the rounds, but start again or are overwritten in each.
fn accumulators(report: &mut Report<'_>, body: &[Stmt]) {
    for (at, stmt) in body.iter().enumerate() {
        let (Stmt::For(StmtFor { body: rounds, .. }) | Stmt::While(StmtWhile { body: rounds, .. })) = stmt
        else {
            nested_bodies(stmt)
                .into_iter()
                .filter(|_| !matches!(stmt, Stmt::FunctionDef(_)))
                .for_each(|nested| accumulators(report, nested));
            continue;
        };
        let target_names = names_bound_by(stmt);
        for (index, inner) in rounds.iter().enumerate() {
            let Stmt::Assign(assign) = inner else { continue };
            let [target] = &assign.targets[..] else { continue };
            let Some(name) = name_of(target) else { continue };
            let read_after = body_mentions(&body[at + 1..], name);
            if is_start_value(&assign.value) && read_after && grows(&rounds[index + 1..], name) {
                report.add(
                    report.program.line(inner),
                    ("reset-in-loop", "accumulators", 0.75),
                    format!("`{name}` starts again in every round, so only the last round counts."),
                    "Which line belongs before the loop?",
                );
            }
            // Set before the loop, overwritten by the item in it, read after it: only the last item remains.
            let item = name_of(&assign.value).is_some_and(|value| target_names.contains(&value));
            let set_before = body[..at].iter().any(|earlier| {
                earlier.as_assign_stmt().is_some_and(|earlier| {
                    earlier.targets.iter().any(|t| name_of(t) == Some(name)) && is_start_value(&earlier.value)
                })
            });
            if item && set_before && read_after {
                report.add(
                    report.program.line(inner),
                    ("overwritten-in-loop", "accumulators", 0.75),
                    format!(
                        "Each round replaces `{name}` by the item, so at the end only the last item is left."
                    ),
                    format!("How do the new item and the old value of `{name}` belong together?"),
                );
            }
        }
        accumulators(report, rounds);
    }
}

/// `0`, `1`, `""`, `[]`, `{}`…
fn is_start_value(expr: &Expr) -> bool {
    match expr {
        Expr::List(list) => list.elts.is_empty(),
        Expr::Dict(dict) => dict.items.is_empty(),
        Expr::StringLiteral(text) => text.value.is_empty(),
        Expr::Call(call) => {
            call.arguments.args.is_empty()
                && matches!(name_of(&call.func), Some("list" | "dict" | "set" | "str"))
        }
        other => matches!(int_of(other), Some(0 | 1)),
    }
}

/// Whether the statements add something to `name` outside of inner loops, where starting again may be meant.
fn grows(body: &[Stmt], name: &str) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::AugAssign(assign) => name_of(&assign.target) == Some(name),
        Stmt::Assign(assign) => {
            assign.targets.iter().any(|target| name_of(target) == Some(name)) && mentions(&assign.value, name)
        }
        Stmt::Expr(expr) => method_call(&expr.value).is_some_and(|(object, method)| {
            name_of(object) == Some(name) && ["append", "add"].contains(&method)
        }),
        Stmt::If(_) | Stmt::With(_) | Stmt::Try(_) => {
            nested_bodies(stmt).into_iter().any(|body| grows(body, name))
        }
        _ => false,
    })
}
