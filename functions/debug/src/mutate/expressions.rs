//! Changes of expressions: operators, comparisons, conditions, and the walk through all of them.

use ruff_python_ast::{
    BoolOp, CmpOp, Comprehension, Expr, ExprBinOp, ExprBoolOp, ExprCompare, Operator, UnaryOp,
};
use ruff_text_size::{Ranged, TextRange};

use super::{Maker, Role, is_load};
use crate::syntax::{int_of, name_of};

/// The source text of a comparison and what it is mistaken for, with priors.
fn comparisons(op: CmpOp) -> (&'static str, &'static [(&'static str, f64)]) {
    match op {
        CmpOp::Lt => ("<", &[("<=", 0.9), (">", 0.5), (">=", 0.35), ("==", 0.1), ("!=", 0.15)]),
        CmpOp::LtE => ("<=", &[("<", 0.9), (">=", 0.5), (">", 0.35), ("==", 0.15), ("!=", 0.1)]),
        CmpOp::Gt => (">", &[(">=", 0.9), ("<", 0.5), ("<=", 0.35), ("==", 0.1), ("!=", 0.15)]),
        CmpOp::GtE => (">=", &[(">", 0.9), ("<=", 0.5), ("<", 0.35), ("==", 0.15), ("!=", 0.1)]),
        CmpOp::Eq => (
            "==",
            &[("!=", 0.55), ("<=", 0.4), (">=", 0.4), ("<", 0.2), (">", 0.2), ("in", 0.15), ("is", 0.03)],
        ),
        CmpOp::NotEq => {
            ("!=", &[("==", 0.55), (">", 0.35), ("<", 0.3), (">=", 0.15), ("<=", 0.15), ("not in", 0.15)])
        }
        CmpOp::Is => ("is", &[("is not", 0.5), ("==", 0.5)]),
        CmpOp::IsNot => ("is not", &[("is", 0.5), ("!=", 0.5)]),
        CmpOp::In => ("in", &[("not in", 0.6), ("==", 0.15)]),
        CmpOp::NotIn => ("not in", &[("in", 0.6), ("!=", 0.15)]),
    }
}

/// What an arithmetic operator is mistaken for, with priors.
fn operators(op: Operator) -> &'static [(&'static str, f64)] {
    match op {
        Operator::Add => &[("-", 0.6), ("*", 0.4), ("//", 0.05), ("%", 0.05), ("|", 0.05)],
        Operator::Sub => &[("+", 0.6), ("*", 0.1), ("//", 0.1), ("%", 0.15), ("/", 0.05)],
        Operator::Mult => &[("+", 0.45), ("**", 0.4), ("/", 0.25), ("//", 0.2), ("-", 0.1), ("%", 0.05)],
        Operator::Div => &[("//", 0.75), ("*", 0.4), ("%", 0.3), ("-", 0.1), ("+", 0.05)],
        Operator::FloorDiv => &[("/", 0.65), ("%", 0.55), ("*", 0.25), ("-", 0.15), ("+", 0.05)],
        Operator::Mod => &[("//", 0.6), ("/", 0.3), ("*", 0.1), ("-", 0.15), ("+", 0.05)],
        Operator::Pow => &[("*", 0.55), ("^", 0.05), ("%", 0.05)],
        Operator::BitXor => &[("&", 0.5), ("|", 0.5), ("**", 0.6)],
        Operator::BitAnd => &[("|", 0.6), ("^", 0.5), ("and", 0.2), ("-", 0.2)],
        Operator::BitOr => &[("&", 0.6), ("^", 0.5), ("or", 0.2), ("-", 0.15)],
        Operator::LShift => &[(">>", 0.7)],
        Operator::RShift => &[("<<", 0.7)],
        Operator::MatMult => &[("*", 0.5)],
    }
}

/// Wrappers that change what a value is: name and prior by where it stands.
const WRAPPERS: &[&str] = &[
    "abs", "int", "str", "list", "sorted", "len", "set", "sum", "max", "min", "float", "round", "tuple",
    "reversed",
];

impl<'a> Maker<'a> {
    /// Changes of an expression and of everything in it.
    pub(crate) fn expr(&mut self, expr: &'a Expr, role: Role) {
        match expr {
            Expr::Name(name) if is_load(name.ctx) => self.name(expr, name.id.as_str(), role),
            Expr::Compare(compare) => self.compare(compare),
            Expr::BinOp(binary) => self.binary(binary, role),
            Expr::BoolOp(bool_op) => self.bool_op(bool_op, role),
            Expr::UnaryOp(unary) => {
                let operand = self.program.text(&*unary.operand).to_owned();
                let prior = if unary.op == UnaryOp::Not { 0.6 } else { 0.3 };
                if int_of(expr).is_none() {
                    self.put(expr, self.fit(operand, role), "unary-removed", prior);
                }
                let inner = if unary.op == UnaryOp::Not { Role::Test } else { Role::Operand };
                self.expr(&unary.operand, inner);
            }
            Expr::Call(call) => self.call(expr, call, role),
            Expr::Attribute(attribute) => self.attribute(expr, attribute, role),
            Expr::Subscript(subscript) => self.subscript(expr, subscript, role),
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_) => self.literal(expr, role),
            Expr::List(list) => {
                self.elements(&list.elts);
                self.display(expr, &list.elts);
            }
            Expr::Tuple(tuple) => self.elements(&tuple.elts),
            Expr::Set(set) => self.elements(&set.elts),
            Expr::Dict(dict) => {
                for item in &dict.items {
                    if let Some(key) = &item.key {
                        self.expr(key, Role::Element);
                    }
                    self.expr(&item.value, Role::Element);
                }
            }
            Expr::If(choice) => {
                let (body, orelse) = (self.program.text(&*choice.body), self.program.text(&*choice.orelse));
                let test = self.program.text(&*choice.test);
                self.put(
                    expr,
                    self.fit(format!("{orelse} if {test} else {body}"), role),
                    "branches-swapped",
                    0.4,
                );
                self.put(expr, self.fit(body.to_owned(), role), "branch-dropped", 0.1);
                self.put(expr, self.fit(orelse.to_owned(), role), "branch-dropped", 0.1);
                self.expr(&choice.test, Role::Test);
                self.expr(&choice.body, role);
                self.expr(&choice.orelse, role);
            }
            Expr::Lambda(lambda) => self.expr(&lambda.body, Role::Value),
            Expr::ListComp(made) => self.comprehension(&[&made.elt], &made.generators),
            Expr::SetComp(made) => self.comprehension(&[&made.elt], &made.generators),
            Expr::Generator(made) => self.comprehension(&[&made.elt], &made.generators),
            Expr::DictComp(made) => {
                let mut collected: Vec<&Expr> = made.key.as_deref().into_iter().collect();
                collected.push(&made.value);
                self.comprehension(&collected, &made.generators);
            }
            Expr::FString(text) => {
                for element in text.value.elements() {
                    if let Some(inserted) = element.as_interpolation() {
                        self.expr(&inserted.expression, Role::Value);
                    }
                }
            }
            Expr::Starred(starred) => self.expr(&starred.value, Role::Arg),
            Expr::Named(named) => self.expr(&named.value, Role::Value),
            Expr::Yield(yielded) => {
                if let Some(value) = yielded.value.as_deref() {
                    self.expr(value, Role::Return);
                }
            }
            Expr::YieldFrom(yielded) => self.expr(&yielded.value, Role::Iter),
            Expr::Await(awaited) => self.expr(&awaited.value, Role::Value),
            _ => {}
        }
        self.any(expr, role);
    }

    /// Changes that any expression may need.
    fn any(&mut self, expr: &'a Expr, role: Role) {
        let text = self.program.text(expr);
        let atom = self.atom(expr);
        let literal = int_of(expr).is_some();
        if self.may_be_number(expr) && !literal {
            let prior = match role {
                Role::RangeArg => 0.5,
                Role::Index | Role::Bound => 0.4,
                Role::Comparator => 0.3,
                Role::Arg => 0.22,
                Role::Value => 0.2,
                Role::Return => 0.25,
                Role::Element => 0.15,
                Role::Operand => 0.06,
                Role::Test | Role::Iter | Role::Receiver => 0.0,
            };
            if prior > 0.0 {
                let sum =
                    if expr.is_bin_op_expr() && role.is_open() { text.to_owned() } else { atom.clone() };
                self.put(expr, self.fit(format!("{sum} + 1"), role), "off-by-one", prior);
                self.put(expr, self.fit(format!("{sum} - 1"), role), "off-by-one", prior);
            }
            if matches!(role, Role::Comparator | Role::Operand) && matches!(expr, Expr::Name(_)) {
                self.put(expr, format!("{text} ** 2"), "power-missing", 0.05);
                self.put(expr, format!("(2 * {text})"), "factor-missing", 0.03);
                self.put(expr, format!("(-{text})"), "sign", 0.05);
            }
            if matches!(role, Role::Return | Role::Value | Role::Arg) {
                self.put(expr, format!("-{atom}"), "sign", 0.08);
            }
        }
        if role == Role::Test {
            let negated = if expr.is_compare_expr() || expr.is_bool_op_expr() {
                format!("({text})")
            } else {
                atom.clone()
            };
            self.put(
                expr,
                format!("not {negated}"),
                "negation",
                if expr.is_compare_expr() { 0.15 } else { 0.5 },
            );
            self.guards(expr, text);
        }
        if text.len() <= 60 && !text.contains('\n') {
            self.wrapped(expr, role, text);
        }
        let compound = !matches!(
            expr,
            Expr::Name(_)
                | Expr::NumberLiteral(_)
                | Expr::StringLiteral(_)
                | Expr::BooleanLiteral(_)
                | Expr::NoneLiteral(_)
                | Expr::Starred(_)
        );
        if compound && text.len() <= 80 && role != Role::Receiver {
            for name in self.scope.variables().into_iter().take(12) {
                self.put(expr, name, "name-instead", if role == Role::Test { 0.1 } else { 0.06 });
            }
        }
    }

    /// A condition that lacks a part.
    fn guards(&mut self, expr: &'a Expr, text: &str) {
        let whole =
            if expr.is_bool_op_expr() || expr.is_if_expr() { format!("({text})") } else { text.to_owned() };
        for name in self.scope.own_variables().into_iter().take(10) {
            for guard in [format!("not {name}"), name.to_owned(), format!("{name} is None")] {
                self.put(expr, format!("{guard} or {whole}"), "guard-missing", 0.07);
            }
            for guard in [format!("not {name}"), name.to_owned(), format!("{name} is not None")] {
                self.put(expr, format!("{guard} and {whole}"), "guard-missing", 0.07);
            }
            self.put(expr, format!("{whole} or not {name}"), "guard-missing", 0.05);
        }
    }

    /// A value that should have gone through a function first.
    fn wrapped(&mut self, expr: &'a Expr, role: Role, text: &str) {
        if !matches!(
            role,
            Role::Return
                | Role::Value
                | Role::Arg
                | Role::Iter
                | Role::Comparator
                | Role::Operand
                | Role::Element
        ) || matches!(
            expr,
            Expr::BooleanLiteral(_)
                | Expr::NoneLiteral(_)
                | Expr::StringLiteral(_)
                | Expr::Starred(_)
                | Expr::Generator(_)
        ) || int_of(expr).is_some()
        {
            return;
        }
        let types: Vec<String> = name_of(expr).map(|name| self.types_of(name).to_vec()).unwrap_or_default();
        let is = |kinds: &[&str]| types.is_empty() || types.iter().any(|kind| kinds.contains(&kind.as_str()));
        let number = self.may_be_number(expr);
        let known = !types.is_empty();
        for wrapper in WRAPPERS {
            let fits = match *wrapper {
                "abs" | "round" => number && is(&["int", "float"]),
                "int" | "float" => is(&["str", "float", "int"]),
                "str" => is(&["int", "float", "str"]),
                _ => {
                    is(&["list", "tuple", "set", "str", "dict", "range", "deque"])
                        && (!number || !matches!(expr, Expr::BinOp(_)))
                }
            };
            if !fits {
                continue;
            }
            let mut prior: f64 = match (role, *wrapper) {
                (Role::Return | Role::Value, "int" | "str" | "sorted" | "list") => 0.12,
                (Role::Operand, "str" | "int" | "len" | "abs") => 0.12,
                (Role::Comparator, "len" | "abs" | "int" | "str" | "sorted" | "set") => 0.15,
                (Role::Iter, "sorted" | "list" | "reversed" | "set") => 0.15,
                (Role::Arg, "len" | "sorted" | "set" | "list" | "str" | "int") => 0.1,
                (Role::Element, "str" | "int" | "list") => 0.08,
                _ => 0.04,
            };
            if known {
                prior *= 1.5;
            }
            self.put(expr, format!("{wrapper}({text})"), "wrapper-missing", prior);
        }
        if matches!(role, Role::Return | Role::Value | Role::Arg | Role::Element | Role::Operand)
            && !expr.is_list_expr()
        {
            self.put(expr, format!("[{text}]"), "list-missing", 0.07);
        }
        let copied = if known {
            is(&["list", "dict", "set"])
        } else {
            expr.is_subscript_expr() || expr.is_attribute_expr()
        };
        if matches!(expr, Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_))
            && copied
            && role != Role::Comparator
        {
            let prior = if matches!(role, Role::Value | Role::Arg | Role::Iter) { 0.35 } else { 0.15 };
            self.put(expr, format!("{text}.copy()"), "copy-missing", prior);
            self.put(expr, format!("{text}[:]"), "copy-missing", prior * 0.8);
        }
        if matches!(role, Role::Return | Role::Iter | Role::Value)
            && (!known || is(&["list", "str", "tuple"]))
            && !number
        {
            self.put(expr, format!("{}[::-1]", self.atom(expr)), "reversed", 0.07);
        }
    }

    fn compare(&mut self, compare: &'a ExprCompare) {
        let mut left: &Expr = &compare.left;
        for (op, right) in compare.ops.iter().zip(&compare.comparators) {
            let (text, others) = comparisons(*op);
            if let Some(range) = self.between(left, right, text) {
                for (other, prior) in others {
                    self.put_range(range, *other, "comparison", *prior);
                }
            }
            left = right;
        }
        self.expr(&compare.left, Role::Comparator);
        for comparator in &compare.comparators {
            self.expr(comparator, Role::Comparator);
        }
    }

    fn binary(&mut self, binary: &'a ExprBinOp, role: Role) {
        if let Some(range) = self.between(&*binary.left, &*binary.right, binary.op.as_str()) {
            for (other, prior) in operators(binary.op) {
                self.put_range(range, *other, "operator", *prior);
            }
        }
        let (left, right) = (self.atom(&binary.left), self.atom(&binary.right));
        if let (Operator::Mult, Expr::List(list)) = (binary.op, &*binary.left)
            && let [row] = &list.elts[..]
        {
            // `[[0] * 3] * 2` is one row twice.
            let row = self.program.text(row);
            self.put(
                binary,
                format!("[{row} for _ in range({})]", self.program.text(&*binary.right)),
                "same-list",
                0.5,
            );
        }
        if !matches!(binary.op, Operator::Mult | Operator::BitAnd | Operator::BitOr | Operator::BitXor) {
            let swapped = format!("{right} {} {left}", binary.op.as_str());
            let prior = if binary.op == Operator::Add { 0.25 } else { 0.4 };
            self.put(binary, self.fit(swapped, role), "operands-swapped", prior);
        }
        let one = |side: &Expr| matches!(int_of(side), Some(1));
        let alone =
            |side: &Expr, text: &str| if is_open_atom(side) { text.to_owned() } else { format!("({text})") };
        let keep_left = alone(&binary.left, self.program.text(&*binary.left));
        let keep_right = alone(&binary.right, self.program.text(&*binary.right));
        self.put(binary, keep_left, "operand-dropped", if one(&binary.right) { 0.5 } else { 0.25 });
        self.put(binary, keep_right, "operand-dropped", if one(&binary.left) { 0.5 } else { 0.2 });
        // `a + b * c` meant as `(a + b) * c`, and the other way round.
        if let Expr::BinOp(inner) = &*binary.right
            && self.program.slice(TextRange::new(binary.left.end(), inner.start())).trim()
                == binary.op.as_str()
        {
            let text = format!(
                "({} {} {}) {} {}",
                self.program.text(&*binary.left),
                binary.op.as_str(),
                self.atom(&inner.left),
                inner.op.as_str(),
                self.atom(&inner.right)
            );
            self.put(binary, self.fit(text, role), "precedence", 0.3);
        }
        if let Expr::BinOp(inner) = &*binary.left {
            let text = format!(
                "{} {} ({} {} {})",
                self.atom(&inner.left),
                inner.op.as_str(),
                self.program.text(&*inner.right),
                binary.op.as_str(),
                self.program.text(&*binary.right)
            );
            self.put(binary, self.fit(text, role), "precedence", 0.25);
        }
        self.expr(&binary.left, Role::Operand);
        self.expr(&binary.right, Role::Operand);
    }

    fn bool_op(&mut self, bool_op: &'a ExprBoolOp, role: Role) {
        let (text, other) = if bool_op.op == BoolOp::And { ("and", "or") } else { ("or", "and") };
        for pair in bool_op.values.windows(2) {
            if let Some(range) = self.between(&pair[0], &pair[1], text) {
                self.put_range(range, other, "and-or", 0.65);
            }
        }
        for dropped in 0..bool_op.values.len() {
            let kept: Vec<String> = (0..bool_op.values.len())
                .filter(|index| *index != dropped)
                .map(|index| self.atom_of_condition(&bool_op.values[index]))
                .collect();
            let kept = kept.join(&format!(" {text} "));
            self.put(bool_op, self.fit(kept, role), "condition-dropped", 0.25);
        }
        if let [first, second] = &bool_op.values[..] {
            let text = format!("{} {text} {}", self.atom_of_condition(second), self.atom_of_condition(first));
            self.put(bool_op, self.fit(text, role), "conditions-swapped", 0.25);
        }
        for value in &bool_op.values {
            self.expr(value, Role::Test);
        }
    }

    fn atom_of_condition(&self, expr: &Expr) -> String {
        let text = self.program.text(expr);
        if expr.is_bool_op_expr() || expr.is_if_expr() || expr.is_lambda_expr() {
            format!("({text})")
        } else {
            text.to_owned()
        }
    }

    fn elements(&mut self, elements: &'a [Expr]) {
        for pair in elements.windows(2) {
            let (first, second) = (&pair[0], &pair[1]);
            let gap = self.program.slice(TextRange::new(first.end(), second.start()));
            let text = format!("{}{gap}{}", self.program.text(second), self.program.text(first));
            self.put_range(TextRange::new(first.start(), second.end()), text, "elements-swapped", 0.25);
        }
        elements.iter().for_each(|element| self.expr(element, Role::Element));
    }

    fn comprehension(&mut self, collected: &[&'a Expr], generators: &'a [Comprehension]) {
        collected.iter().for_each(|expr| self.expr(expr, Role::Element));
        for generator in generators {
            self.expr(&generator.iter, Role::Iter);
            for test in &generator.ifs {
                let start =
                    self.program.slice(TextRange::new(generator.iter.end(), test.start())).rfind("if");
                if let Some(at) = start {
                    let from =
                        generator.iter.end() + ruff_text_size::TextSize::try_from(at).unwrap_or_default();
                    self.put_range(TextRange::new(from, test.end()), "", "condition-dropped", 0.1);
                }
                self.expr(test, Role::Test);
            }
        }
    }
}

/// Whether a text needs no parentheses when it takes the place of the operation it was in.
fn is_open_atom(expr: &Expr) -> bool {
    super::is_atom(expr) || matches!(expr, Expr::BinOp(_))
}
