//! Writing cards out for one student.

use learnflow_agent::{LearningStyle, Question, SkillLevel};
use learnflow_learner::{curriculum, state::percent};

use crate::card::Card;

/// The answer's text: each card once, what is mastered in brief.
pub fn write(question: &Question, cards: &[&Card]) -> String {
    let mut text = String::new();
    if cards.len() > 1 {
        let titles = list(cards.iter().map(|card| format!("**{}**", card.title)));
        text.push_str(&format!("Your question touches {titles}. One after the other:\n\n"));
    }
    let sections: Vec<String> = cards
        .iter()
        .map(|card| {
            if crate::brief(question, card) {
                reminder(question, card)
            } else {
                let student = &question.student;
                let (level, style) = if again(question, card) {
                    another_way(card, student.skill_level, student.learning_style)
                } else {
                    (student.skill_level, student.learning_style)
                };
                section(card, level, style)
            }
        })
        .collect();
    if cards.iter().any(|card| again(question, card)) {
        text.push_str("You said that an earlier explanation did not help, so here is another way in.\n\n");
    }
    text.push_str(&sections.join("\n\n"));
    text
}

/// Whether the student said that the last answer about this topic did not help.
pub(crate) fn again(question: &Question, card: &Card) -> bool {
    question.student.unhelpful_topics.iter().any(|topic| topic == card.topic)
}

/// What did not help is not said the same way again: a step simpler, and another thing first.
fn another_way(card: &Card, level: SkillLevel, style: LearningStyle) -> (SkillLevel, LearningStyle) {
    let level = match level {
        SkillLevel::Advanced => SkillLevel::Intermediate,
        SkillLevel::Intermediate | SkillLevel::Beginner => SkillLevel::Beginner,
    };
    let style = match style {
        LearningStyle::StepByStep if !card.picture.is_empty() => LearningStyle::Visual,
        LearningStyle::StepByStep | LearningStyle::Visual => LearningStyle::ExampleDriven,
        LearningStyle::ExampleDriven => LearningStyle::StepByStep,
    };
    (level, style)
}

/// A card in full.
fn section(card: &Card, level: SkillLevel, style: LearningStyle) -> String {
    let explanation = match level {
        SkillLevel::Beginner => card.beginner,
        SkillLevel::Intermediate => card.intermediate,
        SkillLevel::Advanced => card.advanced,
    };
    let picture =
        if card.picture.is_empty() { String::new() } else { format!("```text\n{}\n```", card.picture) };
    let example = example(card);
    // The same parts for everybody; what comes first depends on how the student learns.
    let middle: Vec<&str> = match style {
        LearningStyle::StepByStep => vec![explanation, &example],
        LearningStyle::ExampleDriven => vec![&example, explanation],
        LearningStyle::Visual => vec![&picture, explanation, &example],
    };
    let mut parts = vec![format!("### {}", card.title), card.definition.to_owned()];
    parts.extend(middle.into_iter().filter(|part| !part.is_empty()).map(str::to_owned));
    let pitfalls: Vec<String> =
        card.pitfalls.iter().map(|pitfall| format!("- {}", indented(pitfall))).collect();
    parts.push(format!("**Watch out**\n\n{}", pitfalls.join("\n")));
    parts.push(format!("**Try it:** {}", card.practice));
    parts.join("\n\n")
}

/// A card in brief, for who has mastered it.
fn reminder(question: &Question, card: &Card) -> String {
    let mastery = question.student.mastery_levels.get(card.topic).copied().unwrap_or_default();
    let next: Vec<&str> = curriculum::topics()
        .filter(|topic| topic.prerequisites.contains(&card.topic))
        .filter(|topic| !question.student.mastery_levels.contains_key(topic.id))
        .map(|topic| topic.title)
        .take(2)
        .collect();
    let mut text = format!(
        "### {}\n\nYou know this one well ({} %), so only a reminder. {}\n\n{}",
        card.title,
        percent(mastery),
        card.definition,
        card.pitfalls[0]
    );
    if !next.is_empty() {
        text.push_str(&format!("\n\nIt leads on to {}.", list(next)));
    }
    text
}

fn example(card: &Card) -> String {
    let example = &card.example;
    let mut text = format!("```python\n{}```\n\n", example.code);
    if !example.stdin.is_empty() {
        text.push_str(&format!("With the input\n\n```text\n{}\n```\n\n", example.stdin.trim_end()));
    }
    match (example.output, example.error) {
        ("", error) => text.push_str(&format!("It ends with\n\n```text\n{error}\n```")),
        (output, "") => text.push_str(&format!("It prints\n\n```text\n{output}\n```")),
        (output, error) => {
            text.push_str(&format!(
                "It prints\n\n```text\n{output}\n```\n\nand ends with\n\n```text\n{error}\n```"
            ));
        }
    }
    text
}

/// Lines after the first belong to the same item of a Markdown list.
fn indented(text: &str) -> String {
    text.replace('\n', "\n  ")
}

/// “a”, “a and b”, “a, b and c”.
pub(crate) fn list(items: impl IntoIterator<Item = impl Into<String>>) -> String {
    let items: Vec<String> = items.into_iter().map(Into::into).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
