//! The debug agent: finds why a program does not do what was meant.
//!
//! It always runs the program first. [`diagnosis`] collects evidence: how the run and the tests ended, suspicious
//! [`patterns`] in the source, the [`findings`] of Ruff and of Python's compiler that may be the reason, and what
//! happens when the tests run on changed versions of the program ([`mutate`] makes them, [`experiment`] runs them). [`answer`] says it in plain words, as much of it as the
//! student's hint tier allows. docs/debugging.md has the method and what it was measured to reach.

#[cfg(target_family = "wasm")]
mod component;
pub mod model;

mod answer;
pub mod diagnosis;
pub mod experiment;
pub mod findings;
pub mod message;
pub mod mutate;
pub mod patterns;
mod rank;
pub mod repair;
pub mod source;
mod suite;
mod syntax;

pub use answer::answer;
pub use diagnosis::{Diagnosis, diagnose, diagnose_against, diagnose_within};
pub use experiment::Budget;
pub use suite::Suite;

/// Modules of the standard library that test files import beside the program.
const TEST_MODULES: &[&str] = &[
    "abc",
    "ast",
    "builtins",
    "collections",
    "contextlib",
    "copy",
    "csv",
    "datetime",
    "decimal",
    "doctest",
    "enum",
    "fractions",
    "functools",
    "importlib",
    "inspect",
    "io",
    "itertools",
    "json",
    "math",
    "operator",
    "os",
    "pathlib",
    "random",
    "re",
    "statistics",
    "string",
    "sys",
    "tempfile",
    "textwrap",
    "time",
    "types",
    "typing",
    "unittest",
    "warnings",
];

/// The name by which a unittest file imports the program: its first import that is not of the standard library.
pub fn module_name(tests: &str) -> String {
    tests
        .lines()
        .filter_map(|line| line.trim().strip_prefix("from ").or_else(|| line.trim().strip_prefix("import ")))
        .filter_map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next())
        .find(|name| !name.is_empty() && !name.starts_with("__") && !TEST_MODULES.contains(name))
        .unwrap_or("main")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::module_name;

    #[test]
    fn the_module_is_what_the_tests_import() {
        assert_eq!(
            module_name("import unittest\nfrom unittest.mock import patch\nfrom add_up import total\n"),
            "add_up"
        );
        assert_eq!(module_name("import unittest\nimport bank\n"), "bank");
        assert_eq!(module_name(""), "main");
    }
}
