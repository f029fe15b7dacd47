use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::account::Account;
use super::binaries::{self, Binaries, Source};
use super::cluster::{self, DATABASE, Layout, USER};
use super::recovery;
use crate::process::Supervised;
use crate::{Error, command, lock};

/// Replaying the log after a crash can take a while; a server that needs longer is in trouble.
const READY_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(5);

/// A port that was free can be taken by somebody else before the server binds it.
const PORT_ATTEMPTS: usize = 5;

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the data lives. It is created on the first start. When we are root and the server's unprivileged
    /// account cannot reach this folder, a folder below `/var/lib/learnflow` takes its place; its name has a hash
    /// of this path, so that every checkout keeps data of its own. See [`Server::data_dir`].
    pub data_dir: PathBuf,
    /// Where PostgreSQL is installed when the machine has none.
    pub tools_dir: PathBuf,
    /// Which PostgreSQL is taken.
    pub source: Source,
    /// The port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// The data need not survive a crash of the machine: nothing waits for the disk, and a cluster that such a
    /// crash broke is replaced by a new one. For tests and benchmarks.
    pub ephemeral: bool,
    /// How many connections may be open at once.
    pub max_connections: u16,
}

impl Options {
    /// Durable data in `data_dir`, any free port, 200 connections.
    pub fn new(data_dir: impl Into<PathBuf>, tools_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            tools_dir: tools_dir.into(),
            source: Source::default(),
            port: None,
            ephemeral: false,
            max_connections: 200,
        }
    }
}

/// A PostgreSQL server on 127.0.0.1 that runs as long as this value and this process live.
///
/// The kernel tells the server to shut down when this process is killed; a start on the same data waits for that,
/// and stops a server that was left behind all the same. Only one process at a time can own a data directory.
pub struct Server {
    process: Supervised,
    layout: Layout,
    port: u16,
    password: String,
    _lock: File,
}

impl Server {
    /// Starts the server, creating its data on the first start and installing PostgreSQL when the machine has
    /// none. When it returns, the server accepts connections.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let work = tokio::task::spawn_blocking(move || Self::start_blocking(&options));
        work.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// [`Server::start`] for callers without a runtime.
    pub fn start_blocking(options: &Options) -> Result<Self, Error> {
        let account = Account::choose(&options.data_dir.join("cluster"));
        let dir = account.reachable(&options.data_dir)?;
        std::fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
        let layout = Layout::new(&dir);
        let lock = lock::try_take(&layout.lock)?.ok_or_else(|| Error::InUse { path: dir.clone() })?;
        account.note_origin(&options.data_dir, &dir)?;
        let account = Account::choose(&layout.cluster);

        recovery::clear(&layout.cluster)?;
        let existed = layout.cluster.is_dir();
        let provide = |cluster| binaries::provide(&options.tools_dir, options.source, account, cluster);
        let binaries = match provide(Some(&layout.cluster)) {
            Err(Error::OtherVersion { .. }) if options.ephemeral => {
                remove(&layout.cluster)?;
                provide(None)?
            }
            other => other?,
        };
        if !layout.cluster.is_dir() {
            cluster::create(&layout, &binaries, account, !options.ephemeral)?;
        }
        let (process, port) = match launch(&layout, &binaries, account, options) {
            Err(Error::NotReady { .. }) if options.ephemeral && existed => {
                remove(&layout.cluster)?;
                cluster::create(&layout, &binaries, account, false)?;
                launch(&layout, &binaries, account, options)?
            }
            other => other?,
        };
        let password = layout.read_password()?;
        Ok(Self { process, layout, port, password, _lock: lock })
    }

    /// The URL of the application's database, with the superuser's name and password in it.
    pub fn database_url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// The URL of another database on this server.
    pub fn url_of(&self, database: &str) -> String {
        url(&self.password, self.port, database)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The postmaster's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where the data really is; see [`Options::data_dir`].
    pub fn data_dir(&self) -> &Path {
        &self.layout.dir
    }

    /// Whether the server still runs. It ends by itself only when something kills it.
    pub fn is_running(&self) -> bool {
        self.process.exit_status().is_none()
    }

    /// Disconnects every client and shuts down with a checkpoint.
    pub async fn stop(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process
            .stop(&[(Signal::SIGINT, Duration::from_secs(20)), (Signal::SIGQUIT, Duration::from_secs(5))]);
    }
}

/// The URL of the server that another process runs on this data directory; `None` when none does.
pub fn running(data_dir: &Path) -> Option<String> {
    let dir = Account::choose(&data_dir.join("cluster")).reachable(data_dir).ok()?;
    let layout = Layout::new(&dir);
    let status = Status::read(&layout.cluster)?;
    let password = layout.read_password().ok()?;
    let lock = OpenOptions::new().write(true).open(&layout.lock).ok()?;
    let owned = matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock));
    (owned && status.ready).then(|| url(&password, status.port, DATABASE))
}

fn url(password: &str, port: u16, database: &str) -> String {
    format!("postgres://{USER}:{password}@{}:{port}/{database}", Ipv4Addr::LOCALHOST)
}

fn remove(dir: &Path) -> Result<(), Error> {
    std::fs::remove_dir_all(dir).map_err(Error::io(dir))
}

/// Starts the postmaster and waits until it accepts connections.
fn launch(
    layout: &Layout,
    binaries: &Binaries,
    account: Account,
    options: &Options,
) -> Result<(Supervised, u16), Error> {
    let mut attempt = 1;
    loop {
        let port = match options.port {
            Some(port) => port,
            None => free_port().map_err(Error::io(&layout.dir))?,
        };
        let process = spawn(layout, binaries, account, options, port)?;
        match wait_until_ready(&process, layout) {
            Ok(()) => return Ok((process, port)),
            Err(Error::NotReady { log_end, .. })
                if options.port.is_none()
                    && attempt < PORT_ATTEMPTS
                    && log_end.contains("could not bind") =>
            {
                attempt += 1;
            }
            Err(error) => {
                process.stop(&[(Signal::SIGQUIT, Duration::from_secs(5))]);
                return Err(error);
            }
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn spawn(
    layout: &Layout,
    binaries: &Binaries,
    account: Account,
    options: &Options,
    port: u16,
) -> Result<Supervised, Error> {
    let mut settings = vec![
        format!("listen_addresses={}", Ipv4Addr::LOCALHOST),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        format!("max_connections={}", options.max_connections),
        "shared_buffers=64MB".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        "log_line_prefix=%m [%p] ".to_owned(),
        // Our statements are short; compiling them or spreading them over workers costs more than it saves.
        "jit=off".to_owned(),
        "max_parallel_workers_per_gather=0".to_owned(),
    ];
    if options.ephemeral {
        settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"].map(str::to_owned));
    }

    let log =
        OpenOptions::new().create(true).append(true).open(&layout.log).map_err(Error::io(&layout.log))?;
    let mut postgres = binaries.command("postgres", account);
    postgres.arg("-D").arg(&layout.cluster).stdin(std::process::Stdio::null());
    for setting in settings {
        postgres.arg("-c").arg(setting);
    }
    postgres.stdout(log.try_clone().map_err(Error::io(&layout.log))?).stderr(log);
    // SIGINT is PostgreSQL's fast shutdown.
    Supervised::spawn(postgres, "postgres", Signal::SIGINT).map_err(Error::io(binaries.dir.join("postgres")))
}

fn wait_until_ready(process: &Supervised, layout: &Layout) -> Result<(), Error> {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let failed = match process.exit_status() {
            Some(status) => Some(format!("ended at once ({status})")),
            None if Instant::now() > deadline => {
                Some(format!("did not become ready within {} s", READY_WITHIN.as_secs()))
            }
            None => None,
        };
        if let Some(outcome) = failed {
            let log_end = command::tail_of(&layout.log);
            return Err(Error::NotReady { service: "PostgreSQL", outcome, log: layout.log.clone(), log_end });
        }
        if Status::read(&layout.cluster).is_some_and(|status| status.pid == process.pid() && status.ready) {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}

/// What the postmaster says about itself in `postmaster.pid`: one fact a line.
struct Status {
    pid: u32,
    port: u16,
    ready: bool,
}

impl Status {
    fn read(cluster: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(Self {
            pid: lines.first()?.parse().ok()?,
            port: lines.get(3)?.parse().ok()?,
            ready: *lines.get(7)? == "ready",
        })
    }
}
