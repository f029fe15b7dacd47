//! Where a connection string leads, and whether the component may go there.

use std::net::IpAddr;

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use crate::{allowed_hosts::AllowedHosts, bindings::spin::postgres::postgres::Error};

/// Reads a connection string and checks every server that it names.
pub(super) fn permitted(address: &str, allowed: &AllowedHosts) -> Result<Config, Error> {
    let config: Config = address.parse().map_err(|error: tokio_postgres::Error| {
        // The driver's message names the option, never its value, which may be a password.
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Error::ConnectionFailed(format!("the connection string cannot be understood: {error}{cause}"))
    })?;
    for (host, port) in servers(&config)? {
        if !allowed.allows("postgres", &host, port) {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            return Err(Error::ConnectionFailed(format!("address postgres://{host}{port} is not permitted")));
        }
    }
    if config.get_ssl_mode() == SslMode::Require {
        return Err(Error::ConnectionFailed(
            "this host connects to PostgreSQL without TLS; use sslmode=disable or prefer over a network that you trust"
                .to_owned(),
        ));
    }
    Ok(config)
}

/// The servers that the driver would try. An address in `hostaddr` is where it really goes, so it counts too.
fn servers(config: &Config) -> Result<Vec<(String, Option<u16>)>, Error> {
    let ports = config.get_ports();
    let port = |index: usize| match ports {
        [port] => Some(*port),
        ports => ports.get(index).copied(),
    };
    let named = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => Ok(name.clone()),
        #[cfg(unix)]
        Host::Unix(_) => {
            Err(Error::ConnectionFailed("a component cannot use a Unix socket; name a host".to_owned()))
        }
    });
    let numbered = config.get_hostaddrs().iter().map(|address: &IpAddr| Ok(address.to_string()));
    let mut servers = Vec::new();
    for (index, host) in named.enumerate().chain(numbered.enumerate()) {
        servers.push((host?, port(index)));
    }
    if servers.is_empty() {
        return Err(Error::ConnectionFailed("the connection string names no host".to_owned()));
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(address: &str) -> Result<(), String> {
        let entries = ["postgres://db".to_owned(), "postgres://db2:5433".to_owned()];
        let allowed = AllowedHosts::resolve("c", &entries, &BTreeMap::new()).unwrap();
        match permitted(address, &allowed) {
            Ok(_) => Ok(()),
            Err(Error::ConnectionFailed(message)) => Err(message),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn allowed_servers_are_permitted_in_both_notations() {
        check("host=db user=u password=p dbname=d").unwrap();
        check("postgres://u:p@db/d").unwrap();
        check("postgresql://u:p@db:5432/d?sslmode=disable").unwrap();
        check("host=db,db2 port=5432,5433").unwrap();
    }

    #[test]
    fn every_server_must_be_allowed() {
        assert!(check("host=evil").unwrap_err().contains("postgres://evil is not permitted"));
        assert!(check("host=db port=5433").unwrap_err().contains("not permitted"));
        assert!(check("host=db,evil").unwrap_err().contains("not permitted"));
        assert!(check("host=db hostaddr=192.0.2.1").unwrap_err().contains("192.0.2.1"));
        assert!(check("hostaddr=192.0.2.1").unwrap_err().contains("192.0.2.1"));
        assert!(check("host=/var/run/postgresql").unwrap_err().contains("Unix socket"));
        assert!(check("host=db sslmode=require").unwrap_err().contains("without TLS"));
        assert!(check("user=u").unwrap_err().contains("no host"));
        assert!(check("host=db prot=1").unwrap_err().contains("cannot be understood"));
    }
}
