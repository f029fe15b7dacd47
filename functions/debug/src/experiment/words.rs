//! What a kind of change says about the line, in plain words. None of them holds a corrected line.

/// Cause, what to think about, and the idea behind it (a topic of the curriculum).
pub(crate) fn of(operator: &str) -> (&'static str, &'static str, &'static str) {
    match operator {
        "comparison" => (
            "The comparison on this line lets through a case that it should not, or the other way round.",
            "Try the value exactly at the border: should it count or not?",
            "comparisons",
        ),
        "operator" | "precedence" | "power-missing" | "factor-missing" | "sign" | "term-missing"
        | "unary-removed" => (
            "The calculation on this line gives another value than is needed.",
            "Take a small input, calculate by hand what this line should give, and compare.",
            "arithmetic",
        ),
        "off-by-one" | "range-start" | "range-end" | "range-step" | "range-direction" => (
            "A border on this line is off: the first or the last position is taken or left out wrongly.",
            "Write down the first and the last value for a list of two items.",
            "range",
        ),
        "index"
        | "slice"
        | "slice-missing"
        | "indexes-swapped"
        | "index-too-much"
        | "index-instead-of-item" => (
            "This line looks at another place of the sequence than it should.",
            "Which positions should be looked at here, for an input with three items?",
            "lists",
        ),
        "operand-dropped" | "operands-swapped" => (
            "Something in this calculation is too much, or stands on the wrong side.",
            "What is each part of the calculation for?",
            "arithmetic",
        ),
        "constant" | "start-value" | "constant-instead" | "list" | "text" | "default-missing" => (
            "A fixed value on this line is not the one that is needed.",
            "What should the value be for the smallest or empty input?",
            "variables",
        ),
        "wrong-name" | "name-instead" | "name-instead-of-constant" | "field-instead" | "wrong-target" => (
            "This line uses one variable where another one is meant.",
            "Say for each name on this line what it stands for.",
            "variables",
        ),
        "name-misspelt" | "special-name-misspelt" => (
            "A name on this line is not spelt as where it is defined.",
            "Compare the letters with the place where it gets its value.",
            "variables",
        ),
        "self-missing" | "self-parameter-missing" | "self-too-much" | "attribute" | "attribute-removed" => (
            "This line uses another attribute or variable of the object than is meant.",
            "What belongs to the object, and what only to this call?",
            "classes",
        ),
        "shared-attribute" | "mutable-default" => (
            "This value is made once and shared, where each call or object needs its own.",
            "When does this line run, and how often?",
            "default-arguments",
        ),
        "copy-missing" | "same-list" => (
            "Two names lead to one and the same list here, so a change through one is seen through the other.",
            "Which of them should stay as it is?",
            "lists",
        ),
        "arguments-swapped" | "parameters-swapped" | "argument-dropped" | "method-argument"
        | "elements-swapped" => (
            "The values on this line are handed over in the wrong order, or one is too many.",
            "Which value belongs to which parameter?",
            "parameters",
        ),
        "function" | "method" | "call-missing" | "wrapper-removed" | "wrapper-missing" | "reversed"
        | "order" | "list-missing" | "list-too-much" | "iterated" => (
            "A function or method on this line does not do what is needed here, or is missing or too much.",
            "What does each call on this line give for a small input?",
            "parameters",
        ),
        "and-or"
        | "condition-dropped"
        | "conditions-swapped"
        | "negation"
        | "guard-missing"
        | "condition-too-much"
        | "condition-instead-of-constant" => (
            "The condition on this line is true in a case where it should not be, or false where it should be true.",
            "Go through the cases: for which of them should it be true?",
            "logical-operators",
        ),
        "assignment" | "assignment-turned" | "result-unused" | "keep-best" => (
            "This line stores its result in the wrong way: it replaces, adds or loses a value.",
            "What should the variable hold after this line, and what before?",
            "variables",
        ),
        "return-missing" | "return-yield" => (
            "At this place the function does not give back what it should.",
            "What should the caller get, and which statement hands it over?",
            "return-values",
        ),
        "indentation" | "else-after-loop" | "belongs-before-loop" => (
            "This statement belongs to another block: it runs too often, too early or too late.",
            "How often should it run: once in each round, or once in all?",
            "for-loops",
        ),
        "order-of-statements" => (
            "These lines are in the wrong order.",
            "Which of them needs what the other one does?",
            "variables",
        ),
        "step-missing" | "assignment-missing" | "collect-missing" => (
            "A step is missing here: something should change or be kept at this place.",
            "What has to be different after this round than before it?",
            "while-loops",
        ),
        "base-case-missing" => (
            "The smallest input is not taken care of here.",
            "For which input is the answer known at once?",
            "recursion",
        ),
        "global-missing" => (
            "The function changes a variable of its own here, not the one outside.",
            "How does a function say that it means the outer variable?",
            "scope",
        ),
        "branches-swapped" | "branch-dropped" | "elif-if" | "if-while" => (
            "The branches here do not fit the condition.",
            "Which of the branches may run together, and which exclude each other?",
            "logical-operators",
        ),
        "break-continue" | "break-missing" => (
            "The loop is left at the wrong moment here.",
            "Should the loop end here, or only this round?",
            "while-loops",
        ),
        _ => (
            "With a small change of this line the program does what the tests ask.",
            "Say in your own words what this line should do.",
            "debugging",
        ),
    }
}
