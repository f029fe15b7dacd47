//! Processor time of runs, and the epoch by which they are stopped.
//!
//! Many runs share few threads. What a run used is the thread's processor time while its future was polled,
//! so waiting for input costs it nothing and a neighbour's work is not charged to it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread::Thread,
    time::Duration,
};

use wasmtime::Engine;

use crate::engine::TICK_MS;

/// How many ticks the epoch goes on after the last poll, so that short runs do not wake the thread each time.
const LINGER_TICKS: u32 = 50;

/// Processor time that one run has used and may use.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Used in polls that have ended.
    used_ns: AtomicU64,
    /// The thread's processor time when the current poll began.
    poll_began_ns: AtomicU64,
    limit_ns: AtomicU64,
}

impl Meter {
    /// Starts the account anew with a limit.
    pub(crate) fn allow(&self, limit: Duration) {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.used_ns.store(0, Ordering::Relaxed);
        self.limit_ns.store(limit, Ordering::Relaxed);
        self.poll_began_ns.store(thread_cpu_ns(), Ordering::Relaxed);
    }

    /// Processor time so far. Only meaningful on the thread that polls the run.
    pub(crate) fn used_ns(&self) -> u64 {
        let current = thread_cpu_ns().saturating_sub(self.poll_began_ns.load(Ordering::Relaxed));
        self.used_ns.load(Ordering::Relaxed) + current
    }

    /// What is left of the limit; zero when it is used up.
    pub(crate) fn left(&self) -> Duration {
        Duration::from_nanos(self.limit_ns.load(Ordering::Relaxed).saturating_sub(self.used_ns()))
    }

    fn begin(&self) {
        self.poll_began_ns.store(thread_cpu_ns(), Ordering::Relaxed);
    }

    fn end(&self) {
        self.used_ns.store(self.used_ns(), Ordering::Relaxed);
        self.poll_began_ns.store(u64::MAX, Ordering::Relaxed);
    }
}

fn thread_cpu_ns() -> u64 {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("Linux has a processor clock for threads");
    u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
}

/// Advances the engine's epoch while any run is being polled, and sleeps otherwise.
pub(crate) struct Ticker {
    running: AtomicU64,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
    closed: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engines: Vec<Engine>) -> Arc<Self> {
        let ticker = Arc::new(Self {
            running: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&ticker);
        let thread = std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || shared.tick(&engines))
            .expect("a thread can be started");
        let _ = ticker.thread.set(thread.thread().clone());
        ticker
    }

    fn tick(&self, engines: &[Engine]) {
        let mut idle_ticks = 0;
        while !self.closed.load(Ordering::Acquire) {
            if self.running.load(Ordering::SeqCst) > 0 {
                idle_ticks = 0;
            } else {
                idle_ticks += 1;
            }
            if idle_ticks > LINGER_TICKS {
                self.asleep.store(true, Ordering::SeqCst);
                // A run that began before the store above saw no sleeper, so look again.
                if self.running.load(Ordering::SeqCst) == 0 && !self.closed.load(Ordering::Acquire) {
                    std::thread::park();
                }
                self.asleep.store(false, Ordering::SeqCst);
                idle_ticks = 0;
            }
            std::thread::sleep(Duration::from_millis(TICK_MS));
            engines.iter().for_each(Engine::increment_epoch);
        }
    }

    fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }
}

/// A run whose processor time is charged to its meter.
pub(crate) struct Metered<F> {
    pub(crate) run: Pin<Box<F>>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) ticker: Arc<Ticker>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.ticker.running.fetch_add(1, Ordering::SeqCst);
        self.ticker.wake();
        self.meter.begin();
        let result = self.run.as_mut().poll(context);
        self.meter.end();
        self.ticker.running.fetch_sub(1, Ordering::SeqCst);
        result
    }
}
