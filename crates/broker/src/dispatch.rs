//! A Trigger at work: reads the broker's topic, hands matching events out, commits what is done.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use learnflow_event_log::{Consumer, Delivered, LogError, Position, Start};
use learnflow_topology::graph::{DeliveryOrder, Filter};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    deliver::{Delivering, Ended},
    event::CloudEvent,
    filter,
    metrics::Outcome,
    tracker::Tracker,
};

/// Events of one Trigger that may be unfinished at a time, those that wait for another try included.
const UNFINISHED_EVENTS: usize = 1024;
/// Bytes of data of the unfinished events; one more is taken as long as it is not reached.
const UNFINISHED_BYTES: usize = 64 * 1024 * 1024;
/// How long a commit may wait for others.
const COMMIT_PAUSE: Duration = Duration::from_millis(20);
/// How long it may wait when nothing was delivered: reading again what was passed over costs little.
const IDLE_COMMIT_PAUSE: Duration = Duration::from_millis(500);
/// Pause after a failure of the log.
const LOG_PAUSE: Duration = Duration::from_millis(500);

/// A Trigger that runs.
pub(crate) struct Dispatcher {
    pub(crate) delivering: Arc<Delivering>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) order: DeliveryOrder,
    /// How long in-flight events may take when the broker stops.
    pub(crate) drain_timeout: Duration,
}

/// An event that is handled.
struct Finished {
    partition: i32,
    generation: u64,
    offset: i64,
    bytes: usize,
    ended: Ended,
}

/// An event that waits for its turn in its partition.
struct Queued {
    offset: i64,
    event: CloudEvent,
}

/// What is known of one partition.
#[derive(Default)]
struct Partition {
    /// Grows when the partition comes back after it was taken away.
    generation: u64,
    tracker: Tracker,
    /// Ordered delivery: the events behind the one that is being delivered.
    queue: VecDeque<Queued>,
    busy: bool,
}

/// The state of a Trigger between joining and leaving its group.
#[derive(Default)]
struct Run {
    partitions: HashMap<i32, Partition>,
    /// Partitions whose tracker has moved.
    moved: HashSet<i32>,
    tasks: JoinSet<Finished>,
    unfinished: usize,
    unfinished_bytes: usize,
    commit_at: Option<Instant>,
}

impl Dispatcher {
    /// Joins the Trigger's group; a new group starts after the newest record.
    pub(crate) async fn join(&self) -> Result<Box<dyn Consumer>, LogError> {
        let delivering = &self.delivering;
        delivering.shared.log.subscribe(&delivering.group, &[&delivering.broker_topic], Start::Latest).await
    }

    /// Runs until the broker stops.
    pub(crate) async fn run(self, first: Box<dyn Consumer>) {
        let stop = &self.delivering.shared.stop;
        let mut consumer = Some(first);
        while !stop.is_cancelled() {
            match consumer.take() {
                Some(consumer) => self.work(consumer).await,
                None => match self.join().await {
                    Ok(joined) => consumer = Some(joined),
                    Err(error) => {
                        tracing::warn!(%error, group = self.delivering.group, "cannot join; trying again");
                        stop.run_until_cancelled(tokio::time::sleep(LOG_PAUSE)).await;
                    }
                },
            }
        }
    }

    /// Reads and delivers until the broker stops, or until the group has to be joined anew.
    async fn work(&self, mut consumer: Box<dyn Consumer>) {
        let stop = &self.delivering.shared.stop;
        let mut run = Run::default();
        loop {
            let commit_at = run.commit_at;
            let room = run.unfinished < UNFINISHED_EVENTS && run.unfinished_bytes < UNFINISHED_BYTES;
            tokio::select! {
                () = stop.cancelled() => break,
                Some(finished) = run.tasks.join_next() => match finished {
                    Ok(finished) => self.finish(&mut run, finished),
                    Err(error) => {
                        tracing::error!(%error, group = self.delivering.group, "a delivery panicked; reading again from the last commit");
                        break;
                    }
                },
                () = tokio::time::sleep_until(commit_at.unwrap_or_else(Instant::now)), if commit_at.is_some() => {
                    self.commit(&mut run, &*consumer).await;
                }
                read = consumer.next(), if room => match read {
                    Ok(delivered) => self.begin(&mut run, delivered),
                    Err(LogError::Unavailable(error)) => {
                        tracing::warn!(error, group = self.delivering.group, "the log is away");
                        stop.run_until_cancelled(tokio::time::sleep(LOG_PAUSE)).await;
                    }
                    Err(LogError::Refused(error)) => {
                        tracing::error!(error, group = self.delivering.group, "the log refuses to be read; joining anew");
                        stop.run_until_cancelled(tokio::time::sleep(LOG_PAUSE)).await;
                        break;
                    }
                },
            }
        }
        self.drain(&mut run).await;
        self.commit(&mut run, &*consumer).await;
    }

    fn begin(&self, run: &mut Run, delivered: Delivered) {
        let Position { partition: number, offset } = delivered.position;
        let metrics = &self.delivering.shared.metrics;
        let trigger = &self.delivering.trigger;
        let event = match CloudEvent::from_record(delivered.record) {
            Ok(event) if filter::matches_all(&self.filters, &event) => Some(event),
            Ok(_) => {
                metrics.event(trigger, Outcome::Filtered);
                None
            }
            Err(error) => {
                tracing::error!(%error, group = self.delivering.group, number, offset, "passing over a record that is no event");
                metrics.event(trigger, Outcome::Invalid);
                None
            }
        };
        let partition = run.partitions.entry(number).or_default();
        let track = |tracker: &mut Tracker| match &event {
            Some(_) => tracker.started(offset),
            None => tracker.passed_over(offset),
        };
        if !track(&mut partition.tracker) {
            // The partition was away and is back at its last commit: what is still in flight counts no more.
            let generation = partition.generation + 1;
            let forgotten = std::mem::take(partition);
            run.unfinished -= forgotten.queue.len();
            run.unfinished_bytes -=
                forgotten.queue.iter().map(|queued| queued.event.data().len()).sum::<usize>();
            partition.generation = generation;
            track(&mut partition.tracker);
        }
        run.moved.insert(number);
        let pause = if event.is_some() { COMMIT_PAUSE } else { IDLE_COMMIT_PAUSE };
        run.commit_at.get_or_insert_with(|| Instant::now() + pause);
        let Some(event) = event else { return };
        let event = event
            .with_extension("knativekafkapartition", &number.to_string())
            .with_extension("knativekafkaoffset", &offset.to_string());
        run.unfinished += 1;
        run.unfinished_bytes += event.data().len();
        if self.order == DeliveryOrder::Ordered && partition.busy {
            partition.queue.push_back(Queued { offset, event });
        } else {
            partition.busy = true;
            let generation = partition.generation;
            self.spawn(&mut run.tasks, number, generation, Queued { offset, event });
        }
    }

    fn spawn(&self, tasks: &mut JoinSet<Finished>, partition: i32, generation: u64, queued: Queued) {
        let delivering = Arc::clone(&self.delivering);
        tasks.spawn(async move {
            let Queued { offset, event } = queued;
            let bytes = event.data().len();
            let ended = delivering.deliver(event).await;
            Finished { partition, generation, offset, bytes, ended }
        });
    }

    fn finish(&self, run: &mut Run, finished: Finished) {
        run.unfinished -= 1;
        run.unfinished_bytes -= finished.bytes;
        let Some(partition) = run.partitions.get_mut(&finished.partition) else { return };
        if partition.generation != finished.generation {
            return;
        }
        partition.busy = false;
        if finished.ended == Ended::Abandoned {
            return;
        }
        partition.tracker.done(finished.offset);
        run.moved.insert(finished.partition);
        let soon = Instant::now() + COMMIT_PAUSE;
        run.commit_at = Some(run.commit_at.map_or(soon, |planned| planned.min(soon)));
        if let Some(next) = partition.queue.pop_front() {
            partition.busy = true;
            let generation = partition.generation;
            self.spawn(&mut run.tasks, finished.partition, generation, next);
        }
    }

    /// Lets what is in flight finish. What waits for another try ends by itself, as the broker stops.
    async fn drain(&self, run: &mut Run) {
        for partition in run.partitions.values_mut() {
            partition.queue.clear();
        }
        let deadline = Instant::now() + self.drain_timeout;
        while let Ok(Some(finished)) = tokio::time::timeout_at(deadline, run.tasks.join_next()).await {
            if let Ok(finished) = finished {
                self.finish(run, finished);
            }
        }
        run.tasks.abort_all();
    }

    /// Commits what is done in every partition that has moved.
    async fn commit(&self, run: &mut Run, consumer: &dyn Consumer) {
        run.commit_at = None;
        let moved = std::mem::take(&mut run.moved);
        let planned: Vec<Position> = moved
            .into_iter()
            .filter_map(|partition| {
                let offset = run.partitions.get(&partition)?.tracker.to_commit()?;
                Some(Position { partition, offset })
            })
            .collect();
        let topic = &self.delivering.broker_topic;
        let results = join_all(planned.iter().map(|position| consumer.commit(topic, *position))).await;
        for (position, result) in planned.into_iter().zip(results) {
            match result {
                Ok(()) => {
                    if let Some(partition) = run.partitions.get_mut(&position.partition) {
                        partition.tracker.committed(position.offset);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, group = self.delivering.group, "commit failed; it is tried again");
                    run.moved.insert(position.partition);
                    run.commit_at = Some(Instant::now() + LOG_PAUSE);
                }
            }
        }
    }
}
