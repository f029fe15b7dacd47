//! `allowed_outbound_hosts`: where a component may connect to, by Spin's rules.

use std::{collections::BTreeMap, net::IpAddr, ops::Range};

use crate::{error::HostError, template::Template};

/// The addresses that one component may connect to. Nothing is allowed that no entry allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<AllowedHost>);

/// One entry: `scheme://host[:port]`, where each part may be `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowedHost {
    scheme: Scheme,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scheme {
    Any,
    Is(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// `*.example.com`, kept as `.example.com`.
    Subdomain(String),
    /// `self`: requests without a host, to this application. This host does not offer them.
    Own,
    Is(String),
    Network(IpAddr, u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Port {
    Any,
    Is(u16),
    /// The end is excluded.
    Within(Range<u16>),
}

impl AllowedHosts {
    /// Puts the variables into the entries of a component and reads them.
    ///
    /// # Errors
    /// [`HostError::AllowedHost`] with the entry as it is written in spin.toml.
    pub fn resolve(
        component: &str,
        entries: &[String],
        values: &BTreeMap<String, Option<String>>,
    ) -> Result<Self, HostError> {
        entries
            .iter()
            .map(|entry| {
                Template::parse(entry)
                    .and_then(|template| template.resolve(values))
                    .map_err(|error| error.to_string())
                    .and_then(|text| AllowedHost::parse(&text))
                    .map_err(|problem| HostError::AllowedHost {
                        component: component.to_owned(),
                        entry: entry.clone(),
                        problem,
                    })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a connection is allowed. `port` is the scheme's usual one when the address names none.
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let host = normalize_host(host);
        let Some(port) = port.or_else(|| usual_port(scheme)) else { return false };
        self.0
            .iter()
            .any(|entry| entry.scheme.allows(scheme) && entry.host.allows(&host) && entry.port.allows(port))
    }
}

impl AllowedHost {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(
            "it must have the form scheme://host[:port]; each part may be *, so *://*:* allows everything",
        )?;
        let (host, port) = split_port(rest);
        let port = port.strip_suffix('/').unwrap_or(port);
        if port.contains('/') {
            return Err("a path is not allowed".to_owned());
        }
        Ok(Self {
            scheme: Scheme::parse(scheme)?,
            host: Host::parse(host)?,
            port: Port::parse(port, scheme)?,
        })
    }
}

/// Splits at the last colon, unless it is inside the brackets of an IPv6 address.
fn split_port(rest: &str) -> (&str, &str) {
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (rest, ""),
    }
}

impl Scheme {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            Ok(Self::Any)
        } else if !text.is_empty() && text.chars().all(char::is_alphabetic) {
            Ok(Self::Is(text.to_owned()))
        } else {
            Err(format!("the scheme {text:?} may consist of letters only, or be *"))
        }
    }

    fn allows(&self, scheme: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(allowed) => allowed == scheme,
        }
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Own),
            "" => return Err("the host is missing".to_owned()),
            _ => {}
        }
        if let Some(network) = parse_network(text) {
            return Ok(network);
        }
        let text = text.trim_end_matches('/');
        if text.contains('/') {
            return Err("a path is not allowed".to_owned());
        }
        if let Some(domain) = text.strip_prefix("*.")
            && !domain.contains('*')
            && !domain.is_empty()
        {
            return Ok(Self::Subdomain(format!(".{}", normalize_host(domain))));
        }
        if text.contains(['*', '{', '}', '@']) {
            return Err("a host is a name, an address, *, or *. before a domain".to_owned());
        }
        Ok(Self::Is(normalize_host(text)))
    }

    fn allows(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Subdomain(suffix) => host.ends_with(suffix.as_str()),
            Self::Own => false,
            Self::Is(allowed) => allowed == host,
            Self::Network(network, bits) => {
                host.parse().is_ok_and(|address| in_network(address, *network, *bits))
            }
        }
    }
}

impl Port {
    fn parse(text: &str, scheme: &str) -> Result<Self, String> {
        let number = |digits: &str| {
            digits.parse().map_err(|_| format!("the port {text:?} is no number from 0 to 65535"))
        };
        match text {
            "" => usual_port(scheme).map(Self::Is).ok_or_else(|| {
                format!("the scheme {scheme:?} has no usual port, so the port must be given, or *")
            }),
            "*" => Ok(Self::Any),
            _ => match text.split_once("..") {
                Some((first, end)) => Ok(Self::Within(number(first)?..number(end)?)),
                None => number(text).map(Self::Is),
            },
        }
    }

    fn allows(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Is(allowed) => *allowed == port,
            Self::Within(range) => range.contains(&port),
        }
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" => 80,
        "https" => 443,
        "postgres" => 5432,
        "mysql" => 3306,
        "redis" => 6379,
        "mqtt" => 1883,
        _ => return None,
    })
}

/// Names are compared without case, IPv6 addresses without brackets.
fn normalize_host(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

fn parse_network(text: &str) -> Option<Host> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = normalize_host(address).parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(Host::Network(address, bits))
}

fn in_network(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(entries: &[&str]) -> AllowedHosts {
        let entries: Vec<String> = entries.iter().map(|e| (*e).to_owned()).collect();
        AllowedHosts::resolve("c", &entries, &BTreeMap::new()).unwrap()
    }

    fn problem(entry: &str) -> String {
        AllowedHost::parse(entry).unwrap_err()
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert!(!hosts(&[]).allows("http", "localhost", Some(80)));
    }

    #[test]
    fn scheme_host_and_port_must_all_match() {
        let hosts = hosts(&["postgres://db.example:5433", "https://api.example"]);
        assert!(hosts.allows("postgres", "db.example", Some(5433)));
        assert!(!hosts.allows("postgres", "db.example", None));
        assert!(!hosts.allows("http", "db.example", Some(5433)));
        assert!(!hosts.allows("postgres", "db.example.evil", Some(5433)));
        assert!(hosts.allows("https", "API.example", None));
        assert!(hosts.allows("https", "api.example", Some(443)));
        assert!(!hosts.allows("https", "api.example", Some(8443)));
    }

    #[test]
    fn wildcards_stand_for_one_part_each() {
        assert!(hosts(&["*://*:*"]).allows("redis", "anything", Some(1)));
        let sub = hosts(&["https://*.example.com"]);
        assert!(sub.allows("https", "a.b.example.com", None));
        assert!(!sub.allows("https", "example.com", None));
        assert!(!sub.allows("https", "badexample.com", None));
        let range = hosts(&["http://localhost:8000..8010"]);
        assert!(range.allows("http", "localhost", Some(8009)));
        assert!(!range.allows("http", "localhost", Some(8010)));
    }

    #[test]
    fn networks_and_ipv6() {
        let net = hosts(&["http://10.1.0.0/16:80", "http://[fd00::]/8:*", "http://[::1]:81", "http://[::2]"]);
        assert!(net.allows("http", "10.1.255.3", None));
        assert!(!net.allows("http", "10.2.0.1", None));
        assert!(net.allows("http", "[fd12::1]", Some(9)));
        assert!(net.allows("http", "::1", Some(81)));
        assert!(net.allows("http", "[::2]", None));
        assert!(!net.allows("http", "name.10.1.0.1", None));
    }

    #[test]
    fn self_is_understood_and_allows_no_other_host() {
        assert!(!hosts(&["http://self"]).allows("http", "self", None));
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for entry in ["*", "localhost:80", ""] {
            assert!(problem(entry).contains("scheme://host"), "{entry}");
        }
        assert!(problem("http://a/b").contains("path"));
        assert!(problem("http://a:80/b").contains("path"));
        assert!(problem("ftp://a").contains("usual port"));
        assert!(problem("*://a").contains("usual port"));
        assert!(problem("http://a:http").contains("no number"));
        assert!(problem("http://a.*").contains("before a domain"));
        assert!(problem("http://user@a").contains("a host is"));
        assert!(problem("h2://a:1").contains("letters only"));
        assert!(AllowedHost::parse("http://a/").is_ok());
    }

    #[test]
    fn variables_are_put_in() {
        let values = BTreeMap::from([("url".to_owned(), Some("http://sandbox:8000".to_owned()))]);
        let entries = ["{{ url }}".to_owned()];
        let hosts = AllowedHosts::resolve("c", &entries, &values).unwrap();
        assert!(hosts.allows("http", "sandbox", Some(8000)));
        let error = AllowedHosts::resolve("c", &entries, &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("{{ url }}"), "{error}");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(entry in "\\PC*") {
            let _ = AllowedHost::parse(&entry);
        }

        #[test]
        fn a_literal_entry_allows_itself_and_no_other_port(
            scheme in "(http|https|postgres)",
            host in "[a-z][a-z0-9-]{0,20}(\\.[a-z]{2,5}){0,2}",
            port in 1u16..,
            other in 1u16..,
        ) {
            prop_assume!(host != "self" && host != "self.alt");
            let hosts = hosts(&[&format!("{scheme}://{host}:{port}")]);
            prop_assert!(hosts.allows(&scheme, &host, Some(port)));
            prop_assert_eq!(hosts.allows(&scheme, &host, Some(other)), other == port);
            let longer = format!("{host}x");
            prop_assert!(!hosts.allows(&scheme, &longer, Some(port)));
        }

        #[test]
        fn a_network_holds_exactly_the_addresses_with_its_prefix(a: u32, b: u32, bits in 0u8..=32) {
            let (a, b) = (std::net::Ipv4Addr::from_bits(a), std::net::Ipv4Addr::from_bits(b));
            let same = (0..bits).all(|i| (a.to_bits() >> (31 - i)) & 1 == (b.to_bits() >> (31 - i)) & 1);
            prop_assert_eq!(in_network(a.into(), b.into(), bits), same);
        }
    }
}
