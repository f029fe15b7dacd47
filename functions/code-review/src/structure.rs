//! What Ruff has no rule for: cost that grows with the data, and shape.

use learnflow_events::limits;
use ruff_python_ast::{
    self as ast, Expr, Stmt,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextSize};
use std::collections::{BTreeMap, BTreeSet};

use crate::{Finding, cost};

/// Statements after which a function is called long.
const LONG_FUNCTION: usize = 40;
/// Loops inside each other that are worth a word, whatever they walk over.
const DEEP_LOOPS: usize = 3;

/// Places where the program costs or hides more than it needs to. None for a program that is not Python.
pub fn findings(code: &str) -> Vec<Finding> {
    let Ok(parsed) = parse_module(code) else { return Vec::new() };
    let mut walk = Walk {
        code,
        loops: 0,
        around: Vec::new(),
        lists: Vec::new(),
        strings: Vec::new(),
        given_lists: given_lists(&parsed.syntax().body),
        findings: Vec::new(),
    };
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
    /// The `for` loops around, innermost last.
    around: Vec<Around<'a>>,
    /// Names that hold lists, as far as assignments and calls say so.
    lists: Vec<&'a str>,
    /// Names that hold strings.
    strings: Vec<&'a str>,
    /// Functions and those of their parameters that are given lists somewhere.
    given_lists: BTreeSet<(&'a str, &'a str)>,
    findings: Vec<Finding>,
}

/// A loop around: what it walks over, and the name of the item.
struct Around<'a> {
    data: Option<&'a str>,
    item: Option<&'a str>,
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
        // What it was before does not count any more.
        self.lists.retain(|known| *known != name);
        if is_list(value) {
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
                let known = (self.lists.len(), self.strings.len());
                let parameters = function.parameters.iter_non_variadic_params().map(|given| &given.parameter);
                for parameter in parameters {
                    let name = parameter.name.as_str();
                    let says_so = parameter.annotation.as_deref().is_some_and(is_list_type);
                    if says_so || self.given_lists.contains(&(function.name.as_str(), name)) {
                        self.lists.push(name);
                    }
                }
                let statements = count(&function.body);
                if statements > LONG_FUNCTION {
                    let message = format!(
                        "`{}` has {statements} statements; two functions with a name each would be easier to read \
                         and to test.",
                        function.name
                    );
                    self.found(function.start(), "long-function", message);
                }
                // The loops around a definition do not run its body.
                let (loops, around) = (std::mem::take(&mut self.loops), std::mem::take(&mut self.around));
                walk_stmt(self, statement);
                (self.loops, self.around) = (loops, around);
                self.lists.truncate(known.0);
                self.strings.truncate(known.1);
                return;
            }
            Stmt::For(for_loop) => {
                if self.loops + 1 == DEEP_LOOPS {
                    let message =
                        "Three loops inside each other: for n items the innermost line runs n·n·n times. \
                                   Is there a way to look something up instead?"
                            .to_owned();
                    self.found(for_loop.start(), "nested-loops", message);
                } else if let Some(message) = self.pairs(for_loop) {
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
                self.around.push(Around { data: data(&for_loop.iter), item: name(&for_loop.target) });
                self.in_loop(|walk| walk.visit_body(&for_loop.body));
                self.around.pop();
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
        match expression {
            // A comprehension is a loop too.
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                self.in_loop(|walk| walk_expr(walk, expression));
            }
            _ => walk_expr(self, expression),
        }
    }
}

impl<'a> Walk<'a> {
    /// What a loop costs that walks through the data of a loop around it again, or that looks for the item of one.
    fn pairs(&self, inner: &'a ast::StmtFor) -> Option<String> {
        let walked = data(&inner.iter)?;
        if self.around.iter().any(|outer| outer.data == Some(walked)) {
            return Some(format!(
                "For each item of `{walked}` this loop walks through `{walked}` again: n·n rounds for n items, so ten times \
                 as many take a hundred times as long. Can a set or a dictionary remember what it looks for?"
            ));
        }
        let item = name(&inner.target)?;
        let outer = self.around.last().filter(|outer| {
            outer
                .item
                .is_some_and(|other| inner.body.iter().any(|statement| matches_items(statement, item, other)))
        })?;
        Some(format!(
            "For each item of `{}` this loop searches all of `{walked}`: n·m rounds. A dictionary or a set of `{walked}`, made \
             once before, finds it at once.",
            outer.data?
        ))
    }
}

/// `if a == b:` about the items of two loops.
fn matches_items(statement: &Stmt, one: &str, other: &str) -> bool {
    let Stmt::If(condition) = statement else { return false };
    let Expr::Compare(compare) = &*condition.test else { return false };
    let ([ast::CmpOp::Eq], [right]) = (&*compare.ops, &*compare.comparators) else { return false };
    let sides = [root(&compare.left), root(right)];
    sides == [Some(one), Some(other)] || sides == [Some(other), Some(one)]
}

/// The name that an expression begins with: `a` of `a`, `a.name`, `a["name"]`.
fn root(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => root(&attribute.value),
        Expr::Subscript(subscript) => root(&subscript.value),
        _ => None,
    }
}

fn name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        _ => None,
    }
}

/// The data that a loop walks over: `xs` of `xs`, `xs[i:]`, `enumerate(xs)`, `range(i, len(xs))`, `xs.items()`.
fn data(iterable: &Expr) -> Option<&str> {
    match iterable {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Subscript(subscript) if subscript.slice.is_slice_expr() => data(&subscript.value),
        Expr::Call(call) => match &*call.func {
            Expr::Name(function) => match function.id.as_str() {
                "enumerate" | "reversed" | "sorted" | "list" => data(call.arguments.args.first()?),
                "range" => call.arguments.args.iter().find_map(length_of),
                _ => None,
            },
            Expr::Attribute(method) if ["items", "keys", "values"].contains(&method.attr.as_str()) => {
                data(&method.value)
            }
            _ => None,
        },
        _ => None,
    }
}

/// `xs` of `len(xs)`, also with a number beside it.
fn length_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Call(call) if calls(expression, "len") => name(call.arguments.args.first()?),
        Expr::BinOp(sum) => length_of(&sum.left),
        _ => None,
    }
}

fn is_list(value: &Expr) -> bool {
    matches!(value, Expr::List(_) | Expr::ListComp(_)) || calls(value, "list") || calls(value, "sorted")
}

/// `list`, `list[int]`, `List[int]`.
fn is_list_type(annotation: &Expr) -> bool {
    root(annotation).is_some_and(|name| name == "list" || name == "List")
}

/// Functions and those of their parameters that some call gives a list.
fn given_lists(body: &[Stmt]) -> BTreeSet<(&str, &str)> {
    #[derive(Default)]
    struct Calls<'a> {
        parameters: BTreeMap<&'a str, Vec<&'a str>>,
        lists: BTreeSet<&'a str>,
        /// Function, position, and whether the value is a list or the name of what may be one.
        given: Vec<(&'a str, usize, Option<&'a str>)>,
    }
    impl<'a> Visitor<'a> for Calls<'a> {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            match statement {
                Stmt::FunctionDef(function) => {
                    let names = function.parameters.iter_non_variadic_params();
                    let names = names.map(|given| given.parameter.name.as_str()).collect();
                    self.parameters.insert(function.name.as_str(), names);
                }
                Stmt::Assign(assign) if is_list(&assign.value) => {
                    self.lists.extend(assign.targets.iter().filter_map(name));
                }
                _ => {}
            }
            walk_stmt(self, statement);
        }

        fn visit_expr(&mut self, expression: &'a Expr) {
            if let Expr::Call(call) = expression
                && let Some(function) = name(&call.func)
            {
                for (at, argument) in call.arguments.args.iter().enumerate() {
                    if is_list(argument) || argument.is_name_expr() {
                        self.given.push((function, at, name(argument)));
                    }
                }
            }
            walk_expr(self, expression);
        }
    }
    let mut calls = Calls::default();
    calls.visit_body(body);
    let Calls { parameters, lists, given } = calls;
    given
        .into_iter()
        .filter(|(_, _, named)| named.is_none_or(|name| lists.contains(name)))
        .filter_map(|(function, at, _)| Some((function, *parameters.get(function)?.get(at)?)))
        .collect()
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
    fn a_list_that_a_function_is_given_is_known_as_one() {
        let quadratic = |line| vec![(line, "quadratic-membership".to_owned())];
        let both = "def both(a, b):\n    found = []\n    for x in a:\n        if x in b:\n            found.append(x)\n    return found\n";
        assert_eq!(rules(&format!("{both}print(both([1], [2, 3]))\n")), quadratic(4));
        assert_eq!(rules(&format!("{both}others = [2, 3]\nprint(both([1], others))\n")), quadratic(4));
        assert_eq!(rules(&both.replace("(a, b)", "(a, b: list[int])")), quadratic(4));
        assert_eq!(rules("def both(a, b: list):\n    return [x for x in a if x in b]\n"), quadratic(2));
        // Nobody knows what it is given, or it is given something that finds at once.
        assert_eq!(rules(both), []);
        assert_eq!(rules(&format!("{both}print(both([1], {{2, 3}}))\n")), []);
        let again = "xs = [1]\nxs = set(xs)\nfor y in range(3):\n    print(y in xs)\n";
        assert_eq!(rules(again), []);
        assert_eq!(
            rules(
                "def f():\n    xs = [1]\n    return xs\ndef g(xs):\n    for y in 'ab':\n        print(y in xs)\n"
            ),
            []
        );
    }

    #[test]
    fn loops_inside_each_other_over_the_same_data_have_a_cost() {
        for code in [
            "for a in xs:\n    for b in xs:\n        print(a, b)\n",
            "for i, a in enumerate(xs):\n    for b in xs[i + 1:]:\n        print(a, b)\n",
            "for a in xs:\n    for j in range(1, len(xs) - 1):\n        print(a, j)\n",
        ] {
            let nested: Vec<_> =
                findings(code).into_iter().filter(|finding| finding.rule == "nested-loops").collect();
            assert_eq!(nested.len(), 1, "{code}");
            assert_eq!(nested[0].line, 2);
            assert!(nested[0].message.contains("n·n"), "{}", nested[0].message);
        }
        let joined = "for a in people:\n    for b in orders:\n        if b['who'] == a['name']:\n            print(a, b)\n";
        let nested = &findings(joined)[0];
        assert!(nested.message.contains("n·m") && nested.message.contains("`orders`"), "{}", nested.message);
        for code in [
            "for row in grid:\n    for cell in row:\n        print(cell)\n",
            "for y in range(3):\n    for x in range(3):\n        print(x, y)\n",
            "for a in xs:\n    for b in ys:\n        print(a, b)\n",
            "for a in xs:\n    print(a)\nfor b in xs:\n    print(b)\n",
        ] {
            assert!(rules(code).iter().all(|(_, rule)| rule != "nested-loops"), "{code}");
        }
    }

    /// A name that no check gives orders nothing.
    #[test]
    fn the_order_of_impact_names_checks_that_there_are() {
        let statements: String = (0..=LONG_FUNCTION).map(|at| format!("    x{at} = {at}\n")).collect();
        let long = format!("def long():\n{statements}");
        let all = [
            "seen = []\ntext = ''\nfor word in words:\n    print(word in seen, words.count(word), max(words))\n    text += word\n",
            "for a in xs:\n    for b in xs:\n        out = out + [b]\n        queue.pop(0)\nfor i in range(len(xs)):\n    print(i)\n",
            "def fib(n):\n    return fib(n - 1) + fib(n - 2)\n",
            long.as_str(),
        ];
        let given: Vec<String> = all.iter().flat_map(|code| rules(code)).map(|(_, rule)| rule).collect();
        let own = crate::impact::ORDER.iter().map(|(prefix, _)| *prefix);
        for prefix in
            own.filter(|prefix| prefix.starts_with(char::is_lowercase) && *prefix != "invalid-syntax")
        {
            assert!(given.iter().any(|rule| rule.starts_with(prefix)), "{prefix} of {given:?}");
        }
        for rule in given {
            assert!(
                crate::impact::ORDER.iter().any(|(prefix, _)| rule.starts_with(prefix)),
                "{rule} has no rank"
            );
        }
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
