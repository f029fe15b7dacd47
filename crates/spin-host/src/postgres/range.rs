//! Ranges of integers and decimals.

use std::error::Error;

use bytes::BytesMut;
use postgres_protocol::{
    IsNull as ProtocolNull,
    types::{Range as ProtocolRange, RangeBound, range_from_sql, range_to_sql},
};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::bindings::spin::postgres::postgres::RangeBoundKind;

type BoxError = Box<dyn Error + Sync + Send>;

/// A bound with its value; `None` is open.
type Bound<T> = Option<(T, RangeBoundKind)>;

/// A range as the interface has it. The empty range has no notation there; it is read as two open bounds, as by Spin.
#[derive(Debug)]
pub(super) struct Range<T>(pub Bound<T>, pub Bound<T>);

impl<T> Range<T> {
    pub(super) fn map<U>(self, convert: impl Fn(T) -> U) -> (Bound<U>, Bound<U>) {
        let bound = |bound: Bound<T>| bound.map(|(value, kind)| (convert(value), kind));
        (bound(self.0), bound(self.1))
    }
}

impl<T: ToSql> ToSql for Range<T> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        let element = element(ty)?;
        let write = |bound: &Bound<T>, out: &mut BytesMut| -> Result<RangeBound<ProtocolNull>, BoxError> {
            let Some((value, kind)) = bound else { return Ok(RangeBound::Unbounded) };
            value.to_sql(element, out)?;
            Ok(match kind {
                RangeBoundKind::Inclusive => RangeBound::Inclusive(ProtocolNull::No),
                RangeBoundKind::Exclusive => RangeBound::Exclusive(ProtocolNull::No),
            })
        };
        range_to_sql(|out| write(&self.0, out), |out| write(&self.1, out), out)?;
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Range(element) if T::accepts(element))
    }

    to_sql_checked!();
}

impl<'a, T: FromSql<'a>> FromSql<'a> for Range<T> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        let element = element(ty)?;
        let read = |bound: RangeBound<Option<&'a [u8]>>| -> Result<Bound<T>, BoxError> {
            let (raw, kind) = match bound {
                RangeBound::Inclusive(raw) => (raw, RangeBoundKind::Inclusive),
                RangeBound::Exclusive(raw) => (raw, RangeBoundKind::Exclusive),
                RangeBound::Unbounded => return Ok(None),
            };
            Ok(Some((T::from_sql_nullable(element, raw)?, kind)))
        };
        match range_from_sql(raw)? {
            ProtocolRange::Empty => Ok(Self(None, None)),
            ProtocolRange::Nonempty(lower, upper) => Ok(Self(read(lower)?, read(upper)?)),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Range(element) if T::accepts(element))
    }
}

fn element(ty: &Type) -> Result<&Type, BoxError> {
    match ty.kind() {
        Kind::Range(element) => Ok(element),
        _ => Err(format!("{ty} is no range").into()),
    }
}
