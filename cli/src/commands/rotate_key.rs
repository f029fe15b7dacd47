//! `learnflow rotate-key`: a new key signs from now on.

use std::{
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use learnflow_gateway::token;

use crate::installation::DataDirectory;

/// Whose key.
#[derive(Args)]
pub struct Arguments {
    /// The file of the keys; without it that of the system that `up` runs
    #[arg(long, env = "GATEWAY_KEY_FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDirectory,
}

/// Puts a new signing key in front, which a running gateway sees at once. Tokens of the two keys before it stay valid
/// until they expire.
pub fn rotate_key(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let key_file = match &arguments.key_file {
        Some(file) => file.clone(),
        None => arguments.data.running()?.signing_key_file,
    };
    token::rotate(&key_file)?;
    writeln!(stdout(), "a new key in {} signs from now on", key_file.display())?;
    Ok(ExitCode::SUCCESS)
}
