//! Headers as JSON: `[["ce_type", "…"], …]`, so that an operator can read them with psql.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

type Headers = Vec<(String, Vec<u8>)>;

/// A value as text, or in base64 when it is not UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(std::borrow::Cow<'a, str>),
    Binary { base64: String },
}

pub(super) fn encode(headers: &Headers) -> String {
    let pairs: Vec<(&str, Value<'_>)> = headers
        .iter()
        .map(|(name, value)| {
            let value = std::str::from_utf8(value).map_or_else(
                |_| Value::Binary { base64: STANDARD.encode(value) },
                |text| Value::Text(text.into()),
            );
            (name.as_str(), value)
        })
        .collect();
    serde_json::to_string(&pairs).expect("strings are always JSON")
}

pub(super) fn decode(json: &str) -> Result<Headers, String> {
    let pairs: Vec<(String, Value<'_>)> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    pairs
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Text(text) => text.into_owned().into_bytes(),
                Value::Binary { base64 } => STANDARD.decode(base64).map_err(|error| error.to_string())?,
            };
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn headers_survive(headers in proptest::collection::vec(
            (".{0,12}", proptest::collection::vec(proptest::num::u8::ANY, 0..20)), 0..6)
        ) {
            proptest::prop_assert_eq!(decode(&encode(&headers)).unwrap(), headers);
        }
    }
}
