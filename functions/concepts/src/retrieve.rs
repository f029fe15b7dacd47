//! Finding the cards that a question is about.

use std::collections::BTreeMap;

use learnflow_learner::curriculum;

use crate::{
    card::{self, Card},
    terms,
};

/// How much the card as a whole counts beside its likest sample question.
const WHOLE: f32 = 2.0;
/// How much an exception's card counts for a question that does not name the exception.
const UNNAMED_EXCEPTION: f32 = 0.9;
/// How much a word that no card knows counts against every card, as a share of the rarest.
const UNKNOWN_WORD: f32 = 0.5;
/// Likeness from which on a question says what a sample says, and how much that adds to the card's score.
const SAME: f32 = 0.94;
const SAME_BONUS: f32 = 0.5;
/// How much it adds to a card's score that a question says its name and nothing else.
const NAME_ALONE: f32 = 1.0;
/// A question is about a card when its likeness is more than this and a share of what is strange in it.
const LEAST_LIKENESS: f32 = 0.2;
const STRANGE_SHARE: f32 = 0.95;
const LEAST_LEAD: f32 = 0.05;
/// A card below this share of the best score is not about it either, unless it is named.
const LEAST_SHARE: f32 = 0.6;
/// A card from this share of the best score on may be what was meant.
const CLOSE_SHARE: f32 = 0.9;
/// Most words of a name.
const LONGEST_NAME: usize = 6;
/// Most cards in one answer.
const MOST_CARDS: usize = 3;

/// A card and how well it fits.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// The card.
    pub card: &'static Card,
    /// By which cards are ranked; means nothing across questions.
    pub score: f32,
    /// How like the question is to the likest sample of the card: 0 to 1.
    pub likeness: f32,
    /// How much of the question is words that no card is asked about: 0 to 1.
    pub strange: f32,
    /// Whether the question has one of its names.
    pub named: bool,
}

impl Hit {
    /// Whether the card is about the question at all, and not only the best of those that are not.
    fn answers(&self) -> bool {
        self.likeness >= LEAST_LIKENESS && self.likeness - STRANGE_SHARE * self.strange >= LEAST_LEAD
    }
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

/// All cards with any relation to a question, best first: by the sample question that it is likest to (the cosine of
/// their features, weighted by rarity), and by everything that is said about the card.
pub fn rank(text: &str) -> Vec<Hit> {
    let rarest = (1.0 + card::cards().len() as f32).ln();
    let (mut length, mut strange, mut telling) = (0.0, 0.0, 0.0);
    let mut likeness: BTreeMap<u16, f32> = BTreeMap::new();
    let mut whole: BTreeMap<u16, f32> = BTreeMap::new();
    for (feature, weight) in terms::features(text) {
        let single = terms::is_word(&feature);
        let known = card::samples(&feature).is_some() || !card::postings(&feature).is_empty();
        let feature = if known || !single { feature } else { corrected(&feature).unwrap_or(feature) };
        let value = match card::samples(&feature) {
            Some((rarity, samples)) => {
                for (sample, share) in samples {
                    *likeness.entry(*sample).or_default() += weight * rarity * share;
                }
                weight * rarity
            }
            None if single && weight >= 1.0 => UNKNOWN_WORD * rarest,
            None => 0.0,
        };
        length += value * value;
        if single && weight >= 1.0 {
            let unknown = card::samples(&feature).is_none();
            strange += if unknown { rarest * rarest } else { 0.0 };
            telling += if unknown { rarest * rarest } else { value * value };
        }
        for (card, value) in card::postings(&feature) {
            *whole.entry(*card).or_default() += weight * value;
        }
    }
    let length = length.sqrt().max(f32::MIN_POSITIVE);
    let strange = strange / f32::max(telling, f32::MIN_POSITIVE);
    let mut nearest: BTreeMap<u16, f32> = BTreeMap::new();
    for (sample, value) in likeness {
        let likest = nearest.entry(card::of_sample(sample)).or_default();
        *likest = likest.max(value / length);
    }
    let most = whole.values().copied().fold(f32::MIN_POSITIVE, f32::max);
    let named: Vec<u16> = names(&terms::words(text)).into_iter().flatten().copied().collect();
    let alone = card::named(&terms::gist(text));
    let mut hits: Vec<Hit> = whole
        .into_iter()
        .map(|(at, value)| {
            let likest = nearest.get(&at).copied().unwrap_or_default();
            let card = &card::cards()[usize::from(at)];
            let named = named.contains(&at);
            let factor = if card.is_exception() && !named { UNNAMED_EXCEPTION } else { 1.0 };
            let same = if likest >= SAME { SAME_BONUS } else { 0.0 };
            let name_alone = if alone.contains(&at) { NAME_ALONE } else { 0.0 };
            Hit {
                card,
                score: factor * (likest + same + name_alone + WHOLE * value / most),
                likeness: likest,
                strange,
                named,
            }
        })
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.card.id.cmp(b.card.id)));
    hits
}

/// The cards to answer a question with: the best one, and others that the question names as well.
pub fn find(text: &str) -> Found {
    let ranked = rank(text);
    let Some(best) = ranked.first().copied().filter(Hit::answers) else {
        let nearest = ranked.iter().take(MOST_CARDS).map(|hit| hit.card).collect();
        return Found { nearest, ..Found::default() };
    };
    let compares = compares(text);
    // Who sets two names side by side asks about them, though another card may say more of the same words.
    let by_name = compares && names(&terms::words(text)).len() > 1;
    let best = ranked.iter().copied().find(|hit| by_name && hit.named).unwrap_or(best);
    let mut hits = vec![best];
    for hit in ranked.iter().filter(|hit| hit.card.id != best.card.id) {
        let fits = hit.named && (compares || hit.score >= best.score * LEAST_SHARE);
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

/// The cards of the names in a question, longest name first, without those inside longer ones.
fn names(words: &[String]) -> Vec<&'static [u16]> {
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
                names.push(cards);
            }
        }
    }
    names
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
    if term.chars().count() < 6 {
        return None;
    }
    card::vocabulary()
        .find(|known| {
            known.len() >= 5 && known.chars().next() == term.chars().next() && one_edit_apart(term, known)
        })
        .map(str::to_owned)
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
