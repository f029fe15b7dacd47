//! `learnflow rotate-key`: a new key signs from now on.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;
use learnflow_gateway::token;

use crate::installation::DataDirectory;

/// Whose key.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    data: DataDirectory,
}

/// Puts a new signing key in front of a running system's, which sees it at once. Tokens of the two keys before it
/// stay valid until they expire.
pub fn rotate_key(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let running = arguments.data.running()?;
    token::rotate(&running.signing_key_file)?;
    writeln!(stdout(), "a new key in {} signs from now on", running.signing_key_file.display())?;
    Ok(ExitCode::SUCCESS)
}
