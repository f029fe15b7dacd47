//! Creating a database cluster: PostgreSQL's word for one data directory.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::account::Account;
use super::binaries::Binaries;
use crate::progress::Step;
use crate::{Error, command};

/// The superuser of our own server, and the database that is created for the application.
pub const USER: &str = "learnflow";
pub const DATABASE: &str = "learnflow";

/// Where things are inside a data directory.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The data directory itself, which belongs to us.
    pub dir: PathBuf,
    /// PostgreSQL's own folder (`PGDATA`), which belongs to the server's account.
    pub cluster: PathBuf,
    /// The superuser's password, readable by us only.
    pub password: PathBuf,
    /// What the server logs, over all its starts.
    pub log: PathBuf,
    /// Held while a process owns the data directory.
    pub lock: PathBuf,
}

impl Layout {
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
            cluster: dir.join("cluster"),
            password: dir.join("password"),
            log: dir.join("server.log"),
            lock: dir.join("lock"),
        }
    }

    /// The password that [`create`] chose.
    pub fn read_password(&self) -> Result<String, Error> {
        std::fs::read_to_string(&self.password).map_err(Error::io(&self.password))
    }
}

/// Creates the cluster, with a random password for its superuser. A crash on the way leaves nothing that a later
/// start could mistake for a cluster: the folder gets its name at the very end. `durable` waits for the disk.
pub fn create(layout: &Layout, binaries: &Binaries, account: Account, durable: bool) -> Result<(), Error> {
    let step = Step::start(format!("Creating a PostgreSQL {} database", binaries.major));
    let unfinished = layout.dir.join("cluster.new");
    let password_for_server = layout.dir.join("cluster.password");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(Error::io(&unfinished))?;
    }
    account.create_private_dir(&unfinished)?;

    let password = random_hex()?;
    write_private(&layout.password, &password)?;
    write_private(&password_for_server, &password)?;
    account.own(&password_for_server)?;

    let mut initdb = binaries.command("initdb", account);
    initdb.arg("--pgdata").arg(&unfinished).arg("--pwfile").arg(&password_for_server);
    initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--username", USER]);
    // The same order and letter case everywhere, whatever locales the machine has.
    match binaries.major {
        17.. => initdb.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]),
        _ => initdb.args(["--locale=C"]),
    };
    if !durable {
        initdb.arg("--no-sync");
    }
    let made = command::run(&mut initdb, &step, "see what it printed; a full disk is the usual cause");
    let _ = std::fs::remove_file(&password_for_server);
    made?;

    create_database(&unfinished, binaries, account, durable)?;
    std::fs::rename(&unfinished, &layout.cluster).map_err(Error::io(&layout.cluster))?;
    step.done();
    Ok(())
}

/// Creates the application's database in single-user mode, which needs neither a port nor a client.
fn create_database(
    cluster: &Path,
    binaries: &Binaries,
    account: Account,
    durable: bool,
) -> Result<(), Error> {
    let mut single = binaries.command("postgres", account);
    single.args(["--single", "-j", "-c", if durable { "fsync=on" } else { "fsync=off" }, "-D"]);
    single.arg(cluster).arg("postgres").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = single.spawn().map_err(Error::io(cluster))?;
    if let Some(mut stdin) = child.stdin.take() {
        // With -j a statement ends at a semicolon and two newlines.
        stdin.write_all(format!("CREATE DATABASE {DATABASE};\n\n").as_bytes()).map_err(Error::io(cluster))?;
    }
    let output = child.wait_with_output().map_err(Error::io(cluster))?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    // A failed statement does not change the exit status.
    if output.status.success() && !log.contains("ERROR") {
        return Ok(());
    }
    Err(Error::Failed {
        program: "postgres --single".to_owned(),
        outcome: output.status.to_string(),
        fix: "see what it printed".to_owned(),
        output: log,
    })
}

/// 256 random bits, in letters that need no escaping in a URL.
fn random_hex() -> Result<String, Error> {
    const SOURCE: &str = "/dev/urandom";
    let mut bytes = [0_u8; 32];
    std::fs::File::open(SOURCE)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::io(SOURCE))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    // An older file of that name could have wider permissions.
    let _ = std::fs::remove_file(path);
    let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::io(path))
}
