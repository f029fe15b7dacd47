//! Topics of the catalogue: declared as the catalogue says, with an address, and fed.

use learnflow_events::{EventType, Topic};

use super::{Check, key};
use crate::graph::{ContentMode, Destination};

/// Types that the functions post to a sink's address themselves, past the Broker: best effort, never the record.
pub(super) const POSTED: [(EventType, Topic); 2] =
    [(EventType::ResponseDelta, Topic::RESPONSE_DELTAS), (EventType::AgentLogged, Topic::AGENT_LOGS)];

/// Kafka's own bound of a topic's name.
const NAME_BYTES: usize = 249;

impl Check<'_> {
    pub(super) fn topics(&mut self) {
        for topic in Topic::ALL {
            self.declared(&topic);
            self.fed(&topic);
        }
        let own = self.graph.brokers.iter().map(|b| format!("knative-broker-{}-{}", b.namespace, b.name));
        let own: Vec<String> = own.collect();
        for topic in &self.graph.topics {
            let what = key("KafkaTopic.kafka.strimzi.io", "kafka", &topic.name);
            let read = self.graph.sources.iter().any(|source| source.topics.contains(&topic.name));
            if !read && !own.contains(&topic.name) && !Topic::ALL.iter().any(|known| known.name == topic.name)
            {
                self.wrong(
                    &what,
                    format!("the topic {} is not in the catalogue and nothing reads it", topic.name),
                );
            }
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if topic.name.len() > NAME_BYTES || !topic.name.chars().all(legal) {
                self.wrong(&what, format!("{:?} is no name that Kafka takes", topic.name));
            }
        }
        for source in &self.graph.sources {
            let what = key("KafkaSource.sources.knative.dev", &source.namespace, &source.name);
            for name in &source.topics {
                if !self.graph.topics.iter().any(|topic| topic.name == *name) {
                    self.wrong(&what, format!("there is no KafkaTopic {name}"));
                }
                if Topic::ALL.iter().any(|topic| topic.name == *name) {
                    self.wrong(
                        &what,
                        format!("{name} is fed from the Broker: reading it back would go in circles"),
                    );
                }
            }
            let known =
                |broker: &crate::Broker| broker.namespace == source.namespace && broker.name == source.broker;
            if !self.graph.brokers.iter().any(known) {
                self.wrong(&what, format!("there is no Broker {}/{}", source.namespace, source.broker));
            }
        }
    }

    /// The KafkaTopic has the catalogue's partitions, copies and retention, and a KafkaSink writes it.
    fn declared(&mut self, topic: &Topic) {
        let what = key("KafkaTopic.kafka.strimzi.io", "kafka", topic.name);
        let Some(found) = self.graph.topics.iter().find(|found| found.name == topic.name) else {
            return self.wrong("eventing", format!("there is no KafkaTopic {}", topic.name));
        };
        let config = |name: &str| found.config.get(name).map_or("", String::as_str);
        for (name, found, expected) in [
            ("partitions", found.partitions.to_string(), topic.partitions.to_string()),
            ("retention.ms", config("retention.ms").to_owned(), topic.retention_ms.to_string()),
            ("compression.type", config("compression.type").to_owned(), "lz4".to_owned()),
            ("cleanup.policy", config("cleanup.policy").to_owned(), "delete".to_owned()),
        ] {
            if found != expected {
                self.wrong(&what, format!("{name} is {found:?}, but the catalogue says {expected}"));
            }
        }
        // A small cluster has fewer copies, but never more than the catalogue asks for.
        if found.replicas == 0 || u32::from(found.replicas) > topic.replication {
            let message =
                format!("replicas is {}, but the catalogue says {}", found.replicas, topic.replication);
            self.wrong(&what, message);
        }
        if let Ok(in_sync) = config("min.insync.replicas").parse::<u16>()
            && in_sync >= found.replicas.max(2)
        {
            let message =
                format!("min.insync.replicas {in_sync} of {} stops at the first broker lost", found.replicas);
            self.wrong(&what, message);
        }
        match self.graph.sinks.iter().find(|sink| sink.topic == topic.name) {
            None => self.wrong(&what, format!("no KafkaSink writes {}", topic.name)),
            Some(sink) if sink.content_mode != ContentMode::Binary => {
                let what = key("KafkaSink.eventing.knative.dev", &sink.namespace, &sink.name);
                self.wrong(&what, "contentMode must be binary: readers expect the event's data as value");
            }
            Some(_) => {}
        }
    }

    /// A Trigger copies events to the topic's sink, or functions post to it.
    fn fed(&mut self, topic: &Topic) {
        let Some(sink) = self.graph.sinks.iter().find(|sink| sink.topic == topic.name) else { return };
        let by_trigger = self.graph.triggers.iter().any(|trigger| {
            matches!(&trigger.subscriber, Destination::KafkaSink { namespace, name }
                if *namespace == sink.namespace && *name == sink.name)
        });
        let posted = POSTED.iter().any(|(_, posted)| posted.name == topic.name);
        let address = format!("/{}/{}", sink.namespace, sink.name);
        let by_function = self
            .graph
            .app
            .components
            .values()
            .flat_map(|component| component.variables.values())
            .any(|template| template.ends_with(&address));
        let what = key("KafkaSink.eventing.knative.dev", &sink.namespace, &sink.name);
        match (posted, by_trigger, by_function) {
            (false, false, _) => self.wrong(&what, format!("no Trigger copies anything to {}", topic.name)),
            (true, _, false) => self.wrong(&what, format!("no component of spin.toml posts to {address}")),
            _ => {}
        }
    }
}
