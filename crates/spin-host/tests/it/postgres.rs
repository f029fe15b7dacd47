//! `spin:postgres` against a real PostgreSQL.

use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use learnflow_spin_host::{HostOptions, SpinHost};
use learnflow_testkit::{ChaosProxy, Database, database, wait_until};

use crate::guest::{app_with_hosts, load, options, send};

const DEADLINE: Duration = Duration::from_secs(10);

/// A host whose component may connect to any port of this machine, over one connection.
fn one_connection() -> SpinHost {
    let mut one = options();
    one.postgres.connections = 1;
    with(one)
}

fn with(options: HostOptions) -> SpinHost {
    load(&app_with_hosts(&["postgres://127.0.0.1:*", "postgres://localhost:*"]), options).unwrap()
}

async fn ask(host: &SpinHost, what: &str, address: &str, sql: &str) -> String {
    let request = Request::post(format!("/postgres/{what}")).header("x-address", address);
    let (status, answer) = send(host, request, sql.to_owned()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

#[tokio::test]
async fn every_type_survives_the_round_trip_and_may_be_null() {
    let Database { url, .. } = database().await;
    let answer = ask(&one_connection(), "types", &url, "").await;
    let expected = r#"
bool Boolean Boolean(true)
int2 Int16 Int16(-32768)
int4 Int32 Int32(2147483647)
int8 Int64 Int64(-9223372036854775808)
float4 Floating32 Floating32(1.5)
float8 Floating64 Floating64(-0.1)
text Str Str("grüße 'quoted' 🐍")
varchar Str Str("")
bytea Binary Binary([0, 255, 10])
date Date Date((1999, 12, 31))
time Time Time((23, 59, 59, 123456000))
timestamp Datetime Datetime((2026, 2, 28, 1, 2, 3, 456789000))
timestamptz Datetime Datetime((2023, 11, 14, 22, 13, 20, 0))
uuid Uuid Uuid("0190163d-8694-739b-aea5-966c26f8ad91")
jsonb Jsonb {"a": "x", "b": [1, null]}
numeric Decimal Decimal("-12345678901234567890.0987654321")
int4range RangeInt32 RangeInt32((Some((1, Inclusive)), Some((5, Exclusive))))
int8range RangeInt64 RangeInt64((None, Some((7, Exclusive))))
numrange RangeDecimal RangeDecimal((Some(("0.5", Exclusive)), Some(("1.50", Inclusive))))
int4[] ArrayInt32 ArrayInt32([Some(1), None, Some(-3)])
int8[] ArrayInt64 ArrayInt64([])
numeric[] ArrayDecimal ArrayDecimal([Some("0.001"), None])
text[] ArrayStr ArrayStr([Some("a,b"), None, Some("\"")])
interval Interval Interval(Interval { micros: 1000001, days: -2, months: 13 })
inet Other("inet") Unsupported([2, 32, 0, 4, 127, 0, 0, 1])
"#;
    assert_eq!(answer, expected.trim());
}

#[tokio::test]
async fn rows_come_with_the_names_of_their_columns() {
    let Database { url, .. } = database().await;
    let sql = "SELECT i AS number, i::text || '!' AS text FROM generate_series(1, 2) AS i";
    assert_eq!(
        ask(&one_connection(), "query", &url, sql).await,
        "number=DbValue::Int32(1) text=DbValue::Str(\"1!\")\nnumber=DbValue::Int32(2) text=DbValue::Str(\"2!\")"
    );
    assert_eq!(ask(&one_connection(), "execute", &url, "DELETE FROM query_history").await, "0 rows");
}

#[tokio::test]
async fn an_error_of_the_database_has_its_sqlstate() {
    let Database { url, pool } = database().await;
    sqlx::query("CREATE TABLE pets (name text CONSTRAINT one_of_each UNIQUE)").execute(&pool).await.unwrap();
    let host = one_connection();
    assert_eq!(ask(&host, "execute", &url, "INSERT INTO pets VALUES ('cat')").await, "1 rows");
    let error = ask(&host, "execute", &url, "INSERT INTO pets VALUES ('cat')").await;
    assert!(error.starts_with("ERROR 23505"), "{error}");
    assert!(error.contains(r#"("constraint", "one_of_each")"#), "{error}");
    let backend = async || ask(&host, "query", &url, "SELECT pg_backend_pid()").await;
    let before = backend().await;
    let error = ask(&host, "query", &url, "SELEC 1").await;
    assert!(error.starts_with("ERROR 42601"), "{error}");
    let error = ask(&host, "query", &url, "SELECT 1 / (SELECT 0)").await;
    assert!(error.starts_with("ERROR 22012"), "{error}");
    // SELEC may have been anything; after a plain statement that failed the connection is kept.
    let after = backend().await;
    assert_ne!(after, before);
    ask(&host, "query", &url, "SELECT 1 / (SELECT 0)").await;
    assert_eq!(backend().await, after);
}

#[tokio::test]
async fn other_servers_are_denied_and_dead_ones_are_connection_failures() {
    let Database { url, .. } = database().await;
    let nowhere = load(&app_with_hosts(&["postgres://db.example"]), options()).unwrap();
    let denied = ask(&nowhere, "query", &url, "SELECT 1").await;
    assert!(denied.starts_with("connection failed: address postgres://127.0.0.1:"), "{denied}");
    assert!(denied.ends_with("is not permitted"), "{denied}");

    let host = one_connection();
    let start = Instant::now();
    let dead = ask(&host, "query", "postgres://u:secret@127.0.0.1:1/d", "SELECT 1").await;
    assert!(dead.starts_with("connection failed") && dead.contains("refused"), "{dead}");
    assert!(!dead.contains("secret"), "{dead}");
    assert!(start.elapsed() < DEADLINE);
    let garbled = ask(&host, "query", "postgres://u:secret@127.0.0.1:port/d", "SELECT 1").await;
    assert!(garbled.starts_with("connection failed") && !garbled.contains("secret"), "{garbled}");
}

#[tokio::test]
async fn a_connection_that_died_is_replaced() {
    let Database { url, .. } = database().await;
    let server = url.rsplit('@').next().unwrap().split('/').next().unwrap();
    let proxy = ChaosProxy::start(server).await;
    let through = proxy.url(&url);
    let host = one_connection();
    assert_eq!(ask(&host, "query", &through, "SELECT 1 AS a").await, "a=DbValue::Int32(1)");

    proxy.cut();
    let down = ask(&host, "query", &through, "SELECT 1 AS a").await;
    assert!(down.starts_with("connection failed"), "{down}");
    proxy.restore();
    wait_until(DEADLINE, async || {
        (ask(&host, "query", &through, "SELECT 1 AS a").await == "a=DbValue::Int32(1)").then_some(())
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_session_reaches_the_next_request() {
    let Database { url, .. } = database().await;
    let host = one_connection();
    assert_eq!(ask(&host, "execute", &url, "SET statement_timeout = 4711").await, "0 rows");
    let setting = ask(&host, "query", &url, "SHOW statement_timeout").await;
    assert!(!setting.contains("4711"), "{setting}");

    let backend = async || ask(&host, "query", &url, "SELECT pg_backend_pid()").await;
    let first = backend().await;
    assert_eq!(backend().await, first, "a connection is used again after a plain statement");
    assert_eq!(ask(&host, "execute", &url, "BEGIN").await, "0 rows");
    assert_ne!(backend().await, first, "a connection is used again inside another request's transaction");
}

#[tokio::test]
async fn a_statement_stops_with_the_request_that_started_it() {
    let Database { url, pool } = database().await;
    let mut impatient = options();
    impatient.postgres.connections = 1;
    impatient.limits.request_timeout = Duration::from_millis(200);
    let host = with(impatient);
    let request = Request::post("/postgres/query").header("x-address", &url);
    let (status, _) = send(&host, request, "SELECT pg_sleep(3600)").await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    wait_until(DEADLINE, async || {
        let sql = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND query = 'SELECT pg_sleep(3600)' AND state = 'active'";
        let running: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        (running == 0).then_some(())
    })
    .await;
    // The only connection was busy; the next request gets another.
    wait_until(DEADLINE, async || {
        let request = Request::post("/postgres/query").header("x-address", &url);
        let (_, answer) = send(&host, request, "SELECT 1 AS a").await;
        (answer == "a=DbValue::Int32(1)").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_migration_under_a_prepared_statement_is_not_noticed() {
    let Database { url, pool } = database().await;
    sqlx::query("CREATE TABLE pets AS SELECT 1 AS a").execute(&pool).await.unwrap();
    let host = one_connection();
    assert_eq!(ask(&host, "query", &url, "SELECT * FROM pets").await, "a=DbValue::Int32(1)");
    sqlx::query("ALTER TABLE pets ADD COLUMN b int DEFAULT 2").execute(&pool).await.unwrap();
    assert_eq!(
        ask(&host, "query", &url, "SELECT * FROM pets").await,
        "a=DbValue::Int32(1) b=DbValue::Int32(2)"
    );
}

#[tokio::test]
async fn a_result_has_a_limit() {
    let Database { url, .. } = database().await;
    let mut small = options();
    small.postgres.result_bytes = 1000;
    let host = with(small);
    let answer = ask(&host, "twice", &url, "SELECT repeat('x', 100) FROM generate_series(1, 20)").await;
    for line in answer.lines() {
        assert!(line.contains("larger than 1000 bytes"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_share_few_connections() {
    let Database { url, .. } = database().await;
    let mut two = options();
    two.postgres.connections = 2;
    let host = with(two);
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let (host, url) = (host.clone(), url.clone());
            tokio::spawn(async move { ask(&host, "query", &url, "SELECT pg_backend_pid() AS pid").await })
        })
        .collect();
    let mut connections = std::collections::BTreeSet::new();
    for answer in asked {
        connections.insert(answer.await.unwrap());
    }
    assert!((1..=2).contains(&connections.len()), "{connections:?}");
    assert!(connections.iter().all(|pid| pid.starts_with("pid=DbValue::Int32(")), "{connections:?}");
}
