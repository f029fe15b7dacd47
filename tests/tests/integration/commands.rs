//! The program itself, as a shell uses it.

use std::{
    io::pipe,
    process::{Command, Stdio},
};

use anyhow::ensure;

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() -> anyhow::Result<()> {
    let (reader, writer) = pipe()?;
    drop(reader);
    let output = Command::new(learnflow_tests::binary()?)
        .arg("doctor")
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
    Ok(())
}
