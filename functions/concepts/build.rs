//! Checks the cards and writes them, and the index over them, as constants: a component lives for one request
//! and should not spend it on reading files.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use serde::Deserialize;

#[path = "src/terms.rs"]
#[expect(dead_code, reason = "what only questions are asked")]
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

/// BM25 over everything that is said about a card (S. Robertson and H. Zaragoza, "The Probabilistic Relevance
/// Framework: BM25 and Beyond", 2009).
const K1: f64 = 1.2;
const LENGTH_NORMALISATION: f64 = 0.6;
/// How much a word of the explanations counts beside one of the names and questions.
const BODY: f64 = 0.3;

/// A share may happen to be a famous number, such as the half of a root of two.
const CALCULATED: &str =
    "#[allow(clippy::approx_constant, clippy::type_complexity, reason = \"calculated, not written\")]";

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
    assert!(
        learnflow_curriculum::topic(topic).is_some(),
        "cards/{name}.toml: no topic {topic} in the curriculum"
    );
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
    card.title.clone().unwrap_or_else(|| learnflow_curriculum::title(name).to_owned())
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
    if let Some(topic) = learnflow_curriculum::topic(name) {
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

/// A text that a question may resemble: a name of a card, a question that it answers, its definition.
struct Sample {
    card: usize,
    features: Vec<(String, f32)>,
}

fn write_index(code: &mut String, cards: &BTreeMap<String, Card>) -> std::fmt::Result {
    let mut phrases: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut samples: Vec<Sample> = Vec::new();
    // Per card: how often it says each feature.
    let mut said: Vec<BTreeMap<String, f64>> = Vec::new();
    for (at, (name, card)) in cards.iter().enumerate() {
        let names = aliases(name, card);
        for alias in &names {
            phrases.entry(terms::phrase(alias)).or_default().insert(at);
        }
        let topic = learnflow_curriculum::topic(name);
        let keywords = topic.map(|topic| topic.keywords.join(" ")).unwrap_or_default();
        let summary = topic.map(|topic| topic.summary).unwrap_or_default();
        let definition = card.definition.split(". ").next().unwrap_or_default();
        let mut bag: BTreeMap<String, f64> = BTreeMap::new();
        for text in names.iter().chain(&card.asks).chain([&format!("{summary} {definition}")]) {
            let features = terms::features(text);
            for (feature, weight) in &features {
                *bag.entry(feature.clone()).or_default() += f64::from(*weight);
            }
            samples.push(Sample { card: at, features });
        }
        let body = format!(
            "{} {} {} {} {} {} {keywords}",
            card.definition,
            card.beginner,
            card.intermediate,
            card.advanced,
            card.pitfalls.join(" "),
            card.practice
        );
        for (feature, weight) in terms::features(&body) {
            if terms::is_word(&feature) {
                *bag.entry(feature).or_default() += BODY * f64::from(weight);
            }
        }
        said.push(bag);
    }
    phrases.remove("");
    let rarity = rarities(&samples, cards.len());
    write_samples(code, &samples, &rarity)?;
    write_bags(code, &said)?;
    writeln!(code, "pub(super) static PHRASES: &[(&str, &[u16])] = &[")?;
    for (phrase, cards_with_it) in phrases {
        writeln!(code, "({phrase:?}, &{:?}),", cards_with_it.iter().collect::<Vec<_>>())?;
    }
    writeln!(code, "];")
}

/// How rare a feature is: by how many cards have it in a sample.
fn rarities(samples: &[Sample], cards: usize) -> BTreeMap<&str, f32> {
    let mut having: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for sample in samples {
        for (feature, _) in &sample.features {
            having.entry(feature).or_default().insert(sample.card);
        }
    }
    having
        .into_iter()
        .map(|(feature, having)| (feature, (1.0 + cards as f32 / having.len() as f32).ln()))
        .collect()
}

/// The samples as unit vectors, feature by feature, and the card of each.
fn write_samples(code: &mut String, samples: &[Sample], rarity: &BTreeMap<&str, f32>) -> std::fmt::Result {
    let mut postings: BTreeMap<&str, Vec<(usize, f32)>> = BTreeMap::new();
    for (at, sample) in samples.iter().enumerate() {
        let vector: Vec<(&str, f32)> = sample
            .features
            .iter()
            .map(|(feature, weight)| (feature.as_str(), weight * rarity[feature.as_str()]))
            .collect();
        let length = vector.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
        for (feature, value) in vector {
            postings.entry(feature).or_default().push((at, value / length));
        }
    }
    writeln!(
        code,
        "pub(super) static SAMPLES: &[u16] = &{:?};",
        samples.iter().map(|sample| sample.card).collect::<Vec<_>>()
    )?;
    writeln!(code, "{CALCULATED}\npub(super) static FEATURES: &[(&str, f32, &[(u16, f32)])] = &[")?;
    for (feature, samples) in postings {
        writeln!(code, "({feature:?}, {:?}, &{samples:?}),", rarity[feature])?;
    }
    writeln!(code, "];")
}

/// For each feature the cards that have it, with their weights.
fn write_bags(code: &mut String, said: &[BTreeMap<String, f64>]) -> std::fmt::Result {
    let lengths: Vec<f64> = said.iter().map(|card| card.values().sum()).collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
    let mut postings: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for (at, card) in said.iter().enumerate() {
        let norm = 1.0 - LENGTH_NORMALISATION + LENGTH_NORMALISATION * lengths[at] / mean;
        for (feature, frequency) in card {
            let frequency = frequency / norm;
            postings.entry(feature).or_default().push((at, frequency * (K1 + 1.0) / (frequency + K1)));
        }
    }
    writeln!(code, "{CALCULATED}\npub(super) static POSTINGS: &[(&str, &[(u16, f32)])] = &[")?;
    for (feature, cards_with_it) in postings {
        let count = cards_with_it.len() as f64;
        let rarity = (1.0 + (said.len() as f64 - count + 0.5) / (count + 0.5)).ln();
        let weights: Vec<(usize, f32)> =
            cards_with_it.iter().map(|(at, weight)| (*at, (weight * rarity) as f32)).collect();
        writeln!(code, "({feature:?}, &{weights:?}),")?;
    }
    writeln!(code, "];")
}
