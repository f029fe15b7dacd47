//! The language model, as the environment of `up` names it, in terms of the application's variables.
//!
//! | environment | meaning |
//! |---|---|
//! | `ANTHROPIC_API_KEY` | one key or several, separated by commas; chooses the Anthropic Messages API |
//! | `ANTHROPIC_BASE_URL` | another address of that API |
//! | `OPENAI_API_KEY`, `OPENAI_BASE_URL` | an OpenAI-compatible endpoint (Ollama, vLLM: `http://127.0.0.1:11434/v1`, no key), when there is no Anthropic key |
//! | `LEARNFLOW_MODEL` | the model |
//! | `LEARNFLOW_STUDENT_TOKENS_PER_DAY` | what one student may use in a day |
//! | `SPIN_VARIABLE_LLM_<NAME>`, `SPIN_VARIABLE_RUN_<NAME>` | any `llm_*` or `run_*` variable of spin.toml, as `spin up` takes it; wins |

use std::collections::BTreeMap;

use anyhow::Context;
use learnflow_agent::llm::Settings;
use learnflow_gateway::{GatewayConfig, ModelOffer};

/// The Secret that a cluster's manifests refer to, and its key.
const SECRET: (&str, &str) = ("learnflow-llm", "api-keys");
const KEYS: &str = "llm_api_keys";

/// Values of `llm_*` and `run_*` variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelVariables(BTreeMap<String, String>);

impl ModelVariables {
    /// Reads the environment.
    ///
    /// # Errors
    /// When an address is not a URL.
    pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let environment: BTreeMap<String, String> = variables
            .into_iter()
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(name, value)| (name, value.trim().to_owned()))
            .collect();
        let get = |name: &str| environment.get(name).map(String::as_str);
        let mut values = BTreeMap::new();
        let mut set = |name: &str, value: &str| values.insert(name.to_owned(), value.to_owned());
        let openai = get("OPENAI_API_KEY").is_some() || get("OPENAI_BASE_URL").is_some();
        let chosen = match get("ANTHROPIC_API_KEY") {
            Some(keys) => Some(("anthropic", Some(keys), "ANTHROPIC_BASE_URL", "https://api.anthropic.com")),
            None if openai => {
                Some(("openai", get("OPENAI_API_KEY"), "OPENAI_BASE_URL", "https://api.openai.com/v1"))
            }
            None => None,
        };
        if let Some((provider, keys, address, default)) = chosen {
            set("llm_provider", provider);
            set(KEYS, keys.unwrap_or_default());
            let url = get(address).unwrap_or(default);
            let url = reqwest::Url::parse(url).with_context(|| format!("{address} is not a URL: {url}"))?;
            set("llm_origin", &url.origin().ascii_serialization());
            set("llm_path", url.path().trim_end_matches('/'));
        }
        if let Some(model) = get("LEARNFLOW_MODEL") {
            set("llm_model", model);
        }
        if let Some(tokens) = get("LEARNFLOW_STUDENT_TOKENS_PER_DAY") {
            set("llm_student_tokens_per_day", tokens);
        }
        for (name, value) in &environment {
            if let Some(name) = name.strip_prefix("SPIN_VARIABLE_")
                && (name.starts_with("LLM_") || name.starts_with("RUN_"))
            {
                set(&name.to_ascii_lowercase(), value);
            }
        }
        Ok(Self(values))
    }

    /// The value of a Secret's key, when it is the model's.
    pub fn secret(&self, name: &str, key: &str) -> Option<String> {
        // Without a key every answer is authored, so a missing one is no mistake.
        ((name, key) == SECRET).then(|| self.0.get(KEYS).cloned().unwrap_or_default())
    }

    /// Whether a Secret is the model's.
    pub fn owns(name: &str) -> bool {
        name == SECRET.0
    }

    /// Tells the gateway what students hear of the model and what its operator sees of its budget; nothing when there
    /// is none.
    ///
    /// # Errors
    /// When a value is one that the agents would refuse.
    pub fn describe(&self, gateway: &mut GatewayConfig) -> anyhow::Result<()> {
        let settings = self.settings()?;
        gateway.site_micros_per_day = settings.as_ref().map(|settings| settings.site_micros_per_day);
        gateway.model =
            settings.map(|settings| ModelOffer { student_tokens_per_day: settings.student_tokens_per_day });
        Ok(())
    }

    /// The agents' settings of the model, as they read them.
    fn settings(&self) -> anyhow::Result<Option<Settings>> {
        let settings = Settings::read(|name| self.0.get(name).cloned().unwrap_or_default());
        settings.map_err(anyhow::Error::msg)
    }

    /// What was set, by the application's variable.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(environment: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ModelVariables::from_environment(pairs).unwrap().0
    }

    #[test]
    fn nothing_is_set_without_a_provider() {
        assert_eq!(
            values(&[("ANTHROPIC_BASE_URL", "http://127.0.0.1:1"), ("ANTHROPIC_API_KEY", " ")]),
            [].into()
        );
        assert_eq!(ModelVariables::default().settings().unwrap(), None);
    }

    #[test]
    fn a_base_url_is_an_origin_and_a_path() {
        let anthropic =
            values(&[("ANTHROPIC_API_KEY", "a,b"), ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/")]);
        assert_eq!(anthropic["llm_origin"], "http://127.0.0.1:9");
        assert_eq!(anthropic["llm_path"], "");
        assert_eq!(anthropic["llm_api_keys"], "a,b");
        let local =
            values(&[("OPENAI_BASE_URL", "http://localhost:11434/v1/"), ("LEARNFLOW_MODEL", "llama3")]);
        assert_eq!(local["llm_provider"], "openai");
        let settings = ModelVariables(local.clone()).settings().unwrap().unwrap();
        assert_eq!(settings.student_tokens_per_day, 200_000);
        assert_eq!(settings.site_micros_per_day, 20_000_000);
        assert_eq!(local["llm_path"], "/v1");
        assert_eq!(local["llm_model"], "llama3");
    }

    #[test]
    fn variables_of_spin_win() {
        let set = values(&[
            ("ANTHROPIC_API_KEY", "a"),
            ("SPIN_VARIABLE_LLM_ORIGIN", "http://127.0.0.1:7"),
            ("SPIN_VARIABLE_DATABASE_URL", "not ours"),
        ]);
        assert_eq!(set["llm_origin"], "http://127.0.0.1:7");
        assert!(!set.contains_key("database_url"));
    }
}
