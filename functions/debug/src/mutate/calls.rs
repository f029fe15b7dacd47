//! Changes of calls and attributes.

use ruff_python_ast::{Expr, ExprAttribute, ExprCall};
use ruff_text_size::{Ranged, TextRange};
use strsim::osa_distance;

use super::{Maker, Role};
use crate::syntax::{int_of, name_of};

/// Functions and methods that are mistaken for each other; every two in a group, with a prior.
const PAIRS: &[(&[&str], f64)] = &[
    (&["min", "max"], 0.8),
    (&["any", "all"], 0.8),
    (&["sum", "len", "max"], 0.3),
    (&["append", "extend"], 0.7),
    (&["append", "add"], 0.3),
    (&["append", "appendleft"], 0.5),
    (&["append", "insert", "remove", "pop"], 0.1),
    (&["pop", "popleft"], 0.6),
    (&["keys", "values", "items"], 0.6),
    (&["upper", "lower", "title", "capitalize", "swapcase"], 0.5),
    (&["strip", "lstrip", "rstrip"], 0.4),
    (&["startswith", "endswith"], 0.6),
    (&["find", "index", "rfind", "count"], 0.35),
    (&["isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "isnumeric"], 0.35),
    (&["add", "discard", "remove", "update"], 0.3),
    (&["union", "intersection", "difference", "symmetric_difference"], 0.5),
    (&["issubset", "issuperset", "isdisjoint"], 0.5),
    (&["ceil", "floor"], 0.6),
    (&["split", "splitlines"], 0.2),
    (&["sorted", "list", "reversed", "set"], 0.2),
    (&["int", "float", "round", "str"], 0.3),
    (&["chr", "ord"], 0.4),
    (&["zip", "enumerate"], 0.1),
    (&["update", "setdefault"], 0.1),
    (&["ljust", "rjust", "center"], 0.4),
    (&["sqrt", "pow"], 0.1),
    (&["heappush", "heappop"], 0.2),
];

/// Methods of built-in types, to find what a misspelt one was meant to be.
const METHODS: &[&str] = &[
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "clear",
    "index",
    "count",
    "sort",
    "reverse",
    "copy",
    "keys",
    "values",
    "items",
    "get",
    "update",
    "setdefault",
    "add",
    "discard",
    "union",
    "intersection",
    "difference",
    "upper",
    "lower",
    "title",
    "capitalize",
    "strip",
    "lstrip",
    "rstrip",
    "split",
    "join",
    "replace",
    "find",
    "startswith",
    "endswith",
    "isdigit",
    "isalpha",
    "isalnum",
    "isspace",
    "isupper",
    "islower",
    "format",
    "popleft",
    "appendleft",
    "splitlines",
    "zfill",
    "swapcase",
    "center",
    "ljust",
    "rjust",
];

impl<'a> Maker<'a> {
    pub(crate) fn call(&mut self, expr: &'a Expr, call: &'a ExprCall, role: Role) {
        let arguments = &call.arguments;
        let args = &arguments.args;
        let name = name_of(&call.func);
        self.other_function(&call.func);
        for pair in args.windows(2) {
            let gap = self.program.slice(TextRange::new(pair[0].end(), pair[1].start()));
            let text = format!("{}{gap}{}", self.program.text(&pair[1]), self.program.text(&pair[0]));
            let builtin =
                matches!(name, Some("range" | "isinstance" | "max" | "min" | "print" | "zip" | "pow"));
            let range = TextRange::new(pair[0].start(), pair[1].end());
            self.put_range(range, text, "arguments-swapped", if builtin { 0.1 } else { 0.5 });
        }
        if let [only] = &args[..]
            && arguments.keywords.is_empty()
        {
            // `f(x)` where `x` was meant.
            let text = if super::is_atom(only) || role.is_open() {
                self.program.text(only).to_owned()
            } else {
                self.atom(only)
            };
            let prior = if matches!(name, Some("range" | "print" | "input")) { 0.05 } else { 0.3 };
            self.put(expr, text, "wrapper-removed", prior);
        }
        if args.len() >= 2 {
            for arg in args {
                self.put(expr, self.fit(self.program.text(arg).to_owned(), role), "wrapper-removed", 0.08);
            }
            for (dropped, arg) in args.iter().enumerate() {
                let _ = arg;
                let kept: Vec<&str> = args
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| *at != dropped)
                    .map(|(_, arg)| self.program.text(arg))
                    .collect();
                let text = format!("{}({})", self.program.text(&*call.func), kept.join(", "));
                if arguments.keywords.is_empty() {
                    self.put(expr, text, "argument-dropped", 0.12);
                }
            }
        }
        if name == Some("range") {
            self.range(expr, call);
        }
        if name == Some("sorted") && arguments.keywords.is_empty() && !args.is_empty() {
            let inside = self.program.slice(TextRange::new(args[0].start(), args[args.len() - 1].end()));
            self.put(expr, format!("sorted({inside}, reverse=True)"), "order", 0.3);
        }
        if let Expr::Attribute(attribute) = &*call.func {
            self.method(expr, attribute, call);
        }
        for keyword in &arguments.keywords {
            // Without the keyword argument, and with another value.
            if let Some(previous) = args.last().filter(|_| arguments.keywords.len() == 1) {
                self.put_range(TextRange::new(previous.end(), keyword.end()), "", "argument-dropped", 0.15);
            }
            self.expr(&keyword.value, Role::Arg);
        }
        let inner = if name == Some("range") { Role::RangeArg } else { Role::Arg };
        let inner_of = |at: usize| {
            if matches!(name, Some("enumerate" | "zip" | "sum" | "any" | "all")) && at == 0 {
                Role::Iter
            } else {
                inner
            }
        };
        for (at, arg) in args.iter().enumerate() {
            self.expr(arg, inner_of(at));
        }
        if let Expr::Attribute(attribute) = &*call.func {
            self.expr(&attribute.value, Role::Receiver);
        }
    }

    /// Another function or method of the same group, or of the program.
    fn other_function(&mut self, func: &'a Expr) {
        let (range, name) = match func {
            Expr::Name(name) => (name.range, name.id.as_str()),
            Expr::Attribute(attribute) => (attribute.attr.range, attribute.attr.as_str()),
            _ => return,
        };
        for (group, prior) in PAIRS.iter().filter(|(group, _)| group.contains(&name)) {
            for other in group.iter().filter(|other| **other != name) {
                self.put_range(range, *other, "function", *prior);
            }
        }
        if func.is_name_expr() {
            if self.scope.functions.contains(&name) {
                for other in self.scope.functions.clone().into_iter().filter(|other| *other != name) {
                    self.put_range(range, other, "function", 0.12);
                }
            } else {
                self.name_of_function(func, name);
            }
        } else if !METHODS.contains(&name) && !self.scope.attributes.is_empty() {
            let meant =
                METHODS.iter().filter(|method| osa_distance(name, method) <= 2).copied().collect::<Vec<_>>();
            for method in meant {
                self.put_range(range, method, "name-misspelt", 0.9);
            }
            for other in self.scope.functions.clone().into_iter().filter(|other| *other != name) {
                let near = osa_distance(name, other) <= 2;
                self.put_range(
                    range,
                    other,
                    if near { "name-misspelt" } else { "function" },
                    if near { 0.9 } else { 0.1 },
                );
            }
        }
    }

    fn name_of_function(&mut self, func: &'a Expr, name: &str) {
        if !self.scope.knows(name) && !crate::syntax::BUILTINS.contains(&name) {
            let functions = self.scope.functions.clone();
            for other in
                functions.iter().chain(crate::syntax::BUILTINS).filter(|other| osa_distance(name, other) <= 2)
            {
                self.put(func, *other, "name-misspelt", 0.9);
            }
        }
    }

    fn range(&mut self, expr: &'a Expr, call: &ExprCall) {
        match &call.arguments.args[..] {
            [stop] => {
                let stop_text = self.program.text(stop);
                self.put(expr, format!("range(1, {stop_text})"), "range-start", 0.5);
                self.put(expr, format!("range(1, {} + 1)", self.atom(stop)), "range-start", 0.45);
                self.put(expr, format!("range(2, {stop_text})"), "range-start", 0.2);
                self.put(expr, format!("range({} - 1, -1, -1)", self.atom(stop)), "range-direction", 0.2);
                if !stop.is_call_expr() {
                    self.put(expr, format!("range(len({stop_text}))"), "wrapper-missing", 0.3);
                }
            }
            [start, stop] => {
                let (start_text, stop_text) = (self.program.text(start), self.program.text(stop));
                self.put(expr, format!("range({stop_text})"), "range-start", 0.2);
                self.put(expr, format!("range({start_text}, {stop_text}, -1)"), "range-direction", 0.35);
                self.put(expr, format!("range({start_text}, {stop_text}, 2)"), "range-step", 0.15);
                if int_of(start) != Some(0) {
                    self.put(start, "0", "range-start", 0.3);
                }
            }
            [start, stop, step] => {
                let range = TextRange::new(stop.end(), step.end());
                self.put_range(range, "", "range-step", 0.2);
                if int_of(stop) == Some(0) {
                    self.put(stop, "-1", "range-end", 0.6);
                }
                let _ = start;
            }
            _ => {}
        }
    }

    fn method(&mut self, expr: &'a Expr, attribute: &'a ExprAttribute, call: &'a ExprCall) {
        let object = self.program.text(&*attribute.value);
        let args = &call.arguments.args;
        match (attribute.attr.as_str(), &args[..]) {
            ("pop", []) => self.put(expr, format!("{object}.pop(0)"), "method-argument", 0.6),
            ("pop", [at]) if int_of(at).is_some() => {
                self.put(expr, format!("{object}.pop()"), "method-argument", 0.5)
            }
            ("append", [item]) => {
                let item = self.program.text(item);
                self.put(expr, format!("{object}.insert(0, {item})"), "method", 0.3);
                self.put(expr, format!("{object} += {item}"), "method", 0.05);
            }
            ("insert", [_, item]) => {
                self.put(expr, format!("{object}.append({})", self.program.text(item)), "method", 0.5);
            }
            ("get", [key]) => {
                let key = self.program.text(key);
                for default in ["0", "[]", "''", "1"] {
                    self.put(expr, format!("{object}.get({key}, {default})"), "default-missing", 0.4);
                }
                self.put(expr, format!("{object}[{key}]"), "method", 0.1);
            }
            ("sort", []) => self.put(expr, format!("{object}.sort(reverse=True)"), "order", 0.35),
            ("split", [_]) => self.put(expr, format!("{object}.split()"), "method-argument", 0.4),
            ("split", []) => {
                self.put(expr, format!("{object}.split(',')"), "method-argument", 0.3);
                self.put(expr, format!("{object}.split(' ')"), "method-argument", 0.1);
            }
            _ => {}
        }
        // `x.strip()` where `x` was meant.
        if args.is_empty() && call.arguments.keywords.is_empty() {
            self.put(expr, object, "wrapper-removed", 0.12);
        }
    }

    pub(crate) fn attribute(&mut self, expr: &'a Expr, attribute: &'a ExprAttribute, role: Role) {
        let name = attribute.attr.as_str();
        let object = self.program.text(&*attribute.value);
        for other in self
            .scope
            .attributes
            .clone()
            .into_iter()
            .filter(|other| *other != name && !METHODS.contains(other))
        {
            self.put_range(attribute.attr.range, other, "attribute", 0.3);
        }
        if METHODS.contains(&name) || self.scope.functions.contains(&name) {
            // A method that is named but not called.
            self.put(expr, format!("{object}.{name}()"), "call-missing", 0.85);
        } else {
            for other in METHODS.iter().filter(|method| osa_distance(name, method) <= 1) {
                self.put(expr, format!("{object}.{other}()"), "call-missing", 0.3);
            }
            self.put(expr, format!("{object}.{name}()"), "call-missing", 0.1);
        }
        if role != Role::Receiver {
            self.put(expr, object, "attribute-removed", 0.1);
        }
        if object == "self" && self.scope.knows(name) {
            self.put(expr, name, "self-too-much", 0.25);
        }
        self.expr(&attribute.value, Role::Receiver);
    }
}
