//! What findings of Ruff's mean, in words for a student of a given level.

use learnflow_agent::SkillLevel;
use lint::Finding as RuffFinding;

/// What each rule means to somebody who has not heard of it, and what to do. Ruff's own message stands for the rest.
const WORDS: &[(&str, &str)] = &[
    ("F401", "This import is never used; take it out, so that readers do not look for where it matters."),
    (
        "F811",
        "This name is defined a second time before the first one was used, so the first one has no effect.",
    ),
    ("F821", "This name is not defined anywhere above; is it misspelt, or does its definition come later?"),
    ("F841", "This variable gets a value that nothing reads; use it, or take it out."),
    ("F541", "This is an f-string without anything to fill in; a plain string will do."),
    ("F632", "`is` asks whether two names are the same object; to compare values use `==`."),
    ("E711", "Compare with `None` by `is None`: there is only one `None`, and `==` can be redefined."),
    (
        "E712",
        "A condition is already true or false; write `if flag:` instead of comparing with `True` or `False`.",
    ),
    ("E713", "`not in` reads better than `not … in`, and means the same."),
    ("E714", "`is not` reads better than `not … is`, and means the same."),
    ("E722", "A bare `except:` also catches Ctrl-C and typing mistakes; name the exception you expect."),
    ("E731", "A lambda with a name is a function; `def` gives it a proper name in error messages."),
    ("E741", "`l`, `O` and `I` look like digits; another name avoids mistakes."),
    (
        "B006",
        "A list or dictionary as default value is made once and shared by all calls; use `None` and make a new one inside.",
    ),
    ("B007", "The loop variable is never used inside the loop; `_` says so on purpose."),
    ("B008", "The default value is computed once, when the function is defined, not at each call."),
    ("B015", "This comparison has no effect; was an assignment or an `assert` meant?"),
    ("B018", "This expression has no effect; was something missing, like a call's parentheses?"),
    (
        "B023",
        "The function made in this loop sees the loop variable's last value, not the one from its own round.",
    ),
    ("B905", "`zip` stops at the shorter one without a word; `strict=True` tells you when they differ."),
    ("A001", "This name hides a built-in function of Python; the built-in cannot be used after it."),
    ("A002", "This parameter hides a built-in function of Python inside the function."),
    ("C901", "There are many ways through this function; parts of it could be functions of their own."),
    ("PLR0911", "There are many places where this function returns; fewer make it easier to follow."),
    ("PLR0912", "There are many branches in this function; a table or smaller functions may say the same."),
    ("PLR1714", "Several comparisons of one value read better as `value in (a, b)`."),
    ("PLR5501", "`else:` followed by `if` can be `elif`."),
    ("PLW0602", "`global` is not needed for reading, and nothing is assigned here."),
    (
        "PLW0603",
        "A function that changes a global variable has effects that its caller cannot see; return the value instead.",
    ),
    ("PLW2901", "The loop variable is overwritten inside the loop; a second name keeps both."),
    ("RET503", "Some ways through the function return a value and some do not; those give `None`."),
    ("RET505", "After `return` no `else` is needed."),
    ("SIM102", "Two `if`s inside each other without anything between them can be one with `and`."),
    ("SIM103", "The condition itself is the answer: `return condition`."),
    ("SIM110", "The loop asks whether any (or all) items fit; `any(…)` or `all(…)` says that in one line."),
    ("SIM113", "`enumerate` counts along for you."),
    ("SIM115", "Open files with `with`, so that they are closed even after an error."),
    ("SIM118", "`key in dictionary` needs no `.keys()`."),
    ("C416", "The comprehension only copies; `list(…)` says so."),
    ("PERF401", "The loop only builds a list; a list comprehension says that in one line."),
    ("N801", "Class names are written `LikeThis` in Python."),
    ("N802", "Function names are written `like_this` in Python."),
    ("N803", "Parameter names are written `like_this` in Python."),
    ("N806", "Variable names are written `like_this` in Python."),
    ("ARG001", "This parameter is never used."),
];

/// The same for beginners, where the words above need some experience.
const FIRST_WORDS: &[(&str, &str)] = &[
    (
        "F401",
        "You import this but never use it, like carrying an umbrella you never open. You can delete the line.",
    ),
    (
        "F811",
        "You give this name to two things, and only the second one counts. Give one of them another name.",
    ),
    (
        "F821",
        "Python does not know this name yet. Is it spelt the same way everywhere, and does its line come first?",
    ),
    ("F841", "You store something here and never look at it again. Either use it or leave it out."),
    ("F541", "The `f` before the quotes is only needed when there are `{}` inside. You can take it away."),
    (
        "F632",
        "`is` asks “are these one and the same thing?”. You want “do they look the same?”, which is `==`.",
    ),
    ("E711", "To ask whether something is `None`, Python people write `is None` instead of `== None`."),
    ("E712", "What you compare is already true or false, so `if flag:` says the same with fewer words."),
    (
        "E722",
        "`except:` alone hides every mistake, even your own typing mistakes. Say which error you expect.",
    ),
    ("E741", "`l`, `O` and `I` look like the digits 1 and 0. A longer name is easier to read."),
    (
        "B006",
        "The list in the first line of the function is made only once, so every call goes on with the same list. Write \
         `=None` there and make a new list inside.",
    ),
    (
        "B007",
        "The loop gives this name a value each round, and you never use it. Call it `_` to say “I only count”.",
    ),
    ("A001", "This name already belongs to a tool of Python. If you take it, the tool is gone from here on."),
    ("A002", "This name already belongs to a tool of Python, which you cannot use inside this function now."),
    (
        "C901",
        "This function has many forks in its road. Smaller functions, each with one job, are easier to follow.",
    ),
    (
        "PLW0603",
        "The function changes something outside of itself, which is hard to see from outside. Give the result back with `return`.",
    ),
    ("PLW2901", "You change the loop's own variable inside the loop. A second name keeps both values."),
    (
        "RET503",
        "Sometimes this function gives something back and sometimes nothing, which is `None` in Python.",
    ),
    ("RET505", "After `return` the function is over, so the rest needs no `else`."),
    ("SIM102", "Two `if`s, one inside the other: `if a and b:` says both at once."),
    ("SIM103", "You turn true into `True` and false into `False`. You can return the question itself."),
    ("SIM110", "You look whether any item fits. Python has a word for that: `any(…)` (or `all(…)`)."),
    ("SIM113", "You count along by hand. `enumerate` does the counting for you."),
    ("SIM115", "If something goes wrong, this file stays open. `with open(…) as file:` always closes it."),
    ("PERF401", "The loop only fills a list. `[… for … in …]` does that in one line."),
    ("N801", "Names of classes start with a big letter: `LikeThis`."),
    ("N802", "Names of functions are small letters with underscores: `like_this`."),
    ("N803", "Names of parameters are small letters with underscores: `like_this`."),
    ("N806", "Names of variables are small letters with underscores: `like_this`."),
];

/// What somebody with experience wants to know beyond the first sentence: cost, edge cases, alternatives.
const MORE_WORDS: &[(&str, &str)] = &[
    ("E711", "Classes such as NumPy's arrays answer `==` element by element, and the condition then raises."),
    ("E722", "`except Exception` still lets `KeyboardInterrupt` and `SystemExit` through."),
    ("E731", "Tracebacks and `help` would say `<lambda>`."),
    ("B006", "Defaults are evaluated once, at the `def`; the object is in `__defaults__`."),
    ("B008", "Use a sentinel and compute inside, or `functools.partial` at the call."),
    ("B023", "Bind it as a default argument, or use `functools.partial`."),
    ("C901", "Each branch is a path that a test has to reach."),
    (
        "PLW0603",
        "It also makes the function unsafe to call from two threads, and tests depend on their order.",
    ),
    ("SIM110", "`any` and `all` stop at the first answer, as your `return` does."),
    ("SIM115", "Without reference counting, as in PyPy, the file stays open until the collector runs."),
    ("PERF401", "The comprehension also saves the look-up of `append` in every round."),
    (
        "F632",
        "That it works for small numbers is an accident of CPython, which keeps one object of each from -5 to 256.",
    ),
    ("SIM118", "`keys()` makes a view object first; the look-up is the same."),
    ("PLW2901", "Linters and readers take the loop's variable for the item itself."),
];

/// What a finding of Ruff's means, in a sentence or two.
pub fn sentence(found: &RuffFinding, level: SkillLevel) -> String {
    let of = |words: &'static [(&str, &str)]| {
        words.iter().find(|(code, _)| *code == found.code).map(|(_, words)| *words)
    };
    let common = || of(WORDS).map_or_else(|| ruffs_own(found), str::to_owned);
    match level {
        SkillLevel::Beginner => of(FIRST_WORDS).map_or_else(common, str::to_owned),
        SkillLevel::Intermediate => common(),
        SkillLevel::Advanced => match of(MORE_WORDS) {
            Some(more) => format!("{} {more}", common()),
            None => common(),
        },
    }
}

fn ruffs_own(found: &RuffFinding) -> String {
    let message = found.message.trim_end_matches('.');
    match &found.help {
        Some(help) => format!("{message}. {}.", help.trim_end_matches('.')),
        None => format!("{message}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_reads_its_own_words() {
        let code = "def f(items=[]):\n    return items\nprint(f())\n";
        let found = lint::lint(code).into_iter().find(|found| found.code == "B006").expect("B006 is found");
        let [beginner, intermediate, advanced] =
            [SkillLevel::Beginner, SkillLevel::Intermediate, SkillLevel::Advanced]
                .map(|level| sentence(&found, level));
        assert!(beginner.contains("made only once") && !beginner.contains("default"), "{beginner}");
        assert!(intermediate.contains("default value"), "{intermediate}");
        assert!(advanced.starts_with(&intermediate) && advanced.contains("__defaults__"), "{advanced}");
    }

    #[test]
    fn words_of_the_other_levels_belong_to_known_rules() {
        for (code, _) in FIRST_WORDS.iter().chain(MORE_WORDS) {
            assert!(WORDS.iter().any(|(known, _)| known == code), "{code}");
        }
    }
}
