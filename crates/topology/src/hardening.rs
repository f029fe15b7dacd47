//! What every pod of ours gives up: root, privileges, a writable file system, the cluster's API, unbounded memory.

use crate::{
    error::Errors,
    kinds::pod::{Container, PodSecurity, PodTemplate, RestartPolicy, Seccomp},
    node::Place,
};

/// Checks a pod of a Deployment or a Job.
pub(crate) fn pod(template: &PodTemplate, at: &Place, errors: &mut Errors) {
    let spec = &template.spec;
    let security = spec.security_context.as_ref();
    account(spec.automount_service_account_token, at, errors);
    let containers = spec.containers.iter().map(|each| &each.value);
    for each in containers.clone().chain(&spec.init_containers) {
        container(each, security, at, errors);
    }
    for each in containers.filter(|_| !matches!(spec.restart_policy, Some(RestartPolicy::Never))) {
        if each.readiness_probe.is_none() || each.liveness_probe.is_none() {
            errors.at(at, format!("container {} lacks a readiness or liveness probe", each.name));
        }
    }
}

/// Pods do not speak to the cluster's API, so they carry no token for it.
pub(crate) fn account(automount: Option<bool>, at: &Place, errors: &mut Errors) {
    if automount != Some(false) {
        errors.at(at, "automountServiceAccountToken must be false: nothing here calls the cluster's API");
    }
}

/// Checks a container; `pod` is what it inherits.
pub(crate) fn container(container: &Container, pod: Option<&PodSecurity>, at: &Place, errors: &mut Errors) {
    let own = container.security_context.as_ref();
    let non_root = own.and_then(|own| own.run_as_non_root).or(pod.and_then(|pod| pod.run_as_non_root));
    let user = own.and_then(|own| own.run_as_user).or(pod.and_then(|pod| pod.run_as_user));
    let seccomp: Option<&Seccomp> =
        own.and_then(|own| own.seccomp_profile.as_ref()).or(pod.and_then(|pod| pod.seccomp_profile.as_ref()));
    let dropped = own.and_then(|own| own.capabilities.as_ref());
    let limits = container.resources.as_ref().map(|resources| &resources.limits);
    for (holds, rule) in [
        (non_root == Some(true) && user != Some(0), "runAsNonRoot: true"),
        // An image without a number for its user, such as one of containerd-shim-spin, is refused without it.
        (user.is_some(), "runAsUser"),
        (seccomp.is_some(), "a seccompProfile"),
        (own.and_then(|own| own.read_only_root_filesystem) == Some(true), "readOnlyRootFilesystem: true"),
        (
            own.and_then(|own| own.allow_privilege_escalation) == Some(false),
            "allowPrivilegeEscalation: false",
        ),
        (
            dropped.is_some_and(|dropped| {
                dropped.drop.iter().any(|name| name == "ALL") && dropped.add.is_empty()
            }),
            "capabilities: { drop: [ALL] } and none added",
        ),
        (limits.is_some_and(|limits| limits.contains_key("memory")), "a memory limit"),
        (limits.is_some_and(|limits| limits.contains_key("cpu")), "a CPU limit"),
        (container.image.is_some(), "an image"),
    ] {
        if !holds {
            errors.at(at, format!("container {} needs {rule}", container.name));
        }
    }
}
