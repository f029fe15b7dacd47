//! How a Kafka cluster is reached: in plain text, or over TLS and as a user.

use std::{fmt, fs};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

/// The variables of the environment that [`Connection::from_variables`] reads, each with what it means.
pub const VARIABLES: [(&str, &str); 6] = [
    (PROTOCOL, "PLAINTEXT (when absent), SSL, SASL_PLAINTEXT or SASL_SSL."),
    (MECHANISM, "SCRAM-SHA-512 (when absent), SCRAM-SHA-256 or PLAIN."),
    (USERNAME, "The user; required with SASL."),
    (PASSWORD, "The user's password; required with SASL, here or in a file."),
    (PASSWORD_FILE, "The file that holds the password."),
    (CA_FILE, "The certificate, as PEM, of whoever signed those of the brokers; the system's when absent."),
];
const PROTOCOL: &str = "KAFKA_SECURITY_PROTOCOL";
const MECHANISM: &str = "KAFKA_SASL_MECHANISM";
const USERNAME: &str = "KAFKA_SASL_USERNAME";
const PASSWORD: &str = "KAFKA_SASL_PASSWORD";
const PASSWORD_FILE: &str = "KAFKA_SASL_PASSWORD_FILE";
const CA_FILE: &str = "KAFKA_CA_FILE";

/// Mechanisms that an OpenSSL is needed for.
const SCRAM: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

/// A variable that is missing or wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name} {problem}")]
pub struct ConnectionError {
    name: &'static str,
    problem: String,
}

/// How a cluster is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    servers: String,
    security: Vec<(&'static str, String)>,
}

/// Without the password.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.servers).finish_non_exhaustive()
    }
}

impl Connection {
    /// In plain text, as nobody, to `host:port[,host:port…]`.
    pub fn plain(bootstrap_servers: &str) -> Self {
        Self { servers: bootstrap_servers.to_owned(), security: Vec::new() }
    }

    /// As the environment says ([`VARIABLES`]); `lookup` is [`std::env::var`] without its errors.
    ///
    /// # Errors
    /// Names the first variable that is missing, wrong, or without effect since no other asks for it.
    pub fn from_variables(
        bootstrap_servers: &str,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConnectionError> {
        let text = |name: &str| lookup(name).filter(|text| !text.is_empty());
        let wrong = |name, problem: String| Err(ConnectionError { name, problem });
        let protocol = text(PROTOCOL).unwrap_or_else(|| "PLAINTEXT".to_owned());
        let (sasl, tls) = match protocol.as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (false, true),
            "SASL_PLAINTEXT" => (true, false),
            "SASL_SSL" => (true, true),
            other => {
                let problem = format!("is {other:?}; expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL");
                return wrong(PROTOCOL, problem);
            }
        };
        // A forgotten protocol would send everything as nobody.
        let idle =
            [(MECHANISM, sasl), (USERNAME, sasl), (PASSWORD, sasl), (PASSWORD_FILE, sasl), (CA_FILE, tls)];
        if let Some((name, _)) = idle.into_iter().find(|(name, used)| !used && text(name).is_some()) {
            return wrong(name, format!("is set, but {PROTOCOL} is {protocol}, which has no use for it"));
        }

        let mut security = vec![("security.protocol", protocol)];
        let mut openssl = tls;
        if sasl {
            let mechanism = text(MECHANISM).unwrap_or_else(|| "SCRAM-SHA-512".to_owned());
            if mechanism != "PLAIN" && !SCRAM.contains(&mechanism.as_str()) {
                let problem = format!("is {mechanism:?}; expected PLAIN, {}", SCRAM.join(" or "));
                return wrong(MECHANISM, problem);
            }
            openssl |= mechanism != "PLAIN";
            let Some(username) = text(USERNAME) else {
                return wrong(USERNAME, format!("is not set, which {PROTOCOL} wants"));
            };
            let password = match (text(PASSWORD), text(PASSWORD_FILE)) {
                (Some(password), None) => password,
                (None, Some(file)) => match fs::read_to_string(&file) {
                    Ok(content) => content.trim_end_matches(['\r', '\n']).to_owned(),
                    Err(error) => return wrong(PASSWORD_FILE, format!("is {file:?}: {error}")),
                },
                (Some(_), Some(_)) => {
                    return wrong(PASSWORD, format!("and {PASSWORD_FILE} are both set: leave one"));
                }
                (None, None) => {
                    return wrong(PASSWORD, format!("and {PASSWORD_FILE} are not set: one is needed"));
                }
            };
            security.push(("sasl.mechanism", mechanism));
            security.push(("sasl.username", username));
            security.push(("sasl.password", password));
        }
        if openssl && !cfg!(feature = "kafka-tls") {
            let problem = "asks for TLS or SCRAM, which this program was built without: \
                           build it with --features learnflow-event-log/kafka-tls";
            return wrong(PROTOCOL, problem.to_owned());
        }
        if let Some(file) = text(CA_FILE) {
            // librdkafka names neither the file nor the reason.
            if let Err(error) = fs::File::open(&file) {
                return wrong(CA_FILE, format!("is {file:?}: {error}"));
            }
            security.push(("ssl.ca.location", file));
        }
        Ok(Self { servers: bootstrap_servers.to_owned(), security })
    }

    /// What all clients have in common.
    pub(super) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.servers)
            .set("client.id", "learnflow")
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            // Otherwise clients that see no broker forget those that they know and begin anew, several times a second;
            // of a broker that comes back meanwhile they may hear minutes later only. Names are looked up anew anyway.
            .set("metadata.recovery.strategy", "none")
            .set_log_level(RDKafkaLogLevel::Error);
        for (name, value) in &self.security {
            config.set(*name, value);
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn connection(variables: &[(&str, &str)]) -> Result<Connection, ConnectionError> {
        let lookup = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Connection::from_variables("kafka:9092", &lookup)
    }

    fn setting(connection: &Connection, name: &str) -> Option<String> {
        connection.client_config().get(name).map(str::to_owned)
    }

    const LOGIN: [(&str, &str); 3] =
        [(PROTOCOL, "SASL_PLAINTEXT"), (MECHANISM, "PLAIN"), (USERNAME, "gateway")];

    #[test]
    fn without_variables_it_is_plain() {
        let found = connection(&[(PASSWORD, "")]).unwrap();
        assert_eq!(setting(&found, "security.protocol").as_deref(), Some("PLAINTEXT"));
        assert_eq!(setting(&found, "sasl.username"), None);
        assert_eq!(
            setting(&Connection::plain("kafka:9092"), "bootstrap.servers").as_deref(),
            Some("kafka:9092")
        );
    }

    #[test]
    fn a_user_logs_in_with_a_password_that_nobody_sees() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"open sesame\n").unwrap();
        let path = file.path().to_str().unwrap();
        for password in [(PASSWORD, "open sesame"), (PASSWORD_FILE, path)] {
            let found = connection(&[&LOGIN[..], &[password]].concat()).unwrap();
            for (name, value) in [
                ("security.protocol", "SASL_PLAINTEXT"),
                ("sasl.mechanism", "PLAIN"),
                ("sasl.username", "gateway"),
                ("sasl.password", "open sesame"),
            ] {
                assert_eq!(setting(&found, name).as_deref(), Some(value), "{name}");
            }
            assert!(!format!("{found:?}").contains("sesame"));
        }
    }

    #[test]
    fn what_is_missing_or_wrong_has_a_name() {
        let with = |more: &[(&'static str, &'static str)]| [&LOGIN[..], more].concat();
        let mut wrong = vec![
            (vec![(PROTOCOL, "TLS")], PROTOCOL),
            (vec![(USERNAME, "gateway")], USERNAME),
            (vec![(CA_FILE, "/ca.crt")], CA_FILE),
            (LOGIN.to_vec(), PASSWORD),
            (with(&[(PASSWORD, "a"), (PASSWORD_FILE, "/b")]), PASSWORD),
            (with(&[(PASSWORD_FILE, "/nothing/here")]), PASSWORD_FILE),
            (vec![LOGIN[0], LOGIN[1], (PASSWORD, "a")], USERNAME),
            (vec![LOGIN[0], (MECHANISM, "GSSAPI"), LOGIN[2], (PASSWORD, "a")], MECHANISM),
        ];
        // A build with TLS goes on to the file.
        let name = if cfg!(feature = "kafka-tls") { CA_FILE } else { PROTOCOL };
        wrong.push((vec![(PROTOCOL, "SSL"), (CA_FILE, "/nothing/here")], name));
        for (variables, name) in wrong {
            assert_eq!(connection(&variables).unwrap_err().name, name, "{variables:?}");
        }
    }

    #[test]
    fn tls_and_scram_need_a_build_that_has_them() {
        let login = [LOGIN[0], LOGIN[2], (PASSWORD, "a")];
        assert_eq!(connection(&login).is_ok(), cfg!(feature = "kafka-tls"), "SCRAM by default");
        assert_eq!(connection(&[(PROTOCOL, "SSL")]).is_ok(), cfg!(feature = "kafka-tls"));
    }

    #[test]
    fn every_variable_is_listed() {
        let read = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let lookup = |name: &str| {
            read.borrow_mut().insert(name.to_owned());
            (name == PROTOCOL).then(|| "PLAINTEXT".to_owned())
        };
        Connection::from_variables("kafka:9092", &lookup).unwrap();
        assert_eq!(read.into_inner(), VARIABLES.iter().map(|(name, _)| (*name).to_owned()).collect());
    }
}
