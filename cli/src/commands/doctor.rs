//! `learnflow doctor`: what is missing on this machine, and the command that fixes it.

use std::{
    io::{Write, stdout},
    process::ExitCode,
};

/// Prints a line for each check; fails when one is not met.
pub fn doctor() -> anyhow::Result<ExitCode> {
    let checks = learnflow_provision::doctor();
    let mut missing = false;
    for check in &checks {
        writeln!(
            stdout(),
            "{} {:<24} {}",
            if check.ok { "ok     " } else { "MISSING" },
            check.name,
            check.detail
        )?;
        if !check.ok {
            missing = true;
            writeln!(stdout(), "        fix: {}", check.fix)?;
        }
    }
    Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
