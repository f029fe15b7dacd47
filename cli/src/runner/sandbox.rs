//! The sandbox host as a process of its own: what a cluster runs as the Deployment `sandbox-host`.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Args;
use learnflow_sandbox_host::{FleetConfig, McpConfig, ServeConfig, serve_on};
use learnflow_telemetry::{Output, Setup};
use nix::{
    sys::{
        prctl,
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval, timeout},
};
use tokio_util::sync::CancellationToken;

/// The longest a sandbox host may take to be ready.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// The longest it may take to end its runs when it is told to stop.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// A sandbox host that dies more often than this without a quiet minute is given up.
const RESTARTS: u32 = 5;
const QUIET: Duration = Duration::from_secs(60);

/// How the child process is started.
#[derive(Args)]
pub struct ServeArguments {
    /// The compiled interpreter
    #[arg(long)]
    interpreter: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long)]
    port: u16,
}

/// The child process: serves until it is told to stop. Its first line on standard output is its address.
pub async fn serve(arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    let _telemetry =
        Setup { output: Output::Stderr, level: "warn", ..Setup::service("sandbox-host") }.start()?;
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
    };
    let address = listener.local_addr()?;
    println!("{address}");
    let this = std::env::current_exe().context("cannot find this program")?;
    let config = ServeConfig {
        listen: address,
        database_url: std::env::var("DATABASE_URL").ok(),
        fleet: FleetConfig::new(
            vec![this.into_os_string(), OsString::from("sandbox-executor")],
            std::path::absolute(&arguments.interpreter)?,
        ),
        mcp: McpConfig::default(),
        grace: STOP_DEADLINE / 2,
    };
    // Ctrl-C in a terminal reaches the whole group; the runner says when it is this process's turn.
    let mut terminated = signal(SignalKind::terminate())?;
    let _interrupts_are_the_runners = signal(SignalKind::interrupt())?;
    serve_on(listener, config, async move {
        terminated.recv().await;
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// A running sandbox host, started again when it dies.
pub struct SandboxProcess {
    url: String,
    stop: CancellationToken,
    supervisor: JoinHandle<()>,
    failure: watch::Receiver<Option<String>>,
}

impl SandboxProcess {
    /// Starts it and waits until it has run a program.
    pub async fn start(interpreter: &Path, port: u16, database_url: &str) -> anyhow::Result<Self> {
        let launch = Launch { interpreter: interpreter.to_owned(), database_url: database_url.to_owned() };
        let (child, address) = launch.start(port).await?;
        let url = format!("http://{address}");
        wait_ready(&url).await?;
        let stop = CancellationToken::new();
        let (failed, failure) = watch::channel(None);
        let supervisor = tokio::spawn(supervise(launch, child, address, stop.clone(), failed));
        Ok(Self { url, stop, supervisor, failure })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Resolves when it has died too often.
    pub async fn failed(&mut self) -> String {
        match self.failure.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_default(),
            Err(_) => "its supervisor is gone".to_owned(),
        }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.cancel();
        // A supervisor that panicked has said so already.
        let _ = self.supervisor.await;
    }
}

struct Launch {
    interpreter: PathBuf,
    database_url: String,
}

impl Launch {
    async fn start(&self, port: u16) -> anyhow::Result<(Child, SocketAddr)> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("sandbox-host")
            .arg("--interpreter")
            .arg(&self.interpreter)
            .args(["--port", &port.to_string()])
            .env_clear()
            .env("DATABASE_URL", &self.database_url)
            .envs(learnflow_telemetry::inherited())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(filter) = std::env::var_os("RUST_LOG") {
            command.env("RUST_LOG", filter);
        }
        // SAFETY: prctl is a plain system call, allowed between fork and exec.
        unsafe {
            // A runner that is killed takes the sandbox with it, so that the port is free for the next one.
            command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGTERM).map_err(std::io::Error::from));
        }
        let mut child = command.spawn().context("the sandbox host does not start")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut line = String::new();
        timeout(READY_DEADLINE, BufReader::new(stdout).read_line(&mut line))
            .await
            .context("the sandbox host is silent")??;
        let address = line
            .trim()
            .parse()
            .with_context(|| format!("the sandbox host said {line:?} instead of its address"))?;
        Ok((child, address))
    }
}

async fn supervise(
    launch: Launch,
    mut child: Child,
    address: SocketAddr,
    stop: CancellationToken,
    failed: watch::Sender<Option<String>>,
) {
    let mut restarts = 0;
    let mut last = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return end(child).await,
            status = child.wait() => {
                restarts = if last.elapsed() > QUIET { 1 } else { restarts + 1 };
                last = Instant::now();
                if restarts > RESTARTS {
                    failed.send_replace(Some(format!("{status:?}")));
                    return;
                }
                tracing::error!(?status, restarts, "the sandbox host died and is started again");
            }
        }
        // The address is in the components' variables, so it must stay.
        match launch.start(address.port()).await {
            Ok((next, at)) if at == address => child = next,
            Ok(_) => {
                failed.send_replace(Some(format!("{address} is taken")));
                return;
            }
            Err(error) => {
                failed.send_replace(Some(format!("{error:#}")));
                return;
            }
        }
    }
}

async fn end(mut child: Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It may have ended by itself meanwhile.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    if timeout(STOP_DEADLINE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

async fn wait_ready(url: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let deadline = Instant::now() + READY_DEADLINE;
    let mut pause = interval(Duration::from_millis(10));
    loop {
        pause.tick().await;
        let ready = http
            .get(format!("{url}/ready"))
            .send()
            .await
            .is_ok_and(|response| response.status().is_success());
        if ready {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the sandbox host at {url} is not ready after {} s", READY_DEADLINE.as_secs());
        }
    }
}
