//! A whole LearnFlow for a test: the `learnflow` binary as a user starts it, on ports and data of its own.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use chrono::Utc;
use learnflow_events::{Event, Outgoing, ids, message, payload::QuerySubmitted};
use learnflow_gateway::token::{self, Role};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::OnceCell,
};
use uuid::Uuid;

/// The longest a system may take to start: AOT compilation may still have to happen.
const START_DEADLINE: Duration = Duration::from_secs(180);

/// Which event log a system runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Tables in PostgreSQL.
    Embedded,
    /// A real Apache Kafka.
    Kafka,
}

/// A running system.
pub struct System {
    process: Child,
    data_dir: TempDir,
    environment: Vec<(String, String)>,
    /// Its addresses.
    pub running: Running,
    /// For requests to it.
    pub http: reqwest::Client,
    /// Its database, as the owner.
    pub database: PgPool,
}

/// What `up` wrote about itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Running {
    /// The gateway.
    pub gateway_url: String,
    /// The broker's ingress.
    pub broker_url: String,
    /// The functions.
    pub functions_url: String,
    /// The sandbox host.
    pub sandbox_url: String,
    /// The database.
    pub database_url: String,
    /// The key that signs access tokens.
    pub signing_key_file: PathBuf,
}

/// The `source` of [`submitted`]: a terminal at a school, which speaks CloudEvents and no HTTP API.
const TERMINAL: &str = "/school/terminal";

/// A student's query as a producer of events sends it, and the id of the turn that it begins.
pub fn submitted(id: Uuid, student: &str, query: QuerySubmitted) -> (Event, Uuid) {
    let outgoing = Outgoing {
        id,
        source: TERMINAL.to_owned(),
        subject: None,
        time: Utc::now(),
        student_id: student.to_owned(),
        traceparent: None,
        extensions: vec![],
    };
    (outgoing.event(query), ids::turn_of_event(TERMINAL, &id.to_string()))
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the repository")
}

/// The `learnflow` binary that was built beside the running program: a test is in `deps/`, a tool beside it.
///
/// # Errors
/// When it was not built; `cargo xtask test` builds it.
pub fn binary() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    program
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("learnflow"))
        .find(|binary| binary.is_file())
        .context("learnflow is missing; build it with `cargo build --release -p learnflow`")
}

impl System {
    /// Starts a system and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it does not start; the error holds the end of what it printed.
    pub async fn start(backend: Backend) -> anyhow::Result<Self> {
        let mut environment = Vec::new();
        if backend == Backend::Kafka {
            let kafka = learnflow_testkit::kafka().await?;
            environment.push(("KAFKA_BOOTSTRAP_SERVERS".to_owned(), kafka.bootstrap_servers()));
        }
        Self::start_with(environment).await
    }

    /// Starts a system with more environment variables.
    ///
    /// # Errors
    /// As [`System::start`].
    pub async fn start_with(environment: Vec<(String, String)>) -> anyhow::Result<Self> {
        INTERPRETER.get_or_try_init(build_interpreter).await?;
        let data_dir = TempDir::with_prefix("learnflow-test-")?;
        // The embedded PostgreSQL runs as another user when the tests run as root.
        std::fs::set_permissions(data_dir.path(), Permissions::from_mode(0o755))?;
        let process = launch(data_dir.path(), &environment).await?;
        Self::connect(process, data_dir, environment).await
    }

    async fn connect(
        process: Child,
        data_dir: TempDir,
        environment: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let running: Running = serde_json::from_slice(&std::fs::read(data_dir.path().join("running.json"))?)?;
        let database = PgPoolOptions::new().max_connections(4).connect(&running.database_url).await?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
        Ok(Self { process, data_dir, environment, running, http, database })
    }

    /// Kills the runner as `kill -9` does and starts it again on the same data.
    ///
    /// # Errors
    /// As [`System::start`].
    pub async fn kill_and_restart(mut self) -> anyhow::Result<Self> {
        self.process.kill().await?;
        self.database.close().await;
        let process = launch(self.data_dir.path(), &self.environment).await?;
        Self::connect(process, self.data_dir, self.environment).await
    }

    /// Stops the system as Ctrl-C does and returns whether it ended cleanly.
    ///
    /// # Errors
    /// When it does not end within the deadline.
    pub async fn stop(mut self) -> anyhow::Result<bool> {
        let pid = self.process.id().context("the runner is still there")?;
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGINT)?;
        let status = tokio::time::timeout(Duration::from_secs(60), self.process.wait())
            .await
            .context("the runner did not stop within 60 s")??;
        Ok(status.success())
    }

    /// An access token for a student, as `learnflow ask --student` uses.
    ///
    /// # Errors
    /// When the signing key cannot be read.
    pub fn token(&self, student: &str) -> anyhow::Result<String> {
        let subject = ids::student_of_name(student).to_string();
        let lifetime = Duration::from_secs(3600);
        Ok(token::mint(&self.running.signing_key_file, &subject, student, Role::Student, lifetime)?)
    }

    /// Posts a query as a student through the gateway and returns the turn's id.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn ask(&self, student: &str, body: &Value) -> anyhow::Result<Uuid> {
        self.ask_with(student, body, HeaderMap::new()).await
    }

    /// [`System::ask`] with more headers.
    ///
    /// # Errors
    /// When it is not accepted.
    pub async fn ask_with(&self, student: &str, body: &Value, headers: HeaderMap) -> anyhow::Result<Uuid> {
        let response = self
            .http
            .post(format!("{}/api/triage/analyze", self.running.gateway_url))
            .bearer_auth(self.token(student)?)
            .header("idempotency-key", Uuid::new_v4().to_string())
            .headers(headers)
            .json(body)
            .send()
            .await?;
        let status = response.status();
        let text = response.text().await?;
        if status != StatusCode::ACCEPTED {
            bail!("{status}: {text}");
        }
        let decision: Value = serde_json::from_str(&text)?;
        Ok(decision["query_id"].as_str().context("no query_id")?.parse()?)
    }

    /// Posts an event to the broker.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn publish(&self, event: &Event) -> anyhow::Result<StatusCode> {
        let (headers, body) = message::to_http(event);
        let mut request = self.http.post(&self.running.broker_url).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Ok(request.send().await?.status())
    }

    /// Waits until a turn is answered or failed and returns its row as JSON.
    ///
    /// # Errors
    /// When that takes longer than `deadline`.
    pub async fn finished_turn(&self, query_id: Uuid, deadline: Duration) -> anyhow::Result<Value> {
        wait_for(deadline, &format!("turn {query_id}"), async || {
            let row: Option<Value> = sqlx::query_scalar(
                "SELECT to_jsonb(q) FROM query_history q
                  WHERE query_id = $1 AND status IN ('answered', 'failed')",
            )
            .bind(query_id)
            .fetch_optional(&self.database)
            .await?;
            Ok(row)
        })
        .await
    }

    /// Holds the database to what exactly this many events must leave behind: a turn for each, handled once, and no gap
    /// in any student's numbers.
    ///
    /// # Errors
    /// When something was lost or done twice.
    pub async fn ensure_each_once(&self, events: usize) -> anyhow::Result<()> {
        let events = i64::try_from(events)?;
        let turns = self.count("SELECT count(*) FROM query_history").await?;
        ensure!(turns == events, "{turns} turns of {events} events");
        let handled = self.count("SELECT count(*) FROM inbox WHERE consumer = 'triage'").await?;
        ensure!(handled == events, "triage handled {handled} events of {events}");
        let gaps = "SELECT count(*) FROM (SELECT student_id FROM query_history GROUP BY student_id
                     HAVING max(seq) <> count(*) OR min(seq) <> 1) AS gaps";
        ensure!(self.count(gaps).await? == 0, "a student's numbers have a gap");
        Ok(())
    }

    /// Where its data is.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// The values of one of the broker's metrics, of all its labels.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn broker_metric(&self, name: &str) -> anyhow::Result<Vec<f64>> {
        let url = reqwest::Url::parse(&self.running.broker_url)?.join("/metrics")?;
        let text = self.http.get(url).send().await?.text().await?;
        let lines = text.lines().filter(|line| line.starts_with(name));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect())
    }

    /// One number from the database.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn count(&self, sql: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.database).await?)
    }
}

/// Asks until there is an answer.
///
/// # Errors
/// When there is none within `deadline`, or asking fails.
pub async fn wait_for<T>(
    deadline: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + deadline;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    loop {
        pause.tick().await;
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        if Instant::now() > end {
            bail!("waited {deadline:?} for {what} in vain");
        }
    }
}

/// The sandbox's interpreter is compiled once, and not by several systems at a time.
static INTERPRETER: OnceCell<()> = OnceCell::const_new();

async fn build_interpreter() -> anyhow::Result<()> {
    let program = tempfile::NamedTempFile::with_suffix(".py")?;
    std::fs::write(program.path(), "print('ready')")?;
    let run = Command::new(binary()?)
        .arg("run")
        .arg(program.path())
        .current_dir(repository())
        .stdin(Stdio::null())
        .output()
        .await?;
    if run.stdout != b"ready\n" {
        bail!("the sandbox does not run: {}", String::from_utf8_lossy(&run.stderr));
    }
    Ok(())
}

async fn launch(data_dir: &Path, environment: &[(String, String)]) -> anyhow::Result<Child> {
    let mut process = Command::new(binary()?)
        .args(["up", "--port", "0", "--no-build", "--data-dir"])
        .arg(data_dir)
        .env_remove("DATABASE_URL")
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .env_remove("ANTHROPIC_API_KEY")
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .envs(environment.iter().cloned())
        .current_dir(repository())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(std::fs::File::create(data_dir.join("stderr.log"))?))
        .kill_on_drop(true)
        .spawn()?;
    let stdout = process.stdout.take().context("stdout is piped")?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("ready in ") {
                return Ok(());
            }
        }
        bail!("the runner ended before it was ready")
    };
    let outcome = tokio::time::timeout(START_DEADLINE, ready).await.context("not ready in time");
    if let Err(error) | Ok(Err(error)) = outcome {
        let log = std::fs::read_to_string(data_dir.join("stderr.log")).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(30).collect();
        bail!("{error:#}; stderr ends with:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    // Nobody reads on; the pipe must not fill.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(process)
}
