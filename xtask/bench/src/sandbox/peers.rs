//! What would be used instead: processes of Python, and Pyodide in Node.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use learnflow_provision as provision;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
};

use super::contestant::{Contestant, Ran, Running};

/// The release of Pyodide that is measured.
const PYODIDE: &str = "314.0.7";

/// A process for each program.
struct Process {
    name: &'static str,
    command: Vec<String>,
}

/// Pyodide in a Node process of its own for each program.
struct FreshPyodide {
    folder: PathBuf,
}

/// One interpreter of Pyodide for all programs: nothing keeps them apart.
struct WarmPyodide {
    node: Mutex<Node>,
}

struct Node {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// Those that run on this machine, and why others do not.
pub type Found = (Vec<Box<dyn Contestant>>, Vec<String>);

/// Looks for them.
pub fn find(checkout: &Path) -> Result<Found> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut peers: Vec<Box<dyn Contestant>> =
        vec![Box::new(Process { name: "python3 -I (no isolation)", command: words("python3 -I -c") })];
    let mut absent = Vec::new();
    let bubblewrap =
        "bwrap --ro-bind / / --proc /proc --dev /dev --unshare-all --die-with-parent python3 -I -c";
    let works = std::process::Command::new("bwrap")
        .args(&words(bubblewrap)[1..])
        .arg("pass")
        .stderr(Stdio::null())
        .status();
    match works {
        Ok(status) if status.success() => {
            peers.push(Box::new(Process { name: "bubblewrap + python3 -I", command: words(bubblewrap) }));
        }
        Ok(_) => absent.push("bubblewrap: this machine does not allow it to make namespaces".to_owned()),
        Err(_) => absent.push("bubblewrap: not installed (`apt-get install bubblewrap`)".to_owned()),
    }
    match pyodide(checkout) {
        Ok(folder) => {
            peers.push(Box::new(WarmPyodide::start(&folder)?));
            peers.push(Box::new(FreshPyodide { folder }));
        }
        Err(error) => absent.push(format!("Pyodide: {error:#}")),
    }
    absent.push(
        "eryx: pyeryx 0.11 is published for Python 3.12 and newer, which Debian 12 does not have".to_owned(),
    );
    Ok((peers, absent))
}

/// Installs Pyodide and the programs that drive it.
fn pyodide(checkout: &Path) -> Result<PathBuf> {
    let folder = provision::tools_dir(checkout).join(format!("pyodide-{PYODIDE}"));
    std::fs::create_dir_all(&folder)?;
    if !folder.join("node_modules/pyodide/pyodide.mjs").is_file() {
        let output = std::process::Command::new("npm")
            .args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
            .arg(&folder)
            .arg(format!("pyodide@{PYODIDE}"))
            .output()
            .context("npm, which comes with Node.js 20, is not installed")?;
        ensure!(output.status.success(), "npm: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::write(folder.join("driver.mjs"), include_str!("pyodide.mjs"))?;
    Ok(folder)
}

impl Contestant for Process {
    fn name(&self) -> &str {
        self.name
    }

    fn run<'a>(&'a self, code: &'a str) -> Running<'a> {
        Box::pin(async move {
            let started = Instant::now();
            let output = Command::new(&self.command[0])
                .args(&self.command[1..])
                .arg(code)
                .stdin(Stdio::null())
                .output()
                .await?;
            let took = started.elapsed();
            ensure!(output.status.success(), "{} gave {output:?}", self.name);
            Ok(Ran { stdout: String::from_utf8(output.stdout)?, took })
        })
    }
}

impl Node {
    fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new("node")
            .arg("driver.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
        Ok(Self { _child: child, stdin, stdout })
    }

    /// Runs a program; a JSON text each way.
    async fn ask(&mut self, code: &str) -> Result<String> {
        let line = serde_json::to_string(code)?;
        self.stdin.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).await?;
        serde_json::from_str(&answer).context("Pyodide said something else than a text")
    }
}

impl WarmPyodide {
    fn start(folder: &Path) -> Result<Self> {
        Ok(Self { node: Mutex::new(Node::start(folder)?) })
    }
}

impl Contestant for WarmPyodide {
    fn name(&self) -> &'static str {
        "Pyodide in Node, one interpreter for all"
    }

    fn run<'a>(&'a self, code: &'a str) -> Running<'a> {
        Box::pin(async move {
            let mut node = self.node.lock().await;
            let started = Instant::now();
            let stdout = node.ask(code).await?;
            Ok(Ran { stdout, took: started.elapsed() })
        })
    }

    fn is_parallel(&self) -> bool {
        false
    }
}

impl Contestant for FreshPyodide {
    fn name(&self) -> &'static str {
        "Pyodide in Node, a fresh interpreter"
    }

    fn run<'a>(&'a self, code: &'a str) -> Running<'a> {
        Box::pin(async move {
            let started = Instant::now();
            let stdout = Node::start(&self.folder)?.ask(code).await?;
            Ok(Ran { stdout, took: started.elapsed() })
        })
    }

    fn is_slow(&self) -> bool {
        true
    }

    fn is_parallel(&self) -> bool {
        false
    }
}
