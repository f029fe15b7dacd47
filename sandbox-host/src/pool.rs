//! Interpreters: made, prepared ahead in quiet moments, lent to one request each, and taken apart a little later.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Store, UpdateDeadline, ensure};

use crate::{
    bindings::{Ending, Program, Sandbox},
    clock::{Meter, Metered, Ticker},
    engine::{Loaded, Metering, counting_path},
    error::ExecutorError,
    executor::ExecutorOptions,
    guest::Guest,
};

/// How long a busy program runs before others on its thread get a turn, in milliseconds.
const TURN_MS: u64 = 2;
/// How long no run may have begun before interpreters are prepared again. Preparing one costs more than it saves, so it
/// is for quiet moments: a run shares the processor with no preparation, and a steady load gets all of it.
const QUIET: Duration = Duration::from_millis(5);
/// Interpreters that have run and are not taken apart yet, at most.
const RETIRED: usize = 8;
/// Processor time for preparing an interpreter.
const PREPARE_LIMIT: Duration = Duration::from_secs(10);
/// Does a little of what every program does: prints, defines, calls, catches.
const WARM_UP: &str = "\
print('x')
def f(a):
    return [i for i in range(a)]
try:
    f(3)[4] / 0
except Exception as e:
    pass
";
/// Runs at a time whose instructions are counted; more wait for their turn.
const COUNTED_RUNS: u32 = 8;

/// Where interpreters come from, and where they go.
pub(crate) struct Pool {
    loaded: Loaded,
    /// The interpreter that counts instructions, where there is one.
    counting: Option<Counting>,
    ticker: Arc<Ticker>,
    /// Interpreters that are kept ready.
    prepared: usize,
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

impl Drop for Pool {
    fn drop(&mut self) {
        self.ticker.close();
    }
}

/// An instance of the guest that has not run anything of a student's.
pub(crate) struct Interpreter {
    pub(crate) store: Store<Guest>,
    guest: Sandbox,
    meter: Arc<Meter>,
    ticker: Arc<Ticker>,
    counted: Option<OwnedSemaphorePermit>,
}

impl Interpreter {
    /// Whether its instructions are counted.
    pub(crate) fn counts(&self) -> bool {
        self.counted.is_some()
    }

    /// Calls the guest with this much processor time.
    pub(crate) async fn call<T>(
        &mut self,
        limit: Duration,
        call: impl AsyncFnOnce(&Sandbox, &mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<T> {
        let Self { store, guest, meter, ticker, .. } = self;
        meter.allow(limit);
        // A prepared interpreter's turn has long passed: it would have to step back before its first instruction.
        store.set_epoch_deadline(turn_ms(limit));
        let run = Box::pin(call(guest, store));
        Metered { run, meter: Arc::clone(meter), ticker: Arc::clone(ticker) }.await
    }
}

/// [`WARM_UP`] as a request.
fn warm_up() -> Program {
    Program {
        code: WARM_UP.to_owned(),
        files: Vec::new(),
        argv: Vec::new(),
        stdin: Some(String::new()),
        recording: None,
        seed: 1,
    }
}

/// How long an interpreter may go on before others get their turn, with this much processor time left.
fn turn_ms(left: Duration) -> u64 {
    u64::try_from(left.as_millis()).unwrap_or(TURN_MS).clamp(1, TURN_MS)
}

/// An interpreter that one request has.
pub(crate) struct Lease {
    /// None when it is given back.
    interpreter: Option<Interpreter>,
    pool: Arc<Pool>,
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
        let mut ready = self.pool.ready.lock().expect("no panic while locked");
        // Those that count instructions are few, and somebody may wait for one.
        if !interpreter.counts() && ready.refilling && ready.retired.len() < RETIRED {
            ready.retired.push(interpreter);
        }
    }
}

impl Pool {
    /// Loads an interpreter that [`crate::engine::precompile`] made, and the counting one beside it if there is one.
    ///
    /// # Errors
    /// When the file is missing or was made for another engine.
    pub(crate) fn open(cwasm: &Path, options: ExecutorOptions) -> Result<Arc<Self>, ExecutorError> {
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
        Ok(Arc::new(Self { loaded, counting, ticker, prepared: options.prepared, ready: Mutex::default() }))
    }

    /// SHA-256 of the interpreter, or of the one that counts instructions, in hexadecimal.
    pub(crate) fn digest(&self, counting: bool) -> &str {
        match &self.counting {
            Some(one) if counting => one.loaded.digest(),
            _ => self.loaded.digest(),
        }
    }

    /// An interpreter whose instructions are counted.
    pub(crate) async fn counting(self: &Arc<Self>) -> Result<Lease, ExecutorError> {
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
        Ok(self.lend(interpreter))
    }

    /// An interpreter that nobody has prepared.
    pub(crate) async fn unprepared(self: &Arc<Self>) -> Result<Lease, ExecutorError> {
        Ok(self.lend(self.make(&self.loaded).await?))
    }

    /// An interpreter, prepared if there is such a one.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Lease, ExecutorError> {
        let (prepared, refill) = {
            let mut ready = self.ready.lock().expect("no panic while locked");
            let refill = self.prepared > 0 && !ready.refilling;
            ready.refilling |= refill;
            ready.taken_at = Some(Instant::now());
            (ready.interpreters.pop(), refill)
        };
        if refill {
            tokio::spawn(Arc::clone(self).refill_when_quiet());
        }
        match prepared {
            Some(interpreter) => Ok(self.lend(interpreter)),
            None => self.unprepared().await,
        }
    }

    fn lend(self: &Arc<Self>, interpreter: Interpreter) -> Lease {
        Lease { interpreter: Some(interpreter), pool: Arc::clone(self) }
    }

    async fn refill_when_quiet(self: Arc<Self>) {
        let mut waits = true;
        while waits {
            tokio::time::sleep(QUIET).await;
            let retired = {
                let mut ready = self.ready.lock().expect("no panic while locked");
                waits = ready.taken_at.is_some_and(|taken_at| taken_at.elapsed() < QUIET);
                // What is taken or given back from here on needs somebody else.
                ready.refilling = waits;
                std::mem::take(&mut ready.retired)
            };
            drop(retired);
        }
        if let Err(error) = self.refill().await {
            tracing::warn!(%error, "an interpreter could not be prepared");
        }
    }

    /// Prepares as many interpreters as are missing.
    ///
    /// # Errors
    /// When one cannot be made.
    pub(crate) async fn refill(&self) -> Result<(), ExecutorError> {
        loop {
            {
                let mut ready = self.ready.lock().expect("no panic while locked");
                if ready.interpreters.len() + ready.coming >= self.prepared {
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

    /// Makes an interpreter and has it run a program as it will run a student's, so that the memory for that is there.
    async fn make_prepared(&self) -> Result<Interpreter, ExecutorError> {
        let mut interpreter = self.make(&self.loaded).await?;
        // It prints less than it is long.
        interpreter.store.data_mut().output.limit = WARM_UP.len();
        let prepare = interpreter.call(PREPARE_LIMIT, async |guest, store| {
            let ended = guest.call_run(&mut *store, &warm_up()).await?;
            ensure!(ended.ending == Ending::Ok, "the program that prepares an interpreter: {ended:?}");
            guest.call_forget(store).await
        });
        prepare.await.map_err(ExecutorError::engine)?;
        interpreter.store.data_mut().output.stdout.clear();
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
            Ok(UpdateDeadline::YieldCustom(turn_ms(left), Box::pin(tokio::task::yield_now())))
        });
        let ticker = Arc::clone(&self.ticker);
        let instantiate = Metered {
            run: Box::pin(async {
                meter.allow(PREPARE_LIMIT);
                loaded.guest.instantiate_async(&mut store).await
            }),
            meter: Arc::clone(&meter),
            ticker: Arc::clone(&ticker),
        };
        let guest = instantiate.await.map_err(ExecutorError::engine)?;
        Ok(Interpreter { store, guest, meter, ticker, counted: None })
    }
}
