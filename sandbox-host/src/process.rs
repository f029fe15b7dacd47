//! An executor process: it runs programs and talks over its standard input and output, nothing else.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::Context;
use futures::{SinkExt, StreamExt};
use learnflow_events::code::{RunRequest, TestVerdict};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::{net::unix::pipe, sync::mpsc};
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::{
    confine,
    error::ExecutorError,
    executor::{Executor, ExecutorOptions, RunIo},
    frames::{Failed, Order, Word, codec, decode, encode},
    guest::Interrupt,
    tests::TestIo,
};

/// Lines that may wait for one program.
const LINES_WAITING: usize = 1024;

/// The environment variables by which the service sets its executor processes up; nothing else is in their
/// environment.
pub(crate) const ENV_CWASM: &str = "LEARNFLOW_SANDBOX_CWASM";
pub(crate) const ENV_PREPARED: &str = "LEARNFLOW_SANDBOX_PREPARED";
pub(crate) const ENV_MAX_RUNS: &str = "LEARNFLOW_SANDBOX_MAX_RUNS";
pub(crate) const ENV_THREADS: &str = "LEARNFLOW_SANDBOX_THREADS";

/// The whole of an executor process. Returns when its standard input ends.
///
/// # Errors
/// When the interpreter cannot be loaded or a warm run fails.
pub fn executor_main() -> anyhow::Result<()> {
    let number = |name: &str, default: usize| -> anyhow::Result<usize> {
        match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name} is not a number")),
            Err(_) => Ok(default),
        }
    };
    let cwasm =
        PathBuf::from(std::env::var_os(ENV_CWASM).context("the executor needs LEARNFLOW_SANDBOX_CWASM")?);
    let options =
        ExecutorOptions { prepared: number(ENV_PREPARED, 4)?, max_runs: number(ENV_MAX_RUNS, 600)? };
    let executor = Executor::load(&cwasm, options)?;
    // The first instance opens what later ones share, so it comes before files are given up.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(executor.prepare())?;
    let pipes = Pipes { orders: opened(io::stdin().as_fd())?, words: opened(io::stdout().as_fd())? };
    // From here on nothing needs files or privileges. Threads inherit this, so it comes before the workers.
    let confinement = confine::confine();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(number(ENV_THREADS, 2)?)
        .enable_all()
        .build()?;
    runtime.block_on(serve(executor, pipes, confinement))
}

/// How the service and this process talk.
struct Pipes {
    orders: OwnedFd,
    words: OwnedFd,
}

/// A pipe at which no thread has to wait: handing each message from thread to thread would cost more than to run a small
/// program.
fn opened(pipe: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let pipe = pipe.try_clone_to_owned()?;
    let flags = OFlag::from_bits_retain(fcntl(&pipe, FcntlArg::F_GETFL)?);
    fcntl(&pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(pipe)
}

type Runs = Arc<Mutex<HashMap<u64, Handle>>>;

struct Handle {
    lines: Option<mpsc::Sender<String>>,
    interrupt: Interrupt,
}

async fn serve(executor: Executor, pipes: Pipes, confinement: Vec<String>) -> anyhow::Result<()> {
    let executor = Arc::new(executor);
    let hello = RunRequest { code: "print('ready')".to_owned(), ..RunRequest::default() };
    let report = executor.run(&hello, RunIo::default()).await?;
    anyhow::ensure!(report.stdout == "ready\n", "the warm run gave {report:?}");

    let (words, mut outbox) = mpsc::unbounded_channel::<Word>();
    let mut out = FramedWrite::new(pipe::Sender::from_owned_fd_unchecked(pipes.words)?, codec());
    let writer = tokio::spawn(async move {
        while let Some(word) = outbox.recv().await {
            out.feed(encode(&word)).await?;
            // What is there already goes out in one write.
            while let Ok(word) = outbox.try_recv() {
                out.feed(encode(&word)).await?;
            }
            SinkExt::<bytes::Bytes>::flush(&mut out).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    words.send(Word::Ready { confinement })?;
    let (mut waiting, told) = (executor.waiting(), words.clone());
    let watcher = tokio::spawn(async move {
        while waiting.changed().await.is_ok() {
            let programs = *waiting.borrow_and_update();
            if told.send(Word::Waiting { programs }).is_err() {
                return;
            }
        }
    });

    let runs = Runs::default();
    let mut orders = FramedRead::new(pipe::Receiver::from_owned_fd_unchecked(pipes.orders)?, codec());
    while let Some(frame) = orders.next().await {
        handle(decode(&frame?)?, &executor, &runs, &words);
    }
    drop(words);
    watcher.abort();
    writer.abort();
    Ok(())
}

fn handle(order: Order, executor: &Arc<Executor>, runs: &Runs, words: &mpsc::UnboundedSender<Word>) {
    let (executor, words) = (Arc::clone(executor), words.clone());
    match order {
        Order::Run { id, request, interactive, streamed } => {
            let interrupt = Interrupt::default();
            let (sender, receiver) = mpsc::channel(LINES_WAITING);
            let handle = Handle { lines: interactive.then_some(sender), interrupt: interrupt.clone() };
            runs.lock().expect("no panic while locked").insert(id, handle);
            let runs = Arc::clone(runs);
            tokio::spawn(async move {
                let spoken = words.clone();
                let io = RunIo {
                    output: streamed.then(|| -> crate::OnOutput {
                        Box::new(move |stream, text| {
                            let _ = spoken.send(Word::Output { id, stream, text: text.to_owned() });
                        })
                    }),
                    lines: interactive.then_some(receiver),
                    interrupt,
                    unexplained: false,
                };
                let word = match executor.run(&request, io).await {
                    Ok(report) => Word::Ran { id, report: Box::new(report) },
                    Err(error) => Word::Failed { id, failure: failed(error) },
                };
                runs.lock().expect("no panic while locked").remove(&id);
                let _ = words.send(word);
            });
        }
        Order::Test { id, request } => {
            let interrupt = Interrupt::default();
            let handle = Handle { lines: None, interrupt: interrupt.clone() };
            runs.lock().expect("no panic while locked").insert(id, handle);
            let runs = Arc::clone(runs);
            tokio::spawn(async move {
                let spoken = words.clone();
                let judged = move |verdict: &TestVerdict| {
                    let _ = spoken.send(Word::Judged { id, verdict: Box::new(verdict.clone()) });
                };
                let io = TestIo { judged: Some(Box::new(judged)), interrupt };
                let word = match executor.test_with(&request, io).await {
                    Ok(report) => Word::Tested { id, report: Box::new(report) },
                    Err(error) => Word::Failed { id, failure: failed(error) },
                };
                runs.lock().expect("no panic while locked").remove(&id);
                let _ = words.send(word);
            });
        }
        Order::Line { id, text } => {
            if let Some(Handle { lines: Some(lines), .. }) =
                runs.lock().expect("no panic while locked").get(&id)
            {
                // A program that does not read loses what a person types beyond the limit.
                let _ = lines.try_send(text);
            }
        }
        Order::EndOfInput { id } => {
            if let Some(handle) = runs.lock().expect("no panic while locked").get_mut(&id) {
                handle.lines = None;
            }
        }
        Order::Interrupt { id } => {
            if let Some(handle) = runs.lock().expect("no panic while locked").get(&id) {
                handle.interrupt.interrupt();
            }
        }
    }
}

fn failed(error: ExecutorError) -> Failed {
    match error {
        ExecutorError::Invalid(reason) => Failed::Invalid(reason),
        ExecutorError::Busy { running } => Failed::Busy(running),
        other => Failed::Broken(other.to_string()),
    }
}
