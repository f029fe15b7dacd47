//! Changes of names: another variable, a misspelt one, an attribute that is missing or too much.

use ruff_python_ast::Expr;
use strsim::osa_distance;

use super::{Maker, Role};
use crate::syntax::BUILTINS;

impl<'a> Maker<'a> {
    pub(crate) fn name(&mut self, expr: &'a Expr, name: &str, role: Role) {
        let known = self.scope.knows(name) || BUILTINS.contains(&name);
        let function = self.scope.functions.contains(&name) || BUILTINS.contains(&name);
        if !known {
            let candidates: Vec<&str> = self.scope.variables();
            let functions = self.scope.functions.clone();
            for other in candidates.iter().chain(&functions).chain(BUILTINS) {
                let near = osa_distance(name, other);
                if near <= 2 && near < name.chars().count() {
                    self.put(expr, *other, "name-misspelt", 0.9);
                }
            }
        }
        if function && known {
            return;
        }
        let own = self.types_of(name).to_vec();
        for other in self.scope.variables().into_iter().filter(|other| *other != name).take(20) {
            let theirs = self.types_of(other);
            let mut prior: f64 = if known { 0.22 } else { 0.5 };
            if !own.is_empty() && !theirs.is_empty() {
                prior *= if own.iter().any(|kind| theirs.contains(kind)) { 1.3 } else { 0.2 };
            }
            let alike = osa_distance(name, other) <= 1 || name.starts_with(other) || other.starts_with(name);
            if alike && other.len() > 2 {
                prior *= 1.4;
            }
            if self.scope.parameters().contains(&name) && self.scope.parameters().contains(&other) {
                prior *= 1.2;
            }
            self.put(expr, other, "wrong-name", prior);
        }
        if self.scope.in_method() {
            for field in self.scope.fields.clone() {
                if field == name {
                    self.put(expr, format!("self.{field}"), "self-missing", 0.5);
                } else if !matches!(role, Role::Receiver) {
                    self.put(expr, format!("self.{field}"), "field-instead", 0.06);
                }
            }
        }
        for constant in ["0", "1"] {
            if self.may_be_number(expr) && !matches!(role, Role::Receiver) {
                self.put(expr, constant, "constant-instead", 0.06);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_are_one_mistake() {
        assert_eq!(osa_distance("lenght", "length"), 1);
        assert_eq!(osa_distance("count", "counts"), 1);
        assert_eq!(osa_distance("lo", "hi"), 2);
    }
}
