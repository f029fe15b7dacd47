//! How well cards are found for questions in students' words. `questions.tsv` was written before the retrieval was
//! tuned; its lines are the expected card (or cards) and the question.

use concepts::{card, retrieve};

/// Shares that were measured; they may only rise.
const TOP_1_FLOOR: f64 = 0.80;
const TOP_3_FLOOR: f64 = 0.92;
const ANSWERED_FLOOR: f64 = 0.80;

struct Line {
    expected: Vec<&'static str>,
    question: &'static str,
}

fn lines() -> Vec<Line> {
    include_str!("questions.tsv")
        .lines()
        .map(|line| {
            let (expected, question) = line.split_once('\t').expect("a tab between cards and question");
            Line { expected: expected.split(',').collect(), question }
        })
        .collect()
}

#[test]
fn questions_name_cards_that_exist() {
    let lines = lines();
    assert!(lines.len() >= 150);
    for line in &lines {
        for id in &line.expected {
            assert!(card::card(id).is_some(), "no card {id} for {:?}", line.question);
        }
    }
}

#[test]
fn paraphrased_questions_find_their_cards() {
    let single: Vec<Line> = lines().into_iter().filter(|line| line.expected.len() == 1).collect();
    let (mut first, mut among_three, mut missed) = (0, 0, Vec::new());
    for line in &single {
        let ranked = retrieve::rank(line.question);
        match ranked.iter().position(|hit| hit.card.id == line.expected[0]) {
            Some(0) => first += 1,
            place => {
                let got: Vec<&str> = ranked.iter().take(3).map(|hit| hit.card.id).collect();
                missed.push(format!("{} ({place:?}) {:?}: {got:?}", line.expected[0], line.question));
                among_three += usize::from(place.is_some_and(|place| place < 3));
            }
        }
    }
    among_three += first;
    let share = |count: usize| count as f64 / single.len() as f64;
    println!("top 1: {:.3}, top 3: {:.3}", share(first), share(among_three));
    println!("{}", missed.join("\n"));
    assert!(share(first) >= TOP_1_FLOOR, "top 1 fell to {}:\n{}", share(first), missed.join("\n"));
    assert!(
        share(among_three) >= TOP_3_FLOOR,
        "top 3 fell to {}:\n{}",
        share(among_three),
        missed.join("\n")
    );
}

#[test]
fn answers_contain_every_card_asked_for() {
    let all = lines();
    let (mut answered, mut missed) = (0, Vec::new());
    for line in &all {
        let found = retrieve::find(line.question);
        if line.expected.iter().all(|id| found.hits.iter().any(|hit| hit.card.id == *id)) {
            answered += 1;
        } else {
            let got: Vec<&str> = found.hits.iter().map(|hit| hit.card.id).collect();
            missed.push(format!("{:?} {:?}: {got:?}", line.expected, line.question));
        }
    }
    let share = answered as f64 / all.len() as f64;
    println!("answered: {share:.3}\n{}", missed.join("\n"));
    assert!(share >= ANSWERED_FLOOR, "answered fell to {share}:\n{}", missed.join("\n"));
}
