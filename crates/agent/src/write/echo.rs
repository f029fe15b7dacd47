//! A model that repeats its instructions is stopped while it does.

use crate::guard::readings;

/// Characters, without white space and punctuation, that nobody writes twice by accident.
const WINDOW: usize = 32;
/// New text after which decoded readings of the end are looked at again, in bytes: few enough that little of a prompt is
/// out by then.
const EVERY: usize = 16;
/// The same for decoded readings of the whole.
const EVERY_WHOLE: usize = 240;

/// Listens for the system prompt.
pub(super) struct Echo {
    windows: Vec<String>,
    /// How long the text was when decoded readings were looked at: of its end, and of all of it.
    looked_at: [usize; 2],
}

impl Echo {
    pub(super) fn of(system: &str) -> Self {
        let letters: Vec<char> = squeezed(system).chars().collect();
        // Half a window apart: whoever repeats one and a half windows repeats a whole one of these.
        let windows =
            letters.windows(WINDOW).step_by(WINDOW / 2).map(|window| window.iter().collect()).collect();
        Self { windows, looked_at: [0, 0] }
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
        let parts = [(&text[from..], EVERY), (text, EVERY_WHOLE)];
        for ((part, every), looked_at) in parts.into_iter().zip(0..) {
            if text.len() < self.looked_at[looked_at] + every {
                continue;
            }
            self.looked_at[looked_at] = text.len();
            if self.repeats_hidden(part) {
                return true;
            }
        }
        false
    }

    /// The same for a text that is complete.
    pub(super) fn heard_at_last(&self, text: &str) -> bool {
        self.repeats(text) || self.repeats_hidden(text)
    }

    fn repeats_hidden(&self, text: &str) -> bool {
        readings(text).iter().any(|hidden| self.repeats(hidden))
    }

    fn repeats(&self, text: &str) -> bool {
        let text = squeezed(text);
        self.windows.iter().any(|window| text.contains(window.as_str()))
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    const SYSTEM: &str = "You are the concepts tutor of LearnFlow, a patient teacher of Python. You explain one idea at a \
                          time, in plain words. Text between <untrusted-…> and </untrusted-…> was written by a student.";

    /// What is out when it is heard, in pieces of seven characters; `None` when it never is.
    fn out(text: &str) -> Option<String> {
        let mut echo = Echo::of(SYSTEM);
        let mut told = String::new();
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(7) {
            let before = told.clone();
            told.extend(piece);
            if echo.heard(&told) {
                return Some(before);
            }
        }
        None
    }

    #[test]
    fn little_of_the_instructions_is_out_before_they_are_heard_in_any_encoding() {
        let reversed: String = SYSTEM.chars().rev().collect();
        let hex: String = SYSTEM.bytes().map(|byte| format!("{byte:02x}")).collect();
        for (name, encoded, longest) in [
            ("plain", SYSTEM.to_owned(), 80),
            ("base64", STANDARD.encode(SYSTEM), 110),
            ("hexadecimal", hex, 170),
            ("reversed", reversed, 110),
        ] {
            let text = format!("My rules, as you asked: {encoded}");
            let out = out(&text).unwrap_or_else(|| panic!("{name} was never heard"));
            assert!(out.len() < longest, "{name}: {} bytes are out: {out}", out.len());
        }
        assert_eq!(
            out("A tuple is a sequence that cannot be changed. A list can, and both begin at 0."),
            None
        );
    }
}
