//! Statements that are missing, too many, in the wrong order, or too far to the left or right.

use ruff_python_ast::{Stmt, StmtFunctionDef};
use ruff_text_size::Ranged;

use super::{Maker, last_of};
use crate::syntax::{
    each_expr, each_own_stmt, each_sub_expr, has_break, method_call, name_of, names_bound_by, nested_bodies,
};

impl<'a> Maker<'a> {
    /// Changes of the order and place of the statements of a block, and what may be missing between them.
    /// `around` is the statement that the block belongs to.
    pub(crate) fn block(&mut self, body: &'a [Stmt], around: Option<&'a Stmt>) {
        for (at, stmt) in body.iter().enumerate() {
            if self.scope.qualified_names().count() == 1 {
                self.set_top(stmt);
            }
            self.at(stmt, stmt);
            let simple = nested_bodies(stmt).is_empty();
            let definition = matches!(
                stmt,
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::Import(_) | Stmt::ImportFrom(_)
            );
            if !definition
                && !stmt.is_pass_stmt()
                && !stmt.as_expr_stmt().is_some_and(|e| e.value.is_string_literal_expr())
            {
                self.put(stmt, "pass", "statement-too-much", if simple { 0.22 } else { 0.12 });
            }
            if let Some(next) = body.get(at + 1).filter(|_| !definition) {
                self.swapped(stmt, next);
                self.indented(stmt, next);
            }
            if !definition {
                for inner in nested_bodies(stmt) {
                    self.block(inner, Some(stmt));
                }
            }
            if let Stmt::For(_) | Stmt::While(_) = stmt {
                self.in_loop(stmt);
            }
        }
        if let (Some(around), Some(last)) = (around, last_of(body)) {
            self.dedented(around, body, last);
        }
        if self.scope.in_function() {
            self.missing(body, around);
        }
    }

    fn set_top(&mut self, stmt: &'a Stmt) {
        self.top = self.top_of(stmt.start().to_usize());
    }

    fn swapped(&mut self, stmt: &'a Stmt, next: &'a Stmt) {
        if matches!(next, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            return;
        }
        let (first, second) = (self.whole_lines(stmt, stmt), self.whole_lines(next, next));
        if first.1 > second.0 {
            return;
        }
        let source = self.program.source();
        let mut later = source[second.0..second.1].to_owned();
        if !later.ends_with('\n') {
            later.push('\n');
        }
        let text = format!("{later}{}{}", &source[first.1..second.0], &source[first.0..first.1]);
        self.at(stmt, next);
        self.put_lines(self.program.line(stmt), (first.0, second.1), text, "order-of-statements", 0.3);
    }

    /// The statement after a compound one belongs into it.
    fn indented(&mut self, stmt: &'a Stmt, next: &'a Stmt) {
        let Some(inner) = nested_bodies(stmt).into_iter().rfind(|body| !body.is_empty()).and_then(last_of)
        else {
            return;
        };
        let (from, to) = (self.indent_of(self.program.line(next)), self.indent_of(self.program.line(inner)));
        if to.len() <= from.len() || self.program.line(inner) == self.program.line(stmt) {
            return;
        }
        let (start, end) = self.whole_lines(next, next);
        self.at(next, next);
        self.put_lines(
            self.program.line(next),
            (start, end),
            self.moved(start, end, &from, &to),
            "indentation",
            0.5,
        );
        // Deeper still: into the last block of that block.
        if let Some(deeper) =
            nested_bodies(inner).into_iter().rfind(|body| !body.is_empty()).and_then(last_of)
        {
            let deep = self.indent_of(self.program.line(deeper));
            if deep.len() > to.len() {
                self.put_lines(
                    self.program.line(next),
                    (start, end),
                    self.moved(start, end, &from, &deep),
                    "indentation",
                    0.3,
                );
            }
        }
    }

    /// The last statement of a block belongs behind it.
    fn dedented(&mut self, around: &'a Stmt, body: &'a [Stmt], last: &'a Stmt) {
        let line = self.program.line(last);
        let (from, to) = (self.indent_of(line), self.indent_of(self.program.line(around)));
        if body.len() < 2 && !last.is_return_stmt()
            || from.len() <= to.len()
            || line == self.program.line(around)
        {
            return;
        }
        let (start, end) = self.whole_lines(last, last);
        self.at(last, last);
        let behind = around.end() <= last.end();
        let prior = if last.is_return_stmt() { 0.6 } else { 0.45 };
        if behind {
            let mut text = self.moved(start, end, &from, &to);
            if body.len() < 2 {
                text = format!("{from}pass\n{text}");
            }
            self.put_lines(line, (start, end), text, "indentation", prior);
        } else {
            // Other branches follow: it moves behind them.
            let (_, behind) = self.whole_lines(around, around);
            let moved = self.moved(start, end, &from, &to);
            let edits = vec![
                super::Edit {
                    start,
                    end,
                    text: if body.len() < 2 { format!("{from}pass\n") } else { String::new() },
                },
                super::Edit { start: behind, end: behind, text: moved },
            ];
            self.put_edits(line, edits, "indentation", 0.3);
        }
        // One more step to the left, for a return within an if within a loop.
        let step = from.len() - to.len();
        if last.is_return_stmt() && to.len() >= step && behind {
            let further = &to[..to.len() - step];
            let text = format!(
                "{}{}",
                if body.len() < 2 { format!("{from}pass\n") } else { String::new() },
                self.moved(start, end, &from, further)
            );
            self.put_lines(line, (start, end), text, "indentation", 0.3);
        }
    }

    fn in_loop(&mut self, stmt: &'a Stmt) {
        let body = match stmt {
            Stmt::For(each) => &each.body,
            Stmt::While(each) => &each.body,
            _ => return,
        };
        self.else_after_loop(stmt, body);
        let Some(last) = last_of(body) else { return };
        let line = self.program.line(last);
        if line == self.program.line(stmt) {
            return;
        }
        // A statement of the loop that belongs before it: a start value that is set again in every round.
        if let Some(first) = body.first().filter(|_| body.len() > 1) {
            let (start, end) = self.whole_lines(first, first);
            let before = self.program.line_start(self.program.line(stmt));
            let (from, to) =
                (self.indent_of(self.program.line(first)), self.indent_of(self.program.line(stmt)));
            let edits = vec![
                super::Edit { start: before, end: before, text: self.moved(start, end, &from, &to) },
                super::Edit { start, end, text: String::new() },
            ];
            self.at(first, first);
            let constant = first
                .as_assign_stmt()
                .is_some_and(|assign| !assign.value.is_call_expr() && !assign.value.is_subscript_expr());
            self.put_edits(
                self.program.line(first),
                edits,
                "belongs-before-loop",
                if constant { 0.4 } else { 0.08 },
            );
        }
        // What the condition of a while loop looks at has to change.
        if let Stmt::While(each) = stmt {
            let mut names: Vec<&str> = Vec::new();
            each_sub_expr(&each.test, &mut |expr| names.extend(name_of(expr)));
            names.extend(self.scope.own_variables());
            let mut asked = Vec::new();
            for name in names {
                if asked.contains(&name) || crate::syntax::BUILTINS.contains(&name) {
                    continue;
                }
                asked.push(name);
                let in_test = crate::syntax::mentions(&each.test, name);
                let mut changed = false;
                each_own_stmt(body, &mut |inner| changed |= names_bound_by(inner).contains(&name));
                let prior = match (in_test, changed) {
                    (true, false) => 0.7,
                    (true, true) => 0.12,
                    (false, false) => 0.1,
                    (false, true) => 0.05,
                };
                for step in ["+= 1", "-= 1", "//= 10", "//= 2"] {
                    let prior = if step.ends_with(" 1") { prior } else { prior * 0.3 };
                    self.insert_after(last, &format!("{name} {step}"), "step-missing", prior);
                    if let Some(branch) = body.iter().rfind(|inner| inner.is_if_stmt()) {
                        for inner in nested_bodies(branch) {
                            if let Some(end) = last_of(inner) {
                                self.insert_after(
                                    end,
                                    &format!("{name} {step}"),
                                    "step-missing",
                                    prior * 0.5,
                                );
                            }
                        }
                    }
                }
            }
        }
        if !has_break(body) {
            for branch in body.iter().filter(|inner| inner.is_if_stmt()) {
                for inner in nested_bodies(branch) {
                    if let Some(end) = last_of(inner).filter(|end| !crate::syntax::always_leaves(end)) {
                        self.insert_after(end, "break", "break-missing", 0.25);
                        self.insert_after(end, "continue", "break-missing", 0.12);
                    }
                }
            }
        }
        // One variable follows another.
        let variables = self.scope.own_variables();
        if variables.len() <= 8 {
            for to in &variables {
                for from in variables.iter().filter(|from| *from != to) {
                    self.insert_after(last, &format!("{to} = {from}"), "assignment-missing", 0.06);
                    if body.len() > 1 {
                        for inner in &body[..body.len() - 1] {
                            self.insert_after(inner, &format!("{to} = {from}"), "assignment-missing", 0.045);
                        }
                    }
                }
            }
        }
    }

    /// Statements that may be missing in a block of a function.
    fn missing(&mut self, body: &'a [Stmt], around: Option<&'a Stmt>) {
        let (Some(first), Some(last)) = (body.first(), last_of(body)) else { return };
        if around.is_some_and(|around| self.program.line(first) == self.program.line(around)) {
            return;
        }
        let variables = self.scope.variables();
        let collected = self.containers(body);
        for (container, methods) in &collected {
            for method in methods {
                for name in variables.iter().filter(|name| *name != container).take(8) {
                    let statement = format!("{container}.{method}({name})");
                    self.insert_before(first, &statement, "collect-missing", 0.1);
                    for stmt in body {
                        self.insert_after(stmt, &statement, "collect-missing", 0.1);
                    }
                }
            }
        }
        let function_end = around.is_none();
        if !crate::syntax::always_leaves(last) {
            for name in self.scope.own_variables().into_iter().take(10) {
                self.insert_after(
                    last,
                    &format!("return {name}"),
                    "return-missing",
                    if function_end { 0.5 } else { 0.08 },
                );
            }
            for constant in ["True", "False", "[]", "0", "None"] {
                let prior = if function_end { 0.3 } else { 0.06 };
                self.insert_after(last, &format!("return {constant}"), "return-missing", prior);
            }
            if function_end
                && let Stmt::Assign(assign) = last
                && let [target] = &assign.targets[..]
            {
                let text = format!("return {}", self.program.text(target));
                self.insert_after(last, &text, "return-missing", 0.6);
            }
        }
    }

    /// Variables that collect things, with the methods that do it.
    fn containers(&self, body: &'a [Stmt]) -> Vec<(&'a str, Vec<&'static str>)> {
        let mut found: Vec<(&str, Vec<&'static str>)> = Vec::new();
        let mut used: Vec<&str> = Vec::new();
        each_expr(body, &mut |expr| used.extend(method_call(expr).and_then(|(object, _)| name_of(object))));
        for name in self.scope.variables() {
            let types = self.types_of(name);
            let mut methods = Vec::new();
            if types.iter().any(|kind| kind == "list" || kind == "deque") {
                methods.push("append");
            }
            if types.iter().any(|kind| kind == "set") {
                methods.push("add");
            }
            if !methods.is_empty() && found.len() < 4 {
                found.push((name, methods));
            }
        }
        found
    }

    fn insert_after(&mut self, stmt: &'a Stmt, text: &str, operator: &'static str, prior: f64) {
        let (_, end) = self.whole_lines(stmt, stmt);
        let indent = self.indent_of(self.program.line(stmt));
        let newline = if self.program.source()[..end].ends_with('\n') { "" } else { "\n" };
        self.at(stmt, stmt);
        let line = self.program.line_of(stmt.end()) + 1;
        self.put_lines(line, (end, end), format!("{newline}{indent}{text}\n"), operator, prior);
    }

    fn insert_before(&mut self, stmt: &'a Stmt, text: &str, operator: &'static str, prior: f64) {
        let line = self.program.line(stmt);
        let at = self.program.line_start(line);
        self.at(stmt, stmt);
        self.put_lines(line, (at, at), format!("{}{text}\n", self.indent_of(line)), operator, prior);
    }

    /// What may be missing at the start of a function: an answer for the smallest inputs, or `global`.
    pub(crate) fn function_starts(&mut self, def: &'a StmtFunctionDef) {
        let docstring = |stmt: &&Stmt| stmt.as_expr_stmt().is_some_and(|e| e.value.is_string_literal_expr());
        let Some(first) = def.body.iter().find(|stmt| !docstring(stmt)) else { return };
        if self.program.line(first) == self.program.line(def) {
            return;
        }
        let mut recursive = false;
        each_expr(&def.body, &mut |expr| {
            recursive |= crate::syntax::called(expr) == Some(def.name.as_str());
        });
        let factor = if recursive { 3.0 } else { 1.0 };
        let indent = self.indent_of(self.program.line(first));
        for name in self.scope.parameters().into_iter().take(3) {
            let types = self.types_of(name);
            let is =
                |kinds: &[&str]| types.is_empty() || types.iter().any(|kind| kinds.contains(&kind.as_str()));
            let mut tests: Vec<(String, f64)> = Vec::new();
            if is(&["list", "str", "tuple", "dict", "set", "NoneType"]) {
                tests.push((format!("not {name}"), 0.1));
                tests.push((format!("len({name}) <= 1"), 0.05));
            }
            if is(&["int", "float"]) {
                for (test, prior) in [
                    ("<= 1", 0.08),
                    ("< 2", 0.08),
                    ("== 0", 0.08),
                    ("<= 0", 0.06),
                    ("== 1", 0.06),
                    ("< 0", 0.04),
                ] {
                    tests.push((format!("{name} {test}"), prior));
                }
            }
            for (test, prior) in tests {
                let own = [name.to_owned(), format!("[{name}]")];
                for value in ["False", "True", "0", "1", "[]", "''", "None", "[[]]", "-1"]
                    .into_iter()
                    .map(str::to_owned)
                    .chain(own)
                {
                    let text = format!("if {test}:\n{indent}    return {value}");
                    self.insert_before(first, &text, "base-case-missing", prior * factor);
                }
            }
        }
        let mut assigned: Vec<&str> = Vec::new();
        each_own_stmt(&def.body, &mut |stmt| {
            if let Stmt::AugAssign(assign) = stmt {
                assigned.extend(name_of(&assign.target));
            }
            if let Stmt::Assign(assign) = stmt {
                assigned.extend(assign.targets.iter().filter_map(name_of));
            }
        });
        let module: Vec<&str> = self.program.body().iter().flat_map(names_bound_by).collect();
        for name in assigned.into_iter().filter(|name| module.contains(name)) {
            self.insert_before(first, &format!("global {name}"), "global-missing", 0.6);
        }
    }
}
