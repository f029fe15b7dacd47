use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use learnflow_provision::postgres::{Options, Server};
use learnflow_provision::{Error, TEST_DATABASE_URL, tools_dir};
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

/// How many test binaries can run PostgreSQL at the same time.
const SLOTS: usize = 64;

/// Keeps two processes from building the same template; a number of our own in PostgreSQL's lock space.
const TEMPLATE_LOCK: i64 = 0x6c66_7465_6d70;

/// A migrated database that belongs to one test.
pub struct Database {
    /// Its address with user and password, as `DATABASE_URL` would have it.
    pub url: String,
    /// A pool of at most five connections to it.
    pub pool: PgPool,
}

/// The URL of the PostgreSQL server that this process shares; it is started by the first call. Panics when there is none to
/// be had: a test can do nothing else.
pub fn postgres() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| match std::env::var(TEST_DATABASE_URL) {
        Ok(url) => url,
        Err(_) => start_server().unwrap_or_else(|error| panic!("no PostgreSQL for the tests: {error}")),
    })
}

/// A new database with the schema of `migrations/`, copied from a template that is migrated once.
pub async fn database() -> Database {
    create().await.unwrap_or_else(|error| panic!("no database for this test: {error:#}"))
}

/// Starts a server in the first slot that no other process uses. A slot keeps its files, so that only its very
/// first user waits for `initdb` and for the migrations.
fn start_server() -> Result<String, Error> {
    let checkout = crate::checkout();
    let tools = tools_dir(&checkout);
    let mut slot = 0;
    let server = loop {
        let dir = checkout.join(format!("target/testkit/postgres-{slot}"));
        let mut options = Options::new(dir, &tools);
        options.ephemeral = true;
        options.max_connections = 500;
        match Server::start_blocking(&options) {
            Err(Error::InUse { .. }) if slot + 1 < SLOTS => slot += 1,
            other => break other?,
        }
    };
    let url = server.database_url();
    // Statics are not dropped. The kernel stops the server when this process ends.
    static SERVER: OnceLock<Server> = OnceLock::new();
    let _ = SERVER.set(server);
    Ok(url)
}

async fn create() -> Result<Database> {
    // Another thread, because the first call blocks until the server is up.
    let admin: PgConnectOptions = tokio::task::spawn_blocking(postgres).await?.parse()?;
    let mut connection =
        PgConnection::connect_with(&admin).await.context("connecting to the tests' PostgreSQL")?;
    let template = template(&mut connection, &admin).await?;

    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"))).await?;
    connection.close().await?;

    let options = admin.database(&name);
    let pool = PgPoolOptions::new().max_connections(5).connect_with(options.clone()).await?;
    let url = with_database(postgres(), &name);
    Ok(Database { url, pool })
}

/// The name of the migrated template, which is created when this server has none for these migrations.
async fn template(connection: &mut PgConnection, admin: &PgConnectOptions) -> Result<String> {
    static READY: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    READY
        .get_or_try_init(|| async {
            let migrations = crate::checkout().join("migrations");
            let name = format!("template_{}", fingerprint(&migrations)?);
            sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut *connection).await?;
            let made = make_template(connection, admin, &migrations, &name).await;
            sqlx::query("SELECT pg_advisory_unlock($1)")
                .bind(TEMPLATE_LOCK)
                .execute(&mut *connection)
                .await?;
            made.map(|()| name)
        })
        .await
        .cloned()
}

async fn make_template(
    connection: &mut PgConnection,
    admin: &PgConnectOptions,
    migrations: &Path,
    name: &str,
) -> Result<()> {
    // A server that we started ourselves has no other users yet; a given one may.
    if std::env::var_os(TEST_DATABASE_URL).is_none() {
        drop_leftovers(connection, name).await?;
    }
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
    if exists {
        return Ok(());
    }
    // It gets its name when it is complete.
    let unfinished = format!("unfinished_{name}");
    connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {unfinished}"))).await?;
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {unfinished}"))).await?;
    let mut fresh = PgConnection::connect_with(&admin.clone().database(&unfinished)).await?;
    Migrator::new(migrations).await?.run(&mut fresh).await.context("applying migrations/")?;
    fresh.close().await?;
    connection.execute(AssertSqlSafe(format!("ALTER DATABASE {unfinished} RENAME TO {name}"))).await?;
    Ok(())
}

/// Drops what earlier users of this slot left: the databases of their tests, and templates of other migrations.
async fn drop_leftovers(connection: &mut PgConnection, template: &str) -> Result<()> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT datname FROM pg_database
          WHERE (datname LIKE 'test\\_%' OR datname LIKE 'template\\_%' OR datname LIKE 'unfinished\\_%')
            AND datname <> $1",
    )
    .bind(template)
    .fetch_all(&mut *connection)
    .await?;
    for name in names {
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await?;
    }
    Ok(())
}

/// A name for the content of all migrations.
fn fingerprint(migrations: &Path) -> Result<String> {
    let mut files: Vec<_> =
        std::fs::read_dir(migrations)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(std::fs::read(&file)?);
    }
    Ok(hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The URL with another database's name.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(a, p)| (a, Some(p)));
    let authority_end = address.find("://").map_or(0, |at| at + 3);
    let end = address[authority_end..].find('/').map_or(address.len(), |at| authority_end + at);
    let parameters = parameters.map(|parameters| format!("?{parameters}")).unwrap_or_default();
    format!("{}/{name}{parameters}", &address[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_everything_but_the_database() {
        for (url, expected) in [
            ("postgres://u:p@127.0.0.1:5/a", "postgres://u:p@127.0.0.1:5/b"),
            ("postgres://u:p@127.0.0.1:5", "postgres://u:p@127.0.0.1:5/b"),
            ("postgres://u@h/a?sslmode=disable", "postgres://u@h/b?sslmode=disable"),
        ] {
            assert_eq!(with_database(url, "b"), expected);
        }
    }

    #[tokio::test]
    async fn every_test_gets_a_migrated_database_of_its_own() {
        let (one, other) = tokio::join!(database(), database());
        let count = async |database: &Database| -> i64 {
            sqlx::query_scalar("SELECT count(*) FROM query_history").fetch_one(&database.pool).await.unwrap()
        };
        sqlx::query("SELECT * FROM receive_turn($1, 'student-1', '{\"query_text\": \"why?\"}', NULL)")
            .bind(uuid::Uuid::now_v7())
            .execute(&one.pool)
            .await
            .unwrap();
        assert_eq!((count(&one).await, count(&other).await), (1, 0));
        assert_ne!(one.url, other.url);
        let direct = PgConnection::connect(&one.url).await;
        assert!(direct.is_ok(), "the url leads to the same database");
    }
}
