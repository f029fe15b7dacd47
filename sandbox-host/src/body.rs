//! Bodies of requests: JSON that says it is JSON, within a limit.

use axum::{
    body::Bytes,
    extract::rejection::BytesRejection,
    http::{HeaderMap, StatusCode, header},
};
use learnflow_events::limits::BODY_BYTES;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A body as it was sent, or why it could not be read.
pub(crate) type Raw = Result<Bytes, BytesRejection>;

/// The body as what is expected here.
///
/// Anything that is not declared as JSON is refused: a page of somebody else's may make a browser send other types
/// here without asking, but not this one.
pub(crate) fn json_body<T: DeserializeOwned>(headers: &HeaderMap, raw: Raw) -> Result<T, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body has to be JSON; send it with content-type: application/json",
        ));
    }
    let body = whole(raw, BODY_BYTES)?;
    serde_json::from_slice(&body).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        Problem::new(status, format!("the body is not the JSON that is expected here: {error}"))
    })
}

/// The bytes of a body that may have at most `limit`.
pub(crate) fn whole(raw: Raw, limit: usize) -> Result<Bytes, Problem> {
    raw.map_err(|error| {
        let detail = if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            format!("the body is larger than {limit} bytes")
        } else {
            error.body_text()
        };
        Problem::new(error.status(), detail)
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_that_it_is_json_is_read() {
        for (value, accepted) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/merge-patch+json"), true),
            (Some("text/plain"), false),
            (Some("text/x+json"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            }
            let answer: Result<u8, Problem> = json_body(&headers, Ok(Bytes::from_static(b"7")));
            assert_eq!(answer.is_ok(), accepted, "{value:?}");
        }
    }
}
