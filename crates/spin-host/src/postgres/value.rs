//! Results: from PostgreSQL's columns to the interface's values.

use std::error::Error;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use tokio_postgres::{
    Row,
    types::{FromSql, Type},
};
use uuid::Uuid;

use super::{numeric::Numeric, range::Range};
use crate::bindings::spin::postgres::postgres::{DbDataType, DbValue, Interval as WitInterval};

type BoxError = Box<dyn Error + Sync + Send>;

/// The interface's name for a column's type.
pub(super) fn column_type(ty: &Type) -> DbDataType {
    match *ty {
        Type::BOOL => DbDataType::Boolean,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::BYTEA => DbDataType::Binary,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(ty.name().to_owned()),
    }
}

/// All values of a row; an error names the column.
pub(super) fn from_row(row: &Row) -> Result<Vec<DbValue>, String> {
    (0..row.len())
        .map(|index| {
            value(row, index).map_err(|error| {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("column {:?}: {error}{cause}", row.columns()[index].name())
            })
        })
        .collect()
}

fn value(row: &Row, index: usize) -> Result<DbValue, tokio_postgres::Error> {
    match *row.columns()[index].type_() {
        Type::BOOL => get(row, index, DbValue::Boolean),
        Type::INT2 => get(row, index, DbValue::Int16),
        Type::INT4 => get(row, index, DbValue::Int32),
        Type::INT8 => get(row, index, DbValue::Int64),
        Type::FLOAT4 => get(row, index, DbValue::Floating32),
        Type::FLOAT8 => get(row, index, DbValue::Floating64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => get(row, index, DbValue::Str),
        Type::BYTEA => get(row, index, DbValue::Binary),
        Type::DATE => get(row, index, |v: NaiveDate| DbValue::Date(date(v))),
        Type::TIME => get(row, index, |v: NaiveTime| DbValue::Time(time(v))),
        Type::TIMESTAMP => get(row, index, datetime),
        Type::TIMESTAMPTZ => get(row, index, |v: DateTime<Utc>| datetime(v.naive_utc())),
        Type::UUID => get(row, index, |v: Uuid| DbValue::Uuid(v.to_string())),
        Type::JSONB => get(row, index, |v: Json| DbValue::Jsonb(v.0)),
        Type::NUMERIC => get(row, index, |v: Numeric| DbValue::Decimal(v.0)),
        Type::INT4_RANGE => get(row, index, |v: Range<i32>| DbValue::RangeInt32(v.map(|bound| bound))),
        Type::INT8_RANGE => get(row, index, |v: Range<i64>| DbValue::RangeInt64(v.map(|bound| bound))),
        Type::NUM_RANGE => get(row, index, |v: Range<Numeric>| DbValue::RangeDecimal(v.map(|bound| bound.0))),
        Type::INT4_ARRAY => get(row, index, DbValue::ArrayInt32),
        Type::INT8_ARRAY => get(row, index, DbValue::ArrayInt64),
        Type::NUMERIC_ARRAY => get(row, index, |v: Vec<Option<Numeric>>| {
            DbValue::ArrayDecimal(v.into_iter().map(|item| item.map(|number| number.0)).collect())
        }),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => get(row, index, DbValue::ArrayStr),
        Type::INTERVAL => get(row, index, |v: Interval| {
            DbValue::Interval(WitInterval { micros: v.micros, days: v.days, months: v.months })
        }),
        _ => get(row, index, |v: Raw| DbValue::Unsupported(v.0)),
    }
}

fn get<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: usize,
    convert: impl FnOnce(T) -> DbValue,
) -> Result<DbValue, tokio_postgres::Error> {
    Ok(row.try_get::<_, Option<T>>(index)?.map_or(DbValue::DbNull, convert))
}

// chrono's months, days, hours, minutes and seconds are all below 100.
fn date(v: NaiveDate) -> (i32, u8, u8) {
    (v.year(), v.month() as u8, v.day() as u8)
}

fn time(v: NaiveTime) -> (u8, u8, u8, u32) {
    (v.hour() as u8, v.minute() as u8, v.second() as u8, v.nanosecond())
}

fn datetime(v: NaiveDateTime) -> DbValue {
    let ((year, month, day), (hour, minute, second, nanosecond)) = (date(v.date()), time(v.time()));
    DbValue::Datetime((year, month, day, hour, minute, second, nanosecond))
}

/// JSON text as it is stored; the component parses it, so the host need not.
#[derive(Debug)]
pub(super) struct Json(pub Vec<u8>);

impl Json {
    /// The first byte of JSONB in the binary protocol.
    pub(super) const BINARY_VERSION: u8 = 1;
}

impl<'a> FromSql<'a> for Json {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        match raw.split_first() {
            Some((&Self::BINARY_VERSION, text)) => Ok(Self(text.to_vec())),
            _ => Err("JSONB of an unknown version".into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }
}

/// A span of time as PostgreSQL keeps it.
#[derive(Debug)]
pub(super) struct Interval {
    pub micros: i64,
    pub days: i32,
    pub months: i32,
}

impl<'a> FromSql<'a> for Interval {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        let raw: &[u8; 16] = raw.try_into().map_err(|_| "an INTERVAL of the wrong length")?;
        let raw = u128::from_be_bytes(*raw);
        Ok(Self { micros: (raw >> 64) as i64, days: (raw >> 32) as i32, months: raw as i32 })
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }
}

/// A value of a type that the interface does not know.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
