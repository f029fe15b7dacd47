//! Where things are: the checkout, the data directory, and what a running `up` wrote about itself.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

/// The option by which every command that talks to a running system finds it.
#[derive(Args, Clone, Debug)]
pub struct DataDirectory {
    /// Where `up` keeps its data
    #[arg(long = "data-dir", default_value = ".learnflow", env = "LEARNFLOW_DATA_DIR")]
    path: PathBuf,
}

impl DataDirectory {
    /// The directory; relative paths are below the checkout.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        if self.path.is_absolute() { Ok(self.path.clone()) } else { Ok(checkout()?.join(&self.path)) }
    }

    /// What the running system wrote about itself.
    pub fn running(&self) -> anyhow::Result<Running> {
        let file = self.path()?.join(Running::FILE);
        let text = fs::read_to_string(&file).with_context(|| {
            format!("no running system found at {}; start it with `cargo learnflow up`", file.display())
        })?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not readable; start `up` again", file.display()))
    }
}

/// The folder with spin.toml: the current one or one above it.
pub fn checkout() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here
        .ancestors()
        .find(|folder| folder.join("spin.toml").is_file() && folder.join("migrations").is_dir());
    match found {
        Some(folder) => Ok(folder.to_owned()),
        None => bail!("no spin.toml here or above; run this in a LearnFlow checkout"),
    }
}

/// Addresses of a running system, for the commands that talk to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// The process that runs it.
    pub pid: u32,
    /// The gateway (`http://127.0.0.1:3000`).
    pub gateway_url: String,
    /// The broker's ingress.
    pub broker_url: String,
    /// The functions.
    pub functions_url: String,
    /// The sandbox host.
    pub sandbox_url: String,
    /// The database, as its owner.
    pub database_url: String,
    /// The key that signs access tokens.
    pub signing_key_file: PathBuf,
}

impl Running {
    /// Its file in the data directory.
    pub const FILE: &str = "running.json";

    /// Writes it for the owner's eyes only: it holds the database's password.
    pub fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        write_private(&data_dir.join(Self::FILE), &serde_json::to_vec_pretty(self)?)
    }
}

/// Replaces a file that only its owner may read.
pub fn write_private(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    let parent = file.parent().context("a file has a folder")?;
    let draft = file.with_extension("new");
    fs::create_dir_all(parent)?;
    let mut open = fs::OpenOptions::new();
    let mut handle = open.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    handle.write_all(content)?;
    handle.sync_all()?;
    fs::rename(&draft, file)?;
    Ok(())
}
