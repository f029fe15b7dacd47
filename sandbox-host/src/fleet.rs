//! Executor processes: started, watched, and replaced when they die, without losing a run.

mod handle;
mod job;

use std::{
    collections::HashMap,
    ffi::OsString,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use learnflow_events::code::{RunRequest, TestRequest};
use tokio::{
    process::{Child, Command},
    sync::{mpsc, watch},
};
use tokio_util::codec::{FramedRead, FramedWrite};
use tracing::field::Empty;

use crate::{
    error::ExecutorError,
    frames::{Failed, Order, Word, codec, decode, encode},
    process::{ENV_CWASM, ENV_MAX_RUNS, ENV_PREPARED, ENV_THREADS},
};

pub use handle::{RunControl, RunEvent, RunHandle, TestEvent, TestHandle};
use job::{Job, Work};

/// Pause before a process that died at once is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// How the service starts its executor processes.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// The program and its arguments, for example `sandbox-host executor`.
    pub command: Vec<OsString>,
    /// The compiled interpreter.
    pub cwasm: PathBuf,
    /// Number of processes.
    pub processes: usize,
    /// Threads of each.
    pub threads: usize,
    /// Interpreters that each keeps ready.
    pub prepared: usize,
    /// Runs in progress in each at most, those that wait for input included.
    pub max_runs: usize,
}

impl FleetConfig {
    /// Processes that run `command`, sized for this machine.
    pub fn new(command: Vec<OsString>, cwasm: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { command, cwasm, processes: cores.clamp(1, 8), threads: 1, prepared: 8, max_runs: 600 }
    }
}

/// The executor processes of a service.
pub struct Fleet {
    config: FleetConfig,
    slots: Vec<Slot>,
    next_id: AtomicU64,
    jobs: Mutex<HashMap<u64, Job>>,
    ready: watch::Sender<bool>,
    restarts: AtomicU64,
    closing: AtomicBool,
    confinement: Mutex<Vec<String>>,
}

/// One process, or the one that takes its place.
struct Slot {
    orders: Mutex<Option<mpsc::UnboundedSender<Order>>>,
    in_flight: AtomicUsize,
    /// Programs that wait for a line of input.
    awaiting_input: AtomicUsize,
}

impl Fleet {
    /// Starts the processes. They become ready by themselves; see [`Self::wait_ready`].
    pub fn start(config: FleetConfig) -> Arc<Self> {
        let slots = (0..config.processes.max(1))
            .map(|_| Slot {
                orders: Mutex::new(None),
                in_flight: AtomicUsize::new(0),
                awaiting_input: AtomicUsize::new(0),
            })
            .collect();
        let fleet = Arc::new(Self {
            config,
            slots,
            next_id: AtomicU64::new(1),
            jobs: Mutex::new(HashMap::new()),
            ready: watch::Sender::new(false),
            restarts: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            confinement: Mutex::new(Vec::new()),
        });
        for index in 0..fleet.slots.len() {
            tokio::spawn(Arc::clone(&fleet).keep(index));
        }
        fleet
    }

    /// Whether at least one process has made a warm run and none is known to be gone.
    pub fn is_ready(&self) -> bool {
        self.slots.iter().any(|slot| slot.orders.lock().expect("no panic while locked").is_some())
    }

    /// Waits until [`Self::is_ready`].
    pub async fn wait_ready(&self) {
        let mut ready = self.ready.subscribe();
        // The sender lives as long as `self`.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// How many processes died and were replaced.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Runs in progress.
    pub fn in_flight(&self) -> usize {
        self.slots.iter().map(|slot| slot.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// Programs that wait for a line of input.
    pub fn awaiting_input(&self) -> usize {
        self.slots.iter().map(|slot| slot.awaiting_input.load(Ordering::Relaxed)).sum()
    }

    /// Runs that no process works on yet: theirs died or has not started, or they take turns because one of them
    /// killed it.
    pub fn waiting(&self) -> usize {
        let absent: Vec<bool> = self
            .slots
            .iter()
            .map(|slot| slot.orders.lock().expect("no panic while locked").is_none())
            .collect();
        let jobs = self.jobs.lock().expect("no panic while locked");
        let alone = |slot: usize| jobs.values().filter(|job| job.slot == slot && job.alone).count();
        let behind: usize =
            (0..absent.len()).filter(|slot| !absent[*slot]).map(|slot| alone(slot).saturating_sub(1)).sum();
        jobs.values().filter(|job| absent[job.slot]).count() + behind
    }

    /// What confines the processes on this machine.
    pub fn confinement(&self) -> Vec<String> {
        self.confinement.lock().expect("no panic while locked").clone()
    }

    /// Ends all processes.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        for slot in &self.slots {
            // An executor ends when its standard input does.
            slot.orders.lock().expect("no panic while locked").take();
        }
    }

    /// Starts a run.
    ///
    /// # Errors
    /// [`ExecutorError::Busy`] when as many runs as are allowed are in progress.
    pub fn run(
        self: &Arc<Self>,
        request: RunRequest,
        interactive: bool,
        streamed: bool,
    ) -> Result<RunHandle, ExecutorError> {
        crate::limits::check_run(&request)?;
        let (sender, events) = mpsc::unbounded_channel();
        let span = tracing::info_span!(
            "run",
            "learnflow.run.outcome" = Empty,
            "learnflow.run.duration_us" = Empty,
            "learnflow.run.memory_bytes" = Empty,
            "otel.status_code" = Empty,
            "error.type" = Empty,
        );
        let request = Box::new(request);
        let work = Work::Run { span, request, interactive, streamed, seen: false, events: sender };
        let id = self.admit(work)?;
        Ok(RunHandle { id, fleet: Arc::clone(self), events })
    }

    /// Starts a program's tests.
    ///
    /// # Errors
    /// When the request breaks a limit or there is no room.
    pub fn test(self: &Arc<Self>, request: TestRequest) -> Result<TestHandle, ExecutorError> {
        crate::limits::check_tests(&request)?;
        let (sender, events) = mpsc::unbounded_channel();
        let span = tracing::info_span!(
            "test",
            "learnflow.tests.passed" = Empty,
            "otel.status_code" = Empty,
            "error.type" = Empty,
        );
        let id = self.admit(Work::Test { span, request: Box::new(request), events: sender })?;
        Ok(TestHandle { control: RunControl { id, fleet: Arc::clone(self) }, events })
    }

    fn admit(&self, work: Work) -> Result<u64, ExecutorError> {
        let suspected = self.suspected();
        let load = |(index, slot): (usize, &Slot)| {
            let away = slot.orders.lock().expect("no panic while locked").is_none();
            // A process that may be about to die, or is not there yet, is the last choice.
            let shunned = away || suspected.contains(&index);
            (index, slot.in_flight.load(Ordering::SeqCst) + if shunned { self.config.max_runs } else { 0 })
        };
        let (slot, load) = self
            .slots
            .iter()
            .enumerate()
            .map(load)
            .min_by_key(|(_, load)| *load)
            .expect("there is at least one slot");
        if load >= 2 * self.config.max_runs
            || (load >= self.config.max_runs && self.is_ready() && suspected.is_empty())
        {
            return Err(ExecutorError::Busy { running: self.in_flight() });
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let job = Job { slot, deaths: 0, alone: false, work };
        let order = job.order(id);
        // Under this lock, so that a process that becomes ready meanwhile does not get the job twice.
        let orders = self.slots[slot].orders.lock().expect("no panic while locked");
        self.slots[slot].in_flight.fetch_add(1, Ordering::SeqCst);
        self.jobs.lock().expect("no panic while locked").insert(id, job);
        if let Some(orders) = orders.as_ref() {
            let _ = orders.send(order);
        }
        Ok(id)
    }

    /// Slots that try jobs one by one because a process died.
    fn suspected(&self) -> Vec<usize> {
        if self.restarts() == 0 {
            return Vec::new();
        }
        let jobs = self.jobs.lock().expect("no panic while locked");
        jobs.values().filter(|job| job.alone).map(|job| job.slot).collect()
    }

    fn send(&self, slot: usize, order: Order) {
        if let Some(orders) = self.slots[slot].orders.lock().expect("no panic while locked").as_ref() {
            let _ = orders.send(order);
        }
    }

    /// Keeps a process in a slot until the fleet closes.
    async fn keep(self: Arc<Self>, index: usize) {
        while !self.closing.load(Ordering::SeqCst) {
            match self.live(index).await {
                Ok(()) => tracing::warn!(slot = index, "an executor process ended"),
                Err(error) => tracing::error!(slot = index, %error, "an executor process failed"),
            }
            self.slots[index].orders.lock().expect("no panic while locked").take();
            self.slots[index].awaiting_input.store(0, Ordering::Relaxed);
            if self.closing.load(Ordering::SeqCst) {
                return;
            }
            self.restarts.fetch_add(1, Ordering::Relaxed);
            self.after_death(index);
            tokio::time::sleep(RESTART_PAUSE).await;
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.config.command[0]);
        command
            .args(&self.config.command[1..])
            .env_clear()
            .env(ENV_CWASM, &self.config.cwasm)
            .env(ENV_PREPARED, self.config.prepared.to_string())
            .env(ENV_MAX_RUNS, (self.config.max_runs + 1).to_string())
            .env(ENV_THREADS, self.config.threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        command.spawn()
    }

    /// The life of one process.
    async fn live(self: &Arc<Self>, index: usize) -> std::io::Result<()> {
        let mut child = self.spawn()?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut words = FramedRead::new(stdout, codec());
        let (sender, mut orders) = mpsc::unbounded_channel::<Order>();
        let writer = tokio::spawn(async move {
            let mut out = FramedWrite::new(stdin, codec());
            while let Some(order) = orders.recv().await {
                out.feed(encode(&order)).await?;
                while let Ok(order) = orders.try_recv() {
                    out.feed(encode(&order)).await?;
                }
                SinkExt::<bytes::Bytes>::flush(&mut out).await?;
            }
            Ok::<_, std::io::Error>(())
        });
        while let Some(frame) = words.next().await {
            match decode(&frame?)? {
                Word::Ready { confinement } => {
                    tracing::info!(slot = index, ?confinement, "an executor process is ready");
                    *self.confinement.lock().expect("no panic while locked") = confinement;
                    self.adopt(index, &sender);
                    self.ready.send_replace(true);
                }
                Word::Waiting { programs } => {
                    self.slots[index].awaiting_input.store(programs, Ordering::Relaxed);
                }
                word => self.hear(word),
            }
        }
        writer.abort();
        child.wait().await?;
        Ok(())
    }

    /// Makes a process the one of its slot, and gives it the jobs that wait there.
    fn adopt(&self, index: usize, sender: &mpsc::UnboundedSender<Order>) {
        let mut orders = self.slots[index].orders.lock().expect("no panic while locked");
        let jobs = self.jobs.lock().expect("no panic while locked");
        let mut waiting: Vec<_> = jobs.iter().filter(|(_, job)| job.slot == index).collect();
        waiting.sort_by_key(|(id, _)| **id);
        // Suspects go one after the other; the next follows when one is done.
        let suspect = waiting.iter().find(|(_, job)| job.alone).map(|(id, _)| **id);
        for (id, job) in waiting {
            if !job.alone || Some(*id) == suspect {
                let _ = sender.send(job.order(*id));
            }
        }
        *orders = Some(sender.clone());
    }

    fn hear(&self, word: Word) {
        match word {
            Word::Ready { .. } | Word::Waiting { .. } => {}
            Word::Output { id, stream, text } => {
                if let Some(Job { work: Work::Run { events, seen, .. }, .. }) =
                    self.jobs.lock().expect("no panic while locked").get_mut(&id)
                {
                    *seen = true;
                    let _ = events.send(RunEvent::Output(stream, text));
                }
            }
            Word::Judged { id, verdict } => {
                if let Some(Job { work: Work::Test { events, .. }, .. }) =
                    self.jobs.lock().expect("no panic while locked").get(&id)
                {
                    let _ = events.send(TestEvent::Judged(verdict));
                }
            }
            Word::Ran { id, report } => self.finish(id, |work| work.ran(Ok(*report))),
            Word::Tested { id, report } => self.finish(id, |work| work.tested(Ok(*report))),
            Word::Failed { id, failure } => {
                let error = match failure {
                    Failed::Invalid(reason) => ExecutorError::Invalid(reason),
                    Failed::Busy(running) => ExecutorError::Busy { running },
                    Failed::Broken(reason) => ExecutorError::Engine(reason),
                };
                self.finish(id, |work| work.failed(error));
            }
        }
    }

    fn finish(&self, id: u64, tell: impl FnOnce(Work)) {
        let Some(job) = self.jobs.lock().expect("no panic while locked").remove(&id) else { return };
        self.slots[job.slot].in_flight.fetch_sub(1, Ordering::SeqCst);
        if job.alone {
            self.next_suspect(job.slot);
        }
        tell(job.work);
    }

    fn next_suspect(&self, slot: usize) {
        let next = {
            let jobs = self.jobs.lock().expect("no panic while locked");
            let suspects = jobs.iter().filter(|(_, job)| job.slot == slot && job.alone);
            suspects.min_by_key(|(id, _)| **id).map(|(id, job)| job.order(*id))
        };
        if let Some(order) = next {
            self.send(slot, order);
        }
    }

    /// Decides what becomes of the jobs of a process that died: each is tried once more, alone; the one that
    /// is alone when its process dies again is the culprit and has crashed.
    fn after_death(&self, index: usize) {
        let mut culprits = Vec::new();
        {
            let mut jobs = self.jobs.lock().expect("no panic while locked");
            let first_suspect =
                jobs.iter().filter(|(_, job)| job.slot == index && job.alone).map(|(id, _)| *id).min();
            for (id, job) in jobs.iter_mut().filter(|(_, job)| job.slot == index) {
                let ran = !job.alone || Some(*id) == first_suspect;
                if !ran {
                    continue;
                }
                job.deaths += 1;
                if job.deaths > 1 || !job.work.repeatable() {
                    culprits.push(*id);
                } else {
                    job.alone = true;
                }
            }
        }
        for id in culprits {
            let job = self.jobs.lock().expect("no panic while locked").remove(&id);
            if let Some(job) = job {
                self.slots[job.slot].in_flight.fetch_sub(1, Ordering::SeqCst);
                job.work.crashed();
            }
        }
    }
}
