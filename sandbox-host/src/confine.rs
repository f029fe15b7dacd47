//! What an executor process gives up before it runs anything: user, files, and most system calls.

use std::collections::BTreeMap;

use nix::{
    sys::resource::{Resource, setrlimit},
    unistd::{Gid, Uid, setgroups, setresgid, setresuid},
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// The user of executor processes when the service runs as root.
const NOBODY: u32 = 65_534;

/// `_IOWR('f', 16, struct pm_scan_arg)` of linux/fs.h.
const PAGEMAP_SCAN: u64 = 0xC060_6610;

/// Gives up everything that running programs does not need. Returns what is in force on this machine;
/// wasm's own isolation does not depend on any of it.
pub(crate) fn confine() -> Vec<String> {
    let mut on = Vec::new();
    let mut report = |name: &str, result: Result<(), String>| match result {
        Ok(()) => on.push(name.to_owned()),
        Err(reason) => tracing::warn!(measure = name, reason, "this machine does not confine executors so"),
    };
    if Uid::effective().is_root() {
        report("unprivileged-user", drop_user());
    } else {
        report("unprivileged-user", Ok(()));
    }
    report("no-core-dumps", setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|error| error.to_string()));
    report("no-new-privileges", nix::sys::prctl::set_no_new_privs().map_err(|error| error.to_string()));
    report("landlock", landlock_nothing());
    report("seccomp", seccomp());
    on
}

fn drop_user() -> Result<(), String> {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    setgroups(&[]).map_err(|error| error.to_string())?;
    setresgid(gid, gid, gid).map_err(|error| error.to_string())?;
    setresuid(uid, uid, uid).map_err(|error| error.to_string())
}

/// No file of the machine can be opened from here on.
fn landlock_nothing() -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    };
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(landlock::Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("the kernel has no Landlock".to_owned()),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

/// System calls that the runtime makes once everything is loaded. All others fail with EPERM.
fn seccomp() -> Result<(), String> {
    use nix::libc as sys;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        sys::SYS_read,
        sys::SYS_write,
        sys::SYS_readv,
        sys::SYS_writev,
        sys::SYS_close,
        sys::SYS_lseek,
        sys::SYS_mmap,
        sys::SYS_munmap,
        sys::SYS_mremap,
        sys::SYS_mprotect,
        sys::SYS_madvise,
        sys::SYS_brk,
        sys::SYS_futex,
        sys::SYS_membarrier,
        sys::SYS_rseq,
        sys::SYS_set_robust_list,
        sys::SYS_epoll_create1,
        sys::SYS_epoll_ctl,
        sys::SYS_epoll_wait,
        sys::SYS_epoll_pwait,
        sys::SYS_eventfd2,
        sys::SYS_poll,
        sys::SYS_ppoll,
        sys::SYS_fcntl,
        sys::SYS_clock_gettime,
        sys::SYS_clock_nanosleep,
        sys::SYS_nanosleep,
        sys::SYS_gettimeofday,
        sys::SYS_rt_sigaction,
        sys::SYS_rt_sigprocmask,
        sys::SYS_rt_sigreturn,
        sys::SYS_sigaltstack,
        sys::SYS_restart_syscall,
        sys::SYS_sched_yield,
        sys::SYS_sched_getaffinity,
        sys::SYS_getcpu,
        sys::SYS_getpid,
        sys::SYS_gettid,
        sys::SYS_getrandom,
        sys::SYS_getrusage,
        sys::SYS_exit,
        sys::SYS_exit_group,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    let text = |error: seccompiler::BackendError| error.to_string();
    // Threads, but no processes.
    let thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(sys::CLONE_THREAD as u64),
        sys::CLONE_THREAD as u64,
    )
    .map_err(text)?;
    rules.insert(sys::SYS_clone, vec![SeccompRule::new(vec![thread]).map_err(text)?]);
    // Names of threads.
    let name = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, sys::PR_SET_NAME as u64)
        .map_err(text)?;
    rules.insert(sys::SYS_prctl, vec![SeccompRule::new(vec![name]).map_err(text)?]);

    // Which pages a run has written, so that only those are reset.
    let scan =
        SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, PAGEMAP_SCAN).map_err(text)?;
    rules.insert(sys::SYS_ioctl, vec![SeccompRule::new(vec![scan]).map_err(text)?]);

    let arch = std::env::consts::ARCH.try_into().map_err(text)?;
    let filter = |rules, on_mismatch, on_match| -> Result<BpfProgram, String> {
        SeccompFilter::new(rules, on_mismatch, on_match, arch)
            .and_then(SeccompFilter::try_into)
            .map_err(|error| error.to_string())
    };
    // clone3 hides its flags from filters; told that it does not exist, the C library uses clone.
    let clone3 = filter(
        [(sys::SYS_clone3, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(sys::ENOSYS as u32),
    )?;
    rules.insert(sys::SYS_clone3, Vec::new());
    let rest = filter(rules, SeccompAction::Errno(sys::EPERM as u32), SeccompAction::Allow)?;
    for program in [clone3, rest] {
        seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}
