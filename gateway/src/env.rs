//! The environment of the `gateway` binary: every variable it reads, in one place.

use std::{fmt::Display, net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use learnflow_event_log::EventLog;

use crate::config::{GatewayConfig, ModelOffer, OidcConfig, SweepConfig};

macro_rules! variables {
    ($($(#[doc = $text:literal])+ $name:ident;)+) => {
        /// Names of the variables.
        pub mod name {
            $($(#[doc = $text])+ pub const $name: &str = stringify!($name);)+
        }

        /// Every variable with what it means, for `gateway --help`.
        pub const VARIABLES: &[(&str, &str)] = &[$((stringify!($name), concat!($($text, "\n"),+))),+];
    };
}

variables! {
    /// PostgreSQL's address, `postgres://user:password@host/database`. Required.
    DATABASE_URL;
    /// Kafka's brokers, `host:port,host:port`; without it the event log is in PostgreSQL. How to log in there is
    /// said by variables of the event log, at the end.
    KAFKA_BOOTSTRAP_SERVERS;
    /// Where people connect; `0.0.0.0:3000` when absent.
    GATEWAY_LISTEN;
    /// Where the broker delivers dead letters and metrics are scraped; `0.0.0.0:3001` when absent.
    GATEWAY_INTERNAL_LISTEN;
    /// Where the functions are, `{agent}` stands for the agent's name;
    /// `http://{agent}.learnflow.svc.cluster.local` when absent.
    GATEWAY_FUNCTIONS_URL;
    /// Where the sandbox host is; `http://sandbox-host.learnflow.svc.cluster.local` when absent.
    GATEWAY_SANDBOX_URL;
    /// The broker's ingress;
    /// `http://kafka-broker-ingress.knative-eventing.svc.cluster.local/learnflow/default` when absent.
    GATEWAY_BROKER_URL;
    /// The file of the signing keys, mode 0600 (or 0440); made when there is none. Required.
    GATEWAY_KEY_FILE;
    /// The folder of the exported web app.
    GATEWAY_WEB_ROOT;
    /// This replica's name, for its consumer group; the pod's name. `HOSTNAME` when absent.
    GATEWAY_REPLICA_ID;
    /// Origins whose pages may use the gateway besides its own, separated by commas. With an `https://` one
    /// cookies are sent over TLS only.
    GATEWAY_PUBLIC_ORIGINS;
    /// Reverse proxies in front that append to `X-Forwarded-For`; 0 when absent.
    GATEWAY_FORWARDED_HOPS;
    /// Most connections to PostgreSQL; 10 when absent.
    GATEWAY_DATABASE_CONNECTIONS;
    /// Seconds that a turn may wait for triage before it is published again; 30 when absent.
    GATEWAY_RECEIVED_DEADLINE_S;
    /// Seconds that a turn may wait for its answer before it is published again; 180 when absent.
    GATEWAY_ROUTED_DEADLINE_S;
    /// Programs that a student may run in a day; 2000 when absent.
    GATEWAY_RUNS_PER_DAY;
    /// The agents' `llm_student_tokens_per_day`, where they may ask a language model; without it students are told
    /// that there is none, and nobody is asked for consent.
    GATEWAY_STUDENT_TOKENS_PER_DAY;
    /// The agents' `llm_site_usd_per_day`, what the model may cost in a day, for the operator's page; without it the
    /// page shows what was spent, but not of how much.
    GATEWAY_SITE_USD_PER_DAY;
    /// Sockets that a user may have open on one replica; 32 when absent.
    GATEWAY_SOCKETS_PER_USER;
    /// The issuer of an OpenID Connect provider (`https://id.example.org`), to log in there. Its client is
    /// registered with the redirect URI `https://<this gateway>/api/auth/oidc/callback`.
    GATEWAY_OIDC_ISSUER;
    /// Our client id at that provider. Required with an issuer.
    GATEWAY_OIDC_CLIENT_ID;
    /// Our client secret there; absent for a public client.
    GATEWAY_OIDC_CLIENT_SECRET;
    /// That redirect URI; `/api/auth/oidc/callback` at the first of the public origins when absent.
    GATEWAY_OIDC_REDIRECT_URL;
    /// What the provider is called on the login page; the issuer's host when absent.
    GATEWAY_OIDC_NAME;
}

/// A variable that is missing or wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name} {problem}")]
pub struct EnvError {
    name: &'static str,
    problem: String,
}

/// Where variables come from: [`std::env::var`] without its errors, or a map in tests.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

fn optional<T: FromStr<Err: Display>>(lookup: Lookup<'_>, name: &'static str) -> Result<Option<T>, EnvError> {
    lookup(name)
        .filter(|value| !value.is_empty())
        .map(|value| {
            value.parse().map_err(|error| EnvError { name, problem: format!("is {value:?}: {error}") })
        })
        .transpose()
}

/// US dollars, in millionths.
fn dollars(lookup: Lookup<'_>, name: &'static str) -> Result<Option<i64>, EnvError> {
    let Some(amount) = optional::<f64>(lookup, name)? else { return Ok(None) };
    if !amount.is_finite() || amount < 0.0 {
        return Err(EnvError { name, problem: format!("is {amount}; it is a number that is not negative") });
    }
    // More than an i64 holds is as good as no limit.
    Ok(Some((amount * 1e6) as i64))
}

/// A variable that has no default.
///
/// # Errors
/// When it is not set.
pub fn required(lookup: Lookup<'_>, name: &'static str) -> Result<String, EnvError> {
    lookup(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| EnvError { name, problem: "is not set; gateway --help says what it is".to_owned() })
}

/// The configuration that the environment describes.
///
/// # Errors
/// Names the first variable that is missing or wrong.
pub fn configuration(lookup: Lookup<'_>, event_log: Arc<dyn EventLog>) -> Result<GatewayConfig, EnvError> {
    let text =
        |name, default: &str| lookup(name).filter(|value| !value.is_empty()).unwrap_or(default.to_owned());
    let listen = |name, default: SocketAddr| Ok::<_, EnvError>(optional(lookup, name)?.unwrap_or(default));
    let cluster = "svc.cluster.local";
    let mut config = GatewayConfig::new(
        listen(name::GATEWAY_LISTEN, ([0, 0, 0, 0], 3000).into())?,
        required(lookup, name::DATABASE_URL)?,
        event_log,
        text(name::GATEWAY_FUNCTIONS_URL, &format!("http://{{agent}}.learnflow.{cluster}")),
        text(name::GATEWAY_SANDBOX_URL, &format!("http://sandbox-host.learnflow.{cluster}")),
        text(
            name::GATEWAY_BROKER_URL,
            &format!("http://kafka-broker-ingress.knative-eventing.{cluster}/learnflow/default"),
        ),
        required(lookup, name::GATEWAY_KEY_FILE)?,
    );
    config.internal_listen = Some(listen(name::GATEWAY_INTERNAL_LISTEN, ([0, 0, 0, 0], 3001).into())?);
    config.web_root = lookup(name::GATEWAY_WEB_ROOT).filter(|root| !root.is_empty()).map(PathBuf::from);
    config.replica_id = text(name::GATEWAY_REPLICA_ID, &text("HOSTNAME", "0"));
    config.public_origins = text(name::GATEWAY_PUBLIC_ORIGINS, "")
        .split(',')
        .map(str::trim)
        .filter(|origin| !origin.is_empty())
        .map(str::to_owned)
        .collect();
    let defaults = (config.forwarded_hops, config.database_connections);
    config.forwarded_hops = optional(lookup, name::GATEWAY_FORWARDED_HOPS)?.unwrap_or(defaults.0);
    config.database_connections = optional(lookup, name::GATEWAY_DATABASE_CONNECTIONS)?.unwrap_or(defaults.1);
    config.sweep = sweep(lookup, config.sweep)?;
    config.runs_per_day = optional(lookup, name::GATEWAY_RUNS_PER_DAY)?.unwrap_or(config.runs_per_day);
    config.model = optional(lookup, name::GATEWAY_STUDENT_TOKENS_PER_DAY)?
        .map(|student_tokens_per_day| ModelOffer { student_tokens_per_day });
    config.site_micros_per_day = dollars(lookup, name::GATEWAY_SITE_USD_PER_DAY)?;
    config.sockets_per_user =
        optional(lookup, name::GATEWAY_SOCKETS_PER_USER)?.unwrap_or(config.sockets_per_user);
    config.oidc = provider(lookup, &config)?;
    Ok(config)
}

/// The sweep's settings, with the deadlines that the variables name.
///
/// # Errors
/// When one is not a number of seconds.
pub fn sweep(lookup: Lookup<'_>, defaults: SweepConfig) -> Result<SweepConfig, EnvError> {
    let seconds =
        |name, default| Ok::<_, EnvError>(optional(lookup, name)?.map_or(default, Duration::from_secs));
    Ok(SweepConfig {
        received_deadline: seconds(name::GATEWAY_RECEIVED_DEADLINE_S, defaults.received_deadline)?,
        routed_deadline: seconds(name::GATEWAY_ROUTED_DEADLINE_S, defaults.routed_deadline)?,
        ..defaults
    })
}

fn provider(lookup: Lookup<'_>, config: &GatewayConfig) -> Result<Option<OidcConfig>, EnvError> {
    let text = |name| lookup(name).filter(|value| !value.is_empty());
    let Some(issuer) = text(name::GATEWAY_OIDC_ISSUER) else { return Ok(None) };
    let host = issuer.split_once("://").map_or(issuer.as_str(), |(_, rest)| rest);
    let own = || {
        let origin = config.public_origins.first()?;
        Some(format!("{}/api/auth/oidc/callback", origin.trim_end_matches('/')))
    };
    Ok(Some(OidcConfig {
        name: text(name::GATEWAY_OIDC_NAME).unwrap_or_else(|| host.to_owned()),
        client_id: required(lookup, name::GATEWAY_OIDC_CLIENT_ID)?,
        client_secret: text(name::GATEWAY_OIDC_CLIENT_SECRET),
        redirect_url: text(name::GATEWAY_OIDC_REDIRECT_URL).or_else(own).ok_or_else(|| EnvError {
            name: name::GATEWAY_OIDC_REDIRECT_URL,
            problem: "is not set, and neither is GATEWAY_PUBLIC_ORIGINS".to_owned(),
        })?,
        issuer,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_kept_in_millionths() {
        let read =
            |value: &'static str| dollars(&move |_| Some(value.to_owned()), name::GATEWAY_SITE_USD_PER_DAY);
        assert_eq!(read("20"), Ok(Some(20_000_000)));
        assert_eq!(read("0.2"), Ok(Some(200_000)));
        assert_eq!(read(""), Ok(None));
        for wrong in ["-1", "inf", "a lot"] {
            assert!(
                read(wrong).unwrap_err().to_string().starts_with("GATEWAY_SITE_USD_PER_DAY is "),
                "{wrong}"
            );
        }
    }
}
