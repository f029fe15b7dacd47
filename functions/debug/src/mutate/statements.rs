//! Changes within one statement, and the walk through all of them.

use ruff_python_ast::{Expr, Operator, Stmt, StmtAssign, StmtAugAssign, StmtReturn};
use ruff_text_size::{Ranged, TextRange};

use super::{Edit, Maker, Role};
use crate::syntax::name_of;

impl<'a> Maker<'a> {
    /// Changes of a statement and of what is nested in it.
    pub(crate) fn stmt(&mut self, stmt: &'a Stmt) {
        self.at(stmt, stmt);
        match stmt {
            Stmt::Expr(expr) => {
                self.expr(&expr.value, Role::Value);
                if self.scope.in_function() && !expr.value.is_string_literal_expr() {
                    let text = self.program.text(&*expr.value);
                    self.put(stmt, format!("return {text}"), "return-missing", 0.5);
                    if let Expr::Call(call) = &*expr.value {
                        if crate::syntax::called(&expr.value) == Some("print")
                            && call.arguments.args.len() == 1
                        {
                            let shown = self.program.text(&call.arguments.args[0]);
                            self.put(stmt, format!("return {shown}"), "return-missing", 0.6);
                        }
                        // `text.replace(…)` gives a new text that nobody keeps.
                        if let Expr::Attribute(attribute) = &*call.func
                            && let Some(object) = name_of(&attribute.value)
                        {
                            self.put(stmt, format!("{object} = {text}"), "result-unused", 0.4);
                        }
                        for name in self.scope.own_variables().into_iter().take(8) {
                            self.put(stmt, format!("{name} = {text}"), "result-unused", 0.08);
                        }
                    }
                }
            }
            Stmt::Assign(assign) => self.assign(stmt, assign),
            Stmt::AugAssign(assign) => self.aug_assign(stmt, assign),
            Stmt::AnnAssign(assign) => {
                if let Some(value) = assign.value.as_deref() {
                    self.expr(value, Role::Value);
                }
            }
            Stmt::Return(returned) => self.returned(stmt, returned),
            Stmt::Break(_) => {
                self.put(stmt, "continue", "break-continue", 0.6);
                self.put(stmt, "return", "break-continue", 0.1);
            }
            Stmt::Continue(_) => {
                self.put(stmt, "break", "break-continue", 0.6);
            }
            Stmt::Assert(asserted) => self.expr(&asserted.test, Role::Test),
            Stmt::Raise(raised) => {
                if let Some(error) = raised.exc.as_deref() {
                    self.expr(error, Role::Value);
                }
            }
            Stmt::Delete(deleted) => deleted.targets.iter().for_each(|target| self.target(target)),
            Stmt::For(each) => self.for_loop(each),
            Stmt::While(each) => self.while_loop(each),
            Stmt::If(branch) => self.branch(branch),
            Stmt::With(with) => {
                with.items.iter().for_each(|item| self.expr(&item.context_expr, Role::Value));
                with.body.iter().for_each(|inner| self.stmt(inner));
            }
            Stmt::Try(tried) => {
                tried.body.iter().for_each(|inner| self.stmt(inner));
                for ruff_python_ast::ExceptHandler::ExceptHandler(handler) in &tried.handlers {
                    handler.body.iter().for_each(|inner| self.stmt(inner));
                }
                tried.orelse.iter().chain(&tried.finalbody).for_each(|inner| self.stmt(inner));
            }
            Stmt::Match(matched) => {
                self.expr(&matched.subject, Role::Value);
                matched.cases.iter().flat_map(|case| &case.body).for_each(|inner| self.stmt(inner));
            }
            Stmt::FunctionDef(def) => self.function(def),
            Stmt::ClassDef(class) => self.class(class),
            _ => {}
        }
    }

    fn assign(&mut self, stmt: &'a Stmt, assign: &'a StmtAssign) {
        let value = self.program.text(&*assign.value);
        if let [target] = &assign.targets[..] {
            let text = self.program.text(target);
            if target.is_name_expr() || target.is_subscript_expr() || target.is_attribute_expr() {
                self.put(stmt, format!("{text} += {value}"), "assignment", 0.4);
                self.put(stmt, format!("{text} -= {value}"), "assignment", 0.1);
                for function in ["max", "min"] {
                    self.put(stmt, format!("{text} = {function}({text}, {value})"), "keep-best", 0.15);
                    if self.may_be_number(&assign.value) && !assign.value.is_number_literal_expr() {
                        self.put(&*assign.value, format!("{function}(0, {value})"), "keep-best", 0.06);
                    }
                }
            }
            if name_of(target) == Some(value) {
                return;
            }
            self.target(target);
            // `a = b` where `b = a` was meant.
            if matches!(&*assign.value, Expr::Name(_) | Expr::Subscript(_) | Expr::Attribute(_))
                && !target.is_tuple_expr()
            {
                self.put(stmt, format!("{value} = {text}"), "assignment-turned", 0.25);
            }
            // A part of the right side is where the result belongs.
            let mut parts = Vec::new();
            crate::syntax::each_sub_expr(&assign.value, &mut |expr| {
                if matches!(expr, Expr::Subscript(_) | Expr::Attribute(_))
                    && !expr.as_attribute_expr().is_some_and(|a| a.value.is_call_expr())
                {
                    parts.push(self.program.text(expr).to_owned());
                }
            });
            for part in parts.into_iter().filter(|part| part != text).take(6) {
                self.put(target, part, "wrong-target", 0.12);
            }
        }
        self.expr(&assign.value, Role::Value);
    }

    /// What is assigned to.
    pub(crate) fn target(&mut self, target: &'a Expr) {
        match target {
            Expr::Name(name) => {
                let name = name.id.as_str();
                for other in self.scope.own_variables().into_iter().filter(|other| *other != name).take(12) {
                    self.put(target, other, "wrong-target", 0.12);
                }
                if self.scope.in_method() && self.scope.attributes.contains(&name) {
                    self.put(target, format!("self.{name}"), "self-missing", 0.6);
                }
            }
            Expr::Subscript(subscript) => {
                self.expr(&subscript.value, Role::Receiver);
                match &*subscript.slice {
                    Expr::Slice(_) => self.expr(target, Role::Receiver),
                    Expr::Tuple(tuple) => {
                        for pair in tuple.elts.windows(2) {
                            let text =
                                format!("{}, {}", self.program.text(&pair[1]), self.program.text(&pair[0]));
                            let range = TextRange::new(pair[0].start(), pair[1].end());
                            self.put_range(range, text, "indexes-swapped", 0.5);
                        }
                        tuple.elts.iter().for_each(|element| self.expr(element, Role::Index));
                    }
                    index => self.expr(index, Role::Index),
                }
                if let (Expr::Subscript(outer), index) =
                    (&*subscript.value, self.program.text(&*subscript.slice))
                {
                    let (object, first) =
                        (self.program.text(&*outer.value), self.program.text(&*outer.slice));
                    self.put(target, format!("{object}[{index}][{first}]"), "indexes-swapped", 0.4);
                }
            }
            Expr::Attribute(attribute) => {
                for other in
                    self.scope.fields.clone().into_iter().filter(|other| *other != attribute.attr.as_str())
                {
                    self.put_range(attribute.attr.range, other, "attribute", 0.2);
                }
            }
            Expr::Tuple(tuple) => {
                for pair in tuple.elts.windows(2) {
                    let text = format!("{}, {}", self.program.text(&pair[1]), self.program.text(&pair[0]));
                    self.put_range(
                        TextRange::new(pair[0].start(), pair[1].end()),
                        text,
                        "elements-swapped",
                        0.35,
                    );
                }
                tuple.elts.iter().for_each(|element| self.target(element));
            }
            _ => {}
        }
    }

    fn aug_assign(&mut self, stmt: &'a Stmt, assign: &'a StmtAugAssign) {
        let (target, value) = (self.program.text(&*assign.target), self.program.text(&*assign.value));
        let others: &[(&str, f64)] = match assign.op {
            Operator::Add => &[("-=", 0.6), ("=", 0.4), ("*=", 0.35)],
            Operator::Sub => &[("+=", 0.6), ("=", 0.25), ("//=", 0.1)],
            Operator::Mult => &[("+=", 0.4), ("**=", 0.1), ("/=", 0.2), ("=", 0.2), ("//=", 0.1)],
            Operator::Div => &[("//=", 0.7), ("*=", 0.3), ("-=", 0.1), ("%=", 0.1)],
            Operator::FloorDiv => &[("/=", 0.3), ("%=", 0.4), ("*=", 0.15), ("-=", 0.15)],
            Operator::Mod => &[("//=", 0.5), ("/=", 0.1)],
            Operator::BitXor => &[("&=", 0.6), ("|=", 0.5)],
            Operator::BitAnd => &[("^=", 0.5), ("|=", 0.6)],
            Operator::BitOr => &[("&=", 0.6), ("^=", 0.5)],
            _ => &[("=", 0.2)],
        };
        for (op, prior) in others {
            self.put(stmt, format!("{target} {op} {value}"), "assignment", *prior);
        }
        if assign.op == Operator::Add {
            self.put(stmt, format!("{target} = {value} + {target}"), "operands-swapped", 0.3);
        }
        self.target(&assign.target);
        self.expr(&assign.value, Role::Value);
    }

    fn returned(&mut self, stmt: &'a Stmt, returned: &'a StmtReturn) {
        let Some(value) = returned.value.as_deref() else {
            for name in self.scope.own_variables().into_iter().take(12) {
                self.put(stmt, format!("return {name}"), "return-missing", 0.4);
            }
            for constant in ["True", "False", "0", "[]"] {
                self.put(stmt, format!("return {constant}"), "return-missing", 0.15);
            }
            return;
        };
        let text = self.program.text(value);
        self.put(stmt, format!("yield {text}"), "return-yield", 0.08);
        self.put(stmt, "pass", "statement-too-much", 0.15);
        self.expr(value, Role::Return);
        for name in self.scope.own_variables().into_iter().take(10) {
            let types = self.types_of(name);
            let fits = types.is_empty()
                || types.iter().any(|kind| matches!(kind.as_str(), "int" | "float" | "list" | "str"));
            if fits && !value.is_boolean_literal_expr() && !value.is_none_literal_expr() {
                self.put(value, format!("{name} + {}", self.atom(value)), "term-missing", 0.06);
                self.put(value, format!("{} + {name}", self.atom(value)), "term-missing", 0.06);
                self.put(value, format!("{} - {name}", self.atom(value)), "term-missing", 0.03);
                self.put(value, format!("{} * {name}", self.atom(value)), "term-missing", 0.03);
                self.put(value, format!("{} / {name}", self.atom(value)), "term-missing", 0.03);
                self.put(value, format!("{} / len({name})", self.atom(value)), "term-missing", 0.06);
            }
        }
        if value.is_name_expr() || value.is_compare_expr() || value.is_call_expr() {
            self.put(
                value,
                format!(
                    "not {}",
                    if value.is_compare_expr() { format!("({text})") } else { text.to_owned() }
                ),
                "negation",
                0.15,
            );
        }
        if value.is_compare_expr() || value.is_bool_op_expr() {
            self.expr(value, Role::Test);
        }
        if value.is_list_comp_expr() || value.is_name_expr() {
            self.part_of(value, 0.06);
        }
    }

    /// The leading spaces of a line.
    pub(crate) fn indent_of(&self, line: u32) -> String {
        let text = self.program.line_text(line);
        text[..text.len() - text.trim_start().len()].to_owned()
    }

    /// Whole lines of a node: from the start of its first to the end of its last, newline included.
    pub(crate) fn whole_lines(&self, first: &impl Ranged, last: &impl Ranged) -> (usize, usize) {
        let start = self.program.line_start(self.program.line(first));
        let end = self.program.line_start(self.program.line_of(last.end()) + 1);
        (start, end)
    }

    /// The text of whole lines with another indentation.
    pub(crate) fn moved(&self, start: usize, end: usize, from: &str, to: &str) -> String {
        let mut text: String = self.program.source()[start..end]
            .split_inclusive('\n')
            .map(|line| match line.strip_prefix(from) {
                Some(rest) => format!("{to}{rest}"),
                None => line.to_owned(),
            })
            .collect();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// Replaces whole lines.
    pub(crate) fn put_lines(
        &mut self,
        line: u32,
        lines: (usize, usize),
        text: String,
        operator: &'static str,
        prior: f64,
    ) {
        self.put_edits(line, vec![Edit { start: lines.0, end: lines.1, text }], operator, prior);
    }
}
