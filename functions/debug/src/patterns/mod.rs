//! Suspicious patterns: what beginners' mistakes look like in the source.
//!
//! A pattern is a suspicion, not a verdict: the run and the tests decide how much it weighs.

mod conditions;
mod functions;
mod loops;
mod names;
mod values;

use serde::Serialize;

use crate::source::Program;

/// A line that looks wrong, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspicion {
    /// Line, from 1.
    pub line: u32,
    /// The pattern's name, stable (`mutable-default`).
    pub pattern: &'static str,
    /// What is wrong, in plain words.
    pub cause: String,
    /// Where to look or what to think about; never the corrected line.
    pub direction: String,
    /// The idea behind it, for the concepts agent.
    pub concept: &'static str,
    /// How often this is the fault when it is seen, 0 to 1; a prior set by hand and checked by docs/debugging.md.
    pub weight: f64,
}

/// What the checks are given and where they report.
pub(crate) struct Report<'a> {
    pub program: &'a Program,
    found: Vec<Suspicion>,
}

impl Report<'_> {
    pub fn add(
        &mut self,
        line: u32,
        (pattern, concept, weight): (&'static str, &'static str, f64),
        cause: impl Into<String>,
        direction: impl Into<String>,
    ) {
        // Two checks may see the same thing; the first is the more specific one.
        if !self.found.iter().any(|known| known.line == line && known.pattern == pattern) {
            self.found.push(Suspicion {
                line,
                pattern,
                cause: cause.into(),
                direction: direction.into(),
                concept,
                weight,
            });
        }
    }
}

/// The suspicious lines of a program, heaviest first.
pub fn find(program: &Program) -> Vec<Suspicion> {
    let mut report = Report { program, found: Vec::new() };
    loops::check(&mut report);
    functions::check(&mut report);
    conditions::check(&mut report);
    values::check(&mut report);
    names::check(&mut report);
    let mut found = report.found;
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.line.cmp(&b.line)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each case: a pattern, its line, a program that has it, and one that does it right.
    const CASES: &[(&str, u32, &str, &str)] = &[
        (
            "range-past-end",
            2,
            "a = [1, 2]\nfor i in range(len(a) + 1):\n    print(a[i])\n",
            "a = [1, 2]\nfor i in range(len(a)):\n    print(a[i])\n",
        ),
        (
            "range-past-end",
            3,
            "a = [1, 2]\ni = 0\nwhile i <= len(a):\n    print(a[i])\n    i += 1\n",
            "a = [1, 2]\ni = 0\nwhile i < len(a):\n    print(a[i])\n    i += 1\n",
        ),
        (
            "range-stops-early",
            2,
            "a = [1, 2]\nfor i in range(len(a) - 1):\n    print(a[i])\n",
            "a = [1, 2]\nfor i in range(len(a) - 1):\n    print(a[i], a[i + 1])\n",
        ),
        (
            "unchanged-condition",
            2,
            "i = 0\nwhile i < 3:\n    print(i)\n",
            "i = 0\nwhile i < 3:\n    print(i)\n    i += 1\n",
        ),
        (
            "returns-in-first-round",
            5,
            "def total(a):\n    t = 0\n    for x in a:\n        t += x\n        return t\nprint(total([1]))\n",
            "def total(a):\n    t = 0\n    for x in a:\n        t += x\n    return t\nprint(total([1]))\n",
        ),
        (
            "missing-return",
            2,
            "def double(x):\n    x * 2\nprint(double(3))\n",
            "def double(x):\n    return x * 2\nprint(double(3))\n",
        ),
        (
            "mutable-default",
            1,
            "def add(x, to=[]):\n    to.append(x)\n    return to\n",
            "def add(x, to=None):\n    to = to or []\n    to.append(x)\n    return to\n",
        ),
        ("shadowed-builtin", 1, "list = [1]\nprint(list((2, 3)))\n", "items = [1]\nprint(list((2, 3)))\n"),
        (
            "alias-not-copy",
            2,
            "a = [1]\nb = a\nb.append(2)\nprint(a)\n",
            "a = [1]\nb = a.copy()\nb.append(2)\nprint(a)\n",
        ),
        (
            "repeated-row",
            1,
            "g = [[0] * 3] * 3\ng[0][0] = 1\n",
            "g = [[0] * 3 for _ in range(3)]\ng[0][0] = 1\n",
        ),
        (
            "float-equality",
            1,
            "if 0.1 + 0.2 == 0.3:\n    print('eq')\n",
            "if abs(0.1 + 0.2 - 0.3) < 1e-9:\n    print('eq')\n",
        ),
        (
            "or-with-a-value",
            2,
            "c = input()\nif c == 'y' or 'Y':\n    print(1)\n",
            "c = input()\nif c == 'y' or c == 'Y':\n    print(1)\n",
        ),
        (
            "always-true",
            2,
            "c = ''\nwhile c != 'q' or c != 'x':\n    c = input()\n",
            "c = ''\nwhile c != 'q' and c != 'x':\n    c = input()\n",
        ),
        (
            "comparison-chain",
            2,
            "x = [1]\nif 1 in x == True:\n    print(x)\n",
            "x = [1]\nif 1 in x:\n    print(x)\n",
        ),
        (
            "comparison-chain",
            2,
            "a, b, c = 1, 2, 1\nif a != b != c:\n    print(a)\n",
            "a, b, c = 1, 2, 1\nif a != b and b != c and a != c:\n    print(a)\n",
        ),
        (
            "comparison-chain",
            2,
            "x = 5\nif 1 < x > 3:\n    print(x)\n",
            "x = 5\nif 1 < x < 3:\n    print(x)\n",
        ),
        (
            "unreachable",
            3,
            "def f():\n    return 1\n    print(2)\nprint(f())\n",
            "def f():\n    print(2)\n    return 1\nprint(f())\n",
        ),
        (
            "branch-never-taken",
            4,
            "def g(p):\n    if p > 50:\n        return 'C'\n    elif p > 90:\n        return 'A'\n    return 'F'\n",
            "def g(p):\n    if p > 90:\n        return 'A'\n    elif p > 50:\n        return 'C'\n    return 'F'\n",
        ),
        (
            "missing-base-case",
            2,
            "def f(n):\n    return n * f(n - 1)\n",
            "def f(n):\n    if n == 0:\n        return 1\n    return n * f(n - 1)\n",
        ),
        (
            "recursion-without-progress",
            4,
            "def f(n):\n    if n == 0:\n        return 1\n    return n * f(n)\n",
            "def f(n):\n    if n == 0:\n        return 1\n    return n * f(n - 1)\n",
        ),
        ("result-thrown-away", 2, "s = 'a'\ns.upper()\nprint(s)\n", "s = 'a'\ns = s.upper()\nprint(s)\n"),
        ("keeps-none", 2, "a = [2, 1]\na = a.sort()\nprint(a)\n", "a = [2, 1]\na.sort()\nprint(a)\n"),
        ("compares-instead-of-assigning", 2, "x = 1\nx == 2\nprint(x)\n", "x = 1\nx = 2\nprint(x)\n"),
        ("not-called", 3, "def f():\n    print(1)\nf\n", "def f():\n    print(1)\nf()\n"),
        (
            "input-is-text",
            2,
            "n = input()\nif n > 3:\n    print(n)\n",
            "n = int(input())\nif n > 3:\n    print(n)\n",
        ),
        (
            "reset-in-loop",
            3,
            "def s(a):\n    for x in a:\n        t = 0\n        t += x\n    return t\n",
            "def s(a):\n    t = 0\n    for x in a:\n        t += x\n    return t\n",
        ),
        (
            "overwritten-in-loop",
            4,
            "def s(a):\n    t = 0\n    for x in a:\n        t = x\n    return t\n",
            "def s(a):\n    t = 0\n    for x in a:\n        t = t + x\n    return t\n",
        ),
        (
            "changed-while-looping",
            3,
            "a = [1, 2, 2]\nfor x in a:\n    a.remove(x)\n",
            "a = [1, 2, 2]\nfor x in a[:]:\n    a.remove(x)\n",
        ),
        (
            "is-with-a-value",
            2,
            "x = 1000\nif x is 1000:\n    print(x)\n",
            "x = 1000\nif x == 1000:\n    print(x)\n",
        ),
        (
            "self-missing",
            2,
            "class A:\n    def go():\n        print(1)\n",
            "class A:\n    def go(self):\n        print(1)\n",
        ),
        (
            "attribute-without-self",
            3,
            "class A:\n    def __init__(self, n):\n        name = n\n\n    def show(self):\n        print(self.name)\n",
            "class A:\n    def __init__(self, n):\n        self.name = n\n\n    def show(self):\n        print(self.name)\n",
        ),
        (
            "special-name-misspelt",
            2,
            "class A:\n    def _init_(self):\n        self.x = 1\n",
            "class A:\n    def __init__(self):\n        self.x = 1\n",
        ),
        ("name-misspelt", 2, "total = 1\nprint(totl)\n", "total = 1\nprint(total)\n"),
        (
            "local-instead-of-global",
            3,
            "count = 0\ndef up():\n    count += 1\nup()\n",
            "count = 0\ndef up():\n    global count\n    count += 1\nup()\n",
        ),
        ("sign-after-equals", 2, "x = 1\nx =+ 2\nprint(x)\n", "x = 1\nx += 2\nprint(x)\n"),
        ("caret-is-not-power", 1, "print(2 ^ 3)\n", "print(2 ** 3)\n"),
        (
            "empty-range",
            1,
            "for i in range(5, 0):\n    print(i)\n",
            "for i in range(5, 0, -1):\n    print(i)\n",
        ),
        (
            "loops-over-a-number",
            2,
            "a = [1]\nfor i in len(a):\n    print(i)\n",
            "a = [1]\nfor i in range(len(a)):\n    print(i)\n",
        ),
        (
            "item-used-as-index",
            3,
            "a = [3, 1]\nfor i in a:\n    print(a[i])\n",
            "a = [3, 1]\nfor i in a:\n    print(i)\n",
        ),
        (
            "loop-variable-reused",
            2,
            "for i in range(3):\n    for i in range(2):\n        print(i)\n",
            "for i in range(3):\n    for j in range(2):\n        print(i, j)\n",
        ),
        (
            "factor-zero",
            3,
            "r = 1\nfor i in range(5):\n    r *= i\nprint(r)\n",
            "r = 1\nfor i in range(1, 6):\n    r *= i\nprint(r)\n",
        ),
        ("average-cut-off", 1, "print(sum([1, 2]) // len([1, 2]))\n", "print(sum([1, 2]) / len([1, 2]))\n"),
        (
            "whole-number-needed",
            2,
            "a = [1, 2, 3]\nprint(a[len(a) / 2])\n",
            "a = [1, 2, 3]\nprint(a[len(a) // 2])\n",
        ),
        (
            "error-hidden",
            3,
            "try:\n    print(1 / 0)\nexcept:\n    pass\n",
            "try:\n    print(1 / 0)\nexcept ZeroDivisionError:\n    print('no')\n",
        ),
    ];

    #[test]
    fn patterns_are_found_where_they_are_and_nowhere_else() {
        for (pattern, line, wrong, right) in CASES {
            let found = find(&Program::parse(wrong).unwrap());
            assert!(
                found.iter().any(|s| s.pattern == *pattern && s.line == *line),
                "{pattern} on line {line} expected in\n{wrong}found {found:#?}"
            );
            let found = find(&Program::parse(right).unwrap());
            assert!(
                !found.iter().any(|s| s.pattern == *pattern),
                "{pattern} not expected in\n{right}{found:#?}"
            );
        }
    }

    #[test]
    fn words_are_for_beginners_and_hold_no_corrected_line() {
        for (pattern, _, wrong, right) in CASES {
            for suspicion in find(&Program::parse(wrong).unwrap()).iter().filter(|s| s.pattern == *pattern) {
                assert!(
                    suspicion.cause.ends_with('.') && suspicion.direction.ends_with(['.', '?']),
                    "{suspicion:?}"
                );
                let corrected = right.lines().zip(wrong.lines()).find(|(a, b)| a != b).map(|(a, _)| a.trim());
                assert!(corrected.is_none_or(|line| !suspicion.direction.contains(line)), "{suspicion:?}");
            }
        }
    }
}
