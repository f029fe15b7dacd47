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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["type", "subject", "agent", "missing"];

    fn event(type_: &str, subject: &str, agent: &str) -> CloudEvent {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/s"),
            ("ce-type", type_),
            ("ce-subject", subject),
            ("ce-agent", agent),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        CloudEvent::from_http(&headers, Bytes::new()).unwrap()
    }

    fn one(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_dialects_compare_as_their_names_say() {
        let event = event("a.b", "turn", "debug");
        for (filter, expected) in [
            (Filter::Exact(one("type", "a.b")), true),
            (Filter::Exact(one("type", "A.b")), false),
            (Filter::Exact(one("type", "a")), false),
            (Filter::Prefix(one("type", "a.")), true),
            (Filter::Prefix(one("type", ".b")), false),
            (Filter::Suffix(one("type", ".b")), true),
            (Filter::Suffix(one("type", "a.")), false),
            (Filter::Exact(one("missing", "")), false),
            (Filter::Prefix(one("missing", "")), false),
            (Filter::Exact(one("specversion", "1.0")), true),
            (Filter::All(vec![]), true),
            (Filter::Any(vec![]), false),
        ] {
            assert_eq!(matches(&filter, &event), expected, "{filter:?}");
        }
        let two =
            BTreeMap::from([("type".to_owned(), "a.b".to_owned()), ("agent".to_owned(), "other".to_owned())]);
        assert!(!matches(&Filter::Exact(two), &event), "all attributes of one expression have to match");
    }

    fn any_text() -> impl Strategy<Value = String> {
        "[ab.]{0,3}"
    }

    fn any_event() -> impl Strategy<Value = CloudEvent> {
        // A type may not be empty.
        ("[ab.]{1,3}", any_text(), any_text())
            .prop_map(|(type_, subject, agent)| event(&type_, &subject, &agent))
    }

    fn any_filter() -> impl Strategy<Value = Filter> {
        let pair = (prop::sample::select(&NAMES[..]), any_text());
        let leaf = (0..3, pair).prop_map(|(kind, (name, value))| match kind {
            0 => Filter::Exact(one(name, &value)),
            1 => Filter::Prefix(one(name, &value)),
            _ => Filter::Suffix(one(name, &value)),
        });
        leaf.prop_recursive(3, 20, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
                prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
                inner.prop_map(|filter| Filter::Not(Box::new(filter))),
            ]
        })
    }

    proptest! {
        #[test]
        fn not_is_the_opposite(filter in any_filter(), event in any_event()) {
            let opposite = Filter::Not(Box::new(filter.clone()));
            prop_assert_ne!(matches(&filter, &event), matches(&opposite, &event));
        }

        #[test]
        fn all_and_any_are_each_others_mirror(filters in prop::collection::vec(any_filter(), 0..4), event in any_event()) {
            let opposites = filters.iter().map(|filter| Filter::Not(Box::new(filter.clone()))).collect();
            let any = matches(&Filter::Any(filters.clone()), &event);
            prop_assert_eq!(any, !matches(&Filter::All(opposites), &event));
            prop_assert_eq!(matches(&Filter::All(filters.clone()), &event), matches_all(&filters, &event));
        }

        #[test]
        fn what_is_equal_starts_and_ends_with_itself(name in prop::sample::select(&NAMES[..]), value in any_text(), event in any_event()) {
            if matches(&Filter::Exact(one(name, &value)), &event) {
                prop_assert!(matches(&Filter::Prefix(one(name, &value)), &event));
                prop_assert!(matches(&Filter::Suffix(one(name, &value)), &event));
            }
        }
    }
}
