//! Programs against tests, each in an interpreter of its own.

use learnflow_events::code::{
    ExplanationParts, Outcome, PythonError, RunRequest, TestCase, TestReport, TestRequest, TestVerdict,
};

use crate::{
    bindings::{Ended, Program, Source},
    diff,
    error::ExecutorError,
    executor::{Broken, Executor, RunIo, Session},
    guest::Interrupt,
    limits::{Limits, check_tests},
};

/// What a test method's output may be in a verdict, in bytes.
const STDOUT_SHOWN_BYTES: usize = 16 * 1024;

/// Hears a verdict as soon as it is known.
pub type Judged = Box<dyn FnMut(&TestVerdict) + Send>;

/// Who hears of verdicts, and what ends the tests before their time.
#[derive(Default)]
pub struct TestIo {
    /// Hears each verdict when it is known, in order.
    pub judged: Option<Judged>,
    /// Stops the test that is running and all that would follow.
    pub interrupt: Interrupt,
}

/// The verdicts so far.
struct Verdicts {
    io: TestIo,
    fail_fast: bool,
    list: Vec<TestVerdict>,
}

impl Verdicts {
    fn add(&mut self, verdict: TestVerdict) {
        if let Some(judged) = &mut self.io.judged {
            judged(&verdict);
        }
        self.list.push(verdict);
    }

    /// Whether no further test shall run.
    fn done(&self) -> bool {
        self.io.interrupt.is_asked() || self.fail_fast && self.list.last().is_some_and(|last| !last.passed)
    }
}

impl Executor {
    /// Runs a program against tests.
    ///
    /// # Errors
    /// When the request breaks a limit or the executor is broken; never for what the program does.
    pub async fn test(&self, request: &TestRequest) -> Result<TestReport, ExecutorError> {
        self.test_with(request, TestIo::default()).await
    }

    /// Like [`Self::test`], heard and stopped through `io`. What was judged before an interrupt is in the report,
    /// which then has not passed.
    ///
    /// # Errors
    /// As [`Self::test`].
    pub async fn test_with(&self, request: &TestRequest, io: TestIo) -> Result<TestReport, ExecutorError> {
        check_tests(request)?;
        let limits = Limits::of_test(&request.limits);
        let mut verdicts = Verdicts { io, fail_fast: request.fail_fast, list: Vec::new() };
        for test in &request.tests {
            let interrupt = verdicts.io.interrupt.clone();
            match test {
                TestCase::Call { name, call, expected } => {
                    verdicts.add(self.test_call(request, &limits, interrupt, name, call, expected).await?);
                }
                TestCase::Io { name, stdin, stdout } => {
                    verdicts.add(self.test_io(request, &limits, interrupt, name, stdin, stdout).await?);
                }
                TestCase::Unittest { name, source } => {
                    self.test_unittest(request, &limits, &mut verdicts, name, source).await?;
                }
            }
            if verdicts.done() {
                break;
            }
        }
        let interrupted = verdicts.io.interrupt.is_asked();
        let verdicts = verdicts.list;
        let passed = !interrupted && !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict.passed);
        Ok(TestReport { passed, verdicts })
    }

    /// An interpreter whose random numbers are the same for every run of a test.
    async fn fresh(
        &self,
        request: &TestRequest,
        limits: &Limits,
        interrupt: Interrupt,
    ) -> Result<Session, ExecutorError> {
        let seeded = RunRequest { seed: Some(0), ..RunRequest::default() };
        self.session(surroundings(request, interrupt), limits, &seeded).await
    }

    async fn test_io(
        &self,
        request: &TestRequest,
        limits: &Limits,
        interrupt: Interrupt,
        name: &str,
        stdin: &str,
        expected: &str,
    ) -> Result<TestVerdict, ExecutorError> {
        let run = RunRequest {
            code: request.code.clone(),
            files: request.files.clone(),
            stdin: stdin.to_owned(),
            ..RunRequest::default()
        };
        let _permit = self.permit().await;
        let report = self.run_within(*limits, &run, surroundings(request, interrupt)).await?;
        let ended_well = matches!(report.outcome, Outcome::Ok | Outcome::Exited);
        let message = match (ended_well, diff::output(expected, &report.stdout)) {
            (true, difference) => difference.unwrap_or_default(),
            (false, _) => stopped(report.outcome, report.error.as_ref()),
        };
        Ok(TestVerdict {
            name: name.to_owned(),
            passed: ended_well && message.is_empty(),
            message,
            outcome: report.outcome,
            error: report.error,
            stdout: report.stdout,
            duration_us: report.duration_us,
        })
    }

    async fn test_call(
        &self,
        request: &TestRequest,
        limits: &Limits,
        interrupt: Interrupt,
        name: &str,
        call: &str,
        expected: &str,
    ) -> Result<TestVerdict, ExecutorError> {
        let _permit = self.permit().await;
        let mut session = self.fresh(request, limits, interrupt).await?;
        let program = program(request);
        let answer = session
            .call(*limits, async |guest, store| {
                guest.call_compare(store, &program, &request.module, call, expected).await
            })
            .await;
        let duration_us = u64::try_from(answer.took.as_micros()).unwrap_or(u64::MAX);
        let (stdout, _) = session.printed();
        let (ended, comparison) = split(answer.result, |comparison| (comparison.ended.clone(), comparison));
        let (outcome, _, error) = session.ended(ended).await;
        let passed =
            outcome == Outcome::Ok && comparison.as_ref().is_some_and(|comparison| comparison.passed);
        let message = match &comparison {
            _ if passed => String::new(),
            Some(comparison) if outcome == Outcome::Ok => diff::values(call, comparison),
            _ => stopped(outcome, error.as_ref()),
        };
        Ok(TestVerdict {
            name: name.to_owned(),
            passed,
            message,
            outcome,
            error,
            stdout: shortened(stdout),
            duration_us,
        })
    }

    async fn test_unittest(
        &self,
        request: &TestRequest,
        limits: &Limits,
        verdicts: &mut Verdicts,
        name: &str,
        source: &str,
    ) -> Result<(), ExecutorError> {
        let permit = self.permit().await;
        let mut session = self.fresh(request, limits, verdicts.io.interrupt.clone()).await?;
        let program = program(request);
        let answer = session
            .call(*limits, async |guest, store| {
                guest.call_list_tests(store, &program, &request.module, source).await
            })
            .await;
        let duration_us = u64::try_from(answer.took.as_micros()).unwrap_or(u64::MAX);
        let (stdout, _) = session.printed();
        let failed = match answer.result {
            Ok(Ok(names)) if !names.is_empty() => {
                drop((session, permit));
                for method in &names {
                    let interrupt = verdicts.io.interrupt.clone();
                    let verdict =
                        self.test_method(request, limits, interrupt, &program, source, method).await?;
                    verdicts.add(verdict);
                    if verdicts.done() {
                        break;
                    }
                }
                return Ok(());
            }
            Ok(Ok(_)) => (Outcome::Ok, None, "the file has no test methods: name them test_…".to_owned()),
            Ok(Err(failure)) => {
                let ended =
                    Ended { ending: crate::bindings::Ending::Raised, exit_code: 1, failure: Some(failure) };
                let (outcome, _, error) = session.ended(Ok(ended)).await;
                let message = stopped(outcome, error.as_ref());
                (outcome, error, message)
            }
            Err(broken) => {
                let (outcome, _, error) = session.ended(Err(broken)).await;
                let message = stopped(outcome, error.as_ref());
                (outcome, error, message)
            }
        };
        let (outcome, error, message) = failed;
        verdicts.add(TestVerdict {
            name: name.to_owned(),
            passed: false,
            message,
            outcome,
            error,
            stdout: shortened(stdout),
            duration_us,
        });
        Ok(())
    }

    async fn test_method(
        &self,
        request: &TestRequest,
        limits: &Limits,
        interrupt: Interrupt,
        program: &Program,
        source: &str,
        method: &str,
    ) -> Result<TestVerdict, ExecutorError> {
        let _permit = self.permit().await;
        let mut session = self.fresh(request, limits, interrupt).await?;
        let answer = session
            .call(*limits, async |guest, store| {
                guest.call_run_test(store, program, &request.module, source, method).await
            })
            .await;
        let duration_us = u64::try_from(answer.took.as_micros()).unwrap_or(u64::MAX);
        let (stdout, _) = session.printed();
        let (ended, verdict) = split(answer.result, |verdict| (verdict.ended.clone(), verdict));
        let (outcome, _, error) = session.ended(ended).await;
        let passed = outcome == Outcome::Ok && verdict.as_ref().is_some_and(|verdict| verdict.passed);
        let message = match verdict {
            _ if passed => String::new(),
            Some(verdict) if !verdict.message.is_empty() => verdict.message,
            _ => stopped(outcome, error.as_ref()),
        };
        Ok(TestVerdict {
            name: method.to_owned(),
            passed,
            message,
            outcome,
            error,
            stdout: shortened(stdout),
            duration_us,
        })
    }
}

fn split<T>(
    result: Result<T, Broken>,
    parts: impl FnOnce(T) -> (Ended, T),
) -> (Result<Ended, Broken>, Option<T>) {
    match result {
        Ok(value) => {
            let (ended, value) = parts(value);
            (Ok(ended), Some(value))
        }
        Err(broken) => (Err(broken), None),
    }
}

fn surroundings(request: &TestRequest, interrupt: Interrupt) -> RunIo {
    RunIo { interrupt, unexplained: request.verdicts_only, ..RunIo::default() }
}

fn program(request: &TestRequest) -> Program {
    let sources = request.files.iter();
    Program {
        code: request.code.clone(),
        files: sources.map(|(path, text)| Source { path: path.clone(), text: text.clone() }).collect(),
        argv: Vec::new(),
        stdin: Some(String::new()),
        recording: None,
        seed: 0,
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > STDOUT_SHOWN_BYTES {
        text.truncate(text.floor_char_boundary(STDOUT_SHOWN_BYTES));
        text.push_str("\n… (more was printed)\n");
    }
    text
}

/// What a beginner reads when a test ended before it could be judged.
fn stopped(outcome: Outcome, error: Option<&PythonError>) -> String {
    let line = |error: &PythonError| error.line.map(|line| format!(" on line {line}")).unwrap_or_default();
    match (outcome, error) {
        (_, Some(error)) => {
            let ExplanationParts { why, .. } = &error.parts;
            let why = if why.is_empty() { String::new() } else { format!("\n{why}") };
            format!("The program ended with {}{}: {}{why}", error.kind, line(error), error.message)
        }
        (Outcome::Timeout, None) => {
            "The program did not end in time. Is there a loop that never ends?".to_owned()
        }
        (Outcome::MemoryLimit, None) => "The program used more memory than a test may.".to_owned(),
        (Outcome::OutputLimit, None) => "The program printed more than a test may.".to_owned(),
        (Outcome::Exited, None) => "The program called sys.exit() before the test was over.".to_owned(),
        (Outcome::Interrupted, None) => "The test was interrupted.".to_owned(),
        _ => "The interpreter failed in this test; please report it.".to_owned(),
    }
}
