//! Runs programs in this process, each in an interpreter of its own.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use learnflow_events::code::{ExplanationParts, Outcome, PythonError, RunReport, RunRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::{
    bindings::{Ended, Ending, Failure, Program, Recording, Sandbox, Source},
    clock::{Meter, Metered, Ticker},
    engine::{Loaded, Metering, counting_path},
    error::ExecutorError,
    guest::{Guest, Interrupt, OnOutput, Stop, Waiting},
    limits::{Limits, check_run},
    random::Random,
    receipt::Receipt,
};

/// How long a busy program runs before others on its thread get a turn, in milliseconds.
const TURN_MS: u64 = 2;
/// What a program may still use after `interrupt` before it is stopped for good.
const INTERRUPT_GRACE: Duration = Duration::from_millis(300);
/// Processor time for explaining an exception.
const EXPLAIN_LIMIT: Duration = Duration::from_millis(2_000);
/// How long no run may have begun before interpreters are prepared again. Preparing one costs more than it saves, so it
/// is for quiet moments: a run shares the processor with no preparation, and a steady load gets all of it.
const QUIET: Duration = Duration::from_millis(5);
/// Interpreters that have run and are not taken apart yet, at most.
const RETIRED: usize = 8;
/// Processor time for preparing an interpreter.
const PREPARE_LIMIT: Duration = Duration::from_secs(10);

/// Runs at a time whose instructions are counted; more wait for their turn.
const COUNTED_RUNS: u32 = 8;

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
    shared: Arc<Shared>,
}

struct Shared {
    loaded: Loaded,
    /// The interpreter that counts instructions, where there is one.
    counting: Option<Counting>,
    ticker: Arc<Ticker>,
    options: ExecutorOptions,
    permits: Arc<Semaphore>,
    waiting: Waiting,
    ready: Mutex<Ready>,
}

/// Interpreters that are prepared, and how many are being prepared.
#[derive(Default)]
struct Ready {
    interpreters: Vec<Interpreter>,
    coming: usize,
    /// Somebody waits for a quiet moment to prepare what is missing.
    refilling: bool,
    /// When the last run began.
    taken_at: Option<Instant>,
    /// Those that have run. Giving their memory back takes longer than a small program, so it waits for its answer.
    retired: Vec<Interpreter>,
}

struct Counting {
    loaded: Loaded,
    permits: Arc<Semaphore>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.ticker.close();
    }
}

/// An instance of the guest that has not run anything of a student's.
pub(crate) struct Interpreter {
    store: Store<Guest>,
    guest: Sandbox,
    meter: Arc<Meter>,
    counted: Option<OwnedSemaphorePermit>,
}

/// An interpreter that one request has; it is taken apart a little later.
struct Lease {
    /// None when it is given back.
    interpreter: Option<Interpreter>,
    shared: Arc<Shared>,
}

impl Deref for Lease {
    type Target = Interpreter;

    fn deref(&self) -> &Interpreter {
        self.interpreter.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Interpreter {
        self.interpreter.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(interpreter) = self.interpreter.take() else { return };
        let mut ready = self.shared.ready.lock().expect("no panic while locked");
        // Those that count instructions are few, and somebody may wait for one.
        if interpreter.counted.is_none() && ready.refilling && ready.retired.len() < RETIRED {
            ready.retired.push(interpreter);
        }
    }
}

impl Executor {
    /// Loads an interpreter that [`crate::engine::precompile`] made, and the counting one beside it if there is one.
    ///
    /// # Errors
    /// When the file is missing or was made for another engine.
    pub fn load(cwasm: &Path, options: ExecutorOptions) -> Result<Self, ExecutorError> {
        let instances = u32::try_from(options.max_runs + options.prepared + RETIRED + 2).unwrap_or(u32::MAX);
        let loaded = Loaded::open(cwasm, instances, Metering::Time)?;
        // Now, since an executor process can open no file later.
        let counting = counting_path(cwasm);
        let counting = if counting.exists() {
            let loaded = Loaded::open(&counting, COUNTED_RUNS, Metering::Instructions)?;
            Some(Counting { loaded, permits: Arc::new(Semaphore::new(COUNTED_RUNS as usize)) })
        } else {
            None
        };
        let mut engines = vec![loaded.engine.clone()];
        engines.extend(counting.as_ref().map(|counting| counting.loaded.engine.clone()));
        let ticker = Ticker::start(engines);
        Ok(Self {
            shared: Arc::new(Shared {
                loaded,
                counting,
                ticker,
                options,
                permits: Arc::new(Semaphore::new(options.max_runs)),
                waiting: Waiting::default(),
                ready: Mutex::default(),
            }),
        })
    }

    /// SHA-256 of the interpreter that runs programs, in hexadecimal.
    pub fn interpreter_digest(&self) -> &str {
        self.shared.loaded.digest()
    }

    /// How many programs wait for a line of input, as it changes.
    pub(crate) fn waiting(&self) -> tokio::sync::watch::Receiver<usize> {
        self.shared.waiting.subscribe()
    }

    /// Prepares as many interpreters as the options ask for.
    ///
    /// # Errors
    /// When an interpreter cannot be made.
    pub async fn prepare(&self) -> Result<(), ExecutorError> {
        self.shared.refill().await
    }

    /// Runs a program.
    ///
    /// # Errors
    /// When the request breaks a limit or the executor is full or broken; never for what the program does.
    pub async fn run(&self, request: &RunRequest, io: RunIo) -> Result<RunReport, ExecutorError> {
        check_run(request)?;
        let permit = Arc::clone(&self.shared.permits)
            .try_acquire_owned()
            .map_err(|_| ExecutorError::Busy { running: self.shared.options.max_runs })?;
        let report = self.run_admitted(request, io).await;
        drop(permit);
        report
    }

    /// SHA-256 of the interpreter that runs with these limits.
    fn digest_for(&self, limits: &Limits) -> &str {
        match &self.shared.counting {
            Some(counting) if limits.fuel.is_some() => counting.loaded.digest(),
            _ => self.interpreter_digest(),
        }
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
            let receipt = Receipt::of(self.digest_for(&limits), request, &limits, &report);
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
            self.shared.make_counting().await?
        } else if is_repeatable(request) {
            // A prepared interpreter has other addresses in its memory, which `id()` shows.
            self.shared.make(&self.shared.loaded).await?
        } else {
            self.shared.take().await?
        };
        let state = interpreter.store.data_mut();
        state.memory_limit = usize::try_from(limits.memory_mib << 20).unwrap_or(usize::MAX);
        state.memory_refused = false;
        state.output.limit = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
        state.output.listener = io.output;
        state.lines = io.lines;
        state.waiting = self.shared.waiting.clone();
        state.interrupt = io.interrupt;
        state.random = request.seed.map_or_else(Random::from_system, Random::from_seed);
        state.clock_ms = request.clock_ms;
        state.step_bytes_limit = usize::try_from(limits.trace_bytes).unwrap_or(usize::MAX);
        state.stopped = None;
        Ok(Session {
            interpreter: Lease { interpreter: Some(interpreter), shared: Arc::clone(&self.shared) },
            ticker: Arc::clone(&self.shared.ticker),
            started: Instant::now(),
            explains: !io.unexplained,
        })
    }

    /// A permit for one of several runs that belong to one request; waits for its turn.
    pub(crate) async fn permit(&self) -> tokio::sync::OwnedSemaphorePermit {
        Arc::clone(&self.shared.permits).acquire_owned().await.expect("the semaphore is never closed")
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

impl Shared {
    /// An interpreter whose instructions are counted.
    async fn make_counting(&self) -> Result<Interpreter, ExecutorError> {
        let Some(counting) = &self.counting else {
            return Err(ExecutorError::Invalid(
                "limits.fuel: this sandbox has no interpreter that counts instructions; `sandbox-host compile` makes it"
                    .to_owned(),
            ));
        };
        let permit =
            Arc::clone(&counting.permits).acquire_owned().await.expect("the semaphore is never closed");
        let mut interpreter = self.make(&counting.loaded).await?;
        interpreter.counted = Some(permit);
        Ok(interpreter)
    }

    async fn make(&self, loaded: &Loaded) -> Result<Interpreter, ExecutorError> {
        let meter = Arc::new(Meter::default());
        let mut store = Store::new(&loaded.engine, Guest::idle(Arc::clone(&meter)));
        store.limiter(|state| state);
        if loaded.metering == Metering::Instructions {
            store.set_fuel(u64::MAX).map_err(ExecutorError::engine)?;
        }
        store.set_epoch_deadline(TURN_MS);
        store.epoch_deadline_callback(|mut context| {
            let state = context.data_mut();
            state.interrupt_busy();
            let left = state.meter.left();
            if left.is_zero() {
                return Ok(UpdateDeadline::Interrupt);
            }
            let turn = u64::try_from(left.as_millis()).unwrap_or(TURN_MS).clamp(1, TURN_MS);
            Ok(UpdateDeadline::YieldCustom(turn, Box::pin(tokio::task::yield_now())))
        });
        let instantiate = Metered {
            run: Box::pin(async {
                meter.allow(PREPARE_LIMIT);
                let guest = loaded.guest.instantiate_async(&mut store).await?;
                Ok::<_, wasmtime::Error>(guest)
            }),
            meter: Arc::clone(&meter),
            ticker: Arc::clone(&self.ticker),
        };
        let guest = instantiate.await.map_err(ExecutorError::engine)?;
        Ok(Interpreter { store, guest, meter, counted: None })
    }

    /// Makes an interpreter and touches the memory that programs need.
    async fn make_prepared(&self) -> Result<Interpreter, ExecutorError> {
        let mut interpreter = self.make(&self.loaded).await?;
        let Interpreter { store, guest, meter, .. } = &mut interpreter;
        let warm = Metered {
            run: Box::pin(async {
                meter.allow(PREPARE_LIMIT);
                guest.call_prepare(&mut *store).await
            }),
            meter: Arc::clone(meter),
            ticker: Arc::clone(&self.ticker),
        };
        warm.await.map_err(ExecutorError::engine)?;
        Ok(interpreter)
    }

    async fn refill(&self) -> Result<(), ExecutorError> {
        loop {
            {
                let mut ready = self.ready.lock().expect("no panic while locked");
                if ready.interpreters.len() + ready.coming >= self.options.prepared {
                    return Ok(());
                }
                ready.coming += 1;
            }
            let made = self.make_prepared().await;
            let mut ready = self.ready.lock().expect("no panic while locked");
            ready.coming -= 1;
            ready.interpreters.push(made?);
        }
    }

    async fn take(self: &Arc<Self>) -> Result<Interpreter, ExecutorError> {
        let (interpreter, refill) = {
            let mut ready = self.ready.lock().expect("no panic while locked");
            let refill = self.options.prepared > 0 && !ready.refilling;
            ready.refilling |= refill;
            ready.taken_at = Some(Instant::now());
            (ready.interpreters.pop(), refill)
        };
        if refill {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                let mut waits = true;
                while waits {
                    tokio::time::sleep(QUIET).await;
                    let retired = {
                        let mut ready = shared.ready.lock().expect("no panic while locked");
                        waits = ready.taken_at.is_some_and(|taken_at| taken_at.elapsed() < QUIET);
                        // What is taken or given back from here on needs somebody else.
                        ready.refilling = waits;
                        std::mem::take(&mut ready.retired)
                    };
                    drop(retired);
                }
                if let Err(error) = shared.refill().await {
                    tracing::warn!(%error, "an interpreter could not be prepared");
                }
            });
        }
        match interpreter {
            Some(interpreter) => Ok(interpreter),
            None => self.make(&self.loaded).await,
        }
    }
}

/// One interpreter while it runs something for a request.
pub(crate) struct Session {
    interpreter: Lease,
    ticker: Arc<Ticker>,
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
        let Interpreter { store, guest, meter, counted } = &mut *self.interpreter;
        if counted.is_some() {
            // Without a limit it is the explanation, which is not the program's work.
            let _ = store.set_fuel(fuel.unwrap_or(u64::MAX));
        }
        let interrupt = store.data().interrupt.clone();
        store.data_mut().started = Instant::now();
        meter.allow(cpu);
        // A prepared interpreter's turn has long passed: it would have to step back before its first instruction.
        store.set_epoch_deadline(TURN_MS.min(u64::try_from(cpu.as_millis()).unwrap_or(TURN_MS)).max(1));
        let started = Instant::now();
        let metered = Metered {
            run: Box::pin(call(guest, store)),
            meter: Arc::clone(meter),
            ticker: Arc::clone(&self.ticker),
        };
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
