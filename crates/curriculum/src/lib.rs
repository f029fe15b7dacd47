//! The curriculum of `curriculum.toml`: modules in teaching order, topics with prerequisites.
//!
//! The file is checked and turned into constants when this crate is built.

use serde::Serialize;

include!(concat!(env!("OUT_DIR"), "/curriculum.rs"));

/// A group of topics that are taught together.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Module {
    /// Kebab-case id.
    pub id: &'static str,
    /// What people read.
    pub title: &'static str,
    /// Its topics, in teaching order.
    pub topics: &'static [Topic],
}

/// One thing to learn.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Topic {
    /// Kebab-case id, unique in the curriculum.
    pub id: &'static str,
    /// The id of its module.
    pub module: &'static str,
    /// What people read.
    pub title: &'static str,
    /// One line on what it is.
    pub summary: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// Words that hint at it.
    pub keywords: &'static [&'static str],
    /// Ids of topics to know before.
    pub prerequisites: &'static [&'static str],
}

/// All modules, in teaching order.
pub fn modules() -> &'static [Module] {
    MODULES
}

/// All topics, in teaching order.
pub fn topics() -> impl Iterator<Item = &'static Topic> {
    MODULES.iter().flat_map(|module| module.topics)
}

/// The topic with this id.
pub fn topic(id: &str) -> Option<&'static Topic> {
    topics().find(|topic| topic.id == id)
}

/// A topic's title, or the id itself when the curriculum does not have it (any more).
pub fn title(id: &str) -> &str {
    topic(id).map_or(id, |topic| topic.title)
}

/// A topic's place in teaching order; unknown topics come last.
pub fn position(id: &str) -> usize {
    topics().position(|topic| topic.id == id).unwrap_or(usize::MAX)
}

/// Names of all exceptions that have a topic, sorted.
pub fn exceptions() -> impl Iterator<Item = &'static str> {
    EXCEPTIONS.iter().map(|(exception, _)| *exception)
}

/// The topic behind an exception of Python's (`IndexError` → `list-indexing`).
pub fn topic_of_exception(exception: &str) -> Option<&'static str> {
    EXCEPTIONS.binary_search_by_key(&exception, |(name, _)| name).ok().map(|at| EXCEPTIONS[at].1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn is_as_large_as_promised() {
        assert!(modules().len() >= 10);
        assert!(topics().count() >= 60);
    }

    #[test]
    fn every_topic_is_reached_from_nothing() {
        let mut known = BTreeSet::new();
        loop {
            let before = known.len();
            for topic in topics() {
                if topic.prerequisites.iter().all(|p| known.contains(p)) {
                    known.insert(topic.id);
                }
            }
            if known.len() == before {
                break;
            }
        }
        assert_eq!(known.len(), topics().count());
    }

    #[test]
    fn an_alias_names_one_topic_only() {
        let mut seen = BTreeSet::new();
        for topic in topics() {
            for alias in topic.aliases {
                assert!(seen.insert(alias), "{alias} is an alias of {} and of another topic", topic.id);
            }
        }
    }

    #[test]
    fn exceptions_lead_to_topics() {
        assert_eq!(topic_of_exception("IndexError"), Some("list-indexing"));
        assert_eq!(topic_of_exception("ZeroDivisionError"), Some("integer-division"));
        assert_eq!(topic_of_exception("NoSuchError"), None);
        assert!(exceptions().all(|exception| topic_of_exception(exception).is_some()));
    }
}
