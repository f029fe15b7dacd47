//! What Ruff has no rule for: cost that grows with the data, and shape.

use learnflow_events::limits;
use ruff_python_ast::{
    self as ast, Expr, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};

use crate::{Finding, cost};

/// Statements after which a function is called long.
const LONG_FUNCTION: usize = 40;
/// Loops inside each other that are worth a word.
const DEEP_LOOPS: usize = 3;

/// Places where the program costs or hides more than it needs to. None for a program that is not Python.
pub fn findings(code: &str) -> Vec<Finding> {
    let Ok(parsed) = parse_module(code) else { return Vec::new() };
    let mut walk = Walk { code, loops: 0, lists: Vec::new(), strings: Vec::new(), findings: Vec::new() };
    walk.visit_body(&parsed.syntax().body);
    for (at, rule, message) in cost::costs(&parsed.syntax().body) {
        walk.found(at, rule, message);
    }
    walk.findings
}

/// Topics of the curriculum that the program uses, in the order of the curriculum's names here.
pub fn topics(code: &str) -> Vec<String> {
    let Ok(parsed) = parse_module(code) else { return Vec::new() };
    let mut seen = Topics::default();
    seen.visit_body(&parsed.syntax().body);
    seen.found.into_iter().map(str::to_owned).collect()
}

struct Walk<'a> {
    code: &'a str,
    loops: usize,
    /// Names that hold lists, as far as assignments say so.
    lists: Vec<&'a str>,
    /// Names that hold strings.
    strings: Vec<&'a str>,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    fn line(&self, offset: TextSize) -> u32 {
        let before = &self.code.as_bytes()[..offset.to_usize().min(limits::CODE_BYTES).min(self.code.len())];
        u32::try_from(before.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX) + 1
    }

    fn found(&mut self, at: TextSize, rule: &str, message: String) {
        let line = self.line(at);
        self.findings.push(Finding {
            line,
            rule: rule.to_owned(),
            name: rule.to_owned(),
            message,
            fix: None,
        });
    }

    fn in_loop(&mut self, visit: impl FnOnce(&mut Self)) {
        self.loops += 1;
        visit(self);
        self.loops -= 1;
    }

    fn assigned(&mut self, name: &'a str, value: &Expr) {
        if matches!(value, Expr::List(_) | Expr::ListComp(_)) || calls(value, "list") {
            self.lists.push(name);
        } else if matches!(value, Expr::StringLiteral(_) | Expr::FString(_)) {
            self.strings.push(name);
        }
    }
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(assign) => {
                if let [Expr::Name(name)] = assign.targets.as_slice() {
                    self.assigned(name.id.as_str(), &assign.value);
                }
            }
            Stmt::AugAssign(augmented) if self.loops > 0 && augmented.op == ast::Operator::Add => {
                if let Expr::Name(name) = &*augmented.target
                    && self.strings.contains(&name.id.as_str())
                {
                    let message = format!(
                        "`{name} +=` in a loop copies the whole text each time; collect the pieces in a list and \
                         `\"\".join(…)` them once at the end.",
                        name = name.id
                    );
                    self.found(augmented.start(), "string-building", message);
                }
            }
            Stmt::FunctionDef(function) => {
                let statements = count(&function.body);
                if statements > LONG_FUNCTION {
                    let message = format!(
                        "`{}` has {statements} statements; two functions with a name each would be easier to read \
                         and to test.",
                        function.name
                    );
                    self.found(function.start(), "long-function", message);
                }
            }
            Stmt::For(for_loop) => {
                if self.loops + 1 == DEEP_LOOPS {
                    let message =
                        "Three loops inside each other: for n items the innermost line runs n·n·n times. \
                                   Is there a way to look something up instead?"
                            .to_owned();
                    self.found(for_loop.start(), "nested-loops", message);
                }
                if let Some(sequence) = indexed(&for_loop.iter)
                    && let Expr::Name(index) = &*for_loop.target
                {
                    let message = format!(
                        "`for {index} in range(len({sequence}))` walks over positions; `for item in {sequence}` (or \
                         `for {index}, item in enumerate({sequence})`) says what you mean.",
                        index = index.id
                    );
                    self.found(for_loop.start(), "index-loop", message);
                }
                self.visit_expr(&for_loop.iter);
                self.in_loop(|walk| walk.visit_body(&for_loop.body));
                self.visit_body(&for_loop.orelse);
                return;
            }
            Stmt::While(_) => {
                self.in_loop(|walk| walk_stmt(walk, statement));
                return;
            }
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Compare(compare) = expression
            && self.loops > 0
            && let [ast::CmpOp::In | ast::CmpOp::NotIn] = &*compare.ops
            && let [Expr::Name(name)] = &*compare.comparators
            && self.lists.contains(&name.id.as_str())
        {
            let message = format!(
                "`in {name}` inside a loop looks through the whole list every time; a set (`set({name})`) finds it \
                 at once.",
                name = name.id
            );
            self.found(compare.start(), "quadratic-membership", message);
        }
        walk_expr(self, expression);
    }
}

fn calls(expression: &Expr, function: &str) -> bool {
    matches!(expression, Expr::Call(call) if matches!(&*call.func, Expr::Name(name) if name.id == function))
}

/// `xs` of `range(len(xs))`.
pub(crate) fn indexed(iterable: &Expr) -> Option<&str> {
    let Expr::Call(range) = iterable else { return None };
    let [argument] = &*range.arguments.args else { return None };
    if !calls(iterable, "range") || !calls(argument, "len") {
        return None;
    }
    let Expr::Call(length) = argument else { return None };
    match &*length.arguments.args {
        [Expr::Name(name)] => Some(name.id.as_str()),
        _ => None,
    }
}

fn count(body: &[Stmt]) -> usize {
    struct Count(usize);
    impl Visitor<'_> for Count {
        fn visit_stmt(&mut self, statement: &Stmt) {
            self.0 += 1;
            walk_stmt(self, statement);
        }
    }
    let mut counter = Count(0);
    counter.visit_body(body);
    counter.0
}

#[derive(Default)]
struct Topics {
    found: Vec<&'static str>,
}

impl Topics {
    fn add(&mut self, topic: &'static str) {
        if !self.found.contains(&topic) {
            self.found.push(topic);
        }
    }
}

impl Visitor<'_> for Topics {
    fn visit_stmt(&mut self, statement: &Stmt) {
        match statement {
            Stmt::For(_) => self.add("for-loops"),
            Stmt::While(_) => self.add("while-loops"),
            Stmt::FunctionDef(_) => self.add("functions"),
            Stmt::ClassDef(_) => self.add("classes"),
            Stmt::Try(_) => self.add("exceptions"),
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            Expr::ListComp(_) => self.add("list-comprehensions"),
            Expr::Dict(_) => self.add("dictionaries"),
            Expr::List(_) => self.add("lists"),
            Expr::FString(_) => self.add("string-formatting"),
            _ => {}
        }
        walk_expr(self, expression);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(code: &str) -> Vec<(u32, String)> {
        findings(code).into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn cost_that_grows_is_found() {
        let code = "seen = []\ntext = ''\nfor word in words:\n    if word not in seen:\n        seen.append(word)\n    text += word\n";
        assert_eq!(rules(code), [(4, "quadratic-membership".to_owned()), (6, "string-building".to_owned())]);
    }

    #[test]
    fn good_programs_have_no_findings() {
        assert_eq!(rules("total = 0\nfor number in [1, 2]:\n    total += number\nprint(total)\n"), []);
        assert_eq!(rules("not python ("), []);
    }

    #[test]
    fn loops_over_positions_are_found() {
        assert_eq!(rules("for i in range(len(xs)):\n    print(xs[i])\n"), [(1, "index-loop".to_owned())]);
    }
}
