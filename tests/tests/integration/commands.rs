//! The program itself, as a shell uses it.

use std::{
    io::pipe,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use learnflow_testkit::database;

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

/// On a cluster there is no `up` that wrote down where everything is: the environment of a pod says it.
#[tokio::test]
async fn operators_commands_need_no_system_of_this_machine() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let command = |arguments: &[&str]| -> anyhow::Result<Command> {
        let mut command = Command::new(learnflow_tests::binary()?);
        command
            .args(arguments)
            .env("LEARNFLOW_DATA_DIR", folder.path().join("nothing"))
            .env_remove("DATABASE_URL");
        Ok(command)
    };

    let keys = folder.path().join("keys");
    learnflow_gateway::token::mint(
        &keys,
        "a",
        "a",
        learnflow_gateway::token::Role::Admin,
        Default::default(),
    )?;
    let before = std::fs::read_to_string(&keys)?;
    let output = command(&["rotate-key"])?.env("GATEWAY_KEY_FILE", &keys).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let after = std::fs::read_to_string(&keys)?;
    let secret = |text: &str| text.split("\"secret\": \"").nth(1).map(str::to_owned).context("a key");
    ensure!(after.contains(secret(&before)?.split('"').next().context("its value")?), "the old key stays");
    ensure!(secret(&before)? != secret(&after)?, "a new one is in front");

    let database = database().await;
    sqlx::query("INSERT INTO users (user_id, email, display_name, role) VALUES ('u1', 'ada@example.org', 'Ada', 'student')")
        .execute(&database.pool)
        .await?;
    let output =
        command(&["role", "Ada@example.org", "teacher"])?.env("DATABASE_URL", &database.url).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let role: String =
        sqlx::query_scalar("SELECT role FROM users WHERE user_id = 'u1'").fetch_one(&database.pool).await?;
    ensure!(role == "teacher", "{role}");

    // Without either, it says what to start.
    let output = command(&["role", "ada@example.org", "admin"])?.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("cargo learnflow up"), "{said}");
    Ok(())
}
