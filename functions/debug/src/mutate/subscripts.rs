//! Changes of subscripts and slices.

use ruff_python_ast::{Expr, ExprSubscript};
use ruff_text_size::{Ranged, TextRange};

use super::{Maker, Role};
use crate::syntax::int_of;

impl<'a> Maker<'a> {
    pub(crate) fn subscript(&mut self, expr: &'a Expr, subscript: &'a ExprSubscript, role: Role) {
        let object = self.program.text(&*subscript.value);
        match &*subscript.slice {
            Expr::Slice(slice) => {
                let part = |bound: &Option<Box<Expr>>| {
                    bound.as_deref().map(|bound| self.program.text(bound)).unwrap_or_default()
                };
                let (lower, upper, step) = (part(&slice.lower), part(&slice.upper), part(&slice.step));
                let with = |lower: &str, upper: &str, step: &str| {
                    let step = if step.is_empty() { String::new() } else { format!(":{step}") };
                    format!("{object}[{lower}:{upper}{step}]")
                };
                let mut forms = vec![
                    (with(upper, lower, step), 0.3),
                    (with("", upper, step), 0.2),
                    (with(lower, "", step), 0.2),
                ];
                if step.is_empty() {
                    forms.push((with(lower, upper, "-1"), 0.2));
                    if lower.is_empty() {
                        forms.push((with("1", upper, ""), 0.25));
                    }
                    if upper.is_empty() {
                        forms.push((with(lower, "-1", ""), 0.2));
                    }
                } else {
                    forms.push((with(lower, upper, ""), 0.15));
                    if step == "-1" {
                        forms.push((with(lower, upper, "1"), 0.1));
                    }
                }
                forms.push((object.to_owned(), 0.12));
                for (form, prior) in forms {
                    self.put(expr, form, "slice", prior);
                }
                for bound in
                    [&slice.lower, &slice.upper, &slice.step].into_iter().filter_map(|bound| bound.as_deref())
                {
                    self.expr(bound, Role::Bound);
                }
            }
            Expr::Tuple(tuple) => {
                for pair in tuple.elts.windows(2) {
                    let text = format!("{}, {}", self.program.text(&pair[1]), self.program.text(&pair[0]));
                    self.put_range(
                        TextRange::new(pair[0].start(), pair[1].end()),
                        text,
                        "indexes-swapped",
                        0.55,
                    );
                }
                tuple.elts.iter().for_each(|element| self.expr(element, Role::Index));
            }
            index => {
                if let Some(number) = int_of(index) {
                    self.put(index, "0", "index", 0.5);
                    self.put(index, "-1", "index", 0.5);
                    self.put(index, "1", "index", 0.4);
                    if number >= 0 {
                        self.put(index, (-number).to_string(), "index", 0.2);
                    }
                }
                let text = self.program.text(index);
                if role != Role::Receiver {
                    self.put(expr, format!("{object}[{text}:]"), "slice", 0.08);
                    self.put(expr, object, "index-too-much", 0.12);
                    self.put(expr, text, "index-instead-of-item", 0.25);
                }
                self.expr(index, Role::Index);
                // `grid[j][i]` where `grid[i][j]` was meant.
                if let Expr::Subscript(outer) = &*subscript.value
                    && !outer.slice.is_slice_expr()
                {
                    let text = format!(
                        "{}[{text}][{}]",
                        self.program.text(&*outer.value),
                        self.program.text(&*outer.slice)
                    );
                    self.put(expr, text, "indexes-swapped", 0.4);
                }
            }
        }
        self.expr(&subscript.value, Role::Receiver);
    }

    /// A sequence where a part of it was meant.
    pub(crate) fn part_of(&mut self, expr: &'a Expr, prior: f64) {
        if !matches!(expr, Expr::Name(_) | Expr::Attribute(_))
            || (expr.is_name_expr() && self.may_be_number(expr) && self.types_are_known(expr))
        {
            return;
        }
        let text = self.program.text(expr);
        for slice in ["1:", ":-1", "::-1"] {
            self.put(expr, format!("{text}[{slice}]"), "slice-missing", prior);
        }
        for name in self.scope.parameters().into_iter().filter(|name| *name != text).take(4) {
            self.put(expr, format!("{text}[{name}:]"), "slice-missing", prior * 0.4);
            self.put(expr, format!("{text}[:{name}]"), "slice-missing", prior * 0.4);
        }
    }

    fn types_are_known(&self, expr: &Expr) -> bool {
        crate::syntax::name_of(expr).is_some_and(|name| !self.types_of(name).is_empty())
    }
}
