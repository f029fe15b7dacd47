//! What an unclean end leaves behind: a server whose parent was killed, or a `postmaster.pid` without a server.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::{Error, procfs};

/// How long an abandoned server gets to write its checkpoint, and how long after the harder signals.
const PATIENCE: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(20)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// Ends the server that still runs on `cluster` and removes its stale `postmaster.pid`. The caller holds the data
/// directory's lock, so whatever still runs there was abandoned.
pub fn clear(cluster: &Path) -> Result<(), Error> {
    let pid_file = cluster.join("postmaster.pid");
    // The postmaster takes its children with it; they are signalled themselves when it is already gone.
    let chosen = |signal, running: Vec<Pid>| match postmaster_pid(&pid_file) {
        Some(postmaster) if running.contains(&postmaster) && signal != Signal::SIGKILL => vec![postmaster],
        _ => running,
    };
    let none_left = procfs::end(|| servers_in(cluster), &PATIENCE, chosen);
    // After a reboot another process can have the recorded id, and PostgreSQL would refuse to start. Nothing
    // uses the cluster any more, which is what that file is there to tell.
    if cfg!(target_os = "linux") && none_left && pid_file.exists() {
        std::fs::remove_file(&pid_file).map_err(Error::io(&pid_file))?;
    }
    Ok(())
}

/// Every PostgreSQL process that works in `cluster`: each of them has it as its current directory.
fn servers_in(cluster: &Path) -> Vec<Pid> {
    let Ok(cluster) = cluster.canonicalize() else { return Vec::new() };
    procfs::find(|process| {
        std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == cluster)
            && std::fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "postgres")
    })
}

/// The first line of `postmaster.pid`.
fn postmaster_pid(pid_file: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(pid_file).ok()?;
    text.lines().next()?.trim().parse().ok().map(Pid::from_raw)
}
