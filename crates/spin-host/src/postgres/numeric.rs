//! PostgreSQL's NUMERIC as decimal text, without loss: no binary type holds all of its values.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type BoxError = Box<dyn Error + Sync + Send>;

/// A decimal number as text: an optional sign, digits, an optional point with digits; or `NaN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numeric(pub String);

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
/// Longer texts are refused; PostgreSQL itself prints at most 131,072 digits before the point.
const MOST_DIGITS: usize = 20_000;

impl Numeric {
    /// Checks that the text is a decimal number.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("nan") {
            return Ok(Self("NaN".to_owned()));
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let valid = whole.len() + fraction.len() > 0
            && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if !valid {
            return Err(format!("{text:?} is no decimal number"));
        }
        if digits.len() > MOST_DIGITS {
            return Err(format!("a decimal number of more than {MOST_DIGITS} digits"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The wire format: groups of four decimal digits, the weight of the first, the sign, digits after the point.
    pub(super) fn write(&self, out: &mut BytesMut) {
        if self.0 == "NaN" {
            [0, 0, NAN, 0].iter().for_each(|field| out.put_u16(*field));
            return;
        }
        let negative = self.0.starts_with('-');
        let digits = self.0.trim_start_matches(['+', '-']);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let groups_before = whole.len().div_ceil(4);
        let padded = format!("{whole:0>before$}{fraction}", before = groups_before * 4);
        let mut groups: Vec<u16> = padded
            .as_bytes()
            .chunks(4)
            .map(|chunk| {
                let value = chunk.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
                value * 10u16.pow(4 - chunk.len() as u32)
            })
            .collect();
        let leading = groups.iter().take_while(|group| **group == 0).count();
        groups.drain(..leading);
        while groups.last() == Some(&0) {
            groups.pop();
        }
        let weight = if groups.is_empty() { 0 } else { groups_before as i64 - leading as i64 - 1 };
        out.put_u16(groups.len() as u16);
        out.put_i16(weight as i16);
        out.put_u16(if negative && !groups.is_empty() { NEGATIVE } else { 0 });
        out.put_u16(fraction.len() as u16);
        groups.iter().for_each(|group| out.put_u16(*group));
    }

    pub(super) fn read(raw: &[u8]) -> Result<Self, BoxError> {
        let mut fields = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        let mut next = || fields.next().ok_or("a NUMERIC that ends too early");
        let (count, weight, sign, scale) = (next()?, next()? as i16, next()?, usize::from(next()?));
        match sign {
            0 | NEGATIVE => {}
            NAN => return Ok(Self("NaN".to_owned())),
            INFINITY => return Ok(Self("Infinity".to_owned())),
            NEGATIVE_INFINITY => return Ok(Self("-Infinity".to_owned())),
            other => return Err(format!("a NUMERIC with the unknown sign {other:#x}").into()),
        }
        let groups: Vec<u16> = fields.collect();
        if groups.len() != usize::from(count) {
            return Err("a NUMERIC of the wrong length".into());
        }
        let group = |power: i32| {
            let index = i32::from(weight) - power;
            usize::try_from(index).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0)
        };
        let mut text = String::new();
        if sign == NEGATIVE {
            text.push('-');
        }
        let whole: String =
            (0..=i32::from(weight)).rev().map(|power| format!("{:04}", group(power))).collect();
        let whole = whole.trim_start_matches('0');
        text.push_str(if whole.is_empty() { "0" } else { whole });
        if scale > 0 {
            let fraction: String =
                (1..=scale.div_ceil(4) as i32).map(|place| format!("{:04}", group(-place))).collect();
            text.push('.');
            text.push_str(&fraction[..scale]);
        }
        Ok(Self(text))
    }
}

impl ToSql for Numeric {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        self.write(out);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Numeric {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Self::read(raw)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(text: &str) -> String {
        let mut raw = BytesMut::new();
        Numeric::parse(text).unwrap().write(&mut raw);
        Numeric::read(&raw).unwrap().0
    }

    #[test]
    fn values_keep_their_digits() {
        for text in
            ["0", "1", "-1", "10000", "0.1", "0.0001", "0.00001", "-123456789.987654321", "1.50", "NaN"]
        {
            assert_eq!(round_trip(text), text);
        }
        assert_eq!(round_trip("007"), "7");
        assert_eq!(round_trip("-0"), "0");
        assert_eq!(round_trip("+5."), "5");
        assert_eq!(round_trip(".5"), "0.5");
    }

    #[test]
    fn the_wire_format_is_postgresqls() {
        let mut raw = BytesMut::new();
        Numeric("-12345.678".to_owned()).write(&mut raw);
        let fields: Vec<u16> = raw.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        assert_eq!(fields, [3, 1, NEGATIVE, 3, 1, 2345, 6780]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "1e5", "1,5", "0x1", " 1", "--1", "1.2.3", "١"] {
            assert!(Numeric::parse(text).is_err(), "{text:?}");
        }
        assert!(Numeric::parse(&"9".repeat(MOST_DIGITS + 1)).is_err());
    }

    #[test]
    fn damaged_input_is_an_error() {
        assert!(Numeric::read(&[]).is_err());
        assert!(Numeric::read(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 1]).is_err());
        assert!(Numeric::read(&[0, 0, 0, 0, 0x12, 0x34, 0, 0]).is_err());
    }

    proptest! {
        #[test]
        fn every_decimal_survives(negative: bool, whole in "(0|[1-9][0-9]{0,30})", fraction in "[0-9]{0,30}") {
            let zero = whole == "0" && fraction.bytes().all(|digit| digit == b'0');
            let sign = if negative && !zero { "-" } else { "" };
            let point = if fraction.is_empty() { "" } else { "." };
            let text = format!("{sign}{whole}{point}{fraction}");
            prop_assert_eq!(round_trip(&text), text);
        }

        #[test]
        fn reading_never_panics(raw: Vec<u8>) {
            let _ = Numeric::read(&raw);
        }
    }
}
