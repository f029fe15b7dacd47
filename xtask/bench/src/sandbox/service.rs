//! The service as a process of its own, as on a cluster: its start, its addresses, its processes.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use learnflow_sandbox_host::{FleetConfig, McpConfig, ServeConfig, serve_on};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use super::{
    contestant::{Contestant, Ran, Running},
    speed::TURN,
};

/// The longest that the service may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// What the executors are left for preparing interpreters: they begin after 5 ms without a run.
const PREPARING: Duration = Duration::from_millis(60);

/// How the service's process is started.
#[derive(Args)]
pub struct ServeArguments {
    /// The compiled interpreter
    interpreter: PathBuf,
}

/// The service's process: serves until its standard input ends. Its first line is its address.
pub async fn serve(arguments: ServeArguments) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let listen = listener.local_addr()?;
    println!("{listen}");
    let command = vec![std::env::current_exe()?.into_os_string(), OsString::from("sandbox-executor")];
    let config = ServeConfig {
        listen,
        database_url: None,
        fleet: FleetConfig::new(command, arguments.interpreter),
        mcp: McpConfig::default(),
        grace: Duration::from_secs(1),
    };
    serve_on(listener, config, async {
        let mut line = String::new();
        // Any end of the input is the end.
        let _ = BufReader::new(tokio::io::stdin()).read_line(&mut line).await;
    })
    .await
}

/// The running service.
pub struct ServiceProcess {
    child: Child,
    address: SocketAddr,
    http: reqwest::Client,
    /// From the start of its process to its readiness.
    pub start_ms: f64,
}

impl ServiceProcess {
    /// Starts it and waits until it is ready.
    pub async fn start(interpreter: &Path) -> Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("sandbox-service")
            .arg(interpreter)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut line = String::new();
        tokio::time::timeout(READY, BufReader::new(stdout).read_line(&mut line)).await??;
        let address: SocketAddr = line.trim().parse().context("the service's address")?;
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        let url = format!("http://{address}/ready");
        while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            ensure!(started.elapsed() < READY, "the service is not ready after {READY:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let start_ms = super::contestant::ms(started.elapsed());
        Ok(Self { child, address, http, start_ms })
    }

    /// A client of it.
    pub fn client(&self) -> Http {
        Http { url: format!("http://{}/run", self.address), http: self.http.clone() }
    }

    /// The service's process and those of its executors.
    pub fn processes(&self) -> Vec<u32> {
        let Some(service) = self.child.id() else { return Vec::new() };
        let tasks = std::fs::read_dir(format!("/proc/{service}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<u32> = children
            .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|pid| pid.parse().ok())
            .collect();
        [service].into_iter().chain(children).collect()
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().await?;
        Ok(())
    }
}

/// A client of the service.
pub struct Http {
    url: String,
    http: reqwest::Client,
}

impl Contestant for Http {
    fn name(&self) -> &'static str {
        "LearnFlow over HTTP"
    }

    fn run<'a>(&'a self, code: &'a str) -> Running<'a> {
        Box::pin(async move {
            let started = Instant::now();
            let answer = self.http.post(&self.url).json(&json!({ "code": code })).send().await?;
            let report: Value = answer.json().await?;
            let took = started.elapsed();
            ensure!(report["outcome"] == "ok", "the service gave {report}");
            let stdout = report["stdout"].as_str().unwrap_or_default().to_owned();
            Ok(Ran { stdout, took })
        })
    }

    fn turn(&self) -> usize {
        TURN
    }

    fn settle(&self) -> Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        // Time in which the executors prepare the next interpreters.
        Box::pin(async {
            tokio::time::sleep(PREPARING).await;
            Ok(())
        })
    }
}
