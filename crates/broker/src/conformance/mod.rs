//! What Knative's Kafka broker does, case by case, for any broker that can be reached by URL.
//!
//! The cases are data ([`cases`]). Each has a Trigger of its own ([`triggers`], [`manifests`]) whose subscriber and
//! dead-letter sink are paths of one HTTP server; [`run`] is that server, posts the events and judges what arrives.
//! Our tests run them against [`crate::Broker`]. Against a cluster, apply the manifests first; against a data plane that
//! runs without Kubernetes, give it the [`contract`]. `cargo xtask conformance` prints both and runs the cases.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use learnflow_topology::graph::{BackoffPolicy, Delivery, DeliveryOrder, Destination, Filter, Trigger};
use serde_json::{Map, Value, json};

mod cases;
mod contract;
mod run;

pub use cases::cases;
pub use contract::contract;
pub use run::{Target, Verdict, run};

/// One documented behaviour.
#[derive(Clone, Debug)]
pub struct Case {
    /// kebab-case; part of the names of its Triggers and of the event type `conformance.<name>`.
    pub name: &'static str,
    /// The behaviour, in a sentence.
    pub says: &'static str,
    /// Filters beside the one for the case's own type.
    pub filters: Vec<Filter>,
    /// The older `filter`, and whether there are `filters` besides.
    pub legacy: Option<Legacy>,
    /// Where its events are delivered to instead of the sink.
    pub subscriber: Option<&'static str>,
    /// How its Trigger delivers.
    pub delivery: Delivered,
    /// What is posted, in order.
    pub posts: Vec<Post>,
    /// How the subscriber answers an event's first, second, … request; the last counts for all that follow.
    pub answers: Vec<Answer>,
    /// How the dead-letter sink answers.
    pub dead_letter_answer: Answer,
    /// Everything that has to arrive. Whatever else arrives is a failure.
    pub expected: Vec<Expected>,
    /// The least time between the requests for one event, in milliseconds.
    pub least_pauses_ms: Vec<u64>,
    /// How the subscriber must see events beside each other.
    pub order: Order,
    /// Whether all events have to come from one partition.
    pub one_partition: bool,
}

/// A Trigger's older `filter`.
#[derive(Clone, Debug)]
pub struct Legacy {
    /// Attributes and values beside the case's own type.
    pub attributes: BTreeMap<String, String>,
    /// Whether `filters` are there as well.
    pub beside_filters: bool,
}

/// How events are delivered beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// However they come.
    Any,
    /// One at a time, in the order in which they were posted.
    OneAtATime,
    /// The next one before the one ahead of it is answered.
    Overlapping,
}

/// The delivery of a case's Trigger.
#[derive(Clone, Copy, Debug)]
pub struct Delivered {
    /// Whose it is.
    pub by: DeclaredBy,
    /// Tries after the first.
    pub retry: u32,
    /// How the pause grows.
    pub policy: BackoffPolicy,
    /// The policy's delay, in milliseconds.
    pub delay_ms: u64,
    /// The longest try, in milliseconds.
    pub timeout_ms: u64,
    /// One at a time for each partition, or as they come.
    pub order: DeliveryOrder,
    /// Whether there is a dead-letter sink.
    pub dead_letters: bool,
}

/// Who declares a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredBy {
    /// The Trigger; the Broker may have any.
    Trigger,
    /// The Trigger, whose Broker has to have [`broker_delivery`].
    TriggerBesideBroker,
    /// Only the Broker, whose [`broker_delivery`] it is.
    Broker,
}

/// A request to the ingress.
#[derive(Clone, Debug)]
pub struct Post {
    /// The method.
    pub method: &'static str,
    /// What follows the broker's URL.
    pub path_suffix: &'static str,
    /// Headers. `{id}` is replaced by [`Self::id`] behind a prefix of this run, `{type}` by the case's event type.
    pub headers: Vec<(&'static str, String)>,
    /// The body, with the same replacements.
    pub body: String,
    /// The event's name within the case.
    pub id: &'static str,
    /// The status that the ingress has to answer with.
    pub status: u16,
}

/// An answer of a subscriber.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers. `{id}` is replaced by the id of the event that came, `{type}` by the case's event type.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: String,
    /// How long it takes, in milliseconds.
    pub delay_ms: u64,
    /// Whether the connection breaks in the middle of it.
    pub broken: bool,
}

/// Where something arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// At the subscriber.
    Subscriber,
    /// At the dead-letter sink.
    DeadLetters,
    /// At the dead-letter sink of the Broker's own delivery.
    BrokerDeadLetters,
    /// At a second Trigger, for events of type `conformance.<name>.reply`.
    Replies,
}

/// Something that has to arrive.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Where.
    pub door: Door,
    /// The event's name within the case; a reply's is that of the event it answers behind `re-`.
    pub id: &'static str,
    /// How often.
    pub times: usize,
    /// What each of the requests must look like.
    pub headers: Vec<(&'static str, Is)>,
    /// What the body must be.
    pub body: Option<String>,
    /// The least time since the case's first event was posted, in milliseconds.
    pub after_ms: u64,
}

/// What a header has to be.
#[derive(Clone, Debug)]
pub enum Is {
    /// Exactly this.
    Text(String),
    /// Something that begins so.
    Begins(String),
    /// The Broker's namespace.
    Namespace,
    /// There, whatever it is.
    There,
    /// Not there.
    Absent,
    /// The URL of the case's subscriber.
    SubscriberUrl,
}

impl Case {
    /// The type of its events.
    pub fn event_type(&self) -> String {
        format!("conformance.{}", self.name)
    }

    fn reply_type(&self) -> String {
        format!("conformance.{}.reply", self.name)
    }

    /// An event that the Trigger for `door` wants, to see whether it delivers yet: the attributes that the case's
    /// filters look at are those of an event that it expects.
    fn probe(&self, door: Door, id: &str) -> Vec<(String, String)> {
        let event_type = if door == Door::Replies { self.reply_type() } else { self.event_type() };
        let mut headers: Vec<(String, String)> = [
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-source", "/conformance"),
            ("ce-type", &event_type),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let wanted = self.expected.iter().find(|expected| expected.door == Door::Subscriber);
        let post = wanted.and_then(|wanted| self.posts.iter().find(|post| post.id == wanted.id));
        for (name, value) in post.iter().flat_map(|post| &post.headers) {
            if name.starts_with("ce-") && headers.iter().all(|(known, _)| known != name) {
                headers.push(((*name).to_owned(), value.clone()));
            }
        }
        headers
    }

    /// Whether it says nothing of a Broker that has another delivery than [`broker_delivery`].
    pub fn needs_broker_delivery(&self) -> bool {
        self.delivery.by != DeclaredBy::Trigger
    }

    fn url(&self, sink_url: &str, door: Door) -> String {
        if let Some(elsewhere) = self.subscriber.filter(|_| door == Door::Subscriber) {
            return elsewhere.to_owned();
        }
        let sink = sink_url.trim_end_matches('/');
        match door {
            Door::Subscriber => format!("{sink}/{}/in", self.name),
            Door::DeadLetters => format!("{sink}/{}/dead", self.name),
            Door::Replies => format!("{sink}/{}/replies", self.name),
            Door::BrokerDeadLetters => format!("{sink}/{BROKER_DEAD_LETTERS}"),
        }
    }

    /// The `filters` of its Trigger, if there are any.
    fn dialects(&self) -> Option<Vec<Filter>> {
        let own = Filter::Exact([("type".to_owned(), self.event_type())].into());
        let beside = self.legacy.as_ref().is_none_or(|legacy| legacy.beside_filters);
        beside.then(|| [vec![own], self.filters.clone()].concat())
    }

    /// The attributes of its Trigger's older `filter`, if there is one.
    fn attributes(&self) -> Option<BTreeMap<String, String>> {
        let mut attributes = self.legacy.as_ref()?.attributes.clone();
        attributes.insert("type".to_owned(), self.event_type());
        Some(attributes)
    }

    fn triggers(&self, namespace: &str, broker: &str, sink_url: &str) -> [Trigger; 2] {
        let delivery = Delivery {
            retry: self.delivery.retry,
            backoff_policy: self.delivery.policy,
            backoff_delay: Duration::from_millis(self.delivery.delay_ms),
            timeout: Some(Duration::from_millis(self.delivery.timeout_ms)),
            dead_letter_sink: self
                .delivery
                .dead_letters
                .then(|| Destination::Url(self.url(sink_url, Door::DeadLetters))),
        };
        let trigger = Trigger {
            namespace: namespace.to_owned(),
            name: format!("conformance-{}", self.name),
            broker: broker.to_owned(),
            // `filters` wins; alone, `filter` is an exact match.
            filters: self
                .dialects()
                .unwrap_or_else(|| self.attributes().map(Filter::Exact).into_iter().collect()),
            subscriber: Destination::Url(self.url(sink_url, Door::Subscriber)),
            delivery: (self.delivery.by != DeclaredBy::Broker).then_some(delivery),
            order: self.delivery.order,
        };
        let replies = Trigger {
            name: format!("conformance-{}-replies", self.name),
            filters: vec![Filter::Exact([("type".to_owned(), self.reply_type())].into())],
            subscriber: Destination::Url(self.url(sink_url, Door::Replies)),
            delivery: None,
            order: DeliveryOrder::Unordered,
            ..trigger.clone()
        };
        [trigger, replies]
    }
}

/// The Triggers of all cases, for a sink that the broker reaches at `sink_url`.
pub fn triggers(namespace: &str, broker: &str, sink_url: &str) -> Vec<Trigger> {
    cases().iter().flat_map(|case| case.triggers(namespace, broker, sink_url)).collect()
}

/// The path at the sink of the Broker's own dead letters.
const BROKER_DEAD_LETTERS: &str = "broker/dead";

/// The delivery that the Broker itself has to have for the cases that [need it](Case::needs_broker_delivery).
pub fn broker_delivery(sink_url: &str) -> Delivery {
    Delivery {
        retry: 1,
        backoff_policy: BackoffPolicy::Linear,
        backoff_delay: Duration::from_millis(100),
        timeout: Some(Duration::from_secs(5)),
        dead_letter_sink: Some(Destination::Url(format!(
            "{}/{BROKER_DEAD_LETTERS}",
            sink_url.trim_end_matches('/')
        ))),
    }
}

/// The same as a patch, for `kubectl patch broker NAME --type merge --patch …`.
pub fn broker_patch(sink_url: &str) -> Value {
    json!({ "spec": { "delivery": delivery_manifest(&broker_delivery(sink_url)) } })
}

/// The same Triggers as a Kubernetes List in JSON, for `kubectl apply -f -`.
pub fn manifests(namespace: &str, broker: &str, sink_url: &str) -> Value {
    let mut items = Vec::new();
    for case in cases() {
        let [trigger, replies] = case.triggers(namespace, broker, sink_url);
        items.push(manifest(&trigger, case.dialects(), case.attributes()));
        items.push(manifest(&replies, Some(replies.filters.clone()), None));
    }
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

fn address(destination: &Destination) -> Value {
    match destination {
        Destination::Url(url) => json!({ "uri": url }),
        other => unreachable!("a case delivers to URLs only, not to {other:?}"),
    }
}

fn delivery_manifest(delivery: &Delivery) -> Value {
    let seconds = |time: Duration| format!("PT{}S", time.as_secs_f64());
    let mut value = json!({
        "retry": delivery.retry,
        "backoffPolicy": match delivery.backoff_policy {
            BackoffPolicy::Linear => "linear",
            BackoffPolicy::Exponential => "exponential",
        },
        "backoffDelay": seconds(delivery.backoff_delay),
    });
    if let Some(timeout) = delivery.timeout {
        value["timeout"] = seconds(timeout).into();
    }
    if let Some(sink) = &delivery.dead_letter_sink {
        value["deadLetterSink"] = address(sink);
    }
    value
}

fn manifest(
    trigger: &Trigger,
    filters: Option<Vec<Filter>>,
    attributes: Option<BTreeMap<String, String>>,
) -> Value {
    let order = match trigger.order {
        DeliveryOrder::Ordered => "ordered",
        DeliveryOrder::Unordered => "unordered",
    };
    let mut spec = Map::new();
    spec.insert("broker".to_owned(), trigger.broker.clone().into());
    if let Some(filters) = filters {
        spec.insert("filters".to_owned(), filters.iter().map(dialect).collect());
    }
    if let Some(attributes) = attributes {
        spec.insert("filter".to_owned(), json!({ "attributes": attributes }));
    }
    spec.insert("subscriber".to_owned(), address(&trigger.subscriber));
    if let Some(delivery) = &trigger.delivery {
        spec.insert("delivery".to_owned(), delivery_manifest(delivery));
    }
    json!({
        "apiVersion": "eventing.knative.dev/v1",
        "kind": "Trigger",
        "metadata": {
            "namespace": trigger.namespace,
            "name": trigger.name,
            "annotations": { "kafka.eventing.knative.dev/delivery.order": order },
        },
        "spec": spec,
    })
}

fn dialect(filter: &Filter) -> Value {
    match filter {
        Filter::Exact(attributes) => json!({ "exact": attributes }),
        Filter::Prefix(attributes) => json!({ "prefix": attributes }),
        Filter::Suffix(attributes) => json!({ "suffix": attributes }),
        Filter::All(filters) => json!({ "all": filters.iter().map(dialect).collect::<Vec<_>>() }),
        Filter::Any(filters) => json!({ "any": filters.iter().map(dialect).collect::<Vec<_>>() }),
        Filter::Not(filter) => json!({ "not": dialect(filter) }),
    }
}

/// Behaviour that nobody can show by URL alone, and the tests that hold ours to it.
pub const BESIDE: [(&str, &[&str]); 5] = [
    (
        "A dispatcher that dies leaves nothing behind: what it had not answered is delivered again, what waited for another try is not lost.",
        &["what_was_in_flight_is_delivered_again", "what_waits_for_another_try_is_not_lost"],
    ),
    (
        "While the log is away the ingress answers 503, with Retry-After; afterwards everything goes on.",
        &["a_log_that_is_away_is_503_with_retry_after_and_comes_back"],
    ),
    (
        "A delivery without a timeout waits 600 s for an answer.",
        &["a_try_may_take_ten_minutes_unless_somebody_says_otherwise"],
    ),
    (
        "Ours: a subscriber's Retry-After counts when it is longer than the backoff. (Knative's, only with `delivery.retryAfterMax`.)",
        &["retry_after_is_honoured"],
    ),
    (
        "Ours: a Service's containerConcurrency limits what is delivered to it at a time. (On a cluster its queue-proxy does.)",
        &["concurrency_is_limited_by_the_service"],
    ),
];

/// The cases as a document.
pub fn document() -> String {
    let mut text = String::from(
        "# What the broker does\n\n\
         Each line is a case of `learnflow_broker::conformance`, which runs against our broker on PostgreSQL and on Kafka in\n\
         the tests, and against any Knative broker by URL: `cargo xtask conformance --broker URL --sink ADDR`. Cases with a *\n\
         are about the Broker's own delivery: they need the one that `--broker-patch` prints, and are tried with `--broker-patched`.\n\n\
         CESQL, the seventh filter dialect of Knative, is not executed here: a manifest that uses it is refused when it is\n\
         read, with file and line, so that no Trigger behaves differently on the two.\n\n\
         | case | behaviour |\n|---|---|\n",
    );
    for case in cases() {
        let mark = if case.needs_broker_delivery() { "*" } else { "" };
        let _ = writeln!(text, "| {}{mark} | {} |", case.name, case.says);
    }
    text.push_str(
        "\nSome behaviour takes more than a URL to show. Tests of this crate hold our broker to it, on both logs:\n\n\
         | behaviour | tests |\n|---|---|\n",
    );
    for (says, tests) in BESIDE {
        let _ = writeln!(text, "| {says} | `{}` |", tests.join("`, `"));
    }
    text
}
