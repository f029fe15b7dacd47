//! Attribute values in HTTP headers: printable ASCII as it is, everything else percent-encoded.
//!
//! Source: CloudEvents HTTP Protocol Binding 1.0.2, section 3.1.3.2. Kafka's headers and JSON hold plain UTF-8.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

/// What is encoded besides everything that is not ASCII: control characters, and what a header may quote.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// An attribute's value as a header's.
pub fn encode(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, ENCODED).into()
}

/// A header's value as an attribute's. Producers that send plain UTF-8 are understood too; what is not UTF-8 becomes
/// U+FFFD, and a `%` that begins no code stays.
pub fn decode(value: &[u8]) -> Cow<'_, str> {
    percent_decode(value).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_binding() {
        for (value, header) in [
            ("Euro \u{20ac} \u{1f600}", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("Zoë", "Zo%C3%AB"),
            ("100%25 \"sure\"", "100%2525%20%22sure%22"),
            ("/learnflow/triage?a=b&c", "/learnflow/triage?a=b&c"),
        ] {
            assert_eq!(encode(value), header);
            assert_eq!(decode(header.as_bytes()), value);
        }
        assert_eq!(decode("Zoë".as_bytes()), "Zoë");
        assert_eq!(decode(b"100% %zz"), "100% %zz");
        assert_eq!(decode(b"%ff"), "\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn every_value_survives_as_a_header(value in ".{0,60}") {
            let header = http::HeaderValue::from_str(&encode(&value)).unwrap();
            proptest::prop_assert_eq!(decode(header.as_bytes()), value);
        }
    }
}
