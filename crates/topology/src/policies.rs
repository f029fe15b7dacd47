//! Policies: what they say must be what was meant, since nothing shows it when they say something else.

use std::collections::BTreeSet;

use learnflow_events::EventType;

use crate::{
    error::Errors,
    eventing,
    graph::{self, Graph},
    kinds::{
        eventing::{Dialects, EventPolicy, PolicySubject},
        meta::{Selector, SelectorOperator},
        monitoring::PrometheusRule,
        network::{Direction, Ingress, NetworkPolicy, Peer},
        strimzi::{AclOperation, AclPattern, AclResourceKind, KafkaUser},
    },
    node::Place,
    strict::Located,
};

/// A NetworkPolicy that lists rules for a direction must also govern it, and never open it to everybody unnoticed.
pub(crate) fn network(policy: NetworkPolicy, at: &Place, errors: &mut Errors) -> graph::NetworkPolicy {
    let spec = &policy.spec.value;
    for (direction, listed, name) in [
        (Direction::Ingress, !spec.ingress.is_empty(), "ingress"),
        (Direction::Egress, !spec.egress.is_empty(), "egress"),
    ] {
        if listed && !spec.policy_types.contains(&direction) {
            errors.at(
                at,
                format!("there are {name} rules, but policyTypes lacks {direction:?}: they mean nothing"),
            );
        }
    }
    for rule in &spec.egress {
        if rule.to.is_empty() {
            errors.at(at, "an egress rule without `to` allows every address: name the peers");
        }
        peers(&rule.to, at, errors);
    }
    for rule in &spec.ingress {
        if rule.from.is_empty() && rule.ports.is_empty() {
            errors.at(at, "an ingress rule without `from` and `ports` allows everything");
        }
        peers(&rule.from, at, errors);
    }
    let governs = |direction| spec.policy_types.contains(&direction);
    graph::NetworkPolicy {
        pods: labelled(&spec.pod_selector, NAME),
        directions: (governs(Direction::Ingress), governs(Direction::Egress)),
        callers: spec.ingress.iter().flat_map(|rule| &rule.from).flat_map(own).collect(),
        callees: spec.egress.iter().flat_map(|rule| &rule.to).flat_map(own).collect(),
        outside: spec.egress.iter().flat_map(|rule| &rule.to).flat_map(foreign).collect(),
        namespace: policy.metadata.namespace,
        name: policy.metadata.name.value,
    }
}

const NAME: &str = "app.kubernetes.io/name";
const NAMESPACE: &str = "kubernetes.io/metadata.name";

/// The values that a selector allows for a label.
fn labelled(selector: &Selector, label: &str) -> BTreeSet<String> {
    let expressions = selector.match_expressions.iter().filter(|each| each.key == label);
    let expressions = expressions.filter(|each| each.operator == SelectorOperator::In);
    selector
        .match_labels
        .get(label)
        .into_iter()
        .chain(expressions.flat_map(|each| &each.values))
        .cloned()
        .collect()
}

/// The pods of our own namespace that a peer is.
fn own(peer: &Peer) -> BTreeSet<String> {
    match (&peer.namespace_selector, &peer.pod_selector) {
        (None, Some(pods)) => labelled(pods, NAME),
        _ => BTreeSet::new(),
    }
}

/// The pods of other namespaces that a peer is.
fn foreign(peer: &Peer) -> BTreeSet<String> {
    match (&peer.namespace_selector, &peer.pod_selector) {
        (Some(_), Some(pods)) => labelled(pods, "app"),
        (Some(namespaces), None) => labelled(namespaces, NAMESPACE),
        _ => BTreeSet::new(),
    }
}

fn peers(peers: &[Peer], at: &Place, errors: &mut Errors) {
    for peer in peers {
        let selectors = peer.namespace_selector.is_some() || peer.pod_selector.is_some();
        match (selectors, peer.ip_block.is_some()) {
            (true, true) => errors.at(at, "a peer has either selectors or an ipBlock"),
            (false, false) => errors.at(at, "a peer selects nothing"),
            _ => {}
        }
    }
}

/// Every host of an Ingress has TLS.
pub(crate) fn ingress(ingress: &Ingress, at: &Place, errors: &mut Errors) {
    let spec = &ingress.spec.value;
    for rule in &spec.rules {
        if !spec.tls.iter().any(|tls| tls.hosts.contains(&rule.host)) {
            errors.at(at, format!("the host {} has no TLS", rule.host));
        }
    }
}

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
    for dialects in &spec.filters {
        eventing::filter(dialects, errors);
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

/// A KafkaUser has the rights that are written down, on names that are not "everything".
pub(crate) fn kafka_user(user: &KafkaUser, at: &Place, errors: &mut Errors) {
    let Some(authorization) = &user.spec.value.authorization else {
        return errors
            .at(at, "without authorization the user may do everything or nothing, as the cluster pleases");
    };
    for Located { at, value: acl } in &authorization.acls {
        let name = acl.resource.name.as_deref().unwrap_or_default();
        let open = matches!(name, "" | "*") && acl.resource.kind != AclResourceKind::Cluster;
        if open || (acl.resource.pattern_type == Some(AclPattern::Prefix) && name.is_empty()) {
            errors.at(at, "this is about every topic or group: name it");
        }
        if acl.operations.is_empty() {
            errors.at(at, "there are no operations");
        }
        let writes_group =
            acl.resource.kind == AclResourceKind::Group && acl.operations.contains(&AclOperation::Write);
        if writes_group {
            errors.at(at, "a group has no operation Write");
        }
    }
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
