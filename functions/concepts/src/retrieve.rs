//! Finding the cards that a question is about.

use std::collections::BTreeMap;

use learnflow_learner::curriculum;

use crate::{
    card::{self, Card},
    terms,
};

/// Added for a name of the card that stands in the question, for each of its words in proportion to how rare the
/// word is on the cards: “lambda” names its card, “list” hardly does.
const NAMED_WORD: f32 = 1.6;
/// How much an exception's card counts for a question that does not name the exception.
const UNNAMED_EXCEPTION: f32 = 0.7;
/// A card below this score is not about the question.
const LEAST_SCORE: f32 = 3.2;
/// A card below this share of the best score is not about it either, unless it is named.
const LEAST_SHARE: f32 = 0.6;
/// A card from this share of the best score on may be what was meant.
const CLOSE_SHARE: f32 = 0.85;
/// Most words of a name.
const LONGEST_NAME: usize = 6;
/// Most cards in one answer.
const MOST_CARDS: usize = 3;

/// A card and how well it fits.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// The card.
    pub card: &'static Card,
    /// Sum of its terms' weights and of the bonus for being named.
    pub score: f32,
    /// Whether the question has one of its names.
    pub named: bool,
}

/// What was found for a question.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Cards that answer it, in the order in which to answer.
    pub hits: Vec<Hit>,
    /// The next best ones.
    pub nearest: Vec<&'static Card>,
    /// One that fits nearly as well as the best, and may be what was meant.
    pub close: Option<&'static Card>,
}

/// All cards with any relation to a question, best first.
pub fn rank(text: &str) -> Vec<Hit> {
    let words = terms::words(text);
    let mut scores: BTreeMap<u16, f32> = BTreeMap::new();
    let mut seen: Vec<String> = Vec::new();
    let known = |term: String| {
        if card::postings(&term).is_empty() { corrected(&term).unwrap_or(term) } else { term }
    };
    for term in terms::terms(text).into_iter().map(known).chain(terms::pairs(text)) {
        // Repeating a word does not make a question more about it.
        if seen.contains(&term) {
            continue;
        }
        for (card, weight) in card::postings(&term) {
            *scores.entry(*card).or_default() += weight;
        }
        seen.push(term);
    }
    let mut named: Vec<u16> = Vec::new();
    for name in names(&words) {
        for card in name.cards {
            *scores.entry(*card).or_default() += NAMED_WORD * name.rarity;
            named.push(*card);
        }
    }
    for (card, score) in &mut scores {
        if !named.contains(card) && card::cards()[usize::from(*card)].is_exception() {
            *score *= UNNAMED_EXCEPTION;
        }
    }
    let mut hits: Vec<Hit> = scores
        .into_iter()
        .map(|(at, score)| Hit { card: &card::cards()[usize::from(at)], score, named: named.contains(&at) })
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.card.id.cmp(b.card.id)));
    hits
}

/// The cards to answer a question with: the best one, and others that the question names as well.
pub fn find(text: &str) -> Found {
    let ranked = rank(text);
    let Some(best) = ranked.first().copied().filter(|hit| hit.score >= LEAST_SCORE) else {
        let nearest = ranked.iter().take(MOST_CARDS).map(|hit| hit.card).collect();
        return Found { nearest, ..Found::default() };
    };
    let compares = compares(text);
    let mut hits = vec![best];
    for hit in ranked.iter().skip(1) {
        let fits =
            hit.named && hit.score >= LEAST_SCORE && (compares || hit.score >= best.score * LEAST_SHARE);
        // “Remove duplicates from a list” is about sets; lists are only what it builds on.
        let implied = hits.iter().any(|other| builds_on(other.card, hit.card));
        let same_topic = hits.iter().any(|other| other.card.topic == hit.card.topic && !compares);
        if fits && (compares || !implied) && !same_topic && hits.len() < MOST_CARDS {
            hits.push(*hit);
        }
    }
    let nearest = ranked
        .iter()
        .map(|hit| hit.card)
        .filter(|card| hits.iter().all(|hit| hit.card.id != card.id))
        .take(MOST_CARDS)
        .collect();
    let close = ranked
        .iter()
        .filter(|hit| hit.score >= best.score * CLOSE_SHARE)
        .map(|hit| hit.card)
        .find(|card| hits.iter().all(|hit| hit.card.id != card.id));
    Found { hits, nearest, close }
}

/// A name that stands in a question.
struct Name {
    cards: &'static [u16],
    /// Sum of its words' rarities.
    rarity: f32,
}

/// Names of cards in a question, longest first, without those inside longer ones.
fn names(words: &[String]) -> Vec<Name> {
    let mut names = Vec::new();
    let mut taken = vec![false; words.len()];
    for length in (1..=LONGEST_NAME.min(words.len())).rev() {
        for start in 0..=words.len() - length {
            if taken[start..start + length].contains(&true) {
                continue;
            }
            let cards = card::named(&words[start..start + length].join(" "));
            if !cards.is_empty() {
                taken[start..start + length].fill(true);
                let rarity = words[start..start + length].iter().map(|word| rarity(word)).sum();
                names.push(Name { cards, rarity });
            }
        }
    }
    names
}

/// How rare a word is on the cards (its inverse document frequency); stop words of a name count a little.
fn rarity(word: &str) -> f32 {
    let count = card::postings(word).len() as f32;
    if count == 0.0 { 0.5 } else { (1.0 + card::cards().len() as f32 / count).ln() }
}

/// Whether a question sets ideas side by side or lists several.
fn compares(text: &str) -> bool {
    let words = terms::words(text);
    let lower = text.to_lowercase();
    let side_by_side =
        ["difference", "differ", "different", "vs", "versus", "compar", "between", "better", "instead"];
    words.iter().any(|word| side_by_side.contains(&word.as_str()))
        || [
            "what is",
            "what are",
            "what's",
            "explain",
            "how do",
            "how does",
            "tell me about",
            "teach me",
            "and what",
        ]
        .iter()
        .any(|opening| lower.contains(opening))
            && words.iter().any(|word| matches!(word.as_str(), "and" | "or"))
}

/// Whether `card`'s topic builds on `other`'s, directly or not.
fn builds_on(card: &Card, other: &Card) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = vec![card.topic];
    while let Some(topic) = open.pop() {
        for prerequisite in curriculum::topic(topic).map(|topic| topic.prerequisites).unwrap_or_default() {
            if !seen.contains(prerequisite) {
                seen.push(prerequisite);
                open.push(prerequisite);
            }
        }
    }
    seen.contains(&other.topic)
}

/// The indexed term that a mistyped one most probably means: one letter more, less, other or swapped.
fn corrected(term: &str) -> Option<String> {
    if term.chars().count() < 5 {
        return None;
    }
    card::vocabulary().find(|known| known.len() >= 4 && one_edit_apart(term, known)).map(str::to_owned)
}

fn one_edit_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let start = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[start..], &long[start..]);
    match (short, long) {
        ([], _) => true,
        (short, [_, long @ ..]) if short == long => true,
        ([_, short @ ..], [_, long @ ..]) if short == long => true,
        ([a, b, short @ ..], [c, d, long @ ..]) => a == d && b == c && short == long,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_of_the_finger_is_forgiven() {
        assert!(one_edit_apart("dictionray", "dictionary"));
        assert!(one_edit_apart("recurson", "recursion"));
        assert!(one_edit_apart("functoon", "function"));
        assert!(!one_edit_apart("variable", "valuable"));
    }
}
