//! Everything that `spin:postgres` can do, with both kinds of functions.

use anyhow::{Result, bail};
use http_body_util::BodyExt;
use spin_sdk::{
    http::Request,
    pg::{Connection, DbValue, Error, Interval, ParameterValue, PgError, RangeBoundKind},
};

/// The statement is the body, the address the header `x-address`.
pub async fn handle(what: &str, request: Request) -> Result<String> {
    let address = super::header(&request, "x-address");
    let sql = String::from_utf8(request.into_body().collect().await?.to_bytes().to_vec())?;
    match what {
        "query" => Ok(match query(&address, &sql).await {
            Ok(rows) => rows,
            Err(error) => describe(error),
        }),
        "execute" => {
            let connection = match Connection::open(address).await {
                Ok(connection) => connection,
                Err(error) => return Ok(describe(error)),
            };
            Ok(match connection.execute(sql, vec![]).await {
                Ok(rows) => format!("{rows} rows"),
                Err(error) => describe(error),
            })
        }
        "twice" => twice(&address, &sql).await,
        "types" => types(&address).await,
        other => bail!("nothing is known about {other}"),
    }
}

async fn query(address: &str, sql: &str) -> Result<String, Error> {
    let connection = Connection::open(address).await?;
    let result = connection.query(sql, vec![]).await?;
    let names: Vec<String> = result.columns().iter().map(|column| column.name.clone()).collect();
    let rows = result.collect().await?;
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            (0..names.len()).map(|i| format!("{}={:?}", names[i], row[i])).collect::<Vec<_>>().join(" ")
        })
        .collect();
    Ok(rows.join("\n"))
}

/// One statement twice over one connection, whatever happened the first time.
async fn twice(address: &str, sql: &str) -> Result<String> {
    let connection = Connection::open(address).await?;
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers.push(match connection.query(sql, vec![]).await {
            Ok(result) => format!("{} rows", result.collect().await?.len()),
            Err(error) => describe(error),
        });
    }
    Ok(answers.join("\n"))
}

fn describe(error: Error) -> String {
    match error {
        Error::PgError(PgError::ConnectionFailed(why)) => format!("connection failed: {why}"),
        Error::PgError(PgError::QueryFailed(spin_sdk::pg::QueryError::DbError(error))) => {
            format!("{} {} {:?}", error.severity, error.code, error.extras)
        }
        other => format!("{other:?}"),
    }
}

/// Sends a value of every type there is through `SELECT $1::type`, by both functions, and a NULL of that type.
/// A line for each: the type, how the column is called, and what came back.
async fn types(address: &str) -> Result<String> {
    let connection = Connection::open(address).await?.into_inner();
    let mut lines = Vec::new();
    for (ty, value) in parameters() {
        let sql = format!("SELECT $1::{ty} AS v");
        let answer = connection.query(&sql, &[value.clone()])?;
        let column = answer.columns[0].data_type.clone();
        let plain = &answer.rows[0][0];
        let (columns, rows, end) = connection.query_async(sql.clone(), vec![value]).await?;
        let rows = rows.collect().await;
        end.await?;
        if format!("{:?}", columns[0].data_type) != format!("{column:?}") {
            bail!("{ty}: {:?} and {column:?}", columns[0].data_type);
        }
        if format!("{:?}", rows[0][0]) != format!("{plain:?}") {
            bail!("{ty}: {:?} and {plain:?}", rows[0][0]);
        }
        let null = connection.query(&sql, &[ParameterValue::DbNull])?;
        if !matches!(null.rows[0][0], DbValue::DbNull) {
            bail!("{ty}: NULL became {:?}", null.rows[0][0]);
        }
        lines.push(match plain {
            DbValue::Jsonb(text) => format!("{ty} {column:?} {}", String::from_utf8_lossy(text)),
            plain => format!("{ty} {column:?} {plain:?}"),
        });
    }
    let inet = connection.query("SELECT '127.0.0.1'::inet AS v", &[])?;
    lines.push(format!("inet {:?} {:?}", inet.columns[0].data_type, inet.rows[0][0]));
    // The names of the enums say nothing that the test needs.
    let text = ["DbDataType::", "DbValue::", "RangeBoundKind::"]
        .iter()
        .fold(lines.join("\n"), |t, n| t.replace(n, ""));
    Ok(text)
}

fn parameters() -> Vec<(&'static str, ParameterValue)> {
    use ParameterValue as P;
    use RangeBoundKind::{Exclusive, Inclusive};
    vec![
        ("bool", P::Boolean(true)),
        ("int2", P::Int16(i16::MIN)),
        ("int4", P::Int32(i32::MAX)),
        ("int8", P::Int64(i64::MIN)),
        ("float4", P::Floating32(1.5)),
        ("float8", P::Floating64(-0.1)),
        ("text", P::Str("grüße 'quoted' \u{1f40d}".to_owned())),
        ("varchar", P::Str(String::new())),
        ("bytea", P::Binary(vec![0, 255, 10])),
        ("date", P::Date((1999, 12, 31))),
        ("time", P::Time((23, 59, 59, 123_456_000))),
        ("timestamp", P::Datetime((2026, 2, 28, 1, 2, 3, 456_789_000))),
        ("timestamptz", P::Timestamp(1_700_000_000)),
        ("uuid", P::Uuid("0190163d-8694-739b-aea5-966c26f8ad91".to_owned())),
        ("jsonb", P::Jsonb(br#"{"b": [1, null], "a": "x"}"#.to_vec())),
        ("numeric", P::Decimal("-12345678901234567890.0987654321".to_owned())),
        ("int4range", P::RangeInt32((Some((1, Inclusive)), Some((5, Exclusive))))),
        ("int8range", P::RangeInt64((None, Some((7, Exclusive))))),
        (
            "numrange",
            P::RangeDecimal((Some(("0.5".to_owned(), Exclusive)), Some(("1.50".to_owned(), Inclusive)))),
        ),
        ("int4[]", P::ArrayInt32(vec![Some(1), None, Some(-3)])),
        ("int8[]", P::ArrayInt64(vec![])),
        ("numeric[]", P::ArrayDecimal(vec![Some("0.001".to_owned()), None])),
        ("text[]", P::ArrayStr(vec![Some("a,b".to_owned()), None, Some("\"".to_owned())])),
        ("interval", P::Interval(Interval { micros: 1_000_001, days: -2, months: 13 })),
    ]
}
