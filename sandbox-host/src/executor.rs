//! Runs programs in this process, each in an interpreter of its own.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use learnflow_events::code::{ExplanationParts, Outcome, PythonError, RunReport, RunRequest};
use tokio::sync::{Semaphore, mpsc};
use wasmtime::{Store, Trap};

use crate::{
    bindings::{Ended, Ending, Failure, Program, Recording, Sandbox, Source},
    error::ExecutorError,
    guest::{Guest, Interrupt, OnOutput, Stop, Waiting},
    limits::{Limits, check_run},
    pool::{Lease, Pool},
    random::Random,
    receipt::Receipt,
};

/// What a program may still use after `interrupt` before it is stopped for good.
const INTERRUPT_GRACE: Duration = Duration::from_millis(300);
/// Processor time for explaining an exception.
const EXPLAIN_LIMIT: Duration = Duration::from_millis(2_000);
/// How an executor is set up.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorOptions {
    /// Interpreters that are kept ready, so that a run starts at once. 0 prepares none.
    pub prepared: usize,
    /// Runs in progress at most, those that wait for input included.
    pub max_runs: usize,
}

impl Default for ExecutorOptions {
    /// For a command-line tool: nothing prepared, a few runs.
    fn default() -> Self {
        Self { prepared: 0, max_runs: 8 }
    }
}

/// Where a run's input comes from and where its output goes while it runs.
#[derive(Default)]
pub struct RunIo {
    /// Hears everything that is printed, in order, as it is printed. The report has it too.
    pub output: Option<OnOutput>,
    /// Lines that a person types; the request's `stdin` is then ignored. Closing it is end of input.
    pub lines: Option<mpsc::Receiver<String>>,
    /// Stops the run.
    pub interrupt: Interrupt,
    /// An exception is reported without its explanation.
    pub unexplained: bool,
}

/// Runs programs.
pub struct Executor {
    pool: Arc<Pool>,
    max_runs: usize,
    permits: Arc<Semaphore>,
    waiting: Waiting,
}

impl Executor {
    /// Loads an interpreter that [`crate::engine::precompile`] made, and the counting one beside it if there is one.
    ///
    /// # Errors
    /// When the file is missing or was made for another engine.
    pub fn load(cwasm: &Path, options: ExecutorOptions) -> Result<Self, ExecutorError> {
        Ok(Self {
            pool: Pool::open(cwasm, options)?,
            max_runs: options.max_runs,
            permits: Arc::new(Semaphore::new(options.max_runs)),
            waiting: Waiting::default(),
        })
    }

    /// SHA-256 of the interpreter that runs programs, in hexadecimal.
    pub fn interpreter_digest(&self) -> &str {
        self.pool.digest(false)
    }

    /// How many programs wait for a line of input, as it changes.
    pub(crate) fn waiting(&self) -> tokio::sync::watch::Receiver<usize> {
        self.waiting.subscribe()
    }

    /// Prepares as many interpreters as the options ask for.
    ///
    /// # Errors
    /// When an interpreter cannot be made.
    pub async fn prepare(&self) -> Result<(), ExecutorError> {
        self.pool.refill().await
    }

    /// Runs a program.
    ///
    /// # Errors
    /// When the request breaks a limit or the executor is full or broken; never for what the program does.
    pub async fn run(&self, request: &RunRequest, io: RunIo) -> Result<RunReport, ExecutorError> {
        check_run(request)?;
        let permit = Arc::clone(&self.permits)
            .try_acquire_owned()
            .map_err(|_| ExecutorError::Busy { running: self.max_runs })?;
        let report = self.run_admitted(request, io).await;
        drop(permit);
        report
    }

    pub(crate) async fn run_admitted(
        &self,
        request: &RunRequest,
        io: RunIo,
    ) -> Result<RunReport, ExecutorError> {
        let limits = Limits::of(&request.limits, io.lines.is_some());
        self.run_within(limits, request, io).await
    }

    /// Like [`Self::run_admitted`], with limits in the place of the request's.
    pub(crate) async fn run_within(
        &self,
        limits: Limits,
        request: &RunRequest,
        io: RunIo,
    ) -> Result<RunReport, ExecutorError> {
        let interactive = io.lines.is_some();
        let program = program(request, interactive, &limits);
        let mut session = self.session(io, &limits, request).await?;
        let call = session.call(limits, async |guest, store| guest.call_run(store, &program).await).await;
        let mut report = session.report(call, request.trace).await;
        if is_repeatable(request) {
            let receipt = Receipt::of(self.pool.digest(limits.fuel.is_some()), request, &limits, &report);
            report.receipt = receipt.and_then(|receipt| serde_json::to_value(receipt).ok());
        }
        Ok(report)
    }

    /// A fresh interpreter with the limits and the surroundings of a request.
    pub(crate) async fn session(
        &self,
        io: RunIo,
        limits: &Limits,
        request: &RunRequest,
    ) -> Result<Session, ExecutorError> {
        let mut interpreter = if limits.fuel.is_some() {
            self.pool.counting().await?
        } else if is_repeatable(request) {
            // A prepared interpreter has other addresses in its memory, which `id()` shows.
            self.pool.unprepared().await?
        } else {
            self.pool.take().await?
        };
        let state = interpreter.store.data_mut();
        state.memory_limit = usize::try_from(limits.memory_mib << 20).unwrap_or(usize::MAX);
        state.memory_refused = false;
        state.output.limit = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
        state.output.listener = io.output;
        state.lines = io.lines;
        state.waiting = self.waiting.clone();
        state.interrupt = io.interrupt;
        state.random = request.seed.map_or_else(Random::from_system, Random::from_seed);
        state.clock_ms = request.clock_ms;
        state.step_bytes_limit = usize::try_from(limits.trace_bytes).unwrap_or(usize::MAX);
        state.stopped = None;
        Ok(Session { interpreter, started: Instant::now(), explains: !io.unexplained })
    }

    /// A permit for one of several runs that belong to one request; waits for its turn.
    pub(crate) async fn permit(&self) -> tokio::sync::OwnedSemaphorePermit {
        Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed")
    }
}

/// Whether the same request must give the same output, bit for bit.
fn is_repeatable(request: &RunRequest) -> bool {
    request.seed.is_some() && request.clock_ms.is_some()
}

fn program(request: &RunRequest, interactive: bool, limits: &Limits) -> Program {
    let sources = request.files.iter();
    Program {
        code: request.code.clone(),
        files: sources.map(|(path, text)| Source { path: path.clone(), text: text.clone() }).collect(),
        argv: request.argv.clone(),
        stdin: (!interactive).then(|| request.stdin.clone()),
        recording: request
            .trace
            .then(|| Recording { steps: u32::try_from(limits.trace_steps).unwrap_or(u32::MAX) }),
        seed: request.seed.unwrap_or_else(|| Random::from_system().next_u64()),
    }
}

/// One interpreter while it runs something for a request.
pub(crate) struct Session {
    interpreter: Lease,
    started: Instant,
    explains: bool,
}

/// How a call into the guest went.
pub(crate) struct Call<T> {
    pub(crate) result: Result<T, Broken>,
    pub(crate) took: Duration,
    /// Instructions, when they were counted.
    pub(crate) fuel_used: Option<u64>,
}

/// Why a call did not return.
#[derive(Clone, Debug)]
pub(crate) enum Broken {
    /// The host stopped it.
    Stopped(Outcome),
    /// It called `os._exit`.
    Left(i32),
    /// The stack was full below the level at which Python looks.
    StackOverflow,
    /// Anything else.
    Trapped(String),
}

impl Session {
    /// Calls the guest within the limits.
    pub(crate) async fn call<T>(
        &mut self,
        limits: Limits,
        call: impl AsyncFnOnce(&Sandbox, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Call<T> {
        let wall = Duration::from_millis(limits.wall_ms);
        self.call_for(Duration::from_millis(limits.timeout_ms), wall, limits.fuel, call).await
    }

    async fn call_for<T>(
        &mut self,
        cpu: Duration,
        wall: Duration,
        fuel: Option<u64>,
        call: impl AsyncFnOnce(&Sandbox, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Call<T> {
        if self.interpreter.counts() {
            // Without a limit it is the explanation, which is not the program's work.
            let _ = self.interpreter.store.set_fuel(fuel.unwrap_or(u64::MAX));
        }
        let interrupt = self.interpreter.store.data().interrupt.clone();
        self.interpreter.store.data_mut().started = Instant::now();
        let started = Instant::now();
        let metered = self.interpreter.call(cpu, call);
        let killed = async {
            interrupt.asked().await;
            tokio::time::sleep(INTERRUPT_GRACE).await;
        };
        let result = tokio::select! {
            biased;
            result = metered => result.map_err(Some),
            () = tokio::time::sleep(wall) => Err(None),
            () = killed => { interrupt.interrupt(); Err(None) }
        };
        let took = started.elapsed();
        let fuel_used =
            fuel.and_then(|fuel| Some(fuel.saturating_sub(self.interpreter.store.get_fuel().ok()?)));
        let interrupted = interrupt.is_asked() && took < wall;
        let result = result.map_err(|error| match error {
            Some(error) => self.why(&error),
            None if interrupted => Broken::Stopped(Outcome::Interrupted),
            None => Broken::Stopped(Outcome::Timeout),
        });
        Call { result, took, fuel_used }
    }

    fn why(&self, error: &wasmtime::Error) -> Broken {
        let state = self.interpreter.store.data();
        if let Some(stop) = state.stopped {
            return match stop {
                Stop::Output => Broken::Stopped(Outcome::OutputLimit),
                Stop::Left(code) => Broken::Left(code),
            };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt | Trap::OutOfFuel) => Broken::Stopped(Outcome::Timeout),
            Some(Trap::StackOverflow) => Broken::StackOverflow,
            _ if state.memory_refused => Broken::Stopped(Outcome::MemoryLimit),
            _ => Broken::Trapped(format!("{error:#}")),
        }
    }

    /// What the guest says about the exception that ended the last call; empty when it cannot say.
    pub(crate) async fn explain(&mut self) -> ExplanationParts {
        // A program may have changed what the explanation needs, so it is bounded like a program.
        let call = self.call_for(EXPLAIN_LIMIT, 2 * EXPLAIN_LIMIT, None, async |guest, store| {
            guest.call_explain(store).await
        });
        match call.await.result {
            Ok(parts) => ExplanationParts { what: parts.what, why: parts.why, hint: parts.hint },
            Err(_) => ExplanationParts::default(),
        }
    }

    /// The exception of a call that returned, explained.
    pub(crate) async fn error(&mut self, failure: Option<Failure>) -> Option<PythonError> {
        let failure = failure?;
        let parts = if self.explains { self.explain().await } else { ExplanationParts::default() };
        Some(python_error(failure, parts))
    }

    pub(crate) fn memory_refused(&self) -> bool {
        self.interpreter.store.data().memory_refused
    }

    /// The outcome, exit code and exception of a call that gave `ended`.
    pub(crate) async fn ended(
        &mut self,
        result: Result<Ended, Broken>,
    ) -> (Outcome, i32, Option<PythonError>) {
        match result {
            Ok(ended) => {
                let out_of_memory =
                    self.memory_refused() && ended.failure.as_ref().is_some_and(|f| f.kind == "MemoryError");
                let outcome = match ended.ending {
                    Ending::Ok => Outcome::Ok,
                    Ending::Exited => Outcome::Exited,
                    Ending::SyntaxError => Outcome::SyntaxError,
                    Ending::Interrupted => Outcome::Interrupted,
                    Ending::Raised if out_of_memory => Outcome::MemoryLimit,
                    Ending::Raised => Outcome::Raised,
                };
                let exit_code = if out_of_memory { exit_code(outcome) } else { ended.exit_code };
                // Listeners have heard all there is: the explanation's own prints are not the program's.
                self.interpreter.store.data_mut().output.limit = 0;
                let error = self.error(ended.failure).await;
                (outcome, exit_code, error)
            }
            Err(Broken::Stopped(outcome)) => (outcome, exit_code(outcome), None),
            Err(Broken::Left(code)) => (Outcome::Exited, code & 0xFF, None),
            Err(Broken::StackOverflow) => (Outcome::Raised, 1, Some(stack_overflow())),
            Err(Broken::Trapped(reason)) => {
                tracing::warn!(reason, "an interpreter trapped");
                (Outcome::Crashed, exit_code(Outcome::Crashed), None)
            }
        }
    }

    async fn report(mut self, call: Call<Ended>, traced: bool) -> RunReport {
        let duration_us = u64::try_from(call.took.as_micros()).unwrap_or(u64::MAX);
        let memory_bytes = self.interpreter.store.data().memory_peak as u64;
        let (outcome, exit_code, error) = self.ended(call.result).await;
        let (stdout, mut stderr) = self.printed();
        if let (Outcome::Raised, Some(error), true) = (outcome, &error, stderr.is_empty()) {
            // The interpreter could not print it itself.
            stderr.clone_from(&error.traceback);
        }
        let state = self.interpreter.store.data_mut();
        let trace = traced.then(|| crate::trace::assemble(&state.steps, state.steps_refused, outcome));
        tracing::debug!(?outcome, total_us = self.started.elapsed().as_micros(), "run");
        RunReport {
            outcome,
            exit_code,
            stdout,
            stderr,
            error,
            duration_us,
            memory_bytes,
            fuel_used: call.fuel_used,
            trace,
            receipt: None,
        }
    }

    /// Takes what was printed.
    pub(crate) fn printed(&mut self) -> (String, String) {
        let output = &mut self.interpreter.store.data_mut().output;
        output.finish();
        let text = |bytes: &mut Vec<u8>| String::from_utf8_lossy(&std::mem::take(bytes)).into_owned();
        (text(&mut output.stdout), text(&mut output.stderr))
    }
}

/// The exit code of an outcome that the program did not choose.
pub(crate) fn exit_code(outcome: Outcome) -> i32 {
    match outcome {
        Outcome::Ok | Outcome::Exited => 0,
        Outcome::Raised | Outcome::SyntaxError => 1,
        Outcome::Timeout => 124,
        Outcome::MemoryLimit | Outcome::OutputLimit => 137,
        Outcome::Interrupted => 130,
        Outcome::Crashed => 134,
    }
}

fn python_error(failure: Failure, parts: ExplanationParts) -> PythonError {
    PythonError {
        explanation: explanation(&failure, &parts),
        kind: failure.kind,
        message: failure.message,
        line: failure.line,
        file: failure.file,
        parts,
        traceback: failure.traceback,
    }
}

/// The parts as one text, the most specific first.
fn explanation(failure: &Failure, parts: &ExplanationParts) -> String {
    let place = match (failure.line, failure.file.as_str()) {
        (Some(line), "main.py") => format!("Line {line}: "),
        (Some(line), file) if !file.is_empty() => format!("Line {line} of {file}: "),
        _ => String::new(),
    };
    let mut text = format!("{place}{}: {}", failure.kind, failure.message);
    for part in [&parts.why, &parts.hint, &parts.what] {
        if !part.is_empty() {
            text.push_str("\n\n");
            text.push_str(part);
        }
    }
    text
}

fn stack_overflow() -> PythonError {
    let message = "maximum recursion depth exceeded".to_owned();
    let parts = ExplanationParts {
        what: "A RecursionError happens when functions call each other too many times without returning.".to_owned(),
        why: "The calls were nested so deeply that the interpreter's stack was full. This happens where Python's \
              own functions call your code again, for example a __repr__ that prints the object itself."
            .to_owned(),
        hint: "Look for a function or method that leads back to itself without a condition that ends it.".to_owned(),
    };
    PythonError {
        kind: "RecursionError".to_owned(),
        explanation: format!("RecursionError: {message}\n\n{}\n\n{}", parts.why, parts.hint),
        traceback: format!("RecursionError: {message}\n"),
        message,
        line: None,
        file: String::new(),
        parts,
    }
}
