//! Each rule is one that Ruff finds, with words that a beginner can read.

use std::collections::BTreeSet;

use learnflow_learner::curriculum;

use super::*;
use crate::{patterns, source::Program};

/// Each rule, the line, and a program that breaks it.
const CASES: &[(&str, u32, &str)] = &[
    ("F821", 3, "def f():\n    total = 1\nprint(total)\n"),
    ("F823", 3, "count = 0\ndef up():\n    print(count)\n    count = 1\nup()\n"),
    ("A001", 1, "list = [1]\nprint(list)\n"),
    ("A002", 1, "def f(sum):\n    return sum([1])\nprint(f(2))\n"),
    ("F811", 3, "def f():\n    return 1\ndef f():\n    return 2\nprint(f())\n"),
    ("F402", 2, "import math\nfor math in [1, 2]:\n    print(math)\n"),
    ("F841", 2, "def f(n):\n    double = n * 2\n    return n\nprint(f(1))\n"),
    ("B032", 2, "scores = {}\nscores[\"Ada\"]: 3\nprint(scores)\n"),
    ("PLW0127", 2, "x = 1\nx = x\nprint(x)\n"),
    ("PLW0128", 1, "a, a = 1, 2\nprint(a)\n"),
    (
        "B007",
        3,
        "def f(items, n):\n    total = 0\n    for item in items:\n        total += n\n    return total\n",
    ),
    ("B020", 2, "items = [1, 2]\nfor items in items:\n    print(items)\n"),
    ("B023", 3, "fs = []\nfor n in range(3):\n    fs.append(lambda: n)\nprint([f() for f in fs])\n"),
    ("PLW2901", 2, "for n in [1, 2]:\n    n = n * 2\n    print(n)\n"),
    ("PLW0120", 4, "for n in [1, 2]:\n    if n > 1:\n        print(n)\nelse:\n    print(\"none\")\n"),
    ("B015", 2, "x = 1\nx == 2\nprint(x)\n"),
    ("B018", 2, "x = 1\nx\nprint(x)\n"),
    ("B002", 2, "x = 1\n++x\nprint(x)\n"),
    (
        "PLW0133",
        3,
        "def f(n):\n    if n < 0:\n        ValueError(\"below zero\")\n    return n\nprint(f(1))\n",
    ),
    ("ARG001", 1, "def area(width, height):\n    return width * width\nprint(area(1, 2))\n"),
    ("ARG002", 3, "class A:\n    size = 1\n    def grow(self, by):\n        self.size += 1\n"),
    ("PLR1704", 2, "def f(n):\n    for n in [1, 2]:\n        print(n)\nf(3)\n"),
    ("B006", 1, "def f(x, to=[]):\n    to.append(x)\n    return to\nprint(f(1))\n"),
    ("B008", 2, "import time\ndef f(now=time.time()):\n    return now\nprint(f())\n"),
    ("PIE794", 3, "class A:\n    size = 1\n    size = 2\n"),
    ("PLE0101", 4, "class A:\n    def __init__(self):\n        self.x = 1\n        return self.x\n"),
    ("PLE0302", 2, "class A:\n    def __str__(self, other):\n        return other\n"),
    (
        "PLW0245",
        6,
        "class A:\n    def go(self):\n        return 1\nclass B(A):\n    def go(self):\n        return super.go()\n",
    ),
    ("F632", 2, "x = 1000\nif x is 1000:\n    print(x)\n"),
    ("F634", 2, "x = 1\nif (x > 1, x < 3):\n    print(x)\n"),
    ("F631", 2, "x = 1\nassert (x == 2, \"two\")\n"),
    ("PLW0129", 1, "assert \"two\"\n"),
    ("PLR0133", 1, "if 1 == 2:\n    print(1)\n"),
    ("SIM222", 2, "x = 1\nif x == 2 or True:\n    print(x)\n"),
    ("SIM223", 2, "x = 1\nif x == 2 and False:\n    print(x)\n"),
    ("B005", 1, "print(\"report.txt\".rstrip(\".txt\"))\n"),
    ("F601", 1, "ages = {\"Ada\": 1, \"Ada\": 2}\nprint(ages)\n"),
    ("B035", 1, "print({\"word\": len(word) for word in [\"a\", \"bc\"]})\n"),
    ("F507", 1, "print(\"%s and %s\" % (1,))\n"),
    ("PLE1307", 1, "print(\"%d\" % \"one\")\n"),
    ("F523", 1, "print(\"{}\".format(1, 2))\n"),
    ("F524", 1, "print(\"{} and {}\".format(1))\n"),
    ("PLW1501", 1, "with open(\"a.txt\", \"rx\") as file:\n    print(file)\n"),
    ("B012", 5, "def f():\n    try:\n        return 1\n    finally:\n        return 2\nprint(f())\n"),
    ("B016", 1, "raise \"wrong\"\n"),
    ("B025", 5, "try:\n    print(1)\nexcept ValueError:\n    print(2)\nexcept ValueError:\n    print(3)\n"),
    ("PLE0704", 2, "def f():\n    raise\nf()\n"),
    ("F706", 3, "def f(n):\n    n = n + 1\nreturn n\n"),
    ("F701", 3, "for n in [1]:\n    print(n)\nbreak\n"),
    ("F702", 3, "for n in [1]:\n    print(n)\ncontinue\n"),
    ("invalid-syntax", 1, "def f(:\n    pass\n"),
];

#[test]
fn ruff_finds_what_each_rule_is_about() {
    for (code, line, source) in CASES {
        let found = lint::lint(source);
        assert!(
            found.iter().any(|finding| finding.code == *code && finding.line == *line),
            "{code} on line {line} expected in\n{source}found {found:#?}"
        );
    }
    let tried: BTreeSet<&str> = CASES.iter().map(|(code, _, _)| *code).collect();
    for rule in RULES.iter().filter(|rule| rule.code != MISSING_COMMA) {
        assert!(tried.contains(rule.code), "no program for {}", rule.code);
    }
}

#[test]
fn words_are_sentences_and_ideas_have_a_card() {
    for rule in RULES {
        assert!(rule.cause.ends_with('.') && rule.direction.ends_with(['.', '?']), "{}", rule.code);
        let known = curriculum::topic(rule.concept).is_some()
            || curriculum::topic_of_exception(rule.concept).is_some();
        assert!(known, "{}: {}", rule.code, rule.concept);
    }
}

#[test]
fn patterns_that_say_the_same_are_seen_on_the_same_line() {
    // One program for each pair would repeat the tests of patterns; one that has both is enough to tie the names.
    for (code, line, source) in CASES {
        let rule = of_ruff(code).expect("the case is about a rule");
        let Ok(program) = Program::parse(source) else { continue };
        for found in patterns::find(&program).iter().filter(|found| found.line == *line) {
            let same_cause = rule.same_as.contains(&found.pattern);
            assert!(same_cause || rule.concept != found.concept, "{code} and {}", found.pattern);
        }
    }
}

#[test]
fn warnings_of_the_compiler_have_words() {
    for (message, code) in [
        ("\"is\" with 'int' literal. Did you mean \"==\"?", "F632"),
        ("\"is not\" with 'str' literal. Did you mean \"!=\"?", "F632"),
        ("'str' object is not callable; perhaps you missed a comma?", MISSING_COMMA),
        ("list indices must be integers or slices, not tuple; perhaps you missed a comma?", MISSING_COMMA),
        ("assertion is always true, perhaps remove parentheses?", "F631"),
        ("'return' in a 'finally' block", "B012"),
    ] {
        assert_eq!(of_compiler(message).map(|rule| rule.code), Some(code), "{message}");
    }
    assert_eq!(of_compiler("invalid escape sequence '\\d'"), None);
    for (_, code) in WARNINGS {
        assert!(of_ruff(code).is_some(), "{code}");
    }
}
