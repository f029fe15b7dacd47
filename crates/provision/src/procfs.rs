//! Finding processes that an earlier, killed process of ours left running. Linux only: elsewhere nothing is
//! found, and the services' own locks have to do.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const POLL: Duration = Duration::from_millis(10);

/// The processes whose folder in `/proc` satisfies the condition.
pub fn find(condition: impl Fn(&Path) -> bool) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| Some((Pid::from_raw(entry.file_name().to_str()?.parse().ok()?), entry.path())))
        .filter(|(_, folder)| condition(folder))
        .map(|(pid, _)| pid)
        .collect()
}

/// Ends the processes that `running` lists: each signal in turn, to those that `chosen` picks, waiting that long
/// after it until none is left. Returns whether none is.
pub fn end(
    running: impl Fn() -> Vec<Pid>,
    signals: &[(Signal, Duration)],
    chosen: impl Fn(Signal, Vec<Pid>) -> Vec<Pid>,
) -> bool {
    for (signal, patience) in signals {
        let found = running();
        if found.is_empty() {
            return true;
        }
        tracing::info!(?signal, processes = found.len(), "ending what a killed process left running");
        for pid in chosen(*signal, found) {
            let _ = kill(pid, *signal);
        }
        let deadline = Instant::now() + *patience;
        while Instant::now() < deadline && !running().is_empty() {
            std::thread::sleep(POLL);
        }
    }
    running().is_empty()
}
