//! What a message asks for: a topic, a difficulty, a form, a hint.

use learnflow_agent::SkillLevel;
use learnflow_learner::naming::{has_words, normalised, topics_named_in};

/// A message that asks for practice, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Topics that it names, best first.
    pub topics: Vec<&'static str>,
    /// The difficulty that it names.
    pub difficulty: Option<SkillLevel>,
    /// Whether it asks for lines to be put in order.
    pub parsons: bool,
    /// Whether it asks for a hint.
    pub hint: bool,
}

const EASY: &[&str] = &["easy", "easier", "simple", "simpler", "beginner", "basic", "warm up", "warm-up"];
const MEDIUM: &[&str] = &["medium", "intermediate", "moderate"];
const HARD: &[&str] = &["hard", "harder", "difficult", "advanced", "challenging", "challenge", "tricky"];
const PARSONS: &[&str] = &[
    "parsons",
    "order the lines",
    "put the lines",
    "lines in order",
    "arrange the lines",
    "scrambled",
    "shuffled lines",
    "reorder the lines",
    "sort the lines",
];
const HINT: &[&str] = &[
    "hint",
    "clue",
    "nudge",
    "i'm stuck",
    "im stuck",
    "i am stuck",
    "don't know how to start",
    "where do i start",
];

impl Request {
    /// Reads a message.
    pub fn read(text: &str) -> Self {
        let text = normalised(text);
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| has_words(&text, &normalised(phrase)));
        let difficulty = if says(EASY) {
            Some(SkillLevel::Beginner)
        } else if says(HARD) {
            Some(SkillLevel::Advanced)
        } else if says(MEDIUM) {
            Some(SkillLevel::Intermediate)
        } else {
            None
        };
        Self { topics: topics_named_in(&text), difficulty, parsons: says(PARSONS), hint: says(HINT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_difficulty_and_form_are_read() {
        let request = Request::read("Could I have a HARD exercise on list comprehensions, please?");
        assert_eq!(request.topics, ["list-comprehensions"]);
        assert_eq!(request.difficulty, Some(SkillLevel::Advanced));
        assert!(!request.parsons && !request.hint);
        assert!(Request::read("as a Parsons puzzle").parsons);
        assert!(Request::read("I'm stuck, give me a hint").hint);
        assert_eq!(Request::read("practice for loops").topics, ["for-loops"]);
        assert_eq!(Request::read("something new"), Request::default());
    }
}
