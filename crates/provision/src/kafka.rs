//! A real Apache Kafka for tests and benchmarks: one node on 127.0.0.1, its jars from Maven Central.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::process::Supervised;
use crate::progress::Step;
use crate::{Error, command, lock, procfs, python::beside};

/// What Maven downloads. The version of Kafka is in there.
const POM: &str = include_str!("../kafka/pom.xml");
const VERSION: &str = "4.1.1";
const OLDEST_JAVA: u32 = 17;

const READY_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);
const PATIENCE: [(Signal, Duration); 2] =
    [(Signal::SIGTERM, Duration::from_secs(30)), (Signal::SIGKILL, Duration::from_secs(5))];

/// A port that was free can be taken by somebody else before the broker binds it.
const PORT_ATTEMPTS: usize = 3;

/// Installs the pinned Kafka into `tools_dir` and returns the folder with its jars. Blocks while Maven works.
pub fn install(tools_dir: &Path) -> Result<PathBuf, Error> {
    let jars = tools_dir.join(format!("kafka-{VERSION}"));
    if jars.is_dir() {
        return Ok(jars);
    }
    let _lock = lock::wait(&beside(&jars, "lock"))?;
    if jars.is_dir() {
        return Ok(jars);
    }
    let step = Step::start(format!("Installing Apache Kafka {VERSION}"));
    let maven = command::on_path("mvn").into_iter().next().ok_or_else(|| Error::Missing {
        what: "Maven, which fetches Kafka's jars,".to_owned(),
        fix: "install it: apt-get install -y maven openjdk-17-jre-headless".to_owned(),
    })?;
    let unfinished = beside(&jars, "new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(Error::io(&unfinished))?;
    }
    std::fs::create_dir_all(&unfinished).map_err(Error::io(&unfinished))?;
    let pom = beside(&jars, "pom.xml");
    std::fs::write(&pom, POM).map_err(Error::io(&pom))?;
    let mut copy = Command::new(maven);
    copy.args(["--batch-mode", "--file"]).arg(&pom).arg("dependency:copy-dependencies");
    copy.arg("-DincludeScope=runtime").arg(format!("-DoutputDirectory={}", unfinished.display()));
    command::run(&mut copy, &step, "check the network and Maven's settings.xml, then try again")?;
    std::fs::rename(&unfinished, &jars).map_err(Error::io(&jars))?;
    step.done();
    Ok(jars)
}

/// A Java 17 or newer, from `JAVA_HOME` or the `PATH`.
pub fn find_java() -> Result<PathBuf, Error> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let candidates = home.into_iter().chain(command::on_path("java"));
    for java in candidates {
        // "openjdk 17.0.15 2025-04-15"
        let Some(answer) = command::output(Command::new(&java).arg("--version")) else { continue };
        let number = answer.split(' ').nth(1).and_then(|version| version.split('.').next());
        if number.and_then(|number| number.parse().ok()).is_some_and(|major: u32| major >= OLDEST_JAVA) {
            return Ok(java);
        }
    }
    Err(Error::Missing {
        what: format!("Java {OLDEST_JAVA} or newer, which Kafka runs on,"),
        fix: "install it: apt-get install -y openjdk-17-jre-headless".to_owned(),
    })
}

/// How a broker is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its configuration, log and data are. A second start on the same folder finds the data of the first.
    pub dir: PathBuf,
    /// Where the jars are installed.
    pub tools_dir: PathBuf,
    /// The port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// Starts without the data of earlier starts.
    pub fresh: bool,
}

/// A Kafka broker (and its controller) on 127.0.0.1 that runs as long as this value and this process live.
///
/// Topics are not created by their use, so that a misspelt name is an error. A new topic has four partitions.
pub struct Broker {
    process: Supervised,
    port: u16,
    _lock: File,
}

impl Broker {
    /// Starts the broker, installing Kafka when it is missing. When it returns, clients can connect.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let work = tokio::task::spawn_blocking(move || Self::start_blocking(&options));
        work.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// [`Broker::start`] for callers without a runtime.
    pub fn start_blocking(options: &Options) -> Result<Self, Error> {
        let dir = std::path::absolute(&options.dir).map_err(Error::io(&options.dir))?;
        std::fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
        let lock = lock::try_take(&dir.join("lock"))?.ok_or_else(|| Error::InUse { path: dir.clone() })?;
        let properties = dir.join("server.properties");
        procfs::end(|| brokers_with(&properties), &PATIENCE, |_, running| running);

        let java = Java { program: find_java()?, jars: install(&options.tools_dir)?, dir, properties };
        if options.fresh && java.data().exists() {
            std::fs::remove_dir_all(java.data()).map_err(Error::io(java.data()))?;
        }
        let mut attempt = 1;
        loop {
            match java.launch(options.port) {
                Err(Error::NotReady { log_end, .. })
                    if options.port.is_none()
                        && attempt < PORT_ATTEMPTS
                        && log_end.contains("BindException") =>
                {
                    attempt += 1;
                }
                result => return result.map(|(process, port)| Self { process, port, _lock: lock }),
            }
        }
    }

    /// What `KAFKA_BOOTSTRAP_SERVERS` has to be.
    pub fn bootstrap_servers(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Shuts the broker down in an orderly way.
    pub async fn stop(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// Ends the broker as a power failure does, and returns when it is gone.
    pub async fn kill(self) {
        self.process.signal(Signal::SIGKILL);
        self.stop().await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.process.stop(&PATIENCE);
    }
}

/// What it takes to run one of Kafka's programs in a broker's folder.
struct Java {
    program: PathBuf,
    jars: PathBuf,
    dir: PathBuf,
    properties: PathBuf,
}

impl Java {
    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("kafka.log")
    }

    /// Small and quick to start: a test's broker lives for seconds.
    fn command(&self, class: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
        command.arg(self.jars.join("*")).arg(class).stdin(Stdio::null()).current_dir(&self.dir);
        command
    }

    fn launch(&self, wished_port: Option<u16>) -> Result<(Supervised, u16), Error> {
        let free_port =
            || TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port());
        let port = wished_port.map_or_else(free_port, Ok).map_err(Error::io(&self.dir))?;
        let controller_port = free_port().map_err(Error::io(&self.dir))?;
        let text = properties(port, controller_port, &self.data());
        std::fs::write(&self.properties, text).map_err(Error::io(&self.properties))?;
        if !self.data().join("meta.properties").exists() {
            self.format()?;
        }

        let log = self.log();
        let _ = std::fs::remove_file(&log);
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(Error::io(&log))?;
        let mut kafka = self.command("kafka.Kafka");
        kafka.arg(&self.properties).stdout(file.try_clone().map_err(Error::io(&log))?).stderr(file);
        let process = Supervised::spawn(kafka, "kafka", Signal::SIGTERM).map_err(Error::io(&self.program))?;
        match self.wait_until_ready(&process) {
            Ok(()) => Ok((process, port)),
            Err(error) => {
                process.stop(&[]);
                Err(error)
            }
        }
    }

    /// Prepares an empty data folder. Its cluster has the same id everywhere: it never meets another one.
    fn format(&self) -> Result<(), Error> {
        let mut tool = self.command("kafka.tools.StorageTool");
        tool.args(["format", "--cluster-id", "bGVhcm5mbG93LXRlc3RzIQ", "--config"]).arg(&self.properties);
        command::run(&mut tool, &Step::start("Preparing Kafka's storage"), "see what it printed")
    }

    fn wait_until_ready(&self, process: &Supervised) -> Result<(), Error> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let log = std::fs::read(self.log()).unwrap_or_default();
            if String::from_utf8_lossy(&log).contains("Kafka Server started") {
                return Ok(());
            }
            let outcome = match process.exit_status() {
                Some(status) => format!("ended at once ({status})"),
                None if Instant::now() > deadline => {
                    format!("did not become ready within {} s", READY_WITHIN.as_secs())
                }
                None => {
                    std::thread::sleep(POLL);
                    continue;
                }
            };
            // The shutdown that follows a failure logs much more than the failure itself.
            let text = String::from_utf8_lossy(&log);
            let errors = text.lines().filter(|line| line.contains(" ERROR ") || line.contains("Exception"));
            let errors = errors.take(10).collect::<Vec<_>>().join("\n");
            let log_end = if errors.is_empty() { command::tail_of(&self.log()) } else { errors };
            return Err(Error::NotReady { service: "Apache Kafka", outcome, log: self.log(), log_end });
        }
    }
}

/// One node that is broker and controller; its internal topics are small and not replicated.
fn properties(port: u16, controller_port: u16, data: &Path) -> String {
    let host = Ipv4Addr::LOCALHOST;
    [
        "process.roles=broker,controller".to_owned(),
        "node.id=1".to_owned(),
        format!("controller.quorum.voters=1@{host}:{controller_port}"),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!("listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}"),
        format!("log.dirs={}", data.display()),
        "auto.create.topics.enable=false".to_owned(),
        "num.partitions=4".to_owned(),
        "default.replication.factor=1".to_owned(),
        "offsets.topic.num.partitions=4".to_owned(),
        "offsets.topic.replication.factor=1".to_owned(),
        "transaction.state.log.num.partitions=4".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        // A consumer group's first member need not wait three seconds for others.
        "group.initial.rebalance.delay.ms=0".to_owned(),
        String::new(),
    ]
    .join("\n")
}

/// The brokers that were started with this configuration file.
fn brokers_with(properties: &Path) -> Vec<Pid> {
    let wanted = properties.as_os_str().as_encoded_bytes();
    procfs::find(|process| {
        let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0);
        words.clone().any(|word| word == b"kafka.Kafka") && words.any(|word| word == wanted)
    })
}
