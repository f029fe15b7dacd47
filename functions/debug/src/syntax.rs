//! Small questions about syntax trees that several parts ask.

use ruff_python_ast::{
    ExceptHandler, Expr, Number, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};

/// Calls `on` for every statement in `body`, outside in.
pub fn each_stmt<'a>(body: &'a [Stmt], on: &mut impl FnMut(&'a Stmt)) {
    struct Walk<'f, F>(&'f mut F);
    impl<'a, F: FnMut(&'a Stmt)> Visitor<'a> for Walk<'_, F> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            (self.0)(stmt);
            walk_stmt(self, stmt);
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    Walk(on).visit_body(body);
}

/// Calls `on` for every statement in `body` that belongs to the same function: not into `def` and `class`.
pub fn each_own_stmt<'a>(body: &'a [Stmt], on: &mut impl FnMut(&'a Stmt)) {
    struct Walk<'f, F>(&'f mut F);
    impl<'a, F: FnMut(&'a Stmt)> Visitor<'a> for Walk<'_, F> {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            (self.0)(stmt);
            if !matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                walk_stmt(self, stmt);
            }
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    Walk(on).visit_body(body);
}

/// Calls `on` for every expression in `body`, outside in.
pub fn each_expr<'a>(body: &'a [Stmt], on: &mut impl FnMut(&'a Expr)) {
    struct Walk<'f, F>(&'f mut F);
    impl<'a, F: FnMut(&'a Expr)> Visitor<'a> for Walk<'_, F> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            (self.0)(expr);
            walk_expr(self, expr);
        }
    }
    Walk(on).visit_body(body);
}

/// Calls `on` for `expr` and every expression in it, outside in.
pub fn each_sub_expr<'a>(expr: &'a Expr, on: &mut impl FnMut(&'a Expr)) {
    struct Walk<'f, F>(&'f mut F);
    impl<'a, F: FnMut(&'a Expr)> Visitor<'a> for Walk<'_, F> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            (self.0)(expr);
            walk_expr(self, expr);
        }
    }
    Walk(on).visit_expr(expr);
}

/// The name, if the expression is one.
pub fn name_of(expr: &Expr) -> Option<&str> {
    expr.as_name_expr().map(|name| name.id.as_str())
}

/// The name of the function that is called: `f` of `f(x)`, if it is a plain name.
pub fn called(expr: &Expr) -> Option<&str> {
    expr.as_call_expr().and_then(|call| name_of(&call.func))
}

/// Object and method of `object.method(…)`.
pub fn method_call(expr: &Expr) -> Option<(&Expr, &str)> {
    let attribute = expr.as_call_expr()?.func.as_attribute_expr()?;
    Some((&attribute.value, attribute.attr.as_str()))
}

/// The value of a whole-number literal, with its sign.
pub fn int_of(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::NumberLiteral(literal) => match &literal.value {
            Number::Int(int) => int.as_i64(),
            _ => None,
        },
        Expr::UnaryOp(unary) if unary.op == ruff_python_ast::UnaryOp::USub => {
            int_of(&unary.operand).and_then(i64::checked_neg)
        }
        _ => None,
    }
}

/// Whether `name` is read or written anywhere in `expr`.
pub fn mentions(expr: &Expr, name: &str) -> bool {
    let mut found = false;
    each_sub_expr(expr, &mut |expr| found |= name_of(expr) == Some(name));
    found
}

/// Whether `name` is read or written anywhere in `body`.
pub fn body_mentions(body: &[Stmt], name: &str) -> bool {
    let mut found = false;
    each_expr(body, &mut |expr| found |= name_of(expr) == Some(name));
    found
}

/// The plain names that an assignment target binds.
pub fn bound_names<'a>(target: &'a Expr, names: &mut Vec<&'a str>) {
    match target {
        Expr::Name(name) => names.push(name.id.as_str()),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|element| bound_names(element, names)),
        Expr::List(list) => list.elts.iter().for_each(|element| bound_names(element, names)),
        Expr::Starred(starred) => bound_names(&starred.value, names),
        _ => {}
    }
}

/// The names that one statement binds itself, without what is nested in it.
pub fn names_bound_by(stmt: &Stmt) -> Vec<&str> {
    let mut names = Vec::new();
    match stmt {
        Stmt::Assign(assign) => assign.targets.iter().for_each(|target| bound_names(target, &mut names)),
        Stmt::AugAssign(assign) => bound_names(&assign.target, &mut names),
        Stmt::AnnAssign(assign) if assign.value.is_some() => bound_names(&assign.target, &mut names),
        Stmt::For(each) => bound_names(&each.target, &mut names),
        Stmt::With(with) => {
            with.items
                .iter()
                .filter_map(|item| item.optional_vars.as_deref())
                .for_each(|v| bound_names(v, &mut names));
        }
        Stmt::FunctionDef(def) => names.push(def.name.as_str()),
        Stmt::ClassDef(def) => names.push(def.name.as_str()),
        Stmt::Import(import) => names.extend(import.names.iter().map(|alias| match &alias.asname {
            Some(name) => name.as_str(),
            None => alias.name.as_str().split('.').next().unwrap_or_default(),
        })),
        Stmt::ImportFrom(import) => names
            .extend(import.names.iter().map(|alias| alias.asname.as_ref().unwrap_or(&alias.name).as_str())),
        Stmt::Try(tried) => names.extend(tried.handlers.iter().filter_map(|handler| {
            let ExceptHandler::ExceptHandler(handler) = handler;
            handler.name.as_ref().map(ruff_python_ast::Identifier::as_str)
        })),
        _ => {}
    }
    names
}

/// The bodies nested in a statement, in order.
pub fn nested_bodies(stmt: &Stmt) -> Vec<&[Stmt]> {
    match stmt {
        Stmt::FunctionDef(def) => vec![&def.body],
        Stmt::ClassDef(def) => vec![&def.body],
        Stmt::For(each) => vec![&each.body, &each.orelse],
        Stmt::While(each) => vec![&each.body, &each.orelse],
        Stmt::If(branch) => {
            let mut bodies: Vec<&[Stmt]> = vec![&branch.body];
            bodies.extend(branch.elif_else_clauses.iter().map(|clause| &clause.body[..]));
            bodies
        }
        Stmt::With(with) => vec![&with.body],
        Stmt::Try(tried) => {
            let mut bodies: Vec<&[Stmt]> = vec![&tried.body];
            bodies.extend(tried.handlers.iter().map(|handler| {
                let ExceptHandler::ExceptHandler(handler) = handler;
                &handler.body[..]
            }));
            bodies.push(&tried.orelse);
            bodies.push(&tried.finalbody);
            bodies
        }
        Stmt::Match(matched) => matched.cases.iter().map(|case| &case.body[..]).collect(),
        _ => Vec::new(),
    }
}

/// Whether control never goes past this statement to the next.
pub fn always_leaves(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_) => true,
        Stmt::If(branch) => {
            branch.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none())
                && nested_bodies(stmt).into_iter().all(|body| body.iter().any(always_leaves))
        }
        _ => false,
    }
}

/// Whether control never falls out of the end of a function with this body.
pub fn always_returns(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Return(_) | Stmt::Raise(_) => true,
        Stmt::If(branch) => {
            branch.elif_else_clauses.last().is_some_and(|clause| clause.test.is_none())
                && nested_bodies(stmt).into_iter().all(always_returns)
        }
        Stmt::With(with) => always_returns(&with.body),
        Stmt::Try(tried) => {
            always_returns(&tried.finalbody)
                || (always_returns(&tried.body)
                    && nested_bodies(stmt)[1..=tried.handlers.len()].iter().all(|body| always_returns(body)))
        }
        Stmt::While(each) => {
            each.test.as_boolean_literal_expr().is_some_and(|literal| literal.value) && !has_break(&each.body)
        }
        Stmt::Match(matched) => {
            matched.cases.last().is_some_and(|case| case.pattern.is_irrefutable())
                && matched.cases.iter().all(|case| always_returns(&case.body))
        }
        _ => false,
    })
}

/// Whether a `break` leaves the loop that has this body.
pub fn has_break(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Break(_) => true,
        // A break in there leaves the inner loop; one in its `else` leaves ours.
        Stmt::For(each) => has_break(&each.orelse),
        Stmt::While(each) => has_break(&each.orelse),
        Stmt::FunctionDef(_) | Stmt::ClassDef(_) => false,
        other => nested_bodies(other).into_iter().any(has_break),
    })
}

/// Whether some `return`, `raise`, `break` or call of `exit` may leave the loop with this body.
pub fn may_leave(body: &[Stmt]) -> bool {
    let mut leaves = has_break(body);
    each_own_stmt(body, &mut |stmt| {
        leaves |= matches!(stmt, Stmt::Return(_) | Stmt::Raise(_));
        if let Stmt::Expr(expr) = stmt {
            leaves |= matches!(called(&expr.value), Some("exit" | "quit"));
            leaves |= matches!(method_call(&expr.value), Some((_, "exit")));
        }
    });
    leaves
}

/// Python's built-in functions and types that beginners use, and shadow.
pub const BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bin",
    "bool",
    "bytes",
    "chr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "filter",
    "float",
    "format",
    "frozenset",
    "hash",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "open",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "slice",
    "sorted",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];
