//! The authored cards, as the build script has written them.

include!(concat!(env!("OUT_DIR"), "/cards.rs"));

/// What the tutor knows to say about one topic or exception.
#[derive(Debug)]
pub struct Card {
    /// The topic id, or the exception's name.
    pub id: &'static str,
    /// The topic of the curriculum behind it.
    pub topic: &'static str,
    /// What people read.
    pub title: &'static str,
    /// Two or three plain sentences.
    pub definition: &'static str,
    /// With an analogy, without jargon.
    pub beginner: &'static str,
    /// With terms and variations.
    pub intermediate: &'static str,
    /// Trade-offs, cost, edge cases.
    pub advanced: &'static str,
    /// A picture in text, for those who learn by seeing; may be empty.
    pub picture: &'static str,
    /// A program that shows it.
    pub example: Example,
    /// Two or three mistakes that students make.
    pub pitfalls: &'static [&'static str],
    /// What to do next.
    pub practice: &'static str,
}

impl Card {
    /// Whether it is about one of Python's exceptions instead of a topic.
    pub fn is_exception(&self) -> bool {
        self.id != self.topic
    }
}

/// A program and what it does; a test runs every one.
#[derive(Debug)]
pub struct Example {
    /// The program.
    pub code: &'static str,
    /// What it reads.
    pub stdin: &'static str,
    /// What it prints.
    pub output: &'static str,
    /// The last line of its traceback, when it ends with an exception.
    pub error: &'static str,
}

/// All cards, sorted by id.
pub fn cards() -> &'static [Card] {
    CARDS
}

/// The card with this id.
pub fn card(id: &str) -> Option<&'static Card> {
    CARDS.binary_search_by_key(&id, |card| card.id).ok().map(|at| &CARDS[at])
}

/// The cards that have a feature, with their BM25 weights.
pub(crate) fn postings(feature: &str) -> &'static [(u16, f32)] {
    POSTINGS.binary_search_by_key(&feature, |(known, _)| known).map_or(&[], |at| POSTINGS[at].1)
}

/// How rare a feature is among the sample questions, and those that have it with their share of it.
pub(crate) fn samples(feature: &str) -> Option<(f32, &'static [(u16, f32)])> {
    let at = FEATURES.binary_search_by_key(&feature, |(known, _, _)| known).ok()?;
    Some((FEATURES[at].1, FEATURES[at].2))
}

/// The card of a sample question.
pub(crate) fn of_sample(sample: u16) -> u16 {
    SAMPLES[usize::from(sample)]
}

/// All indexed words, sorted.
pub(crate) fn vocabulary() -> impl Iterator<Item = &'static str> {
    POSTINGS.iter().map(|(feature, _)| *feature).filter(|feature| crate::terms::is_word(feature))
}

/// The cards that go by exactly this phrase (see [`crate::terms::phrase`]).
pub(crate) fn named(phrase: &str) -> &'static [u16] {
    PHRASES.binary_search_by_key(&phrase, |(phrase, _)| phrase).map_or(&[], |at| PHRASES[at].1)
}
