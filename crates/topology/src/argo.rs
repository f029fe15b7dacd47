//! Argo CD's order: what a hook needs is there before it.

use std::fmt;

use crate::{error::Errors, kustomize, node::Node};

/// When Argo CD applies something: in a phase, there in a wave.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    phase: Phase,
    wave: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    PreSync,
    Sync,
    PostSync,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wave {} of {:?}", self.wave, self.phase)
    }
}

const HOOK: &str = "argocd.argoproj.io/hook";
const WAVE: &str = "argocd.argoproj.io/sync-wave";

fn annotation<'a>(object: &'a Node, name: &str) -> Option<&'a Node> {
    object.find(&["metadata", "annotations", name])
}

fn moment(object: &Node, errors: &mut Errors) -> Moment {
    let wave = annotation(object, WAVE).map_or(0, |wave| {
        wave.str().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            errors.at(&wave.at, "a sync-wave is a whole number, as text");
            0
        })
    });
    let phase = match annotation(object, HOOK).map(|hook| (hook, hook.str().unwrap_or_default())) {
        None | Some((_, "Sync")) => Phase::Sync,
        Some((_, "PreSync")) => Phase::PreSync,
        Some((_, "PostSync")) => Phase::PostSync,
        Some((hook, other)) => {
            errors.at(&hook.at, format!("hook is {other:?}; expected PreSync, Sync or PostSync"));
            Phase::Sync
        }
    };
    Moment { phase, wave }
}

/// Argo CD waits until a wave is healthy. A hook whose namespace or account comes later would wait for ever, and nothing
/// comes before its namespace.
pub(crate) fn order(objects: &[Node], errors: &mut Errors) {
    for object in objects {
        let now = moment(object, errors);
        let namespace = object.text(&["metadata", "namespace"]);
        let mut needed = vec![format!("Namespace {namespace}")];
        let account = object.text(&["spec", "template", "spec", "serviceAccountName"]);
        let hook = annotation(object, HOOK).is_some();
        if hook && !account.is_empty() {
            needed.push(format!("ServiceAccount {namespace}/{account}"));
        }
        for name in needed {
            let Some(found) = objects.iter().find(|other| kustomize::identity(other) == name) else {
                continue;
            };
            let then = moment(found, errors);
            // Within a wave namespaces come first, but a hook may be next to them.
            if then > now || (hook && then == now) {
                errors.at(&object.at, format!("Argo CD applies this in {now}, before {name} in {then}"));
            }
        }
    }
}
