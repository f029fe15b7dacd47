//! Whether an exercise does what it must, as the sandbox sees it.

use http_body_util::{BodyExt, Limited};
use learnflow_events::code::{RunLimits, TestReport, TestRequest};
use learnflow_exercise_bank::draft::Draft;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, identity::Identity, problem::Problem, schema, tasks::test_cases};

/// Processor time for each test, in milliseconds: what the exercise agent grants when it grades.
const TIMEOUT_MS: u64 = 2_000;
/// Largest report of one program's tests.
const REPORT_BYTES: usize = 8 * 1024 * 1024;
/// Failed tests that are told with a check.
const TOLD: usize = 5;

/// What the sandbox found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Verification {
    /// Whether every check is as it must be.
    pub(crate) verified: bool,
    checks: Vec<Check>,
}

/// A program against all tests.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Check {
    #[schema(value_type = schema::CheckedProgram)]
    what: &'static str,
    /// Which wrong answer, from 0.
    index: Option<usize>,
    #[schema(value_type = schema::CheckedOutcome)]
    expected: &'static str,
    /// Whether it did.
    ok: bool,
    /// What a teacher reads.
    message: String,
    /// The first tests that failed.
    failed_tests: Vec<FailedTest>,
}

/// A test that a program did not pass.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct FailedTest {
    name: String,
    message: String,
}

impl App {
    /// Tries an exercise: the solution must pass every test; starter and wrong answers must not.
    pub(crate) async fn verify(&self, identity: &Identity, draft: &Draft) -> Result<Verification, Problem> {
        let wrong = draft.wrong.iter().enumerate().map(|(at, wrong)| ("wrong", Some(at), &wrong.code));
        let programs =
            [("solution", None, &draft.solution), ("starter", None, &draft.starter)].into_iter().chain(wrong);
        let mut checks = Vec::new();
        for (what, index, code) in programs {
            self.limits.runs.take(&identity.user_id)?;
            let report = self.test(identity, draft, code).await?;
            checks.push(check(what, index, &report));
        }
        Ok(Verification { verified: checks.iter().all(|check| check.ok), checks })
    }

    async fn test(&self, identity: &Identity, draft: &Draft, code: &str) -> Result<TestReport, Problem> {
        let request = TestRequest {
            code: code.to_owned(),
            module: "main".to_owned(),
            tests: test_cases(draft),
            limits: RunLimits { timeout_ms: Some(TIMEOUT_MS), ..RunLimits::default() },
            ..TestRequest::default()
        };
        let body = serde_json::to_vec(&request).map_err(|error| Problem::bug(error.to_string()))?;
        let response = self.call_sandbox(identity, "/tests", body, "application/json").await?;
        let body = Limited::new(response.into_body(), REPORT_BYTES)
            .collect()
            .await
            .map_err(|error| Problem::away(format!("the sandbox's verdicts: {error}")))?
            .to_bytes();
        serde_json::from_slice(&body)
            .map_err(|error| Problem::bug(format!("the sandbox's verdicts: {error}")))
    }
}

fn check(what: &'static str, index: Option<usize>, report: &TestReport) -> Check {
    let must_pass = what == "solution";
    let total = report.verdicts.len();
    let failed: Vec<_> = report.verdicts.iter().filter(|verdict| !verdict.passed).collect();
    let name = match index {
        Some(index) => format!("Wrong answer {}", index + 1),
        None => format!("The {what}"),
    };
    let ok = report.passed == must_pass;
    let message = match (must_pass, ok) {
        (true, true) => format!("{name} passes all {total} tests."),
        (true, false) => format!("{name} fails {} of {total} tests; it must pass all.", failed.len()),
        (false, true) => format!("{name} fails {} of {total} tests, as it must.", failed.len()),
        (false, false) => format!("{name} passes all {total} tests; add a test that it fails."),
    };
    let failed_tests = failed
        .into_iter()
        // That a wrong answer fails is what is wanted; only a solution's failures have to be mended.
        .filter(|_| must_pass)
        .take(TOLD)
        .map(|verdict| FailedTest { name: verdict.name.clone(), message: verdict.message.clone() })
        .collect();
    Check { what, index, expected: if must_pass { "pass" } else { "fail" }, ok, message, failed_tests }
}
