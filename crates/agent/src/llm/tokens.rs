//! Counting tokens before a provider does, and keeping within a budget of them.
//!
//! The research document's budget (section 3.4): system prompt 500, student context 2,000, message 500, answer 2,000.
//! Ours adds what the answer must rest on, which the document does not have: the program 1,500 and the evidence 1,500.

/// The student's context.
pub const CONTEXT: u64 = 2_000;
/// The message.
pub const MESSAGE: u64 = 500;
/// The program.
pub const PROGRAM: u64 = 1_500;
/// The evidence.
pub const EVIDENCE: u64 = 1_500;
/// The answer.
pub const ANSWER: u32 = 2_000;

/// An estimate of the tokens in a text, on the high side: providers name four bytes of English for one token, and
/// programs have shorter ones. What a call really took is what the provider reports.
pub fn estimate(text: &str) -> u64 {
    (text.len() as u64).div_ceil(3)
}

/// The beginning of a text that fits into `budget` tokens, with a mark where it was cut.
pub fn fit(text: &str, budget: u64) -> String {
    const MARK: &str = "\n[… cut]";
    if estimate(text) <= budget {
        return text.to_owned();
    }
    let mut end = (budget as usize * 3).saturating_sub(MARK.len()).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_fits() {
        for text in ["é".repeat(5000), "word ".repeat(2000), "short".to_owned()] {
            assert!(estimate(&fit(&text, MESSAGE)) <= MESSAGE);
        }
        assert_eq!(fit("short", MESSAGE), "short");
    }
}
