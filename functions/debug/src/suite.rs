//! The tests that say what a program should do: a unittest file, or those of an exercise.
//!
//! An exercise has examples that students see and tests that they never see. The examples are evidence: they run in the
//! driver, and their words are told. The hidden tests only confirm: they run in interpreters of their own and come back as
//! yes or no. They never enter the driver, whose files a program could read and whose recorded steps an answer shows.

use learnflow_agent::{Fault, Sandbox};
use learnflow_events::code::{RunLimits, TestCase, TestRequest};
use learnflow_exercise_bank::{Exercise, TestKind};
use serde_json::json;

/// What counts as equal, as for the sandbox, and how the driver compares the calls of an exercise; driver.py runs the file
/// that begins with both.
const CALLS: &str = concat!(
    include_str!("../../../sandbox-host/guest/_learnflow/equality.py"),
    "\n\n",
    include_str!("experiment/calls.py")
);
/// The class of that file.
const CALLS_CLASS: &str = "Examples.test_";
/// The name by which tests of an exercise know the program.
const MODULE: &str = "main";

/// Tests of a program.
#[derive(Clone, Debug)]
pub struct Suite {
    form: Form,
    /// What students see of them.
    shown: Vec<TestCase>,
    /// What they never see.
    hidden: Vec<TestCase>,
    /// The exercise that they belong to.
    exercise: Option<&'static Exercise>,
}

/// How the driver runs them.
#[derive(Clone, Debug)]
enum Form {
    /// A unittest file that imports the program by a name.
    File { module: String, source: String },
    /// Inputs, and what the program must print for them.
    Outputs,
}

impl Suite {
    /// A unittest file, which imports the program as `module`; `None` for an empty one.
    pub fn of_file(module: &str, source: &str) -> Option<Self> {
        if source.trim().is_empty() {
            return None;
        }
        Some(Self {
            form: Form::File { module: module.to_owned(), source: source.to_owned() },
            shown: vec![TestCase::Unittest { name: "tests".to_owned(), source: source.to_owned() }],
            hidden: Vec::new(),
            exercise: None,
        })
    }

    /// The tests of an exercise.
    pub fn of_exercise(exercise: &'static Exercise) -> Self {
        let mut shown = exercise.test_cases();
        let hidden = shown.split_off(exercise.shown.len());
        let form = match exercise.tests {
            TestKind::Call => Form::File { module: MODULE.to_owned(), source: calls(exercise.shown) },
            TestKind::Io => Form::Outputs,
        };
        Self { form, shown, hidden, exercise: Some(exercise) }
    }

    /// The exercise that the tests belong to.
    pub fn exercise(&self) -> Option<&'static Exercise> {
        self.exercise
    }

    /// The name by which the driver's test file imports the program; empty when there is no such file.
    pub(crate) fn module(&self) -> &str {
        match &self.form {
            Form::File { module, .. } => module,
            Form::Outputs => "",
        }
    }

    /// The unittest file that the driver runs.
    pub(crate) fn file(&self) -> &str {
        match &self.form {
            Form::File { source, .. } => source,
            Form::Outputs => "",
        }
    }

    /// Inputs with the outputs that they must lead to, for the driver.
    pub(crate) fn examples(&self) -> Vec<(&str, &str)> {
        self.shown
            .iter()
            .filter_map(|case| match case {
                TestCase::Io { stdin, stdout, .. } => Some((stdin.as_str(), stdout.as_str())),
                TestCase::Call { .. } | TestCase::Unittest { .. } => None,
            })
            .collect()
    }

    /// The name of a test as the sandbox has it, from the driver's.
    pub(crate) fn name_of(&self, tested: &str) -> String {
        match tested.strip_prefix(CALLS_CLASS).filter(|_| self.exercise.is_some()) {
            Some(number) => format!("example {number}"),
            None => tested.to_owned(),
        }
    }

    /// The tests that students see, up to the first that fails.
    pub(crate) fn shown(&self, code: &str, limits: RunLimits) -> TestRequest {
        TestRequest { tests: self.shown.clone(), ..self.request(code, limits) }
    }

    /// All tests, hidden ones included, for a yes or no.
    pub(crate) fn all(&self, code: &str, limits: RunLimits) -> TestRequest {
        let tests = self.shown.iter().chain(&self.hidden).cloned().collect();
        TestRequest { tests, verdicts_only: true, ..self.request(code, limits) }
    }

    /// Whether a program passes the tests that students do not see; `None` when there are none.
    pub(crate) async fn passes_hidden(
        &self,
        code: &str,
        limits: RunLimits,
        sandbox: &impl Sandbox,
    ) -> Result<Option<bool>, Fault> {
        if self.hidden.is_empty() {
            return Ok(None);
        }
        let request =
            TestRequest { tests: self.hidden.clone(), verdicts_only: true, ..self.request(code, limits) };
        Ok(Some(sandbox.test(&request).await?.passed))
    }

    fn request(&self, code: &str, limits: RunLimits) -> TestRequest {
        let module = match &self.form {
            Form::File { module, .. } => module,
            Form::Outputs => MODULE,
        };
        TestRequest {
            code: code.to_owned(),
            module: module.to_owned(),
            limits,
            fail_fast: true,
            ..TestRequest::default()
        }
    }
}

/// A unittest file with a method for each call. JSON's strings are Python's too.
fn calls(pairs: &[(&str, &str)]) -> String {
    let mut file = CALLS.to_owned();
    for (at, (call, expected)) in pairs.iter().enumerate() {
        file.push_str(&format!(
            "\n    def test_{}(self):\n        self.check({}, {})\n",
            at + 1,
            json!(call),
            json!(expected)
        ));
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_tests_stay_out_of_the_driver() {
        for id in ["digit-sum", "fizz-buzz"] {
            let exercise = learnflow_exercise_bank::exercise(id).expect("it is in the bank");
            let suite = Suite::of_exercise(exercise);
            let driven = format!("{}{:?}", suite.file(), suite.examples());
            for (given, _) in exercise.shown {
                let given = json!(given).to_string();
                assert!(driven.contains(&given), "{id}: {given} is not tried");
            }
            for (given, _) in exercise.hidden {
                let given = json!(given).to_string();
                assert!(!driven.contains(&given), "{id}: {given} is in the driver");
            }
            let request = suite.all("", RunLimits::default());
            assert_eq!(request.tests.len(), exercise.shown.len() + exercise.hidden.len());
            assert_eq!(suite.shown("", RunLimits::default()).tests.len(), exercise.shown.len());
        }
    }
}
