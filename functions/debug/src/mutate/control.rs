//! Changes of loops and branches.

use ruff_python_ast::{Expr, Stmt, StmtFor, StmtIf, StmtWhile};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{Maker, Role, last_of};
use crate::syntax::name_of;

impl<'a> Maker<'a> {
    pub(crate) fn for_loop(&mut self, each: &'a StmtFor) {
        self.at(each, &*each.iter);
        self.target(&each.target);
        self.iterated(&each.iter, &each.target);
        self.expr(&each.iter, Role::Iter);
        each.body.iter().chain(&each.orelse).for_each(|inner| self.stmt(inner));
    }

    /// What a loop goes through.
    fn iterated(&mut self, iter: &'a Expr, target: &'a Expr) {
        let text = self.program.text(iter);
        self.part_of(iter, 0.2);
        if let Expr::Name(_) | Expr::Attribute(_) = iter {
            self.put(iter, format!("range(len({text}))"), "iterated", 0.3);
            self.put(iter, format!("range({text})"), "iterated", 0.3);
            self.put(
                iter,
                format!("{text}.items()"),
                "iterated",
                if target.is_tuple_expr() { 0.6 } else { 0.05 },
            );
            self.put(iter, format!("{text}.values()"), "iterated", 0.2);
            self.put(
                iter,
                format!("enumerate({text})"),
                "iterated",
                if target.is_tuple_expr() { 0.5 } else { 0.03 },
            );
            self.put(iter, format!("list({text})"), "copy-missing", 0.2);
        }
        if let Expr::Call(call) = iter
            && name_of(&call.func) == Some("range")
            && let [Expr::Call(length)] = &call.arguments.args[..]
            && name_of(&length.func) == Some("len")
            && let [items] = &length.arguments.args[..]
        {
            self.put(iter, self.program.text(items), "iterated", 0.2);
        }
    }

    pub(crate) fn while_loop(&mut self, each: &'a StmtWhile) {
        self.at(each, &*each.test);
        self.expr(&each.test, Role::Test);
        self.put_range(TextRange::at(each.start(), TextSize::new(5)), "if", "if-while", 0.1);
        each.body.iter().chain(&each.orelse).for_each(|inner| self.stmt(inner));
    }

    pub(crate) fn branch(&mut self, branch: &'a StmtIf) {
        self.at(branch, &*branch.test);
        self.expr(&branch.test, Role::Test);
        if branch.elif_else_clauses.is_empty() {
            self.put_range(TextRange::at(branch.start(), TextSize::new(2)), "while", "if-while", 0.3);
            self.put(&*branch.test, "True", "condition-too-much", 0.1);
        }
        branch.body.iter().for_each(|inner| self.stmt(inner));
        for clause in &branch.elif_else_clauses {
            let head_end = clause.test.as_ref().map_or(clause.start(), Ranged::end);
            self.at(&TextRange::empty(clause.start()), &TextRange::empty(head_end));
            if let Some(test) = &clause.test {
                self.expr(test, Role::Test);
                self.put_range(TextRange::at(clause.start(), TextSize::new(4)), "if", "elif-if", 0.4);
            }
            clause.body.iter().for_each(|inner| self.stmt(inner));
        }
        self.bodies_swapped(branch);
    }

    /// The two ways of an `if` with an `else`, exchanged.
    fn bodies_swapped(&mut self, branch: &'a StmtIf) {
        let [clause] = &branch.elif_else_clauses[..] else { return };
        let (Some(first), Some(last), Some(other_first), Some(other_last)) =
            (branch.body.first(), branch.body.last(), clause.body.first(), clause.body.last())
        else {
            return;
        };
        if clause.test.is_some() || self.program.line(first) == self.program.line(branch) {
            return;
        }
        self.at(branch, &*branch.test);
        let body = TextRange::new(first.start(), last.end());
        let orelse = TextRange::new(other_first.start(), other_last.end());
        let edit = |range: TextRange, text: &str| super::Edit {
            start: range.start().to_usize(),
            end: range.end().to_usize(),
            text: text.to_owned(),
        };
        let edits = vec![edit(body, self.program.slice(orelse)), edit(orelse, self.program.slice(body))];
        self.put_edits(self.program.line(branch), edits, "branches-swapped", 0.3);
    }

    /// An `else` at the end of a loop's body that belongs after the loop: the first item decides too early.
    pub(crate) fn else_after_loop(&mut self, looping: &'a Stmt, body: &'a [Stmt]) {
        let Some(Stmt::If(branch)) = last_of(body) else { return };
        let Some(clause) = branch.elif_else_clauses.last().filter(|clause| clause.test.is_none()) else {
            return;
        };
        let (Some(first), Some(last)) = (clause.body.first(), clause.body.last()) else { return };
        if self.program.line(first) == self.program.line_of(clause.start()) {
            return;
        }
        let line = self.program.line(first);
        let (from, to) = (self.indent_of(line), self.indent_of(self.program.line(looping)));
        let (start, end) = self.whole_lines(first, last);
        let else_start = self.program.line_start(self.program.line_of(clause.start()));
        self.at(&TextRange::empty(clause.start()), last);
        self.put_lines(line, (else_start, end), self.moved(start, end, &from, &to), "else-after-loop", 0.7);
    }
}
