//! Whom the server runs as. PostgreSQL refuses to run as root; a container and a CI machine often are root.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Gid, Uid, User, geteuid};
use sha2::{Digest, Sha256};

use crate::{Error, lock};

/// Where data and programs go when we are root and the account cannot reach the wished place.
const REACHABLE: &str = "/var/lib/learnflow";

/// The file in such a folder that names the wished place.
const ORIGIN: &str = "stands-for";

/// The account that the server's processes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account to change to; `None` when we are not root and stay who we are.
    change_to: Option<(Uid, Gid)>,
}

impl Account {
    /// The account for a new or an existing cluster. Root hands over to `postgres` where the machine has that
    /// account and to `nobody` elsewhere; an existing cluster keeps its owner.
    pub fn choose(cluster: &Path) -> Self {
        if !geteuid().is_root() {
            return Self { change_to: None };
        }
        let owner = std::fs::metadata(cluster).ok().filter(|meta| meta.uid() != 0);
        let owner = owner.map(|meta| (Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid())));
        let named = |name| User::from_name(name).ok().flatten().map(|user| (user.uid, user.gid));
        let nobody = (Uid::from_raw(65534), Gid::from_raw(65534));
        Self {
            change_to: Some(
                owner.or_else(|| named("postgres")).or_else(|| named("nobody")).unwrap_or(nobody),
            ),
        }
    }

    /// Makes a command run as this account.
    pub fn apply(self, command: &mut Command) {
        if let Some((uid, gid)) = self.change_to {
            // The standard library also drops the supplementary groups when root changes its user.
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
    }

    /// Gives a file or folder to this account.
    pub fn own(self, path: &Path) -> Result<(), Error> {
        match self.change_to {
            Some((uid, gid)) => chown(path, Some(uid.as_raw()), Some(gid.as_raw())).map_err(Error::io(path)),
            None => Ok(()),
        }
    }

    /// Creates a folder that only this account can enter.
    pub fn create_private_dir(self, path: &Path) -> Result<(), Error> {
        std::fs::DirBuilder::new().mode(0o700).create(path).map_err(Error::io(path))?;
        self.own(path)
    }

    /// Whether the account may enter every folder on the way to `path` (which need not exist yet).
    pub fn reaches(self, path: &Path) -> bool {
        let Some((uid, gid)) = self.change_to else { return true };
        path.ancestors().filter_map(|dir| std::fs::metadata(dir).ok()).filter(|meta| meta.is_dir()).all(
            |meta| {
                let needed = match meta {
                    _ if meta.uid() == uid.as_raw() => 0o100,
                    _ if meta.gid() == gid.as_raw() => 0o010,
                    _ => 0o001,
                };
                meta.mode() & needed != 0
            },
        )
    }

    /// `wished` when the account can reach it, otherwise a folder below `/var/lib/learnflow` that belongs to
    /// this wish alone: a checkout below root's home (mode 0700) is out of an unprivileged server's reach.
    pub fn reachable(self, wished: &Path) -> Result<PathBuf, Error> {
        let wished = std::path::absolute(wished).map_err(Error::io(wished))?;
        if self.reaches(&wished) {
            return Ok(wished);
        }
        let digest = Sha256::digest(wished.as_os_str().as_bytes());
        let key = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let name = wished.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Path::new(REACHABLE).join(format!("{name}-{key}")))
    }

    /// Remembers which wish a folder stands for, and removes folders whose wish was temporary and is gone:
    /// who throws a temporary folder away does not know that its data is elsewhere.
    pub fn note_origin(self, wished: &Path, real: &Path) -> Result<(), Error> {
        let wished = std::path::absolute(wished).map_err(Error::io(wished))?;
        if wished == real {
            return Ok(());
        }
        let note = real.join(ORIGIN);
        std::fs::write(&note, wished.as_os_str().as_bytes()).map_err(Error::io(&note))?;
        for folder in std::fs::read_dir(REACHABLE).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let Ok(origin) = std::fs::read(folder.join(ORIGIN)) else { continue };
            let origin = Path::new(OsStr::from_bytes(&origin));
            let thrown_away =
                origin.starts_with(std::env::temp_dir()) && !origin.parent().is_some_and(Path::exists);
            // The lock is another process's while a server uses the folder.
            if thrown_away && matches!(lock::try_take(&folder.join("lock")), Ok(Some(_))) {
                let _ = std::fs::remove_dir_all(folder);
            }
        }
        Ok(())
    }
}
