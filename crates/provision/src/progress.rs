//! What a person sees while something takes long.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Steps that end within this time say nothing when the output is not a terminal.
const QUIET_BELOW: Duration = Duration::from_secs(1);

/// How often a step that is not on a terminal says that it is still alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// One long step: a spinner with the elapsed time on a terminal; elsewhere a plain line now and then and one
/// when it is done. All of it goes to standard error, which leaves standard output to results.
pub struct Step {
    label: String,
    started: Instant,
    bar: Option<ProgressBar>,
    last_line: Cell<Instant>,
}

impl Step {
    /// Starts to show the step.
    pub fn start(label: impl Into<String>) -> Self {
        let label = label.into();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg:.dim}");
            let bar = ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(label.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        Self { label, started: now, bar, last_line: Cell::new(now) }
    }

    /// Shows what the step is doing right now, in a few words.
    pub fn note(&self, message: &str) {
        let message = message.trim();
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None if self.last_line.get().elapsed() >= SIGN_OF_LIFE => {
                self.last_line.set(Instant::now());
                eprintln!("{}: {message}", self.label);
            }
            None => {}
        }
    }

    /// Ends the step and leaves one line behind, unless it was too quick to be worth one.
    pub fn done(self) {
        let elapsed = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if elapsed >= QUIET_BELOW {
            eprintln!("{} ({:.1} s)", self.label, elapsed.as_secs_f64());
        }
    }
}

impl Drop for Step {
    /// A step that failed leaves no half-drawn line under the error message.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
