//! Which questions are the same question.

use sha2::{Digest, Sha256};

use super::prompt::{SystemView, hex};

/// Words that change nothing about what is asked.
const FILLERS: &[&str] = &[
    "a",
    "an",
    "the",
    "please",
    "pls",
    "plz",
    "hi",
    "hello",
    "hey",
    "thanks",
    "thank",
    "you",
    "can",
    "could",
    "would",
    "will",
    "me",
    "i",
    "im",
    "my",
    "to",
    "of",
    "do",
    "does",
    "did",
    "is",
    "are",
    "be",
    "it",
    "so",
    "just",
    "exactly",
    "explain",
    "tell",
    "about",
    "what",
    "whats",
    "describe",
    "define",
    "definition",
    "meaning",
    "mean",
    "means",
    "understand",
    "know",
    "want",
    "need",
    "help",
    "with",
    "in",
    "python",
    "some",
    "this",
    "that",
    "for",
    "and",
    "s",
    "really",
    "actually",
    "again",
    "concept",
    "idea",
    "topic",
    "learn",
    "like",
    "give",
    "there",
    "have",
];

/// The key of a question: SHA-256 of its normalised words, of what the answer depends on, and of the model. `None` for
/// a question without words of its own, which only makes sense in its conversation.
pub fn of_question(agent: &str, text: &str, view: SystemView, model: &str, prompt: &str) -> Option<String> {
    let words = words(text);
    if words.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    let level = format!("{:?}/{:?}/{:?}", view.level, view.style, view.tier);
    for part in [agent, &words.join(" "), &level, model, prompt] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    Some(hex(&hash.finalize()))
}

/// The words that matter, in alphabetical order, each once: “What's a list?” and “please explain lists” are one
/// question. “not” and “why” stay: they make another.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text
        .to_lowercase()
        .replace(['\'', '’'], "")
        .split(|c: char| !(c.is_alphanumeric() || "_+-*/%=<>!.[]{}&|^~@#".contains(c)))
        .map(|word| {
            let trimmed = word.trim_matches(['.', '!', '-']);
            // A dot at the end is the sentence's; an operator stays.
            if trimmed.is_empty() { word.trim_end_matches(['.', '!']) } else { trimmed }
        })
        .filter(|word| !word.is_empty() && !FILLERS.contains(word))
        .map(singular)
        .collect();
    words.sort();
    words.dedup();
    words
}

/// Lists and list are the same; class and is are no plurals.
fn singular(word: &str) -> String {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 2 && !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LearningStyle, SkillLevel};
    use learnflow_events::payload::HintTier;

    fn key(text: &str, level: SkillLevel) -> Option<String> {
        let view = SystemView { level, style: LearningStyle::StepByStep, tier: HintTier::Explanation };
        of_question("concepts", text, view, "m", "p")
    }

    #[test]
    fn wordings_of_one_question_share_a_key() {
        let one = key("What is a list comprehension?", SkillLevel::Beginner);
        for other in [
            "explain list comprehensions",
            "Hi! Could you please explain list comprehensions to me",
            "LIST COMPREHENSION",
        ] {
            assert_eq!(key(other, SkillLevel::Beginner), one, "{other}");
        }
        assert_ne!(key("what is a list comprehension", SkillLevel::Advanced), one);
        assert_ne!(key("why is a list comprehension not a list", SkillLevel::Beginner), one);
        assert_ne!(key("what does == do", SkillLevel::Beginner), key("what does = do", SkillLevel::Beginner));
    }

    #[test]
    fn what_says_nothing_by_itself_has_no_key() {
        assert_eq!(key("can you explain that again?", SkillLevel::Beginner), None);
    }
}
