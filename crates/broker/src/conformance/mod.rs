//! What Knative's Kafka broker does, case by case, for any broker that can be reached by URL.
//!
//! The cases are data ([`cases`]). Each has a Trigger of its own ([`triggers`], [`manifests`]) whose subscriber and
//! dead-letter sink are paths of one HTTP server; [`run`] is that server, posts the events and judges what arrives.
//! Our tests run them against [`crate::Broker`]. Against a cluster, apply the manifests first; against a data plane that
//! runs without Kubernetes, give it the [`contract`]. `cargo xtask conformance` prints both and runs the cases.

use std::fmt::Write as _;

use learnflow_topology::graph::{BackoffPolicy, Delivery, DeliveryOrder, Destination, Filter, Trigger};
use serde_json::{Map, Value, json};

mod cases;
mod contract;
mod run;

pub use cases::cases;
pub use contract::contract;
pub use run::{Verdict, run};

/// One documented behaviour.
#[derive(Clone, Debug)]
pub struct Case {
    /// kebab-case; part of the names of its Triggers and of the event type `conformance.<name>`.
    pub name: &'static str,
    /// The behaviour, in a sentence.
    pub says: &'static str,
    /// Filters beside the one for the case's own type.
    pub filters: Vec<Filter>,
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
    /// Whether the subscriber must see one event at a time, in the order in which they were posted.
    pub in_order: bool,
}

/// The delivery of a case's Trigger.
#[derive(Clone, Copy, Debug)]
pub struct Delivered {
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
}

/// Where something arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// At the subscriber.
    Subscriber,
    /// At the dead-letter sink.
    DeadLetters,
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
}

/// What a header has to be.
#[derive(Clone, Debug)]
pub enum Is {
    /// Exactly this.
    Text(String),
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

    fn url(&self, sink_url: &str, door: Door) -> String {
        let door = match door {
            Door::Subscriber => "in",
            Door::DeadLetters => "dead",
            Door::Replies => "replies",
        };
        format!("{}/{}/{door}", sink_url.trim_end_matches('/'), self.name)
    }

    fn triggers(&self, namespace: &str, broker: &str, sink_url: &str) -> [Trigger; 2] {
        let of_type = |name: String| Filter::Exact([("type".to_owned(), name)].into());
        let delivery = Delivery {
            retry: self.delivery.retry,
            backoff_policy: self.delivery.policy,
            backoff_delay: std::time::Duration::from_millis(self.delivery.delay_ms),
            timeout: Some(std::time::Duration::from_millis(self.delivery.timeout_ms)),
            dead_letter_sink: self
                .delivery
                .dead_letters
                .then(|| Destination::Url(self.url(sink_url, Door::DeadLetters))),
        };
        let trigger = Trigger {
            namespace: namespace.to_owned(),
            name: format!("conformance-{}", self.name),
            broker: broker.to_owned(),
            filters: [vec![of_type(self.event_type())], self.filters.clone()].concat(),
            subscriber: Destination::Url(self.url(sink_url, Door::Subscriber)),
            delivery: Some(delivery),
            order: self.delivery.order,
        };
        let replies = Trigger {
            name: format!("conformance-{}-replies", self.name),
            filters: vec![of_type(self.reply_type())],
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

/// The same Triggers as a Kubernetes List in JSON, for `kubectl apply -f -`.
pub fn manifests(namespace: &str, broker: &str, sink_url: &str) -> Value {
    let items: Vec<Value> = triggers(namespace, broker, sink_url).iter().map(manifest).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

fn manifest(trigger: &Trigger) -> Value {
    let order = match trigger.order {
        DeliveryOrder::Ordered => "ordered",
        DeliveryOrder::Unordered => "unordered",
    };
    let address = |destination: &Destination| match destination {
        Destination::Url(url) => json!({ "uri": url }),
        other => unreachable!("a case delivers to URLs only, not to {other:?}"),
    };
    let mut spec = Map::new();
    spec.insert("broker".to_owned(), trigger.broker.clone().into());
    spec.insert("filters".to_owned(), trigger.filters.iter().map(dialect).collect());
    spec.insert("subscriber".to_owned(), address(&trigger.subscriber));
    if let Some(delivery) = &trigger.delivery {
        let seconds = |time: std::time::Duration| format!("PT{}S", time.as_secs_f64());
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
        spec.insert("delivery".to_owned(), value);
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

/// The cases as a document.
pub fn document() -> String {
    let mut text = String::from(
        "# What the broker does\n\n\
         Each line is a case of `learnflow_broker::conformance`, which runs against our broker on PostgreSQL and on Kafka in\n\
         the tests, and against any Knative broker by URL: `cargo xtask conformance --broker URL --sink ADDR`.\n\n\
         CESQL, the seventh filter dialect of Knative, is not executed here: a manifest that uses it is refused when it is\n\
         read, with file and line, so that no Trigger behaves differently on the two.\n\n\
         | case | behaviour |\n|---|---|\n",
    );
    for case in cases() {
        let _ = writeln!(text, "| {} | {} |", case.name, case.says);
    }
    text
}
