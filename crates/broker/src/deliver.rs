//! One event to one Trigger: tries, replies, and the dead letter when nothing helps.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use learnflow_event_log::{EventLog, LogError};
use learnflow_telemetry::http;
use learnflow_topology::graph::{ContentMode, Delivery, Destination};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    backoff,
    destination::{Destinations, Target, label},
    event::CloudEvent,
    metrics::{Metrics, Outcome},
    send::{Answer, Failure, Sender},
    spans,
};

/// The longest try when the delivery names no timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
/// Pause before the log is asked again to take a reply.
const LOG_PAUSE: Duration = Duration::from_millis(500);

/// What every Trigger of a broker shares.
pub(crate) struct Shared {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) destinations: Destinations,
    pub(crate) sender: Sender,
    pub(crate) metrics: Metrics,
    /// Set when the broker stops: nothing new is begun.
    pub(crate) stop: CancellationToken,
}

/// How one Trigger delivers.
pub(crate) struct Delivering {
    pub(crate) shared: Arc<Shared>,
    pub(crate) namespace: String,
    pub(crate) trigger: String,
    /// Its consumer group.
    pub(crate) group: String,
    /// Where replies go.
    pub(crate) broker_topic: String,
    pub(crate) subscriber: Destination,
    pub(crate) delivery: Delivery,
    /// Requests under way at the same time. A pause between tries does not count.
    pub(crate) slots: Semaphore,
}

/// How the handling of an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its offset may be committed.
    Handled,
    /// The broker stops; the event has to be delivered again.
    Abandoned,
}

/// The broker stops in the middle of it.
struct Stopped;

impl Delivering {
    /// Delivers the event, or its dead letter. Returns once replies are in the log.
    pub(crate) async fn deliver(&self, event: CloudEvent) -> Ended {
        let id = event.id().to_owned();
        let span = spans::process(&self.broker_topic, &self.group, &event);
        let delivered = async {
            match self.attempts(&self.subscriber, &event).await? {
                Ok(outcome) => Ok(outcome),
                Err(failure) => self.dead_letter(event, failure).await,
            }
        };
        match delivered.instrument(span.clone()).await {
            Ok(outcome) => {
                if matches!(outcome, Outcome::DeadLettered | Outcome::Dropped) {
                    http::failed(&span, outcome.as_str());
                }
                self.shared.metrics.event(&self.trigger, outcome);
                Ended::Handled
            }
            Err(Stopped) => {
                tracing::debug!(trigger = self.trigger, id, "left for the next start");
                Ended::Abandoned
            }
        }
    }

    /// Tries as often as the delivery says.
    async fn attempts(
        &self,
        to: &Destination,
        event: &CloudEvent,
    ) -> Result<Result<Outcome, Failure>, Stopped> {
        let mut tries = 0;
        loop {
            let failure = match self.attempt(to, event, tries).await? {
                Answer::Done => return Ok(Ok(Outcome::Delivered)),
                Answer::Reply(reply) => {
                    return Ok(self
                        .append(&self.broker_topic, ContentMode::Binary, *reply)
                        .await?
                        .map(|()| Outcome::Replied));
                }
                Answer::Failed(failure) => failure,
            };
            if !failure.retryable || tries >= self.delivery.retry {
                return Ok(Err(failure));
            }
            tries += 1;
            let pause = backoff::pause(&self.delivery, tries, failure.retry_after);
            tracing::debug!(
                trigger = self.trigger,
                id = event.id(),
                ?pause,
                tries,
                reason = failure.text,
                "retrying"
            );
            self.shared.metrics.event(&self.trigger, Outcome::Retried);
            self.shared.stop.run_until_cancelled(tokio::time::sleep(pause)).await.ok_or(Stopped)?;
        }
    }

    /// One try; `before` were made.
    async fn attempt(&self, to: &Destination, event: &CloudEvent, before: u32) -> Result<Answer, Stopped> {
        let target = match self.shared.destinations.target(to) {
            Ok(target) => target,
            Err(text) => return Ok(Answer::Failed(Failure::without_answer(text))),
        };
        match target {
            Target::Topic { topic, content_mode } => {
                let appended = self.append(&topic, content_mode, event.clone()).await?;
                Ok(appended.map_or_else(Answer::Failed, |()| Answer::Done))
            }
            Target::Http(uri) => {
                let slot = self.shared.stop.run_until_cancelled(self.slots.acquire()).await.ok_or(Stopped)?;
                let _slot = slot.map_err(|_| Stopped)?;
                let timeout = longest_try(&self.delivery);
                let timer = self.shared.metrics.time(&self.trigger);
                let answer = self.shared.sender.send(uri, &self.namespace, event, before, timeout).await;
                timer.observe_duration();
                Ok(answer)
            }
        }
    }

    /// Appends until the log has taken it: the event's own offset could not be committed either while it is away.
    async fn append(
        &self,
        topic: &str,
        content_mode: ContentMode,
        event: CloudEvent,
    ) -> Result<Result<(), Failure>, Stopped> {
        let span = spans::send(topic, &event);
        let record = event.sent_by(&span).to_record_in(content_mode);
        loop {
            match self.shared.log.append(topic, record.clone()).await {
                Ok(_) => return Ok(Ok(())),
                Err(LogError::Refused(text)) => {
                    http::failed(&span, "refused");
                    return Ok(Err(Failure { text, ..Failure::default() }));
                }
                Err(LogError::Unavailable(text)) => {
                    tracing::warn!(trigger = self.trigger, topic, text, "the log is away; a reply waits");
                    self.shared
                        .stop
                        .run_until_cancelled(tokio::time::sleep(LOG_PAUSE))
                        .await
                        .ok_or(Stopped)?;
                }
            }
        }
    }

    /// Sends what could not be delivered to the dead-letter sink. Without one, or when that fails too, the event is
    /// gone, as with Knative; the log line is all that is left.
    async fn dead_letter(&self, event: CloudEvent, failure: Failure) -> Result<Outcome, Stopped> {
        let (id, event_type) = (event.id().to_owned(), event.event_type().to_owned());
        let reason = failure.text.clone();
        let Some(sink) = &self.delivery.dead_letter_sink else {
            tracing::error!(
                trigger = self.trigger,
                id,
                event_type,
                reason,
                "event dropped: no dead-letter sink"
            );
            return Ok(Outcome::Dropped);
        };
        let letter = self.letter(event, failure);
        match self.attempts(sink, &letter).await? {
            Ok(_) => {
                tracing::warn!(
                    trigger = self.trigger,
                    id,
                    event_type,
                    reason,
                    "event sent to the dead-letter sink"
                );
                Ok(Outcome::DeadLettered)
            }
            Err(second) => {
                let sink_reason = second.text;
                tracing::error!(
                    trigger = self.trigger,
                    id,
                    event_type,
                    reason,
                    sink_reason,
                    "event dropped: its dead-letter sink failed"
                );
                Ok(Outcome::Dropped)
            }
        }
    }

    /// The event with what went wrong as extension attributes.
    fn letter(&self, event: CloudEvent, failure: Failure) -> CloudEvent {
        let address = match self.shared.destinations.target(&self.subscriber) {
            Ok(Target::Http(uri)) => uri.to_string(),
            Ok(Target::Topic { .. }) | Err(_) => label(&self.subscriber),
        };
        let mut letter = event.with_extension("knativeerrordest", &address);
        for (name, value) in &failure.extensions {
            letter = letter.with_extension(name, value);
        }
        if let Some(code) = failure.code {
            letter = letter.with_extension("knativeerrorcode", &code.to_string());
        }
        if let Some(data) = &failure.data {
            letter = letter.with_extension("knativeerrordata", &STANDARD.encode(data));
        }
        letter
    }
}

/// How long one try may take.
fn longest_try(delivery: &Delivery) -> Duration {
    delivery.timeout.unwrap_or(DEFAULT_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use learnflow_topology::graph::BackoffPolicy;

    use super::*;

    #[test]
    fn a_try_may_take_ten_minutes_unless_somebody_says_otherwise() {
        let delivery = Delivery {
            retry: 0,
            backoff_policy: BackoffPolicy::Linear,
            backoff_delay: Duration::ZERO,
            timeout: None,
            dead_letter_sink: None,
        };
        assert_eq!(longest_try(&delivery), Duration::from_secs(600));
        let timeout = Some(Duration::from_secs(7));
        assert_eq!(longest_try(&Delivery { timeout, ..delivery }), Duration::from_secs(7));
    }
}
