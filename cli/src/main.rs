//! `learnflow`: the tutor on one machine, and the tools around it.

mod commands;
mod demo;
mod in_process;
mod installation;
mod runner;

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};
use commands::{ask, debug, doctor, migrate, replay, review, role, rotate_key, run, send, triage, up};

/// The LearnFlow Python tutor.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build what is missing and start everything
    Up(up::Arguments),
    /// Send one message through the running system and print the answer
    Ask(ask::Arguments),
    /// Run a Python program in the sandbox; needs no services
    Run(run::Arguments),
    /// Classify messages with the local classifier; needs no services
    Triage(triage::Arguments),
    /// Review a Python file; needs no services
    Review(review::Arguments),
    /// Find the fault in a Python file; needs no services
    Debug(debug::Arguments),
    /// Post a CloudEvent to the broker
    Send(send::Arguments),
    /// Re-drive dead letters
    Replay(replay::Arguments),
    /// Make somebody a teacher, an admin, or a student again
    Role(role::Arguments),
    /// Sign access tokens with a new key from now on
    RotateKey(rotate_key::Arguments),
    /// Say what is missing on this machine and how to get it
    Doctor,
    /// Bring a database's schema up to date
    Migrate(migrate::Arguments),
    /// Serve the sandbox (started by `up`)
    #[command(hide = true)]
    SandboxHost(runner::sandbox::ServeArguments),
    /// Run student programs (started by the sandbox host)
    #[command(hide = true)]
    SandboxExecutor,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        // Before any thread exists: an executor gives up its privileges first.
        Command::SandboxExecutor => learnflow_sandbox_host::executor_main().map(|()| ExitCode::SUCCESS),
        command => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(dispatch(command))),
    };
    outcome.unwrap_or_else(|error| {
        // Whoever read what was printed has read enough, as in `learnflow … | head`.
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(arguments) => up::up(arguments).await,
        Command::Ask(arguments) => ask::ask(arguments).await,
        Command::Run(arguments) => run::run(arguments).await,
        Command::Triage(arguments) => triage::triage(&arguments),
        Command::Review(arguments) => review::review(arguments).await,
        Command::Debug(arguments) => debug::debug(arguments).await,
        Command::Send(arguments) => send::send(arguments).await,
        Command::Replay(arguments) => replay::replay(arguments).await,
        Command::Role(arguments) => role::role(arguments).await,
        Command::RotateKey(arguments) => rotate_key::rotate_key(&arguments),
        Command::Doctor => doctor::doctor(),
        Command::Migrate(arguments) => migrate::migrate(arguments).await,
        Command::SandboxHost(arguments) => runner::sandbox::serve(arguments).await,
        Command::SandboxExecutor => unreachable!("handled in main"),
    }
}
