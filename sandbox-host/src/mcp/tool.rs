//! The tools: names, schemas, and what a model reads about them.

use std::sync::Arc;

use learnflow_events::code::{PythonError, RunReport, RunRequest, TestReport, TestRequest};
use rmcp::{
    handler::server::tool::{schema_for_input, schema_for_output},
    model,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tool of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    RunPython,
    RunTests,
    TracePython,
    CheckSyntax,
}

/// A program whose syntax is checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SyntaxRequest {
    /// The program.
    pub(super) code: String,
}

/// What Python's compiler says about a program.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SyntaxReport {
    /// Whether it is valid Python.
    pub(super) valid: bool,
    /// What is wrong with it, explained for a beginner.
    pub(super) error: Option<PythonError>,
    /// What the compiler warns about.
    pub(super) warnings: Vec<SyntaxWarning>,
}

/// Valid Python that probably means something else.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct SyntaxWarning {
    /// The line, from 1.
    pub(super) line: u32,
    /// What Python says.
    pub(super) message: String,
}

impl Tool {
    pub(super) const ALL: [Self; 4] = [Self::RunPython, Self::RunTests, Self::TracePython, Self::CheckSyntax];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RunPython => "run_python",
            Self::RunTests => "run_tests",
            Self::TracePython => "trace_python",
            Self::CheckSyntax => "check_syntax",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::RunPython => "Run Python",
            Self::RunTests => "Run tests",
            Self::TracePython => "Trace Python",
            Self::CheckSyntax => "Check syntax",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::RunPython => {
                "Runs a Python 3.14 program in a fresh, isolated interpreter without network or files of the machine, \
                 and reports its output, how it ended, and its exception with line and explanation. Progress \
                 notifications carry what it prints. input() reads from stdin, all of which is given beforehand."
            }
            Self::RunTests => {
                "Runs a Python program against tests, each in an interpreter of its own: calls with expected values, \
                 standard input with expected output, or unittest files. Reports a verdict for each, with a difference \
                 that a beginner can read."
            }
            Self::TracePython => {
                "Runs a Python program and records each step: line, variables and their changes, call stack, objects \
                 with identity, output so far. 200 steps are recorded unless limits.trace_steps says otherwise."
            }
            Self::CheckSyntax => {
                "Compiles a Python 3.14 program without running it; reports the syntax error with line and \
                 explanation, and the compiler's warnings."
            }
        }
    }

    /// The tool as a client lists it.
    pub(super) fn described(self) -> model::Tool {
        let (input, output) = match self {
            Self::RunPython | Self::TracePython => {
                (schema_for_input::<RunRequest>(), schema_for_output::<RunReport>())
            }
            Self::RunTests => (schema_for_input::<TestRequest>(), schema_for_output::<TestReport>()),
            Self::CheckSyntax => (schema_for_input::<SyntaxRequest>(), schema_for_output::<SyntaxReport>()),
        };
        let input: Arc<_> = input.expect("the request is an object");
        // A run changes nothing outside its interpreter and reaches nothing outside it.
        let annotations = model::ToolAnnotations::with_title(self.title())
            .read_only(true)
            .destructive(false)
            .open_world(false);
        model::Tool::new(self.name(), self.description(), input)
            .with_title(self.title())
            .with_raw_output_schema(output)
            .with_annotations(annotations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_found_by_the_name_that_it_is_listed_under() {
        for tool in Tool::ALL {
            assert_eq!(Tool::named(&tool.described().name), Some(tool));
        }
        assert_eq!(Tool::named("os.system"), None);
    }
}
