//! OpenTelemetry's environment variables, as far as they concern spans over OTLP/HTTP.
//!
//! Source: the OpenTelemetry specification, "Environment variable specification" and "OTLP exporter".

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, uri::PathAndQuery};
use percent_encoding::percent_decode_str;

use crate::sampler::Sampler;

/// The prefix of every variable that is read here.
const PREFIX: &str = "OTEL_";
/// The variable that says who the process is, which a child process must not take over.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// A variable that cannot be used. Telemetry that is asked for and does not come is worse than a start that fails.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is {value:?}, which {problem}")]
pub struct ConfigError {
    variable: String,
    value: String,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(variable: &str, value: &str, problem: impl Into<String>) -> Self {
        Self { variable: variable.to_owned(), value: value.to_owned(), problem: problem.into() }
    }
}

/// What the environment says.
#[derive(Debug)]
pub(crate) struct Config {
    /// `service.name` and the other attributes of the process.
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) sampler: Sampler,
    /// `None` when nothing is exported.
    pub(crate) export: Option<ExportConfig>,
}

/// How spans are exported.
#[derive(Debug)]
pub(crate) struct ExportConfig {
    pub(crate) endpoint: Uri,
    pub(crate) headers: HeaderMap,
    /// How long one request may take.
    pub(crate) timeout: Duration,
    /// Finished spans that may wait; what comes while it is full is dropped.
    pub(crate) queue: usize,
    /// Spans in one request.
    pub(crate) batch: usize,
    /// How long spans are collected for one request.
    pub(crate) delay: Duration,
}

/// OpenTelemetry's variables for a child process, which is another service.
pub fn inherited() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(PREFIX) && name != SERVICE_NAME)
}

impl Config {
    /// Reads the variables. An empty one counts as absent.
    pub(crate) fn read(service: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(lookup);
        let sampler = Sampler::read(
            variables.get("OTEL_TRACES_SAMPLER").as_deref(),
            variables.get("OTEL_TRACES_SAMPLER_ARG").as_deref(),
        )?;
        let disabled =
            variables.get("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"))
                || variables.get("OTEL_TRACES_EXPORTER").is_some_and(|text| text == "none");
        let export = if disabled { None } else { variables.export()? };
        Ok(Self { resource: variables.resource(service)?, sampler, export })
    }
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A variable of the exporter; the one for traces outranks the one for all signals.
    fn of_exporter(&self, name: &str) -> Option<(String, String)> {
        [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")]
            .into_iter()
            .find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, ConfigError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        value
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| ConfigError::new(name, &value, "is not a number above 0"))
    }

    fn milliseconds(&self, name: &str, default: usize) -> Result<Duration, ConfigError> {
        Ok(Duration::from_millis(self.number(name, default)? as u64))
    }

    fn export(&self) -> Result<Option<ExportConfig>, ConfigError> {
        let Some(endpoint) = self.endpoint()? else { return Ok(None) };
        if let Some((name, protocol)) =
            self.of_exporter("PROTOCOL").filter(|(_, text)| text != "http/protobuf")
        {
            return Err(ConfigError::new(&name, &protocol, "is not supported; use http/protobuf"));
        }
        if let Some((name, compression)) = self.of_exporter("COMPRESSION").filter(|(_, text)| text != "none")
        {
            return Err(ConfigError::new(&name, &compression, "is not supported; use none"));
        }
        let timeout = match self.of_exporter("TIMEOUT") {
            Some((name, _)) => self.milliseconds(&name, 10_000)?,
            None => Duration::from_secs(10),
        };
        let headers = match self.of_exporter("HEADERS") {
            Some((name, value)) => headers(&name, &value)?,
            None => HeaderMap::new(),
        };
        let queue = self.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)?;
        Ok(Some(ExportConfig {
            endpoint,
            headers,
            timeout,
            queue,
            batch: self.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?.min(queue),
            delay: self.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000)?,
        }))
    }

    fn endpoint(&self) -> Result<Option<Uri>, ConfigError> {
        let (name, value, path) = match self.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            Some(value) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value, None),
            None => match self.get("OTEL_EXPORTER_OTLP_ENDPOINT") {
                Some(value) => ("OTEL_EXPORTER_OTLP_ENDPOINT", value, Some("/v1/traces")),
                None => return Ok(None),
            },
        };
        let refused = || ConfigError::new(name, &value, "is not an address like http://collector:4318");
        let uri: Uri = value.parse().map_err(|_| refused())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(refused());
        }
        let Some(path) = path else { return Ok(Some(uri)) };
        let mut parts = uri.into_parts();
        let below =
            parts.path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        parts.path_and_query = Some((below + path).parse().map_err(|_| refused())?);
        Uri::from_parts(parts).map(Some).map_err(|_| refused())
    }

    /// What describes the process: OTEL_SERVICE_NAME outranks OTEL_RESOURCE_ATTRIBUTES, and that the program's own name.
    fn resource(&self, service: &str) -> Result<Vec<(String, String)>, ConfigError> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let mut resource = match self.get(name) {
            Some(value) => pairs(name, &value)?,
            None => Vec::new(),
        };
        let own_name = self.get(SERVICE_NAME);
        if own_name.is_some() || resource.iter().all(|(key, _)| key != "service.name") {
            resource.retain(|(key, _)| key != "service.name");
            resource.insert(0, ("service.name".to_owned(), own_name.unwrap_or_else(|| service.to_owned())));
        }
        let mut add = |key: &str, value: &str| {
            if resource.iter().all(|(known, _)| known != key) {
                resource.push((key.to_owned(), value.to_owned()));
            }
        };
        add("service.version", env!("CARGO_PKG_VERSION"));
        add("telemetry.sdk.name", env!("CARGO_PKG_NAME"));
        add("telemetry.sdk.language", "rust");
        add("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        Ok(resource)
    }
}

/// `key=value,key=value`, with percent-encoding in the values.
fn pairs(name: &str, text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    // The value may hold a key of a vendor's, so an error does not show it.
    let broken = || ConfigError::new(name, "…", "is not a list key=value,key=value");
    text.split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').ok_or_else(broken)?;
            let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| broken())?;
            Some((key.trim().to_owned(), value.into_owned()))
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(broken)
        })
        .collect()
}

fn headers(name: &str, text: &str) -> Result<HeaderMap, ConfigError> {
    let broken = || ConfigError::new(name, "…", "is not a list of HTTP headers");
    pairs(name, text)?
        .into_iter()
        .map(|(key, value)| {
            let mut value = HeaderValue::try_from(value).map_err(|_| broken())?;
            value.set_sensitive(true);
            Ok((HeaderName::try_from(key).map_err(|_| broken())?, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read("gateway", &|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn endpoint(variables: &[(&str, &str)]) -> Option<String> {
        read(variables).unwrap().export.map(|export| export.endpoint.to_string())
    }

    #[test]
    fn nothing_is_exported_unless_somebody_says_where_to() {
        assert_eq!(endpoint(&[]), None);
        assert_eq!(endpoint(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), None);
        let there = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert_eq!(endpoint(&[there, ("OTEL_SDK_DISABLED", "true")]), None);
        assert_eq!(endpoint(&[there, ("OTEL_TRACES_EXPORTER", "none")]), None);
    }

    #[test]
    fn the_common_endpoint_gets_the_path_of_traces_and_the_own_one_is_taken_as_it_is() {
        let common = |value| endpoint(&[("OTEL_EXPORTER_OTLP_ENDPOINT", value)]).unwrap();
        assert_eq!(common("http://collector:4318"), "http://collector:4318/v1/traces");
        assert_eq!(common("https://otlp.example/tenant/"), "https://otlp.example/tenant/v1/traces");
        let both = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:1/x"),
        ];
        assert_eq!(endpoint(&both).unwrap(), "http://b:1/x");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        let there = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for wrong in [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=x"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
        ] {
            let error = read(&[there, wrong]).unwrap_err().to_string();
            assert!(error.starts_with(wrong.0), "{error}");
        }
    }

    #[test]
    fn keys_of_vendors_stay_secret() {
        let config = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%2Ccret, tenant=school"),
        ])
        .unwrap();
        assert_eq!(config.export.as_ref().unwrap().headers["api-key"], "s,cret");
        assert!(!format!("{config:?}").contains("cret"), "{config:?}");
        let error = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ]);
        assert!(!error.unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn the_environment_names_the_service() {
        let name = |variables: &[(&str, &str)]| {
            let resource = read(variables).unwrap().resource;
            let names: Vec<_> = resource.into_iter().filter(|(key, _)| key == "service.name").collect();
            assert_eq!(names.len(), 1, "{names:?}");
            names[0].1.clone()
        };
        assert_eq!(name(&[]), "gateway");
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=door,deployment.environment.name=a%20b");
        assert_eq!(name(&[attributes]), "door");
        assert_eq!(name(&[attributes, ("OTEL_SERVICE_NAME", "gate")]), "gate");
        let resource = read(&[attributes]).unwrap().resource;
        assert!(
            resource.contains(&("deployment.environment.name".to_owned(), "a b".to_owned())),
            "{resource:?}"
        );
    }
}
