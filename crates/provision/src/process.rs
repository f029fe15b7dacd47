//! Child processes that serve us for as long as we live, and no longer.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getpid, getppid};

/// A running child process.
///
/// On Linux the kernel signals the child when this process ends, even by `kill -9`. It runs in a process group of
/// its own, so that Ctrl-C in a terminal reaches us first and we decide the order in which things stop.
pub struct Supervised {
    pid: Pid,
    exit: Arc<Exit>,
}

/// Set once, by the thread that waits for the child.
#[derive(Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

impl Exit {
    fn lock(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervised {
    /// Starts the child. `last_signal` is what the kernel sends it when this process dies.
    pub fn spawn(mut command: Command, name: &str, last_signal: Signal) -> io::Result<Self> {
        command.process_group(0);
        let parent = getpid();
        // SAFETY: prctl and getppid are async-signal-safe, and nothing is allocated.
        unsafe {
            command.pre_exec(move || {
                #[cfg(target_os = "linux")]
                nix::sys::prctl::set_pdeathsig(last_signal)?;
                // The parent may have died before the line above; nobody would ever signal us then.
                if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
            });
        }

        // The kernel sends that signal when the *thread* which forked ends, so one thread both starts the child
        // and waits for it.
        let exit = Arc::new(Exit::default());
        let (started, result) = mpsc::sync_channel(1);
        let waiting = Arc::clone(&exit);
        std::thread::Builder::new().name(format!("wait-{name}")).spawn(move || match command.spawn() {
            Ok(child) => {
                let pid = Pid::from_raw(child.id() as i32);
                let _ = started.send(Ok(pid));
                wait_for(child, pid, &waiting);
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        })?;
        let pid = result.recv().map_err(io::Error::other)??;
        Ok(Self { pid, exit })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw() as u32
    }

    /// How the child ended; `None` while it runs.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.lock()
    }

    /// Sends a signal, unless the child has ended.
    pub fn signal(&self, signal: Signal) {
        // The lock keeps the child from being reaped meanwhile, so its id cannot belong to anybody else.
        let status = self.exit.lock();
        if status.is_none() {
            let _ = kill(self.pid, signal);
        }
    }

    /// Waits until the child has ended, at most `timeout`.
    pub fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        let mut status = self.exit.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if status.is_some() || left.is_zero() {
                return *status;
            }
            status = self.exit.changed.wait_timeout(status, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Stops the child: each signal in turn, waiting that long after it, and `SIGKILL` at the end.
    pub fn stop(&self, signals: &[(Signal, Duration)]) {
        for (signal, patience) in signals {
            self.signal(*signal);
            if self.wait(*patience).is_some() {
                return;
            }
        }
        self.signal(Signal::SIGKILL);
        self.wait(Duration::from_secs(5));
    }
}

fn wait_for(mut child: Child, pid: Pid, exit: &Exit) {
    // First wait without reaping: see `signal`.
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {
    }
    let mut status = exit.lock();
    *status = child.wait().ok();
    exit.changed.notify_all();
}
