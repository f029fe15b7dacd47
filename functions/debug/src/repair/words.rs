//! What a repair says about the mistake: the cause, what to think about, and the idea behind it.

/// Cause, direction and topic of each kind of repair. The direction holds no corrected line.
const WORDS: &[(&str, (&str, &str, &str))] = &[
    (
        "colon",
        (
            "The colon is missing at the end of this line.",
            "Lines that begin a block (`if`, `for`, `while`, `def`, `class`, `else` …) end with a certain sign. Which one?",
            "if-statements",
        ),
    ),
    (
        "bracket-open",
        (
            "A bracket is opened and never closed.",
            "Count the opening and the closing brackets of this line. Where does the one that is missing belong?",
            "reading-errors",
        ),
    ),
    (
        "bracket-extra",
        (
            "There is a closing bracket without an opening one.",
            "Go through the line from the left and pair the brackets. Which one has no partner?",
            "reading-errors",
        ),
    ),
    (
        "bracket-kind",
        (
            "A bracket is closed by one of another kind.",
            "Which kind of bracket was opened, and which kind closes it?",
            "reading-errors",
        ),
    ),
    (
        "quote",
        (
            "A text is not closed: its quotation mark is missing, or another kind closes it.",
            "Where does the text begin, and which sign must end it?",
            "strings",
        ),
    ),
    (
        "quote-inside",
        (
            "An apostrophe inside the text ends it too early.",
            "The first quotation mark of the same kind ends a text. Which other kind could be around it?",
            "strings",
        ),
    ),
    (
        "quotes-missing",
        (
            "This looks like text, but there are no quotation marks around it.",
            "How does Python know where a text begins and where it ends?",
            "strings",
        ),
    ),
    (
        "quotes-curly",
        (
            "These are typographic quotation marks (or dashes), which Python does not know.",
            "Type the quotation marks in the editor instead of pasting them.",
            "strings",
        ),
    ),
    (
        "brace-in-text",
        (
            "A curly bracket in the f-string is not closed.",
            "Every `{` in an f-string needs its partner before the text ends.",
            "string-formatting",
        ),
    ),
    (
        "print",
        (
            "`print` is a function: what it prints stands in round brackets.",
            "How do you call a function?",
            "print",
        ),
    ),
    (
        "equals",
        (
            "A single `=` assigns; comparing is written differently.",
            "What is the sign for the question whether two values are equal?",
            "comparisons",
        ),
    ),
    (
        "operator",
        (
            "This is how another language writes the operator.",
            "How is this comparison, this `and`, `or`, `not` or this counting up written in Python?",
            "comparisons",
        ),
    ),
    (
        "elif",
        (
            "A further condition after `if` is written in one word, and `else` stands without a condition.",
            "Which of `elif` and `else` takes a condition?",
            "if-statements",
        ),
    ),
    (
        "else-place",
        (
            "This line does not stand below the beginning of the block it belongs to.",
            "To which `if`, `for` or `try` does it belong, and how far is that one indented?",
            "if-statements",
        ),
    ),
    (
        "indent-missing",
        (
            "What belongs to the block is not indented.",
            "Which lines should happen inside of the block? They stand further to the right.",
            "IndentationError",
        ),
    ),
    (
        "indent-extra",
        (
            "This line is indented differently from the lines it belongs with.",
            "With which lines should it start at the same column?",
            "IndentationError",
        ),
    ),
    (
        "body-missing",
        (
            "The block has no lines at all.",
            "What should happen inside of it? If nothing yet, there is a statement for that.",
            "IndentationError",
        ),
    ),
    (
        "tabs",
        (
            "Tabs and spaces are mixed in the indentation.",
            "Indent with spaces only; the editor can convert tabs.",
            "TabError",
        ),
    ),
    (
        "keyword",
        (
            "A word of the language is misspelt here.",
            "Read the line word by word: is each keyword spelt as Python spells it, in small letters?",
            "SyntaxError",
        ),
    ),
    (
        "foreign-word",
        ("This word belongs to another language.", "How does Python begin such a line?", "SyntaxError"),
    ),
    (
        "reserved-name",
        (
            "This name is a word of the language, so no variable can be called that.",
            "Choose another name.",
            "variables",
        ),
    ),
    (
        "name",
        (
            "This is not a name: names have letters, digits and underscores, and begin with no digit.",
            "How could the name be written without a space, a dash or a digit in front?",
            "variables",
        ),
    ),
    (
        "assignment-side",
        (
            "The left side of `=` is no name that could get a value.",
            "What gets a value stands on the left, the calculation on the right.",
            "variables",
        ),
    ),
    (
        "comma",
        (
            "Between two values a comma is missing.",
            "How are values separated in a list, a call or a tuple?",
            "lists",
        ),
    ),
    (
        "separator",
        (
            "Another sign than the one that belongs between these parts stands here.",
            "Which sign stands between the items of a list, and which one between key and value?",
            "dictionaries",
        ),
    ),
    (
        "times",
        (
            "A number stands directly before a name or a bracket; Python does not multiply without a sign.",
            "Which sign multiplies?",
            "arithmetic",
        ),
    ),
    (
        "in",
        (
            "The word `in` of the loop is missing or replaced.",
            "A `for` loop says: for *name* … *things*. Which word stands between?",
            "for-loops",
        ),
    ),
    (
        "parameters",
        (
            "A definition needs round brackets after its name, even without parameters.",
            "What stands after the name in a `def` line?",
            "functions",
        ),
    ),
    (
        "import",
        (
            "The parts of the import stand in the wrong order.",
            "In which order do `from` and `import` stand?",
            "modules",
        ),
    ),
    (
        "zeros",
        (
            "Whole numbers are written without zeros in front.",
            "How is the number written without the zero in front?",
            "arithmetic",
        ),
    ),
    (
        "value-missing",
        ("The line ends where a value is expected.", "What should stand there?", "SyntaxError"),
    ),
    (
        "outside",
        (
            "This statement stands outside of the function or loop that it belongs to.",
            "`return` only makes sense in a function, `break` and `continue` in a loop. How far must it be indented?",
            "IndentationError",
        ),
    ),
    (
        "handler-missing",
        (
            "`try` needs an `except` or a `finally`.",
            "What should happen when something goes wrong?",
            "exceptions",
        ),
    ),
    (
        "stray",
        (
            "A sign or a word too many stands here.",
            "Read the line aloud, sign by sign. What has no meaning?",
            "SyntaxError",
        ),
    ),
];

/// Cause, direction and topic of a kind of repair.
pub(crate) fn of(kind: &str) -> (&'static str, &'static str, &'static str) {
    WORDS.iter().find(|(known, _)| *known == kind).map_or(
        ("Python cannot read this line.", "What is different from lines that work?", "SyntaxError"),
        |(_, words)| *words,
    )
}
