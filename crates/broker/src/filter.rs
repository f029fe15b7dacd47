//! Which events a Trigger wants: the filter dialects of CloudEvents' Subscriptions API.

use std::collections::BTreeMap;

use learnflow_topology::graph::Filter;

use crate::event::CloudEvent;

/// Whether all filters match; without a filter everything does.
pub fn matches_all(filters: &[Filter], event: &CloudEvent) -> bool {
    filters.iter().all(|filter| matches(filter, event))
}

/// Whether one filter matches. An attribute that the event does not have matches nothing.
pub fn matches(filter: &Filter, event: &CloudEvent) -> bool {
    match filter {
        Filter::Exact(wanted) => each(wanted, event, |has, wants| has == wants),
        Filter::Prefix(wanted) => each(wanted, event, |has, wants| has.starts_with(wants)),
        Filter::Suffix(wanted) => each(wanted, event, |has, wants| has.ends_with(wants)),
        Filter::All(filters) => matches_all(filters, event),
        Filter::Any(filters) => filters.iter().any(|filter| matches(filter, event)),
        Filter::Not(filter) => !matches(filter, event),
    }
}

fn each(wanted: &BTreeMap<String, String>, event: &CloudEvent, test: impl Fn(&str, &str) -> bool) -> bool {
    wanted.iter().all(|(name, wants)| event.attribute(name).is_some_and(|has| test(has, wants)))
}
