//! The whole service for a test: HTTP on a free port, executor processes, and what a client needs.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use learnflow_sandbox_host::{FleetConfig, McpConfig, ServeConfig, serve_on};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// The longest that a test waits for something that has to happen.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A running service; it stops when it is dropped.
pub struct Service {
    /// `http://127.0.0.1:…`
    pub url: String,
    pub http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<anyhow::Result<()>>,
}

/// How a test wants it.
pub struct Options {
    pub database_url: Option<String>,
    pub max_runs: usize,
    pub grace: Duration,
    /// Where the interpreter is.
    pub interpreter: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            database_url: None,
            max_runs: 16,
            grace: Duration::from_secs(1),
            interpreter: PathBuf::from(crate::support::interpreter()),
        }
    }
}

impl Service {
    pub async fn start(options: Options) -> Self {
        let service = Self::begin(options).await;
        learnflow_testkit::wait_until(DEADLINE, async || {
            let ready = service.http.get(service.at("/ready")).send().await.ok()?;
            ready.status().is_success().then_some(())
        })
        .await;
        service
    }

    /// As [`Service::start`], but does not wait until it is ready.
    pub async fn begin(options: Options) -> Self {
        let command = vec![OsString::from(env!("CARGO_BIN_EXE_sandbox-host")), OsString::from("executor")];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = ServeConfig {
            listen: address,
            database_url: options.database_url,
            fleet: FleetConfig {
                processes: 1,
                prepared: 1,
                max_runs: options.max_runs,
                ..FleetConfig::new(command, options.interpreter)
            },
            mcp: McpConfig {
                hosts: vec!["sandbox.school.example".to_owned()],
                origins: vec!["https://ide.school.example:443".to_owned()],
            },
            grace: options.grace,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve_on(listener, config, async {
            // A test that failed dropped the sender.
            let _ = stopped.await;
        }));
        let http = reqwest::Client::builder().timeout(DEADLINE).build().unwrap();
        Self { url: format!("http://{address}"), http, stop: Some(stop), serving }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(self.at(path)).json(body)
    }

    /// The JSON that a request is answered with; it has to succeed.
    pub async fn answer(&self, path: &str, body: &Value) -> Value {
        let response = self.post(path, body).send().await.unwrap();
        assert!(response.status().is_success(), "{} {}", response.status(), response.text().await.unwrap());
        response.json().await.unwrap()
    }

    /// The value of a series in `/metrics`.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.http.get(self.at("/metrics")).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
    }

    /// Waits until no program is in progress.
    pub async fn idle(&self) {
        learnflow_testkit::wait_until(DEADLINE, async || {
            (self.metric("sandbox_in_flight").await == 0.0).then_some(())
        })
        .await;
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(DEADLINE, self.serving).await.unwrap().unwrap().unwrap();
    }
}

/// A stream of server-sent events, read one by one.
pub struct Events {
    response: Response,
    read: String,
}

impl Events {
    pub fn of(response: Response) -> Self {
        assert!(response.status().is_success(), "{}", response.status());
        Self { response, read: String::new() }
    }

    /// The next event: its name and its data. `None` at the end.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                let found = field("event").zip(field("data"));
                let found = found.map(|(name, data)| (name.to_owned(), serde_json::from_str(data).unwrap()));
                self.read = rest.to_owned();
                // What has no name is a comment that keeps the connection.
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
