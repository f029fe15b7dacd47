//! Work that is done again and again although once would do.

use ruff_python_ast::{
    self as ast, Expr, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_text_size::{Ranged, TextSize};

/// A place, the name of the check, and what it means.
pub type Cost = (TextSize, &'static str, String);

/// What a program does more often than it needs to.
pub fn costs(body: &[Stmt]) -> Vec<Cost> {
    let mut walk = Walk { changed: Vec::new(), function: None, found: Vec::new() };
    walk.visit_body(body);
    walk.found
}

struct Walk<'a> {
    /// For each loop around, innermost last, the names that change inside of it.
    changed: Vec<Vec<&'a str>>,
    /// The function around, unless it remembers its results.
    function: Option<&'a str>,
    found: Vec<Cost>,
}

impl<'a> Walk<'a> {
    fn in_loop(&mut self, target: Option<&'a Expr>, body: &'a [Stmt]) {
        let mut changes = Changes(Vec::new());
        if let Some(target) = target {
            changes.visit_expr(target);
        }
        changes.visit_body(body);
        self.changed.push(changes.0);
        self.visit_body(body);
        self.changed.pop();
    }

    /// Whether a name stays what it is in the innermost loop.
    fn is_constant(&self, name: &str) -> bool {
        self.changed.last().is_some_and(|changed| !changed.contains(&name))
    }

    fn call(&mut self, call: &'a ast::ExprCall) {
        match &*call.func {
            Expr::Attribute(method) => {
                let Expr::Name(list) = &*method.value else { return };
                let first_is_zero = matches!(call.arguments.args.first(), Some(Expr::NumberLiteral(number))
                    if matches!(&number.value, ast::Number::Int(zero) if *zero == 0_u8));
                match method.attr.as_str() {
                    "pop" | "insert" if first_is_zero => self.found.push((
                        call.start(),
                        "front-of-list",
                        format!(
                            "`{list}.{method}(0…)` in a loop moves all other items each time; `collections.deque` does it \
                             in one step (`popleft`, `appendleft`).",
                            list = list.id,
                            method = method.attr
                        ),
                    )),
                    "count" if self.is_constant(&list.id) => self.found.push((
                        call.start(),
                        "repeated-count",
                        format!(
                            "`{list}.count(…)` in a loop walks through all of `{list}` each time; count once, in a \
                             dictionary or with `collections.Counter({list})`.",
                            list = list.id
                        ),
                    )),
                    "sort" if self.is_sorted_only(&list.id) => self.found.push((
                        call.start(),
                        "repeated-work",
                        format!("`{}.sort()` is done in every round, and once before the loop is enough.", list.id),
                    )),
                    _ => {}
                }
            }
            Expr::Name(function) => {
                let [Expr::Name(argument)] = &*call.arguments.args else { return };
                let walks = ["sorted", "sum", "max", "min", "set"].contains(&function.id.as_str());
                if walks && self.is_constant(&argument.id) {
                    self.found.push((
                        call.start(),
                        "repeated-work",
                        format!(
                            "`{function}({argument})` is worked out in every round, and `{argument}` does not change in the \
                             loop; do it once before the loop and give the result a name.",
                            function = function.id,
                            argument = argument.id
                        ),
                    ));
                }
            }
            _ => {}
        }
    }

    /// `sort` itself is the only change to the list in the loop.
    fn is_sorted_only(&self, name: &str) -> bool {
        self.changed.last().is_some_and(|changed| changed.iter().filter(|other| **other == name).count() == 1)
    }
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::For(for_loop) => {
                // What is walked over is worked out once.
                self.visit_expr(&for_loop.iter);
                self.in_loop(Some(&for_loop.target), &for_loop.body);
                self.visit_body(&for_loop.orelse);
            }
            Stmt::While(while_loop) => {
                self.in_loop(None, &while_loop.body);
                self.visit_body(&while_loop.orelse);
            }
            Stmt::FunctionDef(function) => {
                let remembers =
                    function.decorator_list.iter().any(|decorator| mentions(&decorator.expression, "cache"));
                let outer =
                    std::mem::replace(&mut self.function, (!remembers).then_some(function.name.as_str()));
                let loops = std::mem::take(&mut self.changed);
                walk_stmt(self, statement);
                self.changed = loops;
                self.function = outer;
            }
            Stmt::Assign(assign) if !self.changed.is_empty() => {
                if let ([Expr::Name(name)], Expr::BinOp(sum)) = (assign.targets.as_slice(), &*assign.value)
                    && sum.op == ast::Operator::Add
                    && matches!(&*sum.left, Expr::Name(left) if left.id == name.id)
                    && matches!(&*sum.right, Expr::List(_))
                {
                    self.found.push((
                        assign.start(),
                        "list-copying",
                        format!(
                            "`{name} = {name} + […]` makes a new list of all items in every round; `{name}.append(…)` adds to \
                             the one there is.",
                            name = name.id
                        ),
                    ));
                }
                walk_stmt(self, statement);
            }
            Stmt::Return(returned) => {
                if let (Some(function), Some(value)) = (self.function, returned.value.as_deref())
                    && let Expr::BinOp(sum) = value
                    && mentions_call(&sum.left, function)
                    && mentions_call(&sum.right, function)
                {
                    self.found.push((
                        returned.start(),
                        "recomputed-recursion",
                        format!(
                            "`{function}` calls itself twice, so the same values are worked out again and again: the work \
                             grows like 2ⁿ. `functools.cache` above the `def`, or a loop, works each out once."
                        ),
                    ));
                }
                walk_stmt(self, statement);
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression
            && !self.changed.is_empty()
        {
            self.call(call);
        }
        walk_expr(self, expression);
    }
}

/// Names that get a value, or whose object may be changed by a method.
struct Changes<'a>(Vec<&'a str>);

impl<'a> Visitor<'a> for Changes<'a> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) if !name.ctx.is_load() => self.0.push(name.id.as_str()),
            Expr::Subscript(subscript) if !subscript.ctx.is_load() => {
                if let Expr::Name(name) = &*subscript.value {
                    self.0.push(name.id.as_str());
                }
            }
            Expr::Call(call) => {
                if let Expr::Attribute(method) = &*call.func
                    && let Expr::Name(name) = &*method.value
                    && !["count", "index", "get", "keys", "values", "items", "copy"]
                        .contains(&method.attr.as_str())
                {
                    self.0.push(name.id.as_str());
                }
                // A function that is given the list may change it; Python's own that are looked for here do not.
                let harmless = matches!(&*call.func, Expr::Name(name)
                    if ["sorted", "sum", "max", "min", "set", "len", "print", "range", "str", "enumerate", "abs"].contains(&name.id.as_str()));
                if !harmless {
                    for argument in &call.arguments.args {
                        if let Expr::Name(name) = argument {
                            self.0.push(name.id.as_str());
                        }
                    }
                }
            }
            _ => {}
        }
        walk_expr(self, expression);
    }
}

fn mentions(expression: &Expr, part: &str) -> bool {
    match expression {
        Expr::Name(name) => name.id.contains(part),
        Expr::Attribute(attribute) => attribute.attr.contains(part),
        Expr::Call(call) => mentions(&call.func, part),
        _ => false,
    }
}

fn mentions_call(expression: &Expr, function: &str) -> bool {
    struct Calls<'a>(&'a str, bool);
    impl Visitor<'_> for Calls<'_> {
        fn visit_expr(&mut self, expression: &Expr) {
            if let Expr::Call(call) = expression {
                self.1 |= matches!(&*call.func, Expr::Name(name) if name.id.as_str() == self.0);
            }
            walk_expr(self, expression);
        }
    }
    let mut calls = Calls(function, false);
    calls.visit_expr(expression);
    calls.1
}

#[cfg(test)]
mod tests {
    use ruff_python_parser::parse_module;

    use super::costs;

    fn found(code: &str) -> Vec<&'static str> {
        let parsed = parse_module(code).expect("it is Python");
        costs(&parsed.syntax().body).into_iter().map(|(_, rule, _)| rule).collect()
    }

    #[test]
    fn work_that_is_repeated() {
        assert_eq!(found("for w in words:\n    print(w, words.count(w))\n"), ["repeated-count"]);
        assert_eq!(found("while queue:\n    job = queue.pop(0)\n"), ["front-of-list"]);
        assert_eq!(found("for x in xs:\n    print(x / max(xs))\n"), ["repeated-work"]);
        assert_eq!(found("for x in xs:\n    out = out + [x]\n"), ["list-copying"]);
        assert_eq!(
            found("def fib(n):\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)\n"),
            ["recomputed-recursion"]
        );
    }

    #[test]
    fn work_that_is_needed() {
        for code in [
            "for x in xs:\n    xs.append(max(xs))\n",
            "for row in rows:\n    print(sum(row))\n",
            "job = queue.pop(0)\n",
            "stack.pop()\nfor x in xs:\n    stack.pop()\n",
            "for x in sorted(xs):\n    print(x)\n",
            "while len(xs) > 1:\n    shrink(xs)\n    print(max(xs))\n",
            "import functools\n@functools.cache\ndef fib(n):\n    return fib(n - 1) + fib(n - 2)\n",
            "def fact(n):\n    return n * fact(n - 1)\n",
        ] {
            assert_eq!(found(code), Vec::<&str>::new(), "{code}");
        }
    }
}
