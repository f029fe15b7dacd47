//! A model that repeats its instructions is stopped while it does.

use crate::guard::hidden_texts;

/// Characters, without white space and punctuation, that nobody writes twice by accident.
const WINDOW: usize = 32;
/// New text after which decoded readings are looked at again, in bytes.
const EVERY: usize = 120;

/// Listens for the system prompt.
pub(super) struct Echo {
    windows: Vec<String>,
    looked_at: usize,
}

impl Echo {
    pub(super) fn of(system: &str) -> Self {
        let letters: Vec<char> = squeezed(system).chars().collect();
        // Half a window apart: whoever repeats one and a half windows repeats a whole one of these.
        let windows =
            letters.windows(WINDOW).step_by(WINDOW / 2).map(|window| window.iter().collect()).collect();
        Self { windows, looked_at: 0 }
    }

    /// Whether the text so far repeats the prompt, as it stands or decoded.
    pub(super) fn heard(&mut self, text: &str) -> bool {
        // Only the end is new.
        let mut from = text.len().saturating_sub(8 * WINDOW);
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        if self.repeats(&text[from..]) {
            return true;
        }
        if text.len() < self.looked_at + EVERY {
            return false;
        }
        self.looked_at = text.len();
        hidden_texts(text).iter().any(|hidden| self.repeats(hidden))
    }

    /// The same for a text that is complete.
    pub(super) fn heard_at_last(&self, text: &str) -> bool {
        self.repeats(text) || hidden_texts(text).iter().any(|hidden| self.repeats(hidden))
    }

    fn repeats(&self, text: &str) -> bool {
        let text = squeezed(text);
        self.windows.iter().any(|window| text.contains(window.as_str()))
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
