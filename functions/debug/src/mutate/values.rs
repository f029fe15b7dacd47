//! Changes of literals.

use ruff_python_ast::{Expr, Number};

use super::{Maker, Role};
use crate::syntax::int_of;

impl<'a> Maker<'a> {
    pub(crate) fn literal(&mut self, expr: &'a Expr, role: Role) {
        let text = self.program.text(expr);
        match expr {
            Expr::NumberLiteral(literal) => {
                if let Some(number) = int_of(expr) {
                    let prior = if matches!(
                        role,
                        Role::RangeArg | Role::Index | Role::Bound | Role::Comparator | Role::Value
                    ) {
                        0.6
                    } else {
                        0.4
                    };
                    let mut others = vec![
                        (number + 1, prior),
                        (number - 1, prior),
                        (0, 0.4),
                        (1, 0.4),
                        (-number, 0.15),
                        (2, 0.15),
                        (number * 10, 0.1),
                        (number / 10, 0.1),
                        (10, 0.05),
                    ];
                    others.retain(|(other, _)| *other != number);
                    for (other, prior) in others {
                        let shown = if other < 0 && !role.is_open() {
                            format!("({other})")
                        } else {
                            other.to_string()
                        };
                        self.put(expr, shown, "constant", prior);
                    }
                    if matches!(role, Role::Return | Role::Value | Role::Comparator | Role::Element) {
                        if number == 0 && role == Role::Value {
                            self.put(expr, "float('-inf')", "start-value", 0.12);
                            self.put(expr, "float('inf')", "start-value", 0.12);
                            for name in self.scope.parameters() {
                                self.put(expr, format!("{name}[0]"), "start-value", 0.3);
                            }
                        }
                        for name in self.scope.variables().into_iter().take(10) {
                            self.put(
                                expr,
                                name,
                                "name-instead-of-constant",
                                if role == Role::Return { 0.2 } else { 0.1 },
                            );
                        }
                        if role == Role::Return {
                            for other in ["None", "False", "True", "[]"] {
                                self.put(expr, other, "constant", 0.1);
                            }
                        }
                        if role == Role::Value {
                            for other in ["[]", "''", "{}", "None"] {
                                self.put(expr, other, "start-value", 0.1);
                            }
                        }
                    }
                } else if let Number::Float(float) = literal.value {
                    for other in [-float, float / 10.0, float * 10.0, float / 100.0, 1.0 - float, 1.0 + float]
                    {
                        self.put(expr, format!("{other:?}"), "constant", 0.15);
                    }
                }
            }
            Expr::StringLiteral(literal) => {
                let value = literal.value.to_str();
                let near = match value {
                    "" => vec!["' '", "'0'", "None", "[]"],
                    " " => vec!["''", "', '", "','"],
                    ", " | "," => vec!["' '", "','", "', '"],
                    _ => Vec::new(),
                };
                for other in near {
                    self.put(expr, other, "text", 0.3);
                }
                for other in self.scope.texts.clone().into_iter().filter(|other| other != text).take(12) {
                    self.put(expr, other, "text", 0.12);
                }
                if value.len() <= 24 && !value.is_empty() && value.is_ascii() && !value.contains(['\\', '\n'])
                {
                    for other in [
                        value.to_lowercase(),
                        value.to_uppercase(),
                        value.trim().to_owned(),
                        format!("{value} "),
                        format!(" {value}"),
                    ] {
                        self.put(expr, format!("{other:?}"), "text", 0.1);
                    }
                }
            }
            Expr::BooleanLiteral(literal) => {
                self.put(expr, if literal.value { "False" } else { "True" }, "constant", 0.6);
                if role == Role::Return {
                    for name in self.scope.own_variables().into_iter().take(10) {
                        for form in [
                            format!("{name} == 0"),
                            name.to_owned(),
                            format!("not {name}"),
                            format!("len({name}) == 0"),
                        ] {
                            self.put(expr, form, "condition-instead-of-constant", 0.09);
                        }
                    }
                    self.put(expr, "None", "constant", 0.1);
                } else if role == Role::Test {
                    for name in self.scope.own_variables() {
                        self.put(expr, name, "condition-instead-of-constant", 0.3);
                        if self.types_of(name).iter().any(|kind| kind == "int") {
                            self.put(expr, format!("{name} > 0"), "condition-instead-of-constant", 0.12);
                        }
                    }
                }
            }
            Expr::NoneLiteral(_) => {
                let others: &[&str] = if matches!(role, Role::Return | Role::Value) {
                    &["0", "[]", "''", "False", "-1", "{}", "True"]
                } else {
                    &["0"]
                };
                for other in others {
                    self.put(expr, *other, "constant", 0.15);
                }
                if role == Role::Return {
                    for name in self.scope.own_variables().into_iter().take(10) {
                        self.put(expr, name, "name-instead-of-constant", 0.2);
                    }
                }
            }
            _ => {}
        }
    }

    /// Changes of a list display: what is missing in it, or around it.
    pub(crate) fn display(&mut self, expr: &'a Expr, elements: &'a [Expr]) {
        if elements.is_empty() {
            self.put(expr, "[[]]", "list", 0.25);
            self.put(expr, "{}", "list", 0.15);
            self.put(expr, "set()", "list", 0.15);
            self.put(expr, "0", "list", 0.05);
            self.put(expr, "''", "list", 0.08);
            for name in self.scope.parameters() {
                self.put(expr, format!("[{name}]"), "list", 0.2);
                self.put(expr, name, "list", 0.15);
            }
            self.put(expr, "None", "list", 0.05);
        } else if elements.len() == 1 {
            self.put(expr, self.program.text(&elements[0]), "list-too-much", 0.1);
            self.put(expr, "[]", "list", 0.1);
        }
    }
}
