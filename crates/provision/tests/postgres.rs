//! A real PostgreSQL through everything that can happen to it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use learnflow_provision::postgres::{Options, Server, Source, find_or_install, running};
use learnflow_provision::{Error, find_checkout, tools_dir};
use learnflow_testkit::wait_until;
use tokio_postgres::NoTls;

/// What a server needs at most to notice something.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where PostgreSQL would be installed if this machine had none.
fn tools() -> PathBuf {
    tools_dir(&find_checkout(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("tests run in a checkout"))
}

/// A folder that every account may enter.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

async fn query(url: &str, sql: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let rows = client.simple_query(sql).await?;
    let values = rows.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(values.collect::<Vec<_>>().join(","))
}

fn exists(pid: u32) -> bool {
    // A zombie has ended, whoever has to reap it.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn data_and_password_survive_a_restart() {
    let folder = folder();
    let options = Options::new(folder.path().join("data"), tools());
    let server = Server::start(options.clone()).await.unwrap();
    let url = server.database_url();
    query(&url, "CREATE TABLE kept (x INT); INSERT INTO kept VALUES (7)").await.unwrap();
    assert_eq!(query(&url, "SHOW fsync").await.unwrap(), "on");
    assert_eq!(query(&url, "SELECT current_database()").await.unwrap(), "learnflow");
    assert_eq!(query(&url, "SHOW server_encoding").await.unwrap(), "UTF8");
    assert_eq!(running(&options.data_dir), Some(url.clone()));

    let password = std::fs::metadata(server.data_dir().join("password")).unwrap();
    assert_eq!(password.mode() & 0o777, 0o600);
    let anybody = url.replacen(&url[..url.find('@').unwrap()], "postgres://learnflow:wrong", 1);
    assert!(query(&anybody, "SELECT 1").await.is_err(), "the password is checked");

    let pid = server.pid();
    server.stop().await;
    assert!(!exists(pid));
    assert_eq!(running(&options.data_dir), None);
    let server = Server::start(options).await.unwrap();
    assert_eq!(query(&server.database_url(), "SELECT x FROM kept").await.unwrap(), "7");
}

#[tokio::test]
async fn a_data_directory_has_one_owner_at_a_time() {
    let folder = folder();
    let options = Options { ephemeral: true, ..Options::new(folder.path().join("data"), tools()) };
    let server = Server::start(options.clone()).await.unwrap();
    let second = Server::start(options.clone()).await.err().expect("the folder is taken");
    assert!(matches!(second, Error::InUse { .. }), "{second}");
    assert!(server.is_running());
    server.stop().await;
    Server::start(options).await.unwrap();
}

#[tokio::test]
async fn a_given_port_is_used_and_a_taken_one_is_an_error() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options =
        Options { ephemeral: true, port: Some(port), ..Options::new(folder.path().join("data"), tools()) };
    let error = Server::start(options.clone()).await.err().expect("the port is taken").to_string();
    assert!(error.contains("could not bind"), "{error}");
    drop(taken);
    let server = Server::start(options).await.unwrap();
    assert_eq!(server.port(), port);
}

#[tokio::test]
async fn committed_rows_survive_the_death_of_the_server() {
    let folder = folder();
    let options = Options::new(folder.path().join("data"), tools());
    let server = Server::start(options.clone()).await.unwrap();
    query(&server.database_url(), "CREATE TABLE kept (x INT); INSERT INTO kept VALUES (7)").await.unwrap();
    kill_9(server.pid());
    wait_until(DEADLINE, async || (!server.is_running()).then_some(())).await;
    drop(server);

    // The number of a process that died can belong to another one by the time somebody looks.
    let pid_file = folder.path().join("data/cluster/postmaster.pid");
    let stale = std::fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = stale.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();

    let server = Server::start(options).await.unwrap();
    assert_eq!(query(&server.database_url(), "SELECT x FROM kept").await.unwrap(), "7");
}

#[tokio::test]
async fn a_killed_parent_takes_the_server_with_it_and_the_data_goes_on() {
    let folder = folder();
    let data = folder.path().join("data");
    let (mut parent, url) = start_in_child(&data, Command::new(std::env::current_exe().unwrap())).await;
    query(&url, "CREATE TABLE kept (x INT); INSERT INTO kept VALUES (7)").await.unwrap();
    kill_9(parent.id());
    parent.wait().unwrap();
    let server = Server::start(Options::new(&data, tools())).await.unwrap();
    assert_eq!(query(&server.database_url(), "SELECT x FROM kept").await.unwrap(), "7");
}

#[tokio::test]
async fn a_server_left_running_is_stopped_by_the_next_start() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(Options::new(&data, tools())).await.unwrap();
    query(&server.database_url(), "CREATE TABLE kept (x INT); INSERT INTO kept VALUES (7)").await.unwrap();
    server.stop().await;

    // Nobody tells this one when its parent goes away, as on a system without parent-death signals.
    let binaries = find_or_install(&tools()).unwrap();
    let owner = std::fs::metadata(data.join("cluster")).unwrap();
    let mut orphan = Command::new(binaries.join("postgres"));
    orphan.arg("-D").arg(data.join("cluster")).args(["-c", "listen_addresses="]);
    orphan.arg("-c").arg(format!("unix_socket_directories={}", data.join("cluster").display()));
    orphan.uid(owner.uid()).gid(owner.gid()).current_dir("/").stderr(Stdio::null());
    let mut orphan = orphan.spawn().unwrap();
    let pid_file = data.join("cluster/postmaster.pid");
    wait_until(DEADLINE, async || {
        std::fs::read_to_string(&pid_file).ok().filter(|text| text.contains("ready"))
    })
    .await;

    let server = Server::start(Options::new(&data, tools())).await.unwrap();
    assert!(orphan.wait().unwrap().success(), "it was asked to shut down, not killed");
    assert_eq!(query(&server.database_url(), "SELECT x FROM kept").await.unwrap(), "7");
}

#[tokio::test]
async fn ephemeral_data_that_broke_is_replaced() {
    let folder = folder();
    let options = Options { ephemeral: true, ..Options::new(folder.path().join("data"), tools()) };
    let server = Server::start(options.clone()).await.unwrap();
    let control = server.data_dir().join("cluster/global/pg_control");
    server.stop().await;
    std::fs::write(control, "broken").unwrap();
    let server = Server::start(options).await.unwrap();
    assert_eq!(query(&server.database_url(), "SELECT 1").await.unwrap(), "1");
}

#[tokio::test]
async fn durable_data_that_broke_is_kept_and_explained() {
    let folder = folder();
    let options = Options::new(folder.path().join("data"), tools());
    let server = Server::start(options.clone()).await.unwrap();
    let control = server.data_dir().join("cluster/global/pg_control");
    server.stop().await;
    std::fs::write(&control, "broken").unwrap();
    let error = Server::start(options).await.err().expect("it cannot start").to_string();
    assert!(error.contains("server.log"), "{error}");
    assert_eq!(std::fs::read_to_string(control).unwrap(), "broken");
}

#[tokio::test]
async fn data_of_another_version_is_an_error_that_names_it() {
    let folder = folder();
    let options = Options::new(folder.path().join("data"), tools());
    let server = Server::start(options.clone()).await.unwrap();
    let version = server.data_dir().join("cluster/PG_VERSION");
    server.stop().await;
    std::fs::write(version, "9\n").unwrap();
    let error = Server::start(options).await.err().expect("nobody has PostgreSQL 9").to_string();
    assert!(error.contains("PostgreSQL 9"), "{error}");
}

#[tokio::test]
async fn root_hands_its_server_to_an_account_that_reaches_the_data() {
    if !nix::unistd::geteuid().is_root() {
        return; // The other tests run as an ordinary user then.
    }
    let closed = || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let options = Options { ephemeral: true, ..Options::new(folder.path().join("data"), tools()) };
        (folder, options)
    };
    let (folder, options) = closed();
    let server = Server::start(options.clone()).await.unwrap();
    let real = server.data_dir().to_path_buf();
    assert!(real.starts_with("/var/lib/learnflow"), "{}", real.display());
    assert_ne!(std::fs::metadata(real.join("cluster")).unwrap().uid(), 0);
    assert_eq!(running(&options.data_dir), Some(server.database_url()));
    let owner = std::fs::metadata(format!("/proc/{}", server.pid())).unwrap().uid();
    assert_ne!(owner, 0, "the server does not run as root");
    server.stop().await;

    // The temporary folder goes away, and the next server that needs such a place clears up behind it.
    drop(folder);
    let (other, options) = closed();
    let server = Server::start(options).await.unwrap();
    assert!(!real.exists());
    let real = server.data_dir().to_path_buf();
    server.stop().await;
    drop(other);
    std::fs::remove_dir_all(real).unwrap();
}

#[tokio::test]
async fn an_ordinary_user_runs_a_server_too() {
    if !nix::unistd::geteuid().is_root() {
        return; // Every other test is this test then.
    }
    // The test's own program may be out of that user's reach.
    let folder = folder();
    let program = folder.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let data = folder.path().join("owned/data");
    std::fs::create_dir(data.parent().unwrap()).unwrap();
    std::os::unix::fs::chown(data.parent().unwrap(), Some(65534), Some(65534)).unwrap();
    let mut command = Command::new(program);
    command.uid(65534).gid(65534).current_dir("/").env("HOME", "/nonexistent");
    let (mut parent, url) = start_in_child(&data, command).await;
    assert_eq!(query(&url, "SELECT 6 * 7").await.unwrap(), "42");
    assert_eq!(std::fs::metadata(data.join("cluster")).unwrap().uid(), 65534);
    kill_9(parent.id());
    parent.wait().unwrap();
    wait_until(DEADLINE, async || (!data.join("cluster/postmaster.pid").exists()).then_some(())).await;
}

#[tokio::test]
async fn the_wheel_has_a_server_that_works() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("LEARNFLOW_TEST_ONLY_WHEEL", "1");
    let (mut parent, url) = start_in_child(&data, command).await;
    assert!(query(&url, "SHOW server_version").await.unwrap().starts_with("18."));
    kill_9(parent.id());
    parent.wait().unwrap();
}

fn kill_9(pid: u32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
}

const CHILD_DATA: &str = "LEARNFLOW_TEST_CHILD_DATA";

/// Runs a server in another process, which is this program again; returns it and the database's URL.
async fn start_in_child(data: &Path, mut command: Command) -> (Child, String) {
    let url_file = data.with_extension("url");
    command.args(["child_process", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD_DATA, data).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let url = wait_until(Duration::from_secs(240), async || {
        let written = std::fs::read_to_string(&url_file).ok().filter(|url| url.ends_with('\n'));
        if written.is_none() {
            assert!(child.try_wait().unwrap().is_none(), "the child ended before its server was up");
        }
        written
    })
    .await;
    (child, url.trim().to_owned())
}

/// Not a test of its own: the other process of [`start_in_child`].
#[tokio::test]
async fn child_process() {
    let Some(data) = std::env::var_os(CHILD_DATA) else { return };
    let data = PathBuf::from(data);
    let mut options = Options::new(&data, tools());
    if std::env::var_os("LEARNFLOW_TEST_ONLY_WHEEL").is_some() {
        options.source = Source::Wheel;
    }
    let server = Server::start(options).await.unwrap();
    std::fs::write(data.with_extension("url"), format!("{}\n", server.database_url())).unwrap();
    std::future::pending::<()>().await;
}
