//! Single-edit versions of a program: each makes one of the changes that would mend a usual mistake.
//!
//! A version (mutant) is a few edits of source text, made from the ranges of the syntax tree, so that everything
//! else stays as the student wrote it. Each has a prior: how often a change of this kind is the right one, set by
//! hand. [`crate::experiment`] multiplies it with what the tests say about the line and tries the best first.

mod calls;
mod classes;
mod control;
mod expressions;
mod insertions;
mod names;
mod scope;
mod statements;
mod subscripts;
mod values;

use std::collections::{BTreeMap, HashMap};

use ruff_python_ast::{Expr, ExprContext, Stmt};
use ruff_text_size::{Ranged, TextRange};

use scope::Scope;

use crate::source::Program;

/// Types that variables were seen to have: function's qualified name → variable → names of types.
pub type Types = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Versions that are made at most; a first course's program has a few thousand.
const MUTANTS: usize = 12_000;

/// A replacement of source text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// First byte that is replaced.
    pub start: usize,
    /// First byte that is not.
    pub end: usize,
    /// What stands there instead.
    pub text: String,
}

/// One version of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    /// What is changed, in the order of the source, without overlap.
    pub edits: Vec<Edit>,
    /// The line that is wrong if this is right, from 1.
    pub line: u32,
    /// The lines of the statement that it concerns, first and last.
    pub lines: (u32, u32),
    /// Index of the statement of the module that all edits are in.
    pub top: usize,
    /// The kind of change, stable (`compare`).
    pub operator: &'static str,
    /// How often this is the right change, 0 to 1.
    pub prior: f64,
}

impl Mutant {
    /// The program with the edits made.
    pub fn apply(&self, source: &str) -> String {
        let mut text = source.to_owned();
        for edit in self.edits.iter().rev() {
            text.replace_range(edit.start..edit.end, &edit.text);
        }
        text
    }
}

/// Where an expression stands, which decides what is likely to be wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The condition of an `if`, `while`, comprehension or conditional expression.
    Test,
    /// An operand of an operator.
    Operand,
    /// A side of a comparison.
    Comparator,
    /// `a[HERE]`.
    Index,
    /// `a[HERE:HERE]`.
    Bound,
    /// `range(HERE)`.
    RangeArg,
    /// `f(HERE)`.
    Arg,
    /// What a loop goes through.
    Iter,
    /// What is assigned, or stands alone.
    Value,
    /// What is returned.
    Return,
    /// An element of a list, tuple, set or dictionary, or what a comprehension collects.
    Element,
    /// `HERE.x` and `HERE[x]`.
    Receiver,
}

impl Role {
    /// Whether any expression may stand here without parentheses.
    fn is_open(self) -> bool {
        !matches!(self, Self::Operand | Self::Comparator | Self::Receiver)
    }
}

/// Makes versions while it walks a program.
pub(crate) struct Maker<'a> {
    pub(crate) program: &'a Program,
    pub(crate) types: &'a Types,
    pub(crate) scope: Scope<'a>,
    /// The statement that is being changed.
    lines: (u32, u32),
    top: usize,
    out: Vec<Mutant>,
    /// Where each version is in `out`.
    seen: HashMap<Vec<Edit>, usize>,
}

/// All versions of a program, in no useful order.
pub fn mutants(program: &Program, types: &Types) -> Vec<Mutant> {
    let mut maker = Maker {
        program,
        types,
        scope: Scope::of_module(program),
        lines: (1, 1),
        top: 0,
        out: Vec::new(),
        seen: HashMap::new(),
    };
    for (top, stmt) in program.body().iter().enumerate() {
        maker.top = top;
        maker.stmt(stmt);
    }
    maker.block(program.body(), None);
    maker.out
}

impl<'a> Maker<'a> {
    /// Replaces a node.
    pub(crate) fn put(
        &mut self,
        node: &impl Ranged,
        text: impl Into<String>,
        operator: &'static str,
        prior: f64,
    ) {
        self.put_range(node.range(), text, operator, prior);
    }

    /// Replaces a range.
    pub(crate) fn put_range(
        &mut self,
        range: TextRange,
        text: impl Into<String>,
        operator: &'static str,
        prior: f64,
    ) {
        let line = self.program.line_of(range.start());
        let edit = Edit { start: range.start().to_usize(), end: range.end().to_usize(), text: text.into() };
        self.put_edits(line, vec![edit], operator, prior);
    }

    /// Makes several edits; `line` is the one to blame.
    pub(crate) fn put_edits(&mut self, line: u32, edits: Vec<Edit>, operator: &'static str, prior: f64) {
        let source = self.program.source();
        let changes = edits.iter().any(|edit| source[edit.start..edit.end] != edit.text);
        let inside = edits.iter().all(|edit| {
            let appended = edit.start == edit.end && edit.start > 0;
            self.top_of(edit.start) == self.top || (appended && self.top_of(edit.start - 1) == self.top)
        });
        if self.out.len() >= MUTANTS || !changes || !inside {
            return;
        }
        if let Some(known) = self.seen.get(&edits) {
            let known = &mut self.out[*known];
            if known.prior < prior {
                known.prior = prior;
                known.operator = operator;
            }
            return;
        }
        self.seen.insert(edits.clone(), self.out.len());
        let (lines, top) = (self.lines, self.top);
        self.out.push(Mutant { edits, line, lines, top, operator, prior });
    }

    fn top_of(&self, at: usize) -> usize {
        let body = self.program.body();
        body.partition_point(|stmt| stmt.start().to_usize() <= at).saturating_sub(1)
    }

    /// The text of an expression, in parentheses unless it stays together by itself.
    pub(crate) fn atom(&self, expr: &Expr) -> String {
        let text = self.program.text(expr);
        if is_atom(expr) { text.to_owned() } else { format!("({text})") }
    }

    /// A compound text as it may stand in a place.
    pub(crate) fn fit(&self, text: String, role: Role) -> String {
        if role.is_open() { text } else { format!("({text})") }
    }

    /// The position of an operator's text between two nodes.
    pub(crate) fn between(&self, left: &impl Ranged, right: &impl Ranged, token: &str) -> Option<TextRange> {
        let gap = TextRange::new(left.end(), right.start());
        let at = self.program.slice(gap).find(token)?;
        let start = gap.start() + ruff_text_size::TextSize::try_from(at).ok()?;
        Some(TextRange::at(start, ruff_text_size::TextSize::try_from(token.len()).ok()?))
    }

    /// Sets the statement that following edits concern; its first line up to `end`.
    pub(crate) fn at(&mut self, start: &impl Ranged, end: &impl Ranged) {
        let last = self.program.line_of(end.end());
        self.lines = (self.program.line(start), last);
    }

    /// Types that a variable was seen to have in the current function; empty when it was never seen.
    pub(crate) fn types_of(&self, name: &str) -> &'a [String] {
        let types = self.types;
        self.scope
            .qualified_names()
            .find_map(|function| types.get(function)?.get(name))
            .map_or(&[], Vec::as_slice)
    }

    /// Whether an expression can be a number, as far as is known.
    pub(crate) fn may_be_number(&self, expr: &Expr) -> bool {
        match expr {
            Expr::NumberLiteral(_) => true,
            Expr::Name(name) => {
                let types = self.types_of(name.id.as_str());
                types.is_empty() || types.iter().any(|kind| matches!(kind.as_str(), "int" | "float" | "bool"))
            }
            Expr::BinOp(binary) => self.may_be_number(&binary.left) && self.may_be_number(&binary.right),
            Expr::UnaryOp(unary) => {
                unary.op != ruff_python_ast::UnaryOp::Not && self.may_be_number(&unary.operand)
            }
            Expr::Call(call) => match crate::syntax::name_of(&call.func) {
                Some(name) => !matches!(
                    name,
                    "list"
                        | "str"
                        | "set"
                        | "dict"
                        | "tuple"
                        | "sorted"
                        | "range"
                        | "print"
                        | "input"
                        | "enumerate"
                        | "zip"
                        | "reversed"
                        | "isinstance"
                        | "any"
                        | "all"
                        | "open"
                        | "map"
                        | "filter"
                        | "super"
                ),
                None => true,
            },
            Expr::Subscript(subscript) => !subscript.slice.is_slice_expr(),
            Expr::Attribute(_) | Expr::If(_) => true,
            _ => false,
        }
    }
}

/// Whether an expression keeps together beside any operator.
pub(crate) fn is_atom(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Name(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NoneLiteral(_)
            | Expr::FString(_)
            | Expr::Call(_)
            | Expr::Attribute(_)
            | Expr::Subscript(_)
            | Expr::List(_)
            | Expr::Dict(_)
            | Expr::Set(_)
            | Expr::ListComp(_)
            | Expr::SetComp(_)
            | Expr::DictComp(_)
    )
}

/// Whether a name or attribute is read here, not written.
pub(crate) fn is_load(context: ExprContext) -> bool {
    context == ExprContext::Load
}

/// The last statement of a body, if it is not empty.
pub(crate) fn last_of(body: &[Stmt]) -> Option<&Stmt> {
    body.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(source: &str) -> Vec<String> {
        let program = Program::parse(source).unwrap();
        mutants(&program, &Types::new()).iter().map(|mutant| mutant.apply(source)).collect()
    }

    /// Wrong program and the right one, for each kind of change.
    const CASES: &[(&str, &str)] = &[
        ("x = 1\ny = x < 2\n", "x = 1\ny = x <= 2\n"),
        ("def f(a, b):\n    return (a + b) * 2\n", "def f(a, b):\n    return (a - b) * 2\n"),
        ("def f(n):\n    return range(n)\n", "def f(n):\n    return range(1, n + 1)\n"),
        ("def f(a, b):\n    return f(a, b)\n", "def f(a, b):\n    return f(b, a)\n"),
        (
            "def f(a):\n    for x in a:\n        a = x\n        return a\n",
            "def f(a):\n    for x in a:\n        a = x\n    return a\n",
        ),
        (
            "def f(a):\n    for x in a:\n        if x:\n            return 1\n        else:\n            return 0\n",
            "def f(a):\n    for x in a:\n        if x:\n            return 1\n    return 0\n",
        ),
        (
            "def f(a=[]):\n    a.append(1)\n    return a\n",
            "def f(a=None):\n    if a is None:\n        a = []\n    a.append(1)\n    return a\n",
        ),
        ("def f(a):\n    a.sort\n", "def f(a):\n    a.sort()\n"),
        (
            "def f(n):\n    while n:\n        print(n)\n",
            "def f(n):\n    while n:\n        print(n)\n        n -= 1\n",
        ),
        (
            "def f(n):\n    return n * f(n - 1)\n",
            "def f(n):\n    if n <= 1:\n        return 1\n    return n * f(n - 1)\n",
        ),
        ("total = 1\nprint(totl)\n", "total = 1\nprint(total)\n"),
        ("a = [[0] * 2] * 3\n", "a = [[0] * 2 for _ in range(3)]\n"),
    ];

    #[test]
    fn the_right_program_is_among_the_versions() {
        for (wrong, right) in CASES {
            assert!(
                versions(wrong).iter().any(|version| version == right),
                "no version of\n{wrong}is\n{right}"
            );
        }
    }

    #[test]
    fn versions_are_python_mostly_and_never_the_program_itself() {
        for (wrong, _) in CASES {
            let versions = versions(wrong);
            let valid = versions.iter().filter(|version| Program::parse(version).is_ok()).count();
            assert!(valid * 10 >= versions.len() * 9, "{valid} of {} of\n{wrong}", versions.len());
            assert!(versions.iter().all(|version| version != wrong));
        }
    }
}
