//! EventPolicies and alerts: what they say must be what was meant, since nothing shows it when they say something else.

use learnflow_events::EventType;

use crate::{
    error::Errors,
    eventing,
    graph::{self, Graph},
    kinds::{
        eventing::{Dialects, EventPolicy, PolicySubject},
        monitoring::PrometheusRule,
    },
    node::Place,
    strict::Located,
};

/// An EventPolicy says for whom, for what and which types.
pub(crate) fn event(policy: EventPolicy, at: &Place, errors: &mut Errors) -> graph::EventPolicy {
    let spec = &policy.spec.value;
    if spec.to.is_empty() {
        errors.at(at, "without `to` the policy is about everything in its namespace: name the target");
    }
    for target in &spec.to {
        if !matches!(target.reference.kind.as_str(), "Broker" | "KafkaSink") {
            errors.at(at, format!("no policy can be about a {}", target.reference.kind));
        }
    }
    if spec.from.is_empty() {
        errors.at(at, "without `from` nobody may publish");
    }
    for Located { at, value: subject } in &spec.from {
        match (&subject.reference, &subject.sub) {
            (Some(_), None) => {}
            (None, Some(sub)) if sub.starts_with("system:serviceaccount:") && !sub.contains('*') => {}
            (None, Some(sub)) => {
                errors.at(at, format!("{sub:?} is not one account: system:serviceaccount:NAMESPACE:NAME"));
            }
            _ => errors.at(at, "a subject has either ref or sub"),
        }
    }
    let mut types = 0;
    let mut filters = Vec::new();
    for dialects in &spec.filters {
        filters.extend(eventing::filter(dialects, errors));
        types += event_types(dialects, errors);
    }
    if types == 0 {
        errors.at(at, "no filter names a type: whoever matches could publish anything");
    }
    let namespace = &policy.metadata.namespace;
    let from = |subject: &PolicySubject| match (&subject.reference, &subject.sub) {
        (Some(reference), _) => {
            let of = reference.namespace.as_deref().unwrap_or(namespace);
            Some(format!("{} {of}/{}", reference.kind, reference.name))
        }
        (None, sub) => sub.clone(),
    };
    graph::EventPolicy {
        to: spec.to.iter().map(|to| (to.reference.kind.clone(), to.reference.name.clone())).collect(),
        from: spec.from.iter().filter_map(|subject| from(&subject.value)).collect(),
        filters,
        about_students: spec.filters.iter().any(|dialects| names_students(&dialects.value)),
        namespace: policy.metadata.namespace,
        name: policy.metadata.name.value,
    }
}

/// Whether whatever matches is about students that the filter names, by their id or how it begins.
fn names_students(dialects: &Dialects) -> bool {
    let here = [&dialects.exact, &dialects.prefix].into_iter().flatten();
    let here = here
        .into_iter()
        .any(|attributes| attributes.get("partitionkey").is_some_and(|student| !student.is_empty()));
    here || dialects.all.iter().flatten().any(|nested| names_students(&nested.value))
}

/// Counts the types that a filter names; each must be one of the catalogue.
fn event_types(Located { at, value }: &Located<Dialects>, errors: &mut Errors) -> usize {
    let mut count = 0;
    if let Some(name) = value.exact.as_ref().and_then(|attributes| attributes.get("type")) {
        count += 1;
        if let Err(error) = name.parse::<EventType>() {
            errors.at(at, error.to_string());
        }
    }
    let nested = value.all.iter().chain(&value.any).flatten().chain(value.not.as_deref());
    nested.fold(count, |count, dialects| count + event_types(dialects, errors))
}

/// Whoever is woken by an alert reads what happened and what to do.
pub(crate) fn alerts(rules: PrometheusRule, graph: &mut Graph, errors: &mut Errors) {
    for Located { at, value: rule } in rules.spec.value.groups.into_iter().flat_map(|group| group.rules) {
        let alert = match (&rule.alert, &rule.record) {
            (Some(alert), None) => alert,
            (None, Some(name)) => {
                if graph.recorded.insert(name.clone(), rule.expr).is_some() {
                    errors.at(&at, format!("{name} is recorded twice"));
                }
                continue;
            }
            _ => {
                errors.at(&at, "a rule has either alert or record");
                continue;
            }
        };
        for needed in ["summary", "action"] {
            if rule.annotations.get(needed).is_none_or(String::is_empty) {
                errors.at(&at, format!("the alert {alert} lacks the annotation {needed}"));
            }
        }
        if !matches!(rule.labels.get("severity").map(String::as_str), Some("warning" | "critical")) {
            errors.at(&at, format!("the alert {alert} lacks severity: warning or critical"));
        }
        if graph.alerts.insert(alert.clone(), rule.expr).is_some() {
            errors.at(&at, format!("the alert {alert} is declared twice"));
        }
    }
}
