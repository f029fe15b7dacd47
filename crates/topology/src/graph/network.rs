//! NetworkPolicies, and the pods that they are about.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Labels of a pod or a namespace.
pub type Labels = BTreeMap<String, String>;

/// The pods of one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Pods {
    /// Their namespace.
    pub namespace: String,
    /// The workload's name.
    pub name: String,
    /// The workload's kind with its group, as in `Deployment.apps`.
    pub kind: String,
    /// What policies select them by.
    pub labels: Labels,
}

/// A NetworkPolicy.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pods of its namespace that it is about.
    pub pods: Selector,
    /// Who may call them; `None` when it says nothing about that.
    pub ingress: Option<Vec<NetworkRule>>,
    /// Whom they may call; `None` when it says nothing about that.
    pub egress: Option<Vec<NetworkRule>>,
}

/// Peers, and the ports at the side that is called.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkRule {
    /// Empty: anybody.
    pub peers: Vec<NetworkPeer>,
    /// Empty: every port.
    pub ports: Vec<String>,
}

/// The other side of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkPeer {
    /// Pods of the policy's own namespace.
    Here(Selector),
    /// Pods of other namespaces.
    Elsewhere {
        /// Which namespaces.
        namespaces: Selector,
        /// Which of their pods; all for an empty selector.
        pods: Selector,
    },
    /// A block of addresses, inside the cluster or not.
    Addresses {
        /// `10.0.0.0/8`.
        block: String,
        /// Blocks inside it that do not count.
        except: Vec<String>,
    },
}

/// Selects by labels; all requirements hold. Without any it selects everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector(pub Vec<Requirement>);

/// A requirement of a [`Selector`].
#[derive(Clone, Debug, PartialEq)]
pub enum Requirement {
    /// The label has one of the values.
    In(String, BTreeSet<String>),
    /// The label has none of the values, or is not there.
    NotIn(String, BTreeSet<String>),
    /// The label is there.
    Exists(String),
    /// The label is not there.
    DoesNotExist(String),
}

impl Selector {
    /// Whether it selects what has these labels.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::DoesNotExist(key) => !labels.contains_key(key),
        })
    }

    /// Whether it selects everything.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of its only requirement, when that is values of one of these labels.
    pub fn values_of(&self, labels: &[&str]) -> Option<&BTreeSet<String>> {
        match self.0.as_slice() {
            [Requirement::In(label, values)] if labels.contains(&label.as_str()) => Some(values),
            _ => None,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join("|");
        let terms = self.0.iter().map(|requirement| match requirement {
            Requirement::In(key, values) => format!("{key}={}", list(values)),
            Requirement::NotIn(key, values) => format!("{key}!={}", list(values)),
            Requirement::Exists(key) => key.clone(),
            Requirement::DoesNotExist(key) => format!("!{key}"),
        });
        f.write_str(&terms.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_must_hold() {
        let labels = Labels::from([("app".into(), "a".into()), ("tier".into(), "x".into())]);
        let values = |values: [&str; 2]| values.map(str::to_owned).into();
        let is = |requirements: Vec<Requirement>| Selector(requirements).selects(&labels);
        assert!(is(vec![]));
        assert!(is(vec![Requirement::In("app".into(), values(["a", "b"]))]));
        assert!(!is(vec![Requirement::In("name".into(), values(["a", "b"]))]));
        assert!(!is(vec![Requirement::NotIn("app".into(), values(["a", "b"]))]));
        assert!(is(vec![Requirement::NotIn("name".into(), values(["a", "b"]))]));
        assert!(is(vec![Requirement::Exists("tier".into()), Requirement::DoesNotExist("name".into())]));
        assert!(!is(vec![Requirement::Exists("tier".into()), Requirement::DoesNotExist("app".into())]));
    }
}
