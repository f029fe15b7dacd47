//! W3C trace context: a caller's `traceparent` is continued, a missing or malformed one is made.

use http::HeaderMap;
use uuid::Uuid;

/// The name of the header and of the extension attribute.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The caller's `traceparent`, or a new one.
pub(crate) fn of(headers: &HeaderMap) -> String {
    headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok())
        .filter(|value| is_valid(value))
        .map_or_else(fresh, str::to_owned)
}

/// A new trace, sampled.
pub(crate) fn fresh() -> String {
    let span = Uuid::new_v4().simple().to_string();
    format!("00-{}-{}-01", Uuid::new_v4().simple(), &span[..16])
}

/// Version 00 of <https://www.w3.org/TR/trace-context/#traceparent-header>.
fn is_valid(value: &str) -> bool {
    let hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |part: &str| part.bytes().any(|byte| byte != b'0');
    let parts: Vec<&str> = value.split('-').collect();
    matches!(parts[..], ["00", trace, span, flags]
        if hex(trace, 32) && some(trace) && hex(span, 16) && some(span) && hex(flags, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_header_is_continued_and_anything_else_replaced() {
        let mut headers = HeaderMap::new();
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert(TRACEPARENT, valid.parse().unwrap());
        assert_eq!(of(&headers), valid);
        for broken in [
            "",
            "00-0",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            headers.insert(TRACEPARENT, broken.parse().unwrap());
            assert!(is_valid(&of(&headers)));
            assert_ne!(of(&headers), broken);
        }
    }
}
