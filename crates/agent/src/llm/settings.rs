//! Which model, at whose expense, and within which limits: the `llm_*` variables of spin.toml.

use std::time::Duration;

use learnflow_events::payload::AnsweredBy;
use sha2::{Digest, Sha256};

use super::{request::Usage, tokens};

/// Whose protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The Anthropic Messages API.
    Anthropic,
    /// OpenAI-compatible chat completions.
    OpenAi,
}

impl Provider {
    /// The name, as variables and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }

    /// Who is named as the author of its answers.
    pub fn author(self) -> AnsweredBy {
        match self {
            Self::Anthropic => AnsweredBy::Anthropic,
            Self::OpenAi => AnsweredBy::OpenAi,
        }
    }

    /// The model when none is named, with its list price in US dollars for a million tokens (read, written).
    fn default_model(self) -> (&'static str, f64, f64) {
        match self {
            Self::Anthropic => ("claude-sonnet-4-5", 3.0, 15.0),
            Self::OpenAi => ("gpt-4o-mini", 0.15, 0.6),
        }
    }
}

/// The configuration of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whose protocol.
    pub provider: Provider,
    /// Scheme, host and port.
    pub origin: String,
    /// The path before the endpoint's own.
    pub path: String,
    /// The keys; one empty key where none is needed.
    pub keys: Vec<String>,
    /// The model.
    pub model: String,
    /// US dollars for a million tokens read, which is micro-dollars for one.
    pub input_price: f64,
    /// US dollars for a million tokens written.
    pub output_price: f64,
    /// What a student may use in a UTC day.
    pub student_tokens_per_day: i64,
    /// What the site may spend in a UTC day, in millionths of a US dollar.
    pub site_micros_per_day: i64,
    /// To the first byte of an answer.
    pub first_byte: Duration,
    /// Between two pieces.
    pub pause: Duration,
    /// For a whole answer.
    pub answer: Duration,
    /// Before the second try.
    pub retry: Duration,
    /// How long an answer is kept for others who ask the same.
    pub cache_hours: i32,
}

impl Settings {
    /// Reads the variables; `None` when there is no model.
    ///
    /// # Errors
    /// A sentence that names the variable and what it may be.
    pub fn read(get: impl Fn(&str) -> String) -> Result<Option<Self>, String> {
        let keys: Vec<String> = get("llm_api_keys")
            .split(',')
            .map(|key| key.trim().to_owned())
            .filter(|key| !key.is_empty())
            .collect();
        let provider = match get("llm_provider").as_str() {
            "anthropic" if keys.is_empty() => {
                return Err("llm_provider is anthropic, but llm_api_keys is empty".into());
            }
            "anthropic" => Provider::Anthropic,
            "openai" => Provider::OpenAi,
            "none" => return Ok(None),
            "auto" | "" if keys.is_empty() => return Ok(None),
            "auto" | "" => Provider::Anthropic,
            other => return Err(format!("llm_provider is {other:?}; it is anthropic, openai, none or auto")),
        };
        if keys.iter().any(|key| !key.chars().all(|c| c.is_ascii_graphic())) {
            return Err("a key in llm_api_keys has characters that no key has".into());
        }
        let number = |name: &str, default: f64| match get(name).trim() {
            "" => Ok(default),
            text => text
                .parse::<f64>()
                .ok()
                .filter(|number| (0.0..1e12).contains(number))
                .ok_or_else(|| format!("{name} is {text:?}; it is a number that is not negative")),
        };
        let milliseconds =
            |name: &str, default: f64| number(name, default).map(|ms| Duration::from_secs_f64(ms / 1000.0));
        let (default_model, input, output) = provider.default_model();
        let model = match get("llm_model") {
            model if model.trim().is_empty() => default_model.to_owned(),
            model => model.trim().to_owned(),
        };
        Ok(Some(Self {
            provider,
            origin: get("llm_origin").trim_end_matches('/').to_owned(),
            path: get("llm_path").trim_end_matches('/').to_owned(),
            keys: if keys.is_empty() { vec![String::new()] } else { keys },
            model,
            input_price: number("llm_input_usd_per_mtok", input)?,
            output_price: number("llm_output_usd_per_mtok", output)?,
            student_tokens_per_day: number("llm_student_tokens_per_day", 200_000.0)? as i64,
            site_micros_per_day: (number("llm_site_usd_per_day", 20.0)? * 1e6) as i64,
            first_byte: milliseconds("llm_first_byte_ms", 15_000.0)?,
            pause: milliseconds("llm_pause_ms", 10_000.0)?,
            answer: milliseconds("llm_answer_ms", 60_000.0)?,
            retry: milliseconds("llm_retry_ms", 1_000.0)?,
            cache_hours: number("llm_cache_hours", 720.0)? as i32,
        }))
    }

    /// Where requests go.
    pub fn url(&self) -> String {
        let path = match self.provider {
            Provider::Anthropic => super::anthropic::PATH,
            Provider::OpenAi => super::openai::PATH,
        };
        format!("{}{}{path}", self.origin, self.path)
    }

    /// The key for the `try`-th try of a call, so that calls take the keys in turn.
    pub fn key(&self, call: u128, tries: usize) -> &str {
        let first = usize::try_from(call % self.keys.len() as u128).unwrap_or_default();
        &self.keys[(first + tries) % self.keys.len()]
    }

    /// The price of a call, in millionths of a US dollar, rounded up.
    pub fn cost_micros(&self, usage: Usage) -> u64 {
        (usage.input_tokens as f64 * self.input_price + usage.output_tokens as f64 * self.output_price).ceil()
            as u64
    }

    /// What a request may take at most, before it is sent.
    pub fn estimate(&self, request: &super::ModelRequest) -> Usage {
        let texts = request.messages.iter().map(|message| tokens::estimate(&message.text));
        let tool = request.tool.as_ref().map(|tool| tokens::estimate(&tool.schema.to_string()) + 100);
        Usage {
            input_tokens: tokens::estimate(&request.system) + texts.sum::<u64>() + tool.unwrap_or_default(),
            output_tokens: u64::from(request.max_tokens),
        }
    }

    /// The name of the circuit breaker: the endpoint's, in a form that tells an operator which.
    pub fn breaker(&self) -> String {
        let hash = Sha256::digest(self.url().as_bytes());
        format!("{}-{:02x}{:02x}", self.provider.as_str(), hash[0], hash[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        Settings::read(|name| {
            values
                .iter()
                .find(|(known, _)| *known == name)
                .map_or(String::new(), |(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_a_key_there_is_no_model() {
        assert_eq!(read(&[("llm_provider", "auto")]), Ok(None));
        assert_eq!(read(&[("llm_provider", "none"), ("llm_api_keys", "k")]), Ok(None));
        assert!(read(&[("llm_provider", "anthropic")]).is_err());
        assert!(read(&[("llm_provider", "openai")]).unwrap().is_some());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = read(&[("llm_provider", "openai"), ("llm_site_usd_per_day", "a lot")]);
        assert_eq!(
            wrong.unwrap_err(),
            "llm_site_usd_per_day is \"a lot\"; it is a number that is not negative"
        );
    }

    #[test]
    fn keys_take_turns_and_prices_round_up() {
        let settings = read(&[("llm_api_keys", "a, b,c"), ("llm_origin", "https://x/")]).unwrap().unwrap();
        let firsts: Vec<&str> = (0..4).map(|call| settings.key(call, 0)).collect();
        assert_eq!(firsts, ["a", "b", "c", "a"]);
        assert_eq!((settings.key(1, 1), settings.key(1, 2)), ("c", "a"));
        assert_eq!(settings.url(), "https://x/v1/messages");
        assert_eq!(settings.cost_micros(Usage { input_tokens: 1000, output_tokens: 500 }), 10_500);
        assert_eq!(settings.cost_micros(Usage { input_tokens: 0, output_tokens: 1 }), 15);
    }
}
