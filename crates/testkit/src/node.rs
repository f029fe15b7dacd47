use std::path::Path;
use std::process::Stdio;

use learnflow_provision::npm;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A program of Node.js, for a client that only npm has: it is told what to do and reports what happens, in JSON values
/// of one line each. Ends when it is dropped.
pub struct NodeProgram {
    _child: Child,
    commands: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

impl NodeProgram {
    /// Starts `driver.mjs` of a folder with the packages of its lock file, which are installed once, below
    /// `target/testkit/{name}`. Panics when Node.js or a package is not to be had: a test can do nothing else.
    pub async fn start(sources: &Path, name: &str) -> Self {
        const PROGRAM: &str = "driver.mjs";
        let (sources, what) = (sources.to_owned(), name.to_owned());
        let folder = crate::checkout().join("target/testkit").join(name);
        let into = folder.clone();
        tokio::task::spawn_blocking(move || npm::install(&sources, PROGRAM, &into, &what))
            .await
            .expect("an installation does not panic")
            .unwrap_or_else(|error| panic!("{error}"));
        let mut child = Command::new("node")
            .arg(PROGRAM)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js 20");
        let commands = child.stdin.take().expect("its input is piped");
        let reports = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        Self { _child: child, commands, reports }
    }

    /// Tells it what to do. Panics when it has ended.
    pub async fn send(&mut self, command: &Value) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.expect("the program still runs");
    }

    /// Its next report. May be given up, as by a timeout, without losing one. Panics when it has ended or wrote no JSON.
    pub async fn report(&mut self) -> Value {
        let line = self.reports.next_line().await.expect("its output is text");
        serde_json::from_str(&line.expect("the program still runs")).expect("a report is JSON")
    }
}
