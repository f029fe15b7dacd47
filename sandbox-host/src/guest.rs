//! The host side of one interpreter: what it may ask for, and the account of what it used.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{Notify, mpsc, watch};
use wasmtime::{ResourceLimiter, Result, format_err};

use crate::{
    bindings::learnflow::sandbox::host::{Channel, Host, Input},
    clock::Meter,
    memory::Lent,
    random::Random,
};

/// Where a program prints.
pub type OnOutput = Box<dyn FnMut(Stream, &str) + Send>;

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Asks a program to stop: first with `KeyboardInterrupt`, then for good.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<InterruptState>);

#[derive(Debug, Default)]
struct InterruptState {
    asked: AtomicBool,
    wake: Notify,
}

impl Interrupt {
    /// Interrupts the program, wherever it is.
    pub fn interrupt(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        self.0.wake.notify_waiters();
    }

    /// Whether [`Self::interrupt`] was called.
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Waits until [`Self::interrupt`] is called.
    pub async fn asked(&self) {
        loop {
            let notified = self.0.wake.notified();
            if self.is_asked() {
                return;
            }
            notified.await;
        }
    }
}

/// Why the host stopped a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It printed more than it may.
    Output,
    /// It asked to leave with this exit code.
    Left(i32),
}

/// State of one interpreter's store.
pub struct Guest {
    pub(crate) meter: Arc<Meter>,
    pub(crate) started: Instant,
    pub(crate) memory_limit: usize,
    pub(crate) memory_peak: usize,
    pub(crate) memory_refused: bool,
    pub(crate) output: Output,
    pub(crate) lines: Option<mpsc::Receiver<String>>,
    /// Counts the programs that wait for a line.
    pub(crate) waiting: Waiting,
    pub(crate) interrupt: Interrupt,
    /// The program was told of the interrupt; it is told once.
    pub(crate) interrupt_told: bool,
    pub(crate) random: Random,
    pub(crate) clock_ms: Option<u64>,
    pub(crate) steps: Vec<String>,
    pub(crate) step_bytes: usize,
    pub(crate) step_bytes_limit: usize,
    pub(crate) steps_refused: bool,
    pub(crate) stopped: Option<Stop>,
    /// The interpreter's memory, once it has lent it.
    pub(crate) memory: Option<Lent>,
}

/// How many programs wait for a line of input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(watch::Sender<usize>);

/// One of them, until it is dropped.
struct Waits(watch::Sender<usize>);

impl Waiting {
    fn begin(&self) -> Waits {
        self.0.send_modify(|count| *count += 1);
        Waits(self.0.clone())
    }

    /// Hears of every change; some are skipped when they come faster than they are read.
    pub(crate) fn subscribe(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// What a program printed, and who hears of it at once.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) limit: usize,
    pub(crate) listener: Option<OnOutput>,
    /// Bytes of an unfinished character, by stream.
    partial: [Vec<u8>; 2],
}

impl Output {
    /// Takes what fits. False when it did not all fit.
    fn take(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        let room = self.limit.saturating_sub(self.stdout.len() + self.stderr.len());
        let kept = &bytes[..bytes.len().min(room)];
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(kept),
            Stream::Stderr => self.stderr.extend_from_slice(kept),
        }
        if let Some(listener) = &mut self.listener {
            let partial = &mut self.partial[stream as usize];
            partial.extend_from_slice(kept);
            let whole = whole_characters(partial);
            if whole > 0 {
                listener(stream, &String::from_utf8_lossy(&partial[..whole]));
                partial.drain(..whole);
            }
        }
        kept.len() == bytes.len()
    }

    /// Tells the listener of bytes that never became a character.
    pub(crate) fn finish(&mut self) {
        let Some(listener) = &mut self.listener else { return };
        for stream in [Stream::Stdout, Stream::Stderr] {
            let partial = std::mem::take(&mut self.partial[stream as usize]);
            if !partial.is_empty() {
                listener(stream, &String::from_utf8_lossy(&partial));
            }
        }
    }
}

/// Length of the prefix that does not end within a character.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        // `None`: the end may still be completed.
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => bytes.len(),
    }
}

impl Guest {
    /// State for an interpreter that is only prepared so far.
    pub(crate) fn idle(meter: Arc<Meter>) -> Self {
        Self {
            meter,
            started: Instant::now(),
            memory_limit: crate::engine::MEMORY_MAX_BYTES,
            memory_peak: 0,
            memory_refused: false,
            output: Output::default(),
            lines: None,
            waiting: Waiting::default(),
            interrupt: Interrupt::default(),
            interrupt_told: false,
            random: Random::from_seed(0),
            clock_ms: None,
            steps: Vec::new(),
            step_bytes: 0,
            step_bytes_limit: 0,
            steps_refused: false,
            stopped: None,
            memory: None,
        }
    }

    /// Makes a program that only computes raise `KeyboardInterrupt` at its next jump or call, if its user asked for it.
    pub(crate) fn interrupt_busy(&mut self) {
        if self.interrupt.is_asked()
            && !self.interrupt_told
            && let Some(memory) = &self.memory
        {
            self.interrupt_told = memory.raise_interrupt();
        }
    }

    /// Whether the program is to raise `KeyboardInterrupt` now.
    fn tell_interrupt(&mut self) -> bool {
        let tell = self.interrupt.is_asked() && !self.interrupt_told;
        self.interrupt_told |= tell;
        tell
    }

    fn stop(&mut self, why: Stop) -> wasmtime::Error {
        self.stopped.get_or_insert(why);
        format_err!("stopped: {why:?}")
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let granted = desired <= self.memory_limit;
        if granted {
            self.memory_peak = self.memory_peak.max(desired);
        } else {
            self.memory_refused = true;
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= crate::engine::TABLE_ELEMENTS)
    }
}

impl Host for Guest {
    fn emit(&mut self, to: Channel, bytes: Vec<u8>) -> Result<bool> {
        let stream = match to {
            Channel::Stdout => Stream::Stdout,
            Channel::Stderr => Stream::Stderr,
        };
        if !self.output.take(stream, &bytes) {
            return Err(self.stop(Stop::Output));
        }
        Ok(self.tell_interrupt())
    }

    async fn read_line(&mut self) -> Result<Input> {
        let Some(lines) = &mut self.lines else { return Ok(Input::End) };
        if let Ok(line) = lines.try_recv()
            && (self.interrupt_told || !self.interrupt.is_asked())
        {
            return Ok(Input::Line(line));
        }
        let _waits = self.waiting.begin();
        let answer = tokio::select! {
            biased;
            () = self.interrupt.asked(), if !self.interrupt_told => None,
            line = lines.recv() => Some(line.map_or(Input::End, Input::Line)),
        };
        Ok(answer.unwrap_or_else(|| {
            self.interrupt_told = true;
            Input::Interrupted
        }))
    }

    async fn sleep(&mut self, nanoseconds: u64) -> Result<bool> {
        if self.clock_ms.is_some() {
            // A frozen clock does not pass by waiting; a repeatable run does not wait.
            return Ok(self.tell_interrupt());
        }
        // Longer than any wall limit, which ends the run first.
        let longest = Duration::from_secs(86_400);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_nanos(nanoseconds).min(longest)) => {}
            () = self.interrupt.asked(), if !self.interrupt_told => {}
        }
        Ok(self.tell_interrupt())
    }

    fn wall_clock(&mut self) -> Result<u64> {
        if let Some(clock_ms) = self.clock_ms {
            return Ok(clock_ms.saturating_mul(1_000_000));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
    }

    fn monotonic_clock(&mut self) -> Result<u64> {
        if self.clock_ms.is_some() {
            return Ok(0);
        }
        Ok(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn processor_clock(&mut self) -> Result<u64> {
        if self.clock_ms.is_some() {
            return Ok(0);
        }
        Ok(self.meter.used_ns())
    }

    fn random_bytes(&mut self, count: u32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count.min(65_536) as usize];
        self.random.fill(&mut bytes);
        Ok(bytes)
    }

    fn leave(&mut self, code: i32) -> Result<()> {
        Err(self.stop(Stop::Left(code)))
    }

    fn record_steps(&mut self, steps: Vec<String>) -> Result<bool> {
        for step in steps {
            if self.steps_refused || self.step_bytes + step.len() > self.step_bytes_limit {
                self.steps_refused = true;
                return Ok(false);
            }
            self.step_bytes += step.len();
            self.steps.push(step);
        }
        Ok(true)
    }
}
