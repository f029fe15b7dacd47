//! Markdown without what a browser could run or load: HTML is shown as the text that it is, pictures are links, and
//! links lead to web pages or nowhere.

/// The longest destination of a link that is looked at; a longer one leads nowhere.
const DESTINATION_BYTES: usize = 2_000;

/// Takes markup out of a text that comes in pieces. What may become markup with the next piece is held back until then;
/// so is a code span until it is closed, since only inside one is `<` harmless.
#[derive(Debug, Default)]
pub struct Sieve {
    held: String,
}

impl Sieve {
    /// Takes a piece in and returns what can be shown.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let (shown, used) = sieved(&self.held, false);
        self.held.drain(..used);
        shown
    }

    /// What was held back, when no more comes.
    pub fn finish(&mut self) -> String {
        sieved(&std::mem::take(&mut self.held), true).0
    }
}

/// A whole text without markup.
pub fn plain(text: &str) -> String {
    sieved(text, true).0
}

/// The text that can be shown, and how many bytes of the input it stands for.
fn sieved(text: &str, complete: bool) -> (String, usize) {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let Some((taken, put)) = (match c {
            '`' => span(rest, complete),
            '<' => angle(rest, complete),
            '!' => picture(rest, complete),
            ']' => link(rest, complete),
            _ => {
                shown.push(c);
                at += c.len_utf8();
                continue;
            }
        }) else {
            break;
        };
        shown.push_str(&put);
        at += taken;
    }
    (shown, at)
}

/// A code span goes through as it is; backticks that nothing closes on their line are no code.
fn span(rest: &str, complete: bool) -> Option<(usize, String)> {
    let ticks = rest.bytes().take_while(|byte| *byte == b'`').count();
    let line_end = rest.find('\n');
    if ticks == rest.len() && !complete {
        return None;
    }
    let line = &rest[..line_end.unwrap_or(rest.len())];
    let mut from = ticks;
    while let Some(found) = line[from..].find('`') {
        let start = from + found;
        let length = line[start..].bytes().take_while(|byte| *byte == b'`').count();
        if length == ticks {
            let end = start + length;
            // The next piece may make the closing run longer.
            return (end < rest.len() || complete).then(|| (end, rest[..end].to_owned()));
        }
        from = start + length;
    }
    (line_end.is_some() || complete).then(|| (ticks, rest[..ticks].to_owned()))
}

fn angle(rest: &str, complete: bool) -> Option<(usize, String)> {
    match rest[1..].chars().next() {
        None if !complete => None,
        Some(next) if next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?') => {
            Some((1, "&lt;".to_owned()))
        }
        _ => Some((1, "<".to_owned())),
    }
}

fn picture(rest: &str, complete: bool) -> Option<(usize, String)> {
    match rest[1..].chars().next() {
        None if !complete => None,
        Some('[') => Some((1, String::new())),
        _ => Some((1, "!".to_owned())),
    }
}

/// `](destination)`, and `]:`, which would define a link for the whole text.
fn link(rest: &str, complete: bool) -> Option<(usize, String)> {
    match rest[1..].chars().next() {
        None if !complete => None,
        Some(':') => Some((2, "] :".to_owned())),
        Some('(') => {
            let inside = &rest[2..];
            // A destination ends with its parenthesis; a blank line ends everything.
            let end = [inside.find(')'), inside.find("\n\n")].into_iter().flatten().min();
            if end.is_none() && !complete && inside.len() <= DESTINATION_BYTES {
                return None;
            }
            let end = end.unwrap_or(inside.len());
            let destination = inside[..end].trim_start();
            let page = ["http://", "https://"].iter().any(|scheme| {
                destination.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
            });
            let harmless = page && end <= DESTINATION_BYTES && !destination.contains(['<', '\n']);
            let destination = if harmless { destination } else { "#" };
            Some((2 + end, format!("]({destination}")))
        }
        _ => Some((1, "]".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_is_shown_as_text() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
            ("![x](http://e/?q)", "[x](http://e/?q)"),
            ("[y](javascript:alert(1))", "[y](#))"),
            ("[y]( <JavaScript:alert(1)>)", "[y](#)>)"),
            ("[y](&#106;avascript:alert`1`)", "[y](#)"),
            ("[y](data:text/html;base64,PHN2Zz4=)", "[y](#)"),
            ("[y][z]\n\n[z]: javascript:alert(1)", "[y][z]\n\n[z] : javascript:alert(1)"),
            ("`<b>` a < b, a<b>c, 1 <2", "`<b>` a < b, a&lt;b>c, 1 <2"),
            ("an open `span <b>\n`<i>`", "an open `span &lt;b>\n`<i>`"),
            ("``a ` <b>`` <b>", "``a ` <b>`` &lt;b>"),
            ("`` <b> `", "`` &lt;b> `"),
            ("x[1](2) and xs[0]", "x[1](#) and xs[0]"),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    proptest! {
        /// However a provider cuts its stream, the same is shown.
        #[test]
        fn pieces_make_no_difference(
            text in "([`<>!\\[\\]():\n]|script|b|javascript:|http://e| |ä){0,30}",
            cuts in prop::collection::vec(0usize..60, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|at| text.is_char_boundary(*at) && *at <= text.len()).collect();
            cuts.sort_unstable();
            let mut sieve = Sieve::default();
            let mut shown = String::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                shown.push_str(&sieve.push(&text[from..cut]));
                from = cut;
            }
            shown.push_str(&sieve.finish());
            prop_assert_eq!(shown, plain(&text));
        }
    }
}
