//! Parameters: from the interface's values to the driver's.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::{
    numeric::Numeric,
    range::Range,
    value::{Interval, Json},
};
use crate::bindings::spin::postgres::postgres::{ParameterValue, RangeBoundKind};

type BoxError = Box<dyn Error + Sync + Send>;
type Parameter = Box<dyn ToSql + Sync + Send>;

/// The driver's value; an error says which part of the parameter is wrong.
pub(super) fn to_sql(value: ParameterValue) -> Result<Parameter, String> {
    Ok(match value {
        ParameterValue::Boolean(v) => Box::new(v),
        ParameterValue::Int8(v) => Box::new(v),
        ParameterValue::Int16(v) => Box::new(v),
        ParameterValue::Int32(v) => Box::new(v),
        ParameterValue::Int64(v) => Box::new(v),
        ParameterValue::Floating32(v) => Box::new(v),
        ParameterValue::Floating64(v) => Box::new(v),
        ParameterValue::Str(v) => Box::new(v),
        ParameterValue::Binary(v) => Box::new(v),
        ParameterValue::Date((y, m, d)) => Box::new(date(y, m, d)?),
        ParameterValue::Time((h, m, s, ns)) => Box::new(time(h, m, s, ns)?),
        ParameterValue::Datetime((y, mo, d, h, mi, s, ns)) => {
            Box::new(NaiveDateTime::new(date(y, mo, d)?, time(h, mi, s, ns)?))
        }
        ParameterValue::Timestamp(seconds) => Box::new(
            DateTime::from_timestamp(seconds, 0)
                .ok_or_else(|| format!("no time is {seconds} s after 1970"))?,
        ),
        ParameterValue::Uuid(v) => {
            Box::new(Uuid::parse_str(&v).map_err(|error| format!("{v:?} is no UUID: {error}"))?)
        }
        ParameterValue::Jsonb(v) => Box::new(Json(v)),
        ParameterValue::Decimal(v) => Box::new(Numeric::parse(&v)?),
        ParameterValue::RangeInt32((lower, upper)) => Box::new(Range(lower, upper)),
        ParameterValue::RangeInt64((lower, upper)) => Box::new(Range(lower, upper)),
        ParameterValue::RangeDecimal((lower, upper)) => {
            let bound = |bound: Option<(String, RangeBoundKind)>| {
                bound.map(|(value, kind)| Numeric::parse(&value).map(|value| (value, kind))).transpose()
            };
            Box::new(Range(bound(lower)?, bound(upper)?))
        }
        ParameterValue::ArrayInt32(v) => Box::new(v),
        ParameterValue::ArrayInt64(v) => Box::new(v),
        ParameterValue::ArrayDecimal(v) => {
            let decimals = v.iter().map(|item| item.as_deref().map(Numeric::parse).transpose());
            Box::new(decimals.collect::<Result<Vec<_>, _>>()?)
        }
        ParameterValue::ArrayStr(v) => Box::new(v),
        ParameterValue::Interval(v) => {
            Box::new(Interval { micros: v.micros, days: v.days, months: v.months })
        }
        ParameterValue::DbNull => Box::new(Null),
    })
}

fn date(year: i32, month: u8, day: u8) -> Result<NaiveDate, String> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .ok_or_else(|| format!("there is no date {year}-{month}-{day}"))
}

fn time(hour: u8, minute: u8, second: u8, nanosecond: u32) -> Result<NaiveTime, String> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanosecond)
        .ok_or_else(|| format!("there is no time {hour}:{minute}:{second} and {nanosecond} ns"))
}

/// NULL of whatever type the statement wants.
#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, BoxError> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl ToSql for Json {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        if *ty == Type::JSONB {
            out.put_u8(Self::BINARY_VERSION);
        }
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::JSON | Type::JSONB)
    }

    to_sql_checked!();
}

impl ToSql for Interval {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        out.put_i64(self.micros);
        out.put_i32(self.days);
        out.put_i32(self.months);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_named() {
        for (value, part) in [
            (ParameterValue::Date((2026, 2, 30)), "2026-2-30"),
            (ParameterValue::Time((24, 0, 0, 0)), "24:0:0"),
            (ParameterValue::Datetime((2026, 13, 1, 0, 0, 0, 0)), "2026-13-1"),
            (ParameterValue::Timestamp(i64::MAX), "after 1970"),
            (ParameterValue::Uuid("x".to_owned()), "no UUID"),
            (ParameterValue::Decimal("1e9".to_owned()), "no decimal number"),
            (ParameterValue::ArrayDecimal(vec![None, Some("?".to_owned())]), "no decimal number"),
            (
                ParameterValue::RangeDecimal((Some((String::new(), RangeBoundKind::Inclusive)), None)),
                "no decimal number",
            ),
        ] {
            let error = to_sql(value).err().unwrap();
            assert!(error.contains(part), "{error}");
        }
    }
}
