//! How often the response cache would answer, for messages in the order in which students wrote them.

use std::{collections::HashSet, fs, path::Path};

use concepts::model;
use learnflow_agent::{
    LearningStyle, Question, SkillLevel,
    llm::{cache_key, prompt::SystemView},
};
use learnflow_events::payload::{HintTier, QuerySubmitted};
use serde_json::Value;

/// Questions of a university's first course (CS1QA), which a checkout may have beside it.
const COLLECTION: &str = "../shared/data/cs1qa/questions.jsonl";

/// What becomes of messages.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rate {
    /// Messages.
    all: usize,
    /// Of them a model would explain so many.
    explained: usize,
    /// Of them so many say all that matters, so that their answer may be shared.
    shared: usize,
    /// Of them so many ask what was asked before.
    hits: usize,
}

fn rate<'a>(messages: impl Iterator<Item = &'a str>) -> Rate {
    let view = SystemView {
        level: SkillLevel::Beginner,
        style: LearningStyle::StepByStep,
        tier: HintTier::Explanation,
    };
    let mut rate = Rate::default();
    let mut kept = HashSet::new();
    for message in messages {
        rate.all += 1;
        let query = QuerySubmitted { query_text: message.to_owned(), ..QuerySubmitted::default() };
        let question = Question { query, ..Question::default() };
        let authored = concepts::answer(&question).ok();
        let Some(writing) = authored.and_then(|authored| model::writing(&question, &authored)) else {
            continue;
        };
        rate.explained += 1;
        let key =
            writing.cache.and_then(|text| cache_key::of_question("concepts", &text, view, "model", "prompt"));
        let Some(key) = key else { continue };
        rate.shared += 1;
        rate.hits += usize::from(!kept.insert(key));
    }
    println!("{rate:?}");
    rate
}

/// A class in which everybody asks in their own words what the curriculum brings up.
#[test]
fn a_question_in_other_words_is_answered_from_the_cache() {
    let asked = ["what is a {}?", "can you explain {}s please", "I don't get the {}, what is it", "{}"];
    let topics =
        ["list comprehension", "dictionary", "tuple", "lambda", "decorator", "generator", "while loop"];
    let messages: Vec<String> =
        topics.iter().flat_map(|topic| asked.iter().map(|form| form.replace("{}", topic))).collect();
    let rate = rate(messages.iter().map(String::as_str));
    assert!(rate.shared * 2 > rate.all, "too few may be shared: {rate:?}");
    assert!(rate.hits * 2 >= rate.shared, "too few are found again: {rate:?}");
}

#[test]
fn the_rate_for_a_real_course_is_known() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(COLLECTION);
    let Ok(text) = fs::read_to_string(&file) else {
        println!("skipped: there is no {COLLECTION} beside the checkout");
        return;
    };
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let rate = rate(lines.iter().filter_map(|line| line["text"].as_str()));
    assert!(rate.all >= 1_000, "{rate:?}");
    assert!(rate.hits <= rate.shared && rate.shared <= rate.explained, "{rate:?}");
    // Whatever a question says, asking all of it again costs nothing where its answer may be shared.
    let twice = lines.iter().chain(&lines).filter_map(|line| line["text"].as_str());
    let twice = self::rate(twice);
    assert_eq!(twice.hits, rate.hits + rate.shared);
}
