//! Executor processes: started, watched, and replaced when they die, without losing a run.

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
use learnflow_events::code::{Outcome, RunReport, RunRequest, TestReport, TestRequest, TestVerdict};
use tokio::{
    process::{Child, Command},
    sync::{mpsc, oneshot, watch},
};
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::{
    error::ExecutorError,
    executor::exit_code,
    frames::{Failed, Order, Word, codec, decode, encode},
    guest::Stream,
    process::{ENV_CWASM, ENV_MAX_RUNS, ENV_PREPARED, ENV_THREADS},
};

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

/// What happens to a run while it is in progress.
#[derive(Debug)]
pub enum RunEvent {
    /// Something was printed.
    Output(Stream, String),
    /// It ended; nothing follows.
    Ended(Box<Result<RunReport, ExecutorError>>),
}

/// A run in progress.
pub struct RunHandle {
    id: u64,
    fleet: Arc<Fleet>,
    /// What it does.
    pub events: mpsc::UnboundedReceiver<RunEvent>,
}

/// Sends to a run in progress; it does not keep the run.
#[derive(Clone)]
pub struct RunControl {
    id: u64,
    fleet: Arc<Fleet>,
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
}

struct Job {
    slot: usize,
    /// Processes that died while this job was in them.
    deaths: u32,
    /// Alone in its process, to find out which of several jobs kills it.
    alone: bool,
    work: Work,
}

enum Work {
    Run {
        request: Box<RunRequest>,
        interactive: bool,
        streamed: bool,
        /// Whether it has done something that a repetition would do again.
        seen: bool,
        events: mpsc::UnboundedSender<RunEvent>,
    },
    Test {
        request: Box<TestRequest>,
        answer: Option<oneshot::Sender<Result<TestReport, ExecutorError>>>,
    },
}

impl Fleet {
    /// Starts the processes. They become ready by themselves; see [`Self::wait_ready`].
    pub fn start(config: FleetConfig) -> Arc<Self> {
        let slots = (0..config.processes.max(1))
            .map(|_| Slot { orders: Mutex::new(None), in_flight: AtomicUsize::new(0) })
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
        let work =
            Work::Run { request: Box::new(request), interactive, streamed, seen: false, events: sender };
        let id = self.admit(work)?;
        Ok(RunHandle { id, fleet: Arc::clone(self), events })
    }

    /// Runs a program against tests.
    ///
    /// # Errors
    /// When the request breaks a limit or there is no room.
    pub async fn test(self: &Arc<Self>, request: TestRequest) -> Result<TestReport, ExecutorError> {
        crate::limits::check_tests(&request)?;
        let (sender, answer) = oneshot::channel();
        self.admit(Work::Test { request: Box::new(request), answer: Some(sender) })?;
        answer.await.map_err(|_| ExecutorError::ProcessDied("the service is closing".to_owned()))?
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
            Word::Ready { .. } => {}
            Word::Output { id, stream, text } => {
                if let Some(Job { work: Work::Run { events, seen, .. }, .. }) =
                    self.jobs.lock().expect("no panic while locked").get_mut(&id)
                {
                    *seen = true;
                    let _ = events.send(RunEvent::Output(stream, text));
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

impl Job {
    fn order(&self, id: u64) -> Order {
        match &self.work {
            Work::Run { request, interactive, streamed, .. } => {
                Order::Run { id, request: request.clone(), interactive: *interactive, streamed: *streamed }
            }
            Work::Test { request, .. } => Order::Test { id, request: request.clone() },
        }
    }
}

impl Work {
    /// Whether nobody would notice that it was started twice.
    fn repeatable(&self) -> bool {
        !matches!(self, Self::Run { seen: true, .. } | Self::Run { interactive: true, .. })
    }

    fn ran(self, result: Result<RunReport, ExecutorError>) {
        if let Self::Run { events, .. } = self {
            let _ = events.send(RunEvent::Ended(Box::new(result)));
        }
    }

    fn tested(self, result: Result<TestReport, ExecutorError>) {
        if let Self::Test { answer: Some(answer), .. } = self {
            let _ = answer.send(result);
        }
    }

    fn failed(self, error: ExecutorError) {
        match self {
            Self::Run { .. } => self.ran(Err(error)),
            Self::Test { .. } => self.tested(Err(error)),
        }
    }

    fn crashed(self) {
        match self {
            Self::Run { .. } => self.ran(Ok(crashed_report())),
            Self::Test { ref request, .. } => {
                let verdict = TestVerdict {
                    name: request.module.clone(),
                    passed: false,
                    message: "The interpreter failed while it ran these tests; please report it.".to_owned(),
                    outcome: Outcome::Crashed,
                    error: None,
                    stdout: String::new(),
                    duration_us: 0,
                };
                self.tested(Ok(TestReport { passed: false, verdicts: vec![verdict] }));
            }
        }
    }
}

/// The report of a run that took its process with it.
fn crashed_report() -> RunReport {
    RunReport {
        outcome: Outcome::Crashed,
        exit_code: exit_code(Outcome::Crashed),
        stdout: String::new(),
        stderr: String::new(),
        error: None,
        duration_us: 0,
        memory_bytes: 0,
        trace: None,
        receipt: None,
    }
}

impl RunHandle {
    /// Sends to the run from elsewhere.
    pub fn control(&self) -> RunControl {
        RunControl { id: self.id, fleet: Arc::clone(&self.fleet) }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When the run could not be made.
    pub async fn report(mut self) -> Result<RunReport, ExecutorError> {
        while let Some(event) = self.events.recv().await {
            if let RunEvent::Ended(result) = event {
                return *result;
            }
        }
        Err(ExecutorError::ProcessDied("the service is closing".to_owned()))
    }
}

impl Drop for RunHandle {
    /// Nobody waits any more, so the program is stopped.
    fn drop(&mut self) {
        self.control().interrupt();
    }
}

impl RunControl {
    fn send(&self, order: Order) -> bool {
        let slot = self.fleet.jobs.lock().expect("no panic while locked").get(&self.id).map(|job| job.slot);
        slot.is_some_and(|slot| {
            self.fleet.send(slot, order);
            true
        })
    }

    /// Hands a line to the program. False when the run is over.
    pub fn line(&self, text: String) -> bool {
        self.send(Order::Line { id: self.id, text })
    }

    /// Ends the program's input. False when the run is over.
    pub fn end_of_input(&self) -> bool {
        self.send(Order::EndOfInput { id: self.id })
    }

    /// Interrupts the program. False when the run is over.
    pub fn interrupt(&self) -> bool {
        self.send(Order::Interrupt { id: self.id })
    }
}
