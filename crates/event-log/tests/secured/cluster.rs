//! A broker whose clients log in, in plain text or over TLS.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
    time::Duration,
};

use learnflow_event_log::kafka::Connection;
use learnflow_provision::{
    kafka::{find_java, install},
    process::Supervised,
    tools_dir,
};
use learnflow_testkit::{checkout, wait_until};
use nix::sys::signal::Signal;
use rdkafka::ClientConfig;
use tempfile::TempDir;

const TLS: bool = cfg!(feature = "kafka-tls");
const PROTOCOL: &str = if TLS { "SASL_SSL" } else { "SASL_PLAINTEXT" };
const MECHANISM: &str = if TLS { "SCRAM-SHA-512" } else { "PLAIN" };
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A running broker. Each user's password is its name; `admin` may do everything.
pub struct Cluster {
    dir: TempDir,
    address: String,
    process: Supervised,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.process.stop(&[(Signal::SIGKILL, Duration::from_secs(5))]);
    }
}

impl Cluster {
    pub async fn start(users: &[&str]) -> Self {
        let (dir, java) = (TempDir::new().unwrap(), find_java().unwrap());
        let jars = std::path::absolute(install(&tools_dir(&checkout())).unwrap()).unwrap();
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let (port, controller) = (free(), free());
        if TLS {
            make_certificate(dir.path());
        }
        let properties = dir.path().join("server.properties");
        fs::write(&properties, configuration(dir.path(), port, controller, users)).unwrap();

        let command = |class: &str| {
            let mut command = Command::new(&java);
            command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
            command.arg(jars.join("*")).arg(class).current_dir(dir.path());
            command
        };
        let mut format = command("kafka.tools.StorageTool");
        format.args(["format", "--cluster-id", "bGVhcm5mbG93LXRlc3RzIQ", "--config"]).arg(&properties);
        if TLS {
            for user in users.iter().chain(&["admin"]) {
                format.arg("--add-scram").arg(format!("SCRAM-SHA-512=[name={user},password={user}]"));
            }
        }
        let output = format.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

        let (mut kafka, log) = (command("kafka.Kafka"), dir.path().join("kafka.log"));
        let file = File::create(&log).unwrap();
        kafka.arg(&properties).stdout(file.try_clone().unwrap()).stderr(file);
        let process = Supervised::spawn(kafka, "secured-kafka", Signal::SIGKILL).unwrap();
        wait_until(READY_WITHIN, async || {
            let text = fs::read_to_string(&log).unwrap();
            assert!(process.exit_status().is_none(), "{text}");
            text.contains("Kafka Server started").then_some(())
        })
        .await;
        Self { dir, address: format!("localhost:{port}"), process }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    fn certificate(&self) -> String {
        self.dir.path().join("ca.crt").to_str().unwrap().to_owned()
    }

    /// The variables of somebody who logs in.
    pub fn user(&self, name: &str, password: &str) -> Connection {
        let mut variables = vec![
            ("KAFKA_SECURITY_PROTOCOL", PROTOCOL.to_owned()),
            ("KAFKA_SASL_MECHANISM", MECHANISM.to_owned()),
            ("KAFKA_SASL_USERNAME", name.to_owned()),
            ("KAFKA_SASL_PASSWORD", password.to_owned()),
        ];
        if TLS {
            variables.push(("KAFKA_CA_FILE", self.certificate()));
        }
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        Connection::from_variables(&self.address, &lookup).unwrap()
    }

    /// librdkafka's own settings of who may do everything.
    pub fn admin_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("security.protocol", PROTOCOL);
        config.set("sasl.mechanism", MECHANISM).set("sasl.username", "admin").set("sasl.password", "admin");
        if TLS {
            config.set("ssl.ca.location", self.certificate());
        }
        config
    }
}

/// One node; the controller's port is for itself. What no ACL allows is denied.
fn configuration(dir: &Path, port: u16, controller: u16, users: &[&str]) -> String {
    let class = if TLS { "scram.ScramLoginModule" } else { "plain.PlainLoginModule" };
    // By SCRAM the broker knows users from its own log, by PLAIN from here.
    let known: Vec<String> = users.iter().map(|user| format!("user_{user}=\"{user}\"")).collect();
    let known = if TLS { String::new() } else { format!("user_admin=\"admin\" {}", known.join(" ")) };
    let mechanism = MECHANISM.to_lowercase();
    let host = Ipv4Addr::LOCALHOST;
    let mut lines = vec![
        "process.roles=broker,controller".to_owned(),
        "node.id=1".to_owned(),
        format!("controller.quorum.voters=1@{host}:{controller}"),
        "controller.listener.names=CONTROLLER".to_owned(),
        format!("listeners=CLIENTS://{host}:{port},CONTROLLER://{host}:{controller}"),
        format!("advertised.listeners=CLIENTS://localhost:{port}"),
        format!("listener.security.protocol.map=CLIENTS:{PROTOCOL},CONTROLLER:PLAINTEXT"),
        "inter.broker.listener.name=CLIENTS".to_owned(),
        format!("sasl.enabled.mechanisms={MECHANISM}"),
        format!("sasl.mechanism.inter.broker.protocol={MECHANISM}"),
        format!(
            "listener.name.clients.{mechanism}.sasl.jaas.config=org.apache.kafka.common.security.{class} required \
             username=\"admin\" password=\"admin\" {known};"
        ),
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
        "super.users=User:admin;User:ANONYMOUS".to_owned(),
        format!("log.dirs={}", dir.join("data").display()),
        "auto.create.topics.enable=false".to_owned(),
        "offsets.topic.num.partitions=1".to_owned(),
        "offsets.topic.replication.factor=1".to_owned(),
        "transaction.state.log.replication.factor=1".to_owned(),
        "transaction.state.log.min.isr=1".to_owned(),
        "group.initial.rebalance.delay.ms=0".to_owned(),
    ];
    if TLS {
        lines.push(format!("ssl.keystore.location={}", dir.join("keys.p12").display()));
        lines.push("ssl.keystore.type=PKCS12".to_owned());
        lines.push("ssl.keystore.password=changeit".to_owned());
        lines.push(format!("ssl.truststore.location={}", dir.join("ca.crt").display()));
        lines.push("ssl.truststore.type=PEM".to_owned());
    }
    lines.join("\n")
}

/// A key, and its certificate, which is signed by itself.
fn make_certificate(dir: &Path) {
    let java = find_java().unwrap();
    let keytool = |arguments: &[&str]| {
        let beside = java.with_file_name("keytool");
        let program = if beside.is_file() { beside } else { "keytool".into() };
        let mut command = Command::new(program);
        command.args(arguments).args(["-keystore", "keys.p12", "-storetype", "PKCS12"]);
        let output = command.args(["-storepass", "changeit", "-alias", "kafka"]).current_dir(dir).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    let key = ["-genkeypair", "-keyalg", "EC", "-validity", "2", "-dname", "CN=localhost"];
    keytool(&[&key[..], &["-ext", "san=dns:localhost", "-ext", "bc:c"]].concat());
    keytool(&["-exportcert", "-rfc", "-file", "ca.crt"]);
}
