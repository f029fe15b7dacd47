//! What a component prints becomes log lines with its name.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::gen_ai;

/// A longer line is broken.
const LINE_BYTES: usize = 8 * 1024;
/// What one instance prints beyond this is dropped.
const INSTANCE_BYTES: usize = 256 * 1024;

/// Standard output or standard error of one instance.
#[derive(Clone, Debug)]
pub(crate) struct GuestLog(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    component: Arc<str>,
    stream: &'static str,
    line: Vec<u8>,
    left: usize,
}

impl GuestLog {
    pub(crate) fn new(component: Arc<str>, stream: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Lines { component, stream, line: Vec::new(), left: INSTANCE_BYTES })))
    }

    fn print(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).print(bytes);
    }
}

impl Lines {
    fn print(&mut self, bytes: &[u8]) {
        if self.left == 0 {
            return;
        }
        let kept = &bytes[..bytes.len().min(self.left)];
        self.left -= kept.len();
        for &byte in kept {
            if byte == b'\n' {
                self.end_line();
            } else {
                self.line.push(byte);
                if self.line.len() == LINE_BYTES {
                    self.end_line();
                }
            }
        }
        if self.left == 0 {
            self.end_line();
            tracing::warn!(
                component = &*self.component,
                stream = self.stream,
                "prints too much; the rest is dropped"
            );
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = readable(&std::mem::take(&mut self.line));
        gen_ai::record(&self.component, &line);
        tracing::info!(target: "learnflow::component", component = &*self.component, stream = self.stream, "{line}");
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end_line();
    }
}

/// Text without control characters, so that a component cannot forge lines or move the cursor.
fn readable(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end_matches('\r')
        .replace(|c: char| c.is_control() && c != '\t', "\u{fffd}")
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[async_trait::async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

impl AsyncWrite for GuestLog {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_cannot_forge_a_line() {
        assert_eq!(readable(b"a\x1b[2Jb\tc\r"), "a\u{fffd}[2Jb\tc");
        assert_eq!(readable(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn printing_stops_at_the_limit() {
        let log = GuestLog::new("c".into(), "stdout");
        log.print(&vec![b'x'; INSTANCE_BYTES - 1]);
        assert_eq!(log.0.lock().unwrap().left, 1);
        log.print(b"yy");
        let lines = log.0.lock().unwrap();
        assert_eq!(lines.left, 0);
        assert!(lines.line.is_empty());
    }
}
