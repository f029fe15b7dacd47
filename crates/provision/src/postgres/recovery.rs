//! What an unclean end leaves behind: a server whose parent was killed, or a `postmaster.pid` without a server.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Error;

/// How long an abandoned server gets to write its checkpoint, and how long after the harder signals.
const PATIENCE: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(20)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];
const POLL: Duration = Duration::from_millis(10);

/// Ends the server that still runs on `cluster` and removes its stale `postmaster.pid`. The caller holds the data
/// directory's lock, so whatever still runs there was abandoned.
pub fn clear(cluster: &Path) -> Result<(), Error> {
    let pid_file = cluster.join("postmaster.pid");
    for (signal, patience) in PATIENCE {
        let running = servers_in(cluster);
        if running.is_empty() {
            break;
        }
        tracing::info!(
            ?signal,
            processes = running.len(),
            "stopping a PostgreSQL server left by a killed process"
        );
        // The postmaster takes its children with it; they are signalled themselves when it is already gone.
        let postmaster =
            postmaster_pid(&pid_file).filter(|pid| running.contains(pid) && signal != Signal::SIGKILL);
        for pid in postmaster.map_or(running, |pid| vec![pid]) {
            let _ = kill(pid, signal);
        }
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && !servers_in(cluster).is_empty() {
            std::thread::sleep(POLL);
        }
    }
    // After a reboot another process can have the recorded id, and PostgreSQL would refuse to start. Nothing
    // uses the cluster any more, which is what that file is there to tell.
    if cfg!(target_os = "linux") && servers_in(cluster).is_empty() && pid_file.exists() {
        std::fs::remove_file(&pid_file).map_err(Error::io(&pid_file))?;
    }
    Ok(())
}

/// Every PostgreSQL process that works in `cluster`: each of them has it as its current directory.
fn servers_in(cluster: &Path) -> Vec<Pid> {
    let Ok(cluster) = cluster.canonicalize() else { return Vec::new() };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == cluster))
        .filter(|process| {
            std::fs::read_to_string(process.path().join("comm")).is_ok_and(|name| name.trim() == "postgres")
        })
        .filter_map(|process| process.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .collect()
}

/// The first line of `postmaster.pid`.
fn postmaster_pid(pid_file: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(pid_file).ok()?;
    text.lines().next()?.trim().parse().ok().map(Pid::from_raw)
}
