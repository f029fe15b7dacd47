//! Text that is hidden in other text: base64, hexadecimal, rot13, reversed, escaped.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The shortest run that is tried as an encoding.
const SHORTEST: usize = 16;
/// Texts that an honest answer hides at most; a random word may decode to one.
pub(super) const MOST: usize = 40;

/// What can be read out of a text that may be a program.
pub fn hidden_texts(text: &str) -> Vec<String> {
    let mut found = readings(text);
    found.retain(|hidden| hidden.contains(['=', '(', ':']));
    found
}

/// Everything that can be read out of a text, two layers deep.
pub fn readings(text: &str) -> Vec<String> {
    let mut found = layer(text);
    for inner in found.clone() {
        found.extend(layer(&inner));
    }
    found.retain(|reading| reading != text);
    found.sort();
    found.dedup();
    found
}

fn layer(text: &str) -> Vec<String> {
    let mut found = vec![
        rot13(text),
        text.chars().rev().collect(),
        reversed_lines(text),
        unescaped(text),
        entities(text),
    ];
    // As it stands, and with the white space taken out that lines put in.
    let squeezed: String = text.split_whitespace().collect();
    for source in [text, &squeezed] {
        found.extend(runs(source, |c| c.is_ascii_hexdigit()).into_iter().filter_map(hex));
        found.extend(
            runs(source, |c| c.is_ascii_alphanumeric() || "+/-_=".contains(c)).into_iter().filter_map(base64),
        );
    }
    // Lines of an encoding that stand apart from prose, joined.
    let lines = text.lines().map(|line| line.trim_matches(['`', '"', '\'', ' ', '>', '*']));
    let encoded: String = lines
        .filter(|line| {
            line.len() >= 4 && line.chars().all(|c| c.is_ascii_alphanumeric() || "+/-_=".contains(c))
        })
        .collect();
    found.extend(base64(&encoded));
    found.extend(hex(&encoded));
    // "64 65 66" and "\x64\x65\x66", and decimal "100, 101, 102".
    let spaced: String = text.replace("\\x", " ").replace("0x", " ").replace(',', " ");
    found.extend(spaced_numbers(&spaced, 16));
    found.extend(spaced_numbers(&spaced, 10));
    found.retain(|text| !text.trim().is_empty());
    found
}

fn runs(text: &str, belongs: impl Fn(char) -> bool) -> Vec<&str> {
    text.split(|c| !belongs(c)).filter(|run| run.len() >= SHORTEST).collect()
}

fn hex(run: &str) -> Option<String> {
    if run.len() < SHORTEST || !run.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = run
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    readable(bytes?)
}

fn base64(run: &str) -> Option<String> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let run = run.trim_end_matches('=');
    // A word of prose may have grown onto it: the first characters are dropped one by one.
    (0..4).find_map(|skip| {
        let run = run.get(skip..)?;
        let run = &run[..run.len() - usize::from(run.len() % 4 == 1)];
        if run.len() < SHORTEST {
            return None;
        }
        [&alphabet::STANDARD, &alphabet::URL_SAFE]
            .iter()
            .find_map(|alphabet| readable(GeneralPurpose::new(alphabet, config).decode(run).ok()?))
    })
}

fn spaced_numbers(text: &str, radix: u32) -> Option<String> {
    let mut longest: Vec<u8> = Vec::new();
    let mut current: Vec<u8> = Vec::new();
    for word in
        text.split(|c: char| c.is_whitespace() || "[]()`\"'".contains(c)).filter(|word| !word.is_empty())
    {
        match u8::from_str_radix(word, radix) {
            Ok(byte) => current.push(byte),
            Err(_) => {
                if current.len() > longest.len() {
                    longest = std::mem::take(&mut current);
                }
                current.clear();
            }
        }
    }
    if current.len() > longest.len() {
        longest = current;
    }
    (longest.len() >= SHORTEST / 2).then(|| readable(longest)).flatten()
}

/// Bytes that are text: all printable but for white space.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r')).then_some(text)
}

fn rot13(text: &str) -> String {
    let turn = |c: char, first: u8| char::from((c as u8 - first + 13) % 26 + first);
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            _ => c,
        })
        .collect()
}

fn reversed_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| line.chars().rev().collect()).collect();
    lines.join("\n")
}

/// `\n` written as two characters, as in a string.
fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\"").replace("\\'", "'")
}

fn entities(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    let text = text.replace("&nbsp;", " ").replace("<br>", "\n").replace("<br/>", "\n").replace("&amp;", "&");
    // Look-alikes that a reader types as the plain characters, and characters that show nothing.
    text.chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'))
        .map(|c| match c {
            '\u{a0}' | '\u{2003}' | '\u{2002}' | '\u{3000}' => ' ',
            '“' | '”' => '"',
            '‘' | '’' => '\'',
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "def double(n):\n    return n * 2\n";

    #[test]
    fn every_encoding_is_read() {
        let base64 = base64::engine::general_purpose::STANDARD.encode(CODE);
        let wrapped: Vec<&str> =
            base64.as_bytes().chunks(20).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let hex: String = CODE.bytes().map(|byte| format!("{byte:02x}")).collect();
        let spaced: Vec<String> = CODE.bytes().map(|byte| format!("{byte:02x}")).collect();
        let decimal: Vec<String> = CODE.bytes().map(|byte| byte.to_string()).collect();
        let twice = base64::engine::general_purpose::STANDARD.encode(&base64);
        for text in [
            format!("Decode this: {base64}."),
            format!("Decode:\n\n```\n{}\n```\n", wrapped.join("\n")),
            format!("As hex: `{hex}`"),
            format!("Bytes: {} end", spaced.join(" ")),
            format!("Numbers: [{}]", decimal.join(", ")),
            format!("Twice: {twice}"),
            rot13(CODE),
            CODE.chars().rev().collect(),
            format!("exec(\"{}\")", CODE.replace('\n', "\\n")),
        ] {
            let hidden = hidden_texts(&text);
            assert!(hidden.iter().any(|hidden| hidden.contains("return n * 2")), "{text}\n{hidden:#?}");
        }
    }
}
