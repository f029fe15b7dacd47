//! Checks the cards and writes them, and the index over them, as constants: a component lives for one request
//! and should not spend it on reading files.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use learnflow_learner::curriculum;
use serde::Deserialize;

#[path = "src/terms.rs"]
mod terms;

/// A card as its author wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    /// For cards that are not named after a topic (exceptions): the topic behind it.
    topic: Option<String>,
    title: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    /// Questions that it answers, in students' words.
    #[serde(default)]
    asks: Vec<String>,
    definition: String,
    beginner: String,
    intermediate: String,
    advanced: String,
    #[serde(default)]
    picture: String,
    example: String,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    output: String,
    /// The last line of the traceback, when the example ends with an exception.
    #[serde(default)]
    error: String,
    pitfalls: Vec<String>,
    practice: String,
}

/// BM25F over the fields of a card (S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25
/// and Beyond", 2009): term frequencies are weighted by field and saturate together.
const K1: f64 = 1.2;
const LENGTH_NORMALISATION: f64 = 0.4;

fn main() {
    println!("cargo:rerun-if-changed=cards");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/terms.rs");
    let cards = read_cards();
    let mut code = String::new();
    write_cards(&mut code, &cards).expect("strings grow");
    write_index(&mut code, &cards).expect("strings grow");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("cards.rs");
    fs::write(out, code).expect("OUT_DIR is writable");
}

fn read_cards() -> BTreeMap<String, Card> {
    let mut cards = BTreeMap::new();
    for entry in fs::read_dir("cards").expect("cards/ is beside build.rs") {
        let path = entry.expect("cards/ is readable").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("card names are UTF-8").to_owned();
        let text = fs::read_to_string(&path).expect("cards are UTF-8");
        let card: Card = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check(&name, &card);
        cards.insert(name, card);
    }
    cards
}

fn check(name: &str, card: &Card) {
    let topic = card.topic.as_deref().unwrap_or(name);
    assert!(curriculum::topic(topic).is_some(), "cards/{name}.toml: no topic {topic} in the curriculum");
    assert!((2..=3).contains(&card.pitfalls.len()), "cards/{name}.toml: two or three pitfalls");
    assert!(
        !card.output.is_empty() || !card.error.is_empty(),
        "cards/{name}.toml: the example states its output or its error"
    );
    for (field, text) in [
        ("definition", &card.definition),
        ("beginner", &card.beginner),
        ("intermediate", &card.intermediate),
        ("advanced", &card.advanced),
        ("example", &card.example),
        ("practice", &card.practice),
    ] {
        assert!(!text.trim().is_empty(), "cards/{name}.toml: {field} is empty");
    }
}

fn title(name: &str, card: &Card) -> String {
    card.title.clone().unwrap_or_else(|| curriculum::title(name).to_owned())
}

/// All names of a card: its own aliases, the curriculum's, its title, and `index error` for `IndexError`.
fn aliases(name: &str, card: &Card) -> Vec<String> {
    let mut all = card.aliases.clone();
    all.push(title(name, card));
    all.push(name.replace('-', " "));
    if name.starts_with(char::is_uppercase) {
        let mut spaced = String::new();
        for (at, letter) in name.char_indices() {
            if letter.is_uppercase() && at > 0 && !name[..at].ends_with(char::is_uppercase) {
                spaced.push(' ');
            }
            spaced.push(letter);
        }
        all.push(spaced);
    }
    if let Some(topic) = curriculum::topic(name) {
        all.extend(topic.aliases.iter().map(|alias| (*alias).to_owned()));
    }
    all
}

fn write_cards(code: &mut String, cards: &BTreeMap<String, Card>) -> std::fmt::Result {
    writeln!(code, "pub(super) static CARDS: &[Card] = &[")?;
    for (name, card) in cards {
        writeln!(
            code,
            "Card {{ id: {name:?}, topic: {:?}, title: {:?}, definition: {:?}, beginner: {:?}, intermediate: {:?}, \
             advanced: {:?}, picture: {:?}, example: Example {{ code: {:?}, stdin: {:?}, output: {:?}, error: {:?} }}, \
             pitfalls: &{:?}, practice: {:?} }},",
            card.topic.as_deref().unwrap_or(name),
            title(name, card),
            card.definition.trim(),
            card.beginner.trim(),
            card.intermediate.trim(),
            card.advanced.trim(),
            card.picture.trim_end().trim_start_matches('\n'),
            format!("{}\n", card.example.trim()),
            card.stdin,
            card.output.trim_end().trim_start_matches('\n'),
            card.error.trim(),
            card.pitfalls.iter().map(|pitfall| pitfall.trim()).collect::<Vec<_>>(),
            card.practice.trim(),
        )?;
    }
    writeln!(code, "];")
}

fn write_index(code: &mut String, cards: &BTreeMap<String, Card>) -> std::fmt::Result {
    let mut phrases: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    // Per card: weighted frequency of each term.
    let mut frequencies: Vec<BTreeMap<String, f64>> = Vec::new();
    for (at, (name, card)) in cards.iter().enumerate() {
        let names = aliases(name, card);
        for alias in &names {
            phrases.entry(terms::phrase(alias)).or_default().insert(at);
        }
        let topic = curriculum::topic(name);
        let keywords = topic.map(|topic| topic.keywords.join(" ")).unwrap_or_default();
        let summary = topic.map(|topic| topic.summary).unwrap_or_default();
        let body = format!(
            "{} {} {} {} {}",
            card.beginner,
            card.intermediate,
            card.advanced,
            card.pitfalls.join(" "),
            card.practice
        );
        let mut weighted: BTreeMap<String, f64> = BTreeMap::new();
        for (weight, text) in [
            (3.0, names.join(" ")),
            (2.5, card.asks.join(" ")),
            (2.0, keywords),
            (1.5, format!("{summary} {}", card.definition)),
            (0.25, body),
        ] {
            for term in terms::terms(&text) {
                *weighted.entry(term).or_default() += weight;
            }
        }
        for (weight, text) in [(1.5, names.join(" . ")), (1.5, card.asks.join(" . "))] {
            for pair in text.split(" . ").flat_map(terms::pairs) {
                *weighted.entry(pair).or_default() += weight;
            }
        }
        frequencies.push(weighted);
    }
    phrases.remove("");

    let lengths: Vec<f64> = frequencies.iter().map(|card| card.values().sum()).collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
    let mut postings: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for (at, card) in frequencies.iter().enumerate() {
        let norm = 1.0 - LENGTH_NORMALISATION + LENGTH_NORMALISATION * lengths[at] / mean;
        for (term, frequency) in card {
            let saturated = (frequency / norm) * (K1 + 1.0) / (frequency / norm + K1);
            postings.entry(term).or_default().push((at, saturated));
        }
    }
    writeln!(code, "pub(super) static POSTINGS: &[(&str, &[(u16, f32)])] = &[")?;
    for (term, cards_with_it) in postings {
        let count = cards_with_it.len() as f64;
        let rarity = (1.0 + (frequencies.len() as f64 - count + 0.5) / (count + 0.5)).ln();
        let weights: Vec<(usize, f32)> =
            cards_with_it.iter().map(|(at, weight)| (*at, (weight * rarity) as f32)).collect();
        writeln!(code, "({term:?}, &{weights:?}),")?;
    }
    writeln!(code, "];\npub(super) static PHRASES: &[(&str, &[u16])] = &[")?;
    for (phrase, cards_with_it) in phrases {
        writeln!(code, "({phrase:?}, &{:?}),", cards_with_it.iter().collect::<Vec<_>>())?;
    }
    writeln!(code, "];")
}
