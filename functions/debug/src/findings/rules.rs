//! The rules of Ruff, and the compiler's warnings, that can be the reason of a failure.
//!
//! What only reads badly is left to the code-review agent. The words are ours: a tool's own often hold the
//! corrected line.

/// An ending that a finding accounts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The program runs to its end and its results are wrong.
    Silent,
    /// It does not come to an end.
    Endless,
    /// It is not Python.
    Unreadable,
    /// This class of exception ends it.
    Raises(&'static str),
}

use When::{Endless, Raises, Silent, Unreadable};

/// A rule whose findings can be the reason of a failure.
#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    /// Ruff's code, or a name of ours for what only the compiler warns of.
    pub code: &'static str,
    /// The endings that it accounts for.
    pub when: &'static [When],
    /// The idea behind it: a topic of the curriculum or an exception's class.
    pub concept: &'static str,
    /// How often it is the reason when it accounts for the ending, 0 to 1; a prior set by hand.
    pub weight: f64,
    /// What is wrong; `{}` stands for the name that it is about.
    pub cause: &'static str,
    /// Where to look or what to think about; never the corrected line.
    pub direction: &'static str,
    /// Patterns of ours that say the same about a line.
    pub same_as: &'static [&'static str],
}

/// The rule of Ruff's with this code.
pub(super) fn of_ruff(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

/// The rule that a warning of the compiler's is about.
pub(super) fn of_compiler(message: &str) -> Option<&'static Rule> {
    let (_, code) = WARNINGS.iter().find(|(part, _)| message.contains(part))?;
    of_ruff(code)
}

/// Parts of the compiler's warnings (CPython's Python/codegen.c and Python/ast_preprocess.c), and the rule for each.
const WARNINGS: &[(&str, &str)] = &[
    ("Did you mean \"==\"?", "F632"),
    ("Did you mean \"!=\"?", "F632"),
    ("perhaps you missed a comma?", MISSING_COMMA),
    ("assertion is always true", "F631"),
    ("in a 'finally' block", "B012"),
];
const MISSING_COMMA: &str = "missing-comma";

const RULES: &[Rule] = &[
    // Names.
    Rule {
        code: "F821",
        when: &[Raises("NameError"), Raises("UnboundLocalError")],
        concept: "NameError",
        weight: 0.85,
        cause: "This line reads `{}`, and nothing gives it a value where this line could see it.",
        direction: "Where should it get its value? A variable of a function is known inside that function only.",
        same_as: &["name-misspelt"],
    },
    Rule {
        code: "F823",
        when: &[Raises("UnboundLocalError")],
        concept: "UnboundLocalError",
        weight: 0.8,
        cause: "The function gives `{}` a value further down, so it is the function's own variable, and this line \
                reads it before that.",
        direction: "Should the function be handed the value, or use the variable outside of it?",
        same_as: &["local-instead-of-global"],
    },
    Rule {
        code: "A001",
        when: &[Raises("TypeError")],
        concept: "variables",
        weight: 0.6,
        cause: "`{}` is the name of a function of Python; from here on it means this value instead.",
        direction: "Choose another name for the variable.",
        same_as: &["shadowed-builtin"],
    },
    Rule {
        code: "A002",
        when: &[Raises("TypeError")],
        concept: "parameters",
        weight: 0.5,
        cause: "`{}` is the name of a function of Python; inside this function it means the parameter instead.",
        direction: "Choose another name for the parameter.",
        same_as: &["shadowed-builtin"],
    },
    Rule {
        code: "F811",
        when: &[Silent, Raises("TypeError")],
        concept: "functions",
        weight: 0.4,
        cause: "`{}` is defined a second time here, and the first definition was never used: only this one counts.",
        direction: "Which of the two was meant, or should they have different names?",
        same_as: &[],
    },
    Rule {
        code: "F402",
        when: &[Silent, Raises("AttributeError"), Raises("TypeError")],
        concept: "modules",
        weight: 0.5,
        cause: "The loop takes the name `{}`, under which something was imported.",
        direction: "Choose another name for the loop's variable.",
        same_as: &[],
    },
    Rule {
        code: "F841",
        when: &[Silent, Endless],
        concept: "variables",
        weight: 0.35,
        cause: "`{}` gets a value here that no line ever reads.",
        direction: "Where should that value be used, and which name stands there?",
        same_as: &[],
    },
    Rule {
        code: "B032",
        when: &[Silent, Raises("NameError")],
        concept: "variables",
        weight: 0.7,
        cause: "With a colon this line only describes a type; it stores no value.",
        direction: "Which sign gives a variable a value?",
        same_as: &[],
    },
    Rule {
        code: "PLW0127",
        when: &[Silent, Endless],
        concept: "variables",
        weight: 0.6,
        cause: "`{}` is given its own value here, which changes nothing.",
        direction: "What should stand on the right side, or on the left?",
        same_as: &[],
    },
    Rule {
        code: "PLW0128",
        when: &[Silent],
        concept: "tuples",
        weight: 0.5,
        cause: "`{}` is given two values on this line; only the last one stays.",
        direction: "Say for each value which name it should have.",
        same_as: &[],
    },
    // Loops.
    Rule {
        code: "B007",
        when: &[Silent, Endless],
        concept: "for-loops",
        weight: 0.25,
        cause: "The loop gives `{}` a new value in each round, and nothing inside the loop uses it.",
        direction: "Should something in the loop depend on it?",
        same_as: &[],
    },
    Rule {
        code: "B020",
        when: &[Silent, Raises("TypeError")],
        concept: "for-loops",
        weight: 0.6,
        cause: "The loop gives `{}` a new value in each round, although that is what it goes through.",
        direction: "One name for all items and another one for a single item: which is which?",
        same_as: &[],
    },
    Rule {
        code: "B023",
        when: &[Silent],
        concept: "scope",
        weight: 0.6,
        cause: "The function that is made here sees the last value of `{}`, not the one of its own round.",
        direction: "When does the function look at the variable: when it is made, or when it is called?",
        same_as: &[],
    },
    Rule {
        code: "PLW2901",
        when: &[Silent],
        concept: "for-loops",
        weight: 0.25,
        cause: "The loop's own variable `{}` gets another value here; the next round takes the next item all the same.",
        direction: "Should this change the item, the collection, or a variable of its own?",
        same_as: &[],
    },
    Rule {
        code: "PLW0120",
        when: &[Silent],
        concept: "break-continue",
        weight: 0.45,
        cause: "This `else` belongs to the loop, and since no `break` leaves the loop it always runs.",
        direction: "To which line above should the `else` belong?",
        same_as: &[],
    },
    // Values that come to nothing.
    Rule {
        code: "B015",
        when: &[Silent, Endless],
        concept: "comparisons",
        weight: 0.5,
        cause: "Two values are compared here, and nothing looks at the answer.",
        direction: "What should happen with the answer, or should a value be stored?",
        same_as: &["compares-instead-of-assigning"],
    },
    Rule {
        code: "B018",
        when: &[Silent, Endless],
        concept: "variables",
        weight: 0.4,
        cause: "A value stands here by itself, and nothing keeps it.",
        direction: "Where should it go: into a variable, back to the caller, or into a call?",
        same_as: &["missing-return", "not-called", "result-thrown-away"],
    },
    Rule {
        code: "B002",
        when: &[Silent, Endless],
        concept: "arithmetic",
        weight: 0.7,
        cause: "Python has no such operator: two signs before a name leave its value as it is.",
        direction: "How does a variable get a value that depends on its old one?",
        same_as: &[],
    },
    Rule {
        code: "PLW0133",
        when: &[Silent],
        concept: "raising-exceptions",
        weight: 0.7,
        cause: "An exception is made here, and nothing raises it.",
        direction: "Which word makes an exception take effect?",
        same_as: &[],
    },
    // Functions and classes.
    Rule {
        code: "ARG001",
        when: &[Silent, Endless],
        concept: "parameters",
        weight: 0.25,
        cause: "The function never looks at its parameter `{}`.",
        direction: "What does the function use in its place?",
        same_as: &[],
    },
    Rule {
        code: "ARG002",
        when: &[Silent, Endless],
        concept: "parameters",
        weight: 0.25,
        cause: "The method never looks at its parameter `{}`.",
        direction: "What does the method use in its place?",
        same_as: &[],
    },
    Rule {
        code: "PLR1704",
        when: &[Silent, Raises("TypeError")],
        concept: "parameters",
        weight: 0.35,
        cause: "`{}` was handed to the function; here it gets another value.",
        direction: "Is the value that the caller gave still needed?",
        same_as: &[],
    },
    Rule {
        code: "B006",
        when: &[Silent],
        concept: "default-arguments",
        weight: 0.5,
        cause: "The default value is made once and shared by all calls.",
        direction: "What is in it when the function is called a second time?",
        same_as: &["mutable-default"],
    },
    Rule {
        code: "B008",
        when: &[Silent],
        concept: "default-arguments",
        weight: 0.4,
        cause: "The default value is calculated once, when the function is defined, and not at each call.",
        direction: "When does this line run, and how often?",
        same_as: &["mutable-default"],
    },
    Rule {
        code: "PIE794",
        when: &[Silent],
        concept: "class-attributes",
        weight: 0.5,
        cause: "The class has `{}` twice; only the last value stays.",
        direction: "Which of the two was meant?",
        same_as: &[],
    },
    Rule {
        code: "PLE0101",
        when: &[Raises("TypeError")],
        concept: "init-self",
        weight: 0.9,
        cause: "`__init__` sets up an object that exists already; it cannot give back a value.",
        direction: "Where should the value be kept, or which method should give it back?",
        same_as: &[],
    },
    Rule {
        code: "PLE0302",
        when: &[Raises("TypeError")],
        concept: "str-repr",
        weight: 0.8,
        cause: "Python calls this special method with another number of values than it has parameters.",
        direction: "What does Python hand to this method?",
        same_as: &["self-missing"],
    },
    Rule {
        code: "PLW0245",
        when: &[Raises("AttributeError")],
        concept: "inheritance",
        weight: 0.9,
        cause: "`super` is named here and not called, so this is not the parent's part of the object.",
        direction: "What makes a function run?",
        same_as: &[],
    },
    // Conditions.
    Rule {
        code: "F632",
        when: &[Silent, Endless],
        concept: "comparisons",
        weight: 0.6,
        cause: "`is` asks whether two things are one and the same object, not whether they are equal.",
        direction: "Which comparison asks whether two values are equal?",
        same_as: &["is-with-a-value"],
    },
    Rule {
        code: "F634",
        when: &[Silent, Endless],
        concept: "truthiness",
        weight: 0.8,
        cause: "The condition is a tuple, and a tuple with something in it always counts as true.",
        direction: "How are two conditions joined?",
        same_as: &["always-true"],
    },
    Rule {
        code: "F631",
        when: &[Silent],
        concept: "unit-testing",
        weight: 0.7,
        cause: "This `assert` checks a tuple, and a tuple with something in it always counts as true.",
        direction: "What do the brackets make of the condition and the message?",
        same_as: &[],
    },
    Rule {
        code: "PLW0129",
        when: &[Silent],
        concept: "unit-testing",
        weight: 0.7,
        cause: "This `assert` checks a text, which counts as true whenever there is something in it.",
        direction: "What should be true here?",
        same_as: &[],
    },
    Rule {
        code: "PLR0133",
        when: &[Silent, Endless],
        concept: "comparisons",
        weight: 0.6,
        cause: "Two fixed values are compared here, so the answer is always the same.",
        direction: "Which of them should be a variable?",
        same_as: &["always-true"],
    },
    Rule {
        code: "SIM222",
        when: &[Silent, Endless],
        concept: "logical-operators",
        weight: 0.6,
        cause: "One side of this `or` always counts as true, so the whole condition does.",
        direction: "Read each side of the `or` alone: when is it true?",
        same_as: &["or-with-a-value", "always-true"],
    },
    Rule {
        code: "SIM223",
        when: &[Silent],
        concept: "logical-operators",
        weight: 0.6,
        cause: "One side of this `and` always counts as false, so the whole condition does.",
        direction: "Read each side of the `and` alone: when is it true?",
        same_as: &[],
    },
    // Texts and collections.
    Rule {
        code: "B005",
        when: &[Silent],
        concept: "string-methods",
        weight: 0.5,
        cause: "This takes away every one of these letters at an end of the text, in any order, and not the word that \
                they make.",
        direction: "What is left of a word that ends with one of these letters?",
        same_as: &[],
    },
    Rule {
        code: "F601",
        when: &[Silent],
        concept: "dictionaries",
        weight: 0.6,
        cause: "The dictionary has this key twice; only the last value stays.",
        direction: "Which key belongs to which value?",
        same_as: &[],
    },
    Rule {
        code: "B035",
        when: &[Silent],
        concept: "dictionaries",
        weight: 0.7,
        cause: "Every round uses the same key, so only the last value stays.",
        direction: "Which part of the key should change from round to round?",
        same_as: &[],
    },
    Rule {
        code: "F507",
        when: &[Raises("TypeError")],
        concept: "string-formatting",
        weight: 0.85,
        cause: "The text has another number of places to fill than there are values after `%`.",
        direction: "Count the places in the text and the values.",
        same_as: &[],
    },
    Rule {
        code: "PLE1307",
        when: &[Raises("TypeError")],
        concept: "string-formatting",
        weight: 0.85,
        cause: "A value after `%` is not of the kind that its place in the text asks for.",
        direction: "What does the letter behind each `%` stand for?",
        same_as: &[],
    },
    Rule {
        code: "F523",
        when: &[Silent],
        concept: "string-formatting",
        weight: 0.5,
        cause: "`format` is given a value that the text has no place for.",
        direction: "Count the places in the text and the values.",
        same_as: &[],
    },
    Rule {
        code: "F524",
        when: &[Raises("IndexError"), Raises("KeyError")],
        concept: "string-formatting",
        weight: 0.85,
        cause: "The text has a place that `format` is given no value for.",
        direction: "Count the places in the text and the values.",
        same_as: &[],
    },
    Rule {
        code: "PLW1501",
        when: &[Raises("ValueError")],
        concept: "reading-files",
        weight: 0.9,
        cause: "`open` does not know this mode.",
        direction: "Is the file to be read, written anew, or continued?",
        same_as: &[],
    },
    Rule {
        code: MISSING_COMMA,
        when: &[Raises("TypeError")],
        concept: "lists",
        weight: 0.8,
        cause: "Two values stand side by side here, so Python takes the second for a call or an index of the first.",
        direction: "What separates values in a list or a call?",
        same_as: &[],
    },
    // Exceptions.
    Rule {
        code: "B012",
        when: &[Silent],
        concept: "exceptions",
        weight: 0.5,
        cause: "Leaving from `finally` throws away the result or the exception that was on its way.",
        direction: "What should happen in every case, and what only when all went well?",
        same_as: &[],
    },
    Rule {
        code: "B016",
        when: &[Raises("TypeError")],
        concept: "raising-exceptions",
        weight: 0.9,
        cause: "A plain value is raised here; only exceptions can be.",
        direction: "Which exception says best what went wrong?",
        same_as: &[],
    },
    Rule {
        code: "B025",
        when: &[Silent],
        concept: "exceptions",
        weight: 0.5,
        cause: "This kind of exception was caught above already, so what stands here never runs.",
        direction: "Which kinds of exception should be told apart?",
        same_as: &[],
    },
    Rule {
        code: "PLE0704",
        when: &[Raises("RuntimeError")],
        concept: "raising-exceptions",
        weight: 0.9,
        cause: "`raise` alone passes on the exception that is being handled, and here there is none.",
        direction: "Which exception should it be?",
        same_as: &[],
    },
    // What is not Python. The repairs say more about it; these second them.
    Rule {
        code: "F706",
        when: &[Unreadable],
        concept: "return-values",
        weight: 0.8,
        cause: "`return` stands outside of every function.",
        direction: "How far to the right do the lines of the function stand?",
        same_as: &[],
    },
    Rule {
        code: "F701",
        when: &[Unreadable],
        concept: "break-continue",
        weight: 0.8,
        cause: "`break` stands outside of every loop.",
        direction: "How far to the right do the lines of the loop stand?",
        same_as: &[],
    },
    Rule {
        code: "F702",
        when: &[Unreadable],
        concept: "break-continue",
        weight: 0.8,
        cause: "`continue` stands outside of every loop.",
        direction: "How far to the right do the lines of the loop stand?",
        same_as: &[],
    },
    Rule {
        code: "invalid-syntax",
        when: &[Unreadable],
        concept: "SyntaxError",
        weight: 0.5,
        cause: "Here the text stops being Python.",
        direction: "Look at this line and at the end of the one before it.",
        same_as: &[],
    },
];

#[cfg(test)]
mod tests;
