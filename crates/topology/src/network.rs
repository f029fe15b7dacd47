//! NetworkPolicies and Ingresses: what they say must be what was meant, since nothing shows it when they say something
//! else.

use crate::{
    error::Errors,
    graph::{self, NetworkPeer, NetworkRule, Requirement},
    kinds::{
        meta::{Selector, SelectorExpression, SelectorOperator},
        network::{Direction, Ingress, NetworkPolicy, Peer, PeerPort},
    },
    node::Place,
};

/// A NetworkPolicy that lists rules for a direction must also govern it, and never open it to everybody unnoticed.
pub(crate) fn policy(policy: NetworkPolicy, at: &Place, errors: &mut Errors) -> graph::NetworkPolicy {
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
    }
    for rule in &spec.ingress {
        if rule.from.is_empty() && rule.ports.is_empty() {
            errors.at(at, "an ingress rule without `from` and `ports` allows everything");
        }
    }
    let mut rule = |listed: &[Peer], ports: &[PeerPort]| NetworkRule {
        peers: listed.iter().filter_map(|listed| peer(listed, at, errors)).collect(),
        ports: ports.iter().map(port).collect(),
    };
    let ingress: Vec<_> = spec.ingress.iter().map(|each| rule(&each.from, &each.ports)).collect();
    let egress: Vec<_> = spec.egress.iter().map(|each| rule(&each.to, &each.ports)).collect();
    let governs = |direction| spec.policy_types.contains(&direction);
    graph::NetworkPolicy {
        pods: selector(&spec.pod_selector),
        ingress: governs(Direction::Ingress).then_some(ingress),
        egress: governs(Direction::Egress).then_some(egress),
        namespace: policy.metadata.namespace,
        name: policy.metadata.name.value,
    }
}

fn port(port: &PeerPort) -> String {
    let first = &port.port.0;
    port.end_port.map_or_else(|| first.clone(), |last| format!("{first}-{last}"))
}

fn peer(peer: &Peer, at: &Place, errors: &mut Errors) -> Option<NetworkPeer> {
    match (&peer.namespace_selector, &peer.pod_selector, &peer.ip_block) {
        (None, Some(pods), None) => Some(NetworkPeer::Here(selector(pods))),
        (Some(namespaces), pods, None) => Some(NetworkPeer::Elsewhere {
            namespaces: selector(namespaces),
            pods: pods.as_ref().map(selector).unwrap_or_default(),
        }),
        (None, None, Some(block)) => {
            Some(NetworkPeer::Addresses { block: block.cidr.clone(), except: block.except.clone() })
        }
        (None, None, None) => {
            errors.at(at, "a peer selects nothing");
            None
        }
        (_, _, Some(_)) => {
            errors.at(at, "a peer has either selectors or an ipBlock");
            None
        }
    }
}

fn selector(selector: &Selector) -> graph::Selector {
    let labels = selector.match_labels.iter();
    let labels = labels.map(|(key, value)| Requirement::In(key.clone(), [value.clone()].into()));
    graph::Selector(labels.chain(selector.match_expressions.iter().map(requirement)).collect())
}

fn requirement(expression: &SelectorExpression) -> Requirement {
    let key = expression.key.clone();
    let values = expression.values.iter().cloned().collect();
    match expression.operator {
        SelectorOperator::In => Requirement::In(key, values),
        SelectorOperator::NotIn => Requirement::NotIn(key, values),
        SelectorOperator::Exists => Requirement::Exists(key),
        SelectorOperator::DoesNotExist => Requirement::DoesNotExist(key),
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
