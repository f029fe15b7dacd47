//! The report that a student reads.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use learnflow_agent::{Answer, Question, SkillLevel};
use learnflow_events::payload::ResponseType;
use learnflow_learner::{
    LearnerState, achievement,
    curriculum::{self, Topic},
    naming,
    parameters::{MASTERED, PRIOR, READY},
    recommend::{self, Reason, Recommendation},
    state::{self, percent},
};
use serde_json::json;

const MOST_STRENGTHS: usize = 3;
const MOST_GROWTH_AREAS: usize = 3;
const MOST_RECOMMENDATIONS: usize = 4;

/// Writes the report on everything, or on the topics that the message names, as of the time `at`.
pub fn report(question: &Question, state: &LearnerState, at: DateTime<Utc>) -> Answer {
    let mastery = state.mastery_at(at);
    let asked = naming::topics_named_in(&question.query.query_text);
    let struggles = &state.struggle_topics;
    let recommended = recommend::recommend(&mastery, struggles, MOST_RECOMMENDATIONS);
    let strengths: Vec<&Topic> = state::strengths(&mastery).into_iter().take(MOST_STRENGTHS).collect();
    let growth: Vec<&Topic> = growth_areas(&mastery, struggles);

    let mut parts = vec![summary(&mastery, state, question.student.total_queries)];
    if !asked.is_empty() && !mastery.is_empty() {
        parts.push(on_topics(&mastery, &asked));
    }
    if !strengths.is_empty() {
        parts.push(section("Your strengths", strengths.iter().map(|topic| level_of(topic, &mastery))));
    }
    if !growth.is_empty() {
        parts.push(section("Where to grow", growth.iter().map(|topic| growth_line(topic, &mastery, state))));
    }
    if !recommended.is_empty() {
        let lines = recommended.iter().enumerate().map(|(at, found)| recommendation(at, found));
        parts.push(format!("**What to do next**\n\n{}", lines.collect::<Vec<_>>().join("\n")));
    }
    parts.push(encouragement(state, &mastery));

    let mut answer = Answer::authored(ResponseType::Report, parts.join("\n\n"));
    answer.reasoning = match state.knowledge.values().map(|knowledge| knowledge.attempts).sum::<u32>() {
        0 => "Nothing has been observed of this student yet.".to_owned(),
        count => format!("{count} observations on {} topics.", mastery.len()),
    };
    answer.topics = asked.iter().map(|topic| (*topic).to_owned()).collect();
    answer.evidence = json!({
        "skill_level": state::skill_level(&mastery),
        "mastery": mastery.iter().map(|(topic, level)| (topic, percent(*level))).collect::<BTreeMap<_, _>>(),
        "modules": modules(&mastery),
        "strengths": strengths.iter().map(|topic| topic.id).collect::<Vec<_>>(),
        "growth_areas": growth.iter().map(|topic| topic.id).collect::<Vec<_>>(),
        "recommendations": recommended
            .iter()
            .map(|found| json!({ "topic": found.topic.id, "reason": found.reason, "mastery": percent(found.mastery) }))
            .collect::<Vec<_>>(),
        "achievements": state.achievements,
        "struggle_topics": state.struggle_topics,
    });
    answer
}

fn summary(mastery: &BTreeMap<String, f64>, state: &LearnerState, questions: u64) -> String {
    if mastery.is_empty() {
        return "You are at the very start: I have not seen anything of your work yet, so there is nothing to report. \
                Ask a question, run a program or take an exercise, and your picture will begin to form."
            .to_owned();
    }
    let mastered = mastery.values().filter(|level| **level >= MASTERED).count();
    let begun = mastery.len() - mastered;
    let total = curriculum::topics().count();
    let level = match state::skill_level(mastery) {
        SkillLevel::Beginner => "at the beginner's level",
        SkillLevel::Intermediate => "at the intermediate level",
        SkillLevel::Advanced => "at the advanced level",
    };
    let mut text = format!(
        "You have worked on {} of the course's {total} topics{}: {} mastered, {begun} under way. You are {level}.",
        mastery.len(),
        if questions > 0 {
            format!(" in {}", counted(questions, "conversation turn"))
        } else {
            String::new()
        },
        mastered,
    );
    let faded = mastery
        .iter()
        .filter(|(topic, level)| **level < MASTERED && state.knowledge[*topic].probability >= MASTERED)
        .map(|(topic, _)| format!("“{}”", curriculum::title(topic)))
        .collect::<Vec<_>>();
    if !faded.is_empty() {
        text.push_str(&format!(
            " It has been a while since {}; a short exercise will bring it back.",
            listed(&faded)
        ));
    }
    text
}

fn on_topics(mastery: &BTreeMap<String, f64>, asked: &[&str]) -> String {
    let lines = asked.iter().take(6).map(|id| {
        let title = curriculum::title(id);
        match mastery.get(*id) {
            Some(level) => format!("{title}: {} %, {}", percent(*level), in_words(*level)),
            None => format!("{title}: nothing seen yet"),
        }
    });
    section("What you asked about", lines)
}

fn growth_areas(mastery: &BTreeMap<String, f64>, struggles: &[String]) -> Vec<&'static Topic> {
    let stuck = struggles.iter().filter_map(|topic| curriculum::topic(topic));
    let mut found: Vec<&Topic> = Vec::new();
    for topic in stuck.chain(state::growth_areas(mastery)) {
        if !found.iter().any(|known| known.id == topic.id) {
            found.push(topic);
        }
    }
    found.truncate(MOST_GROWTH_AREAS);
    found
}

fn growth_line(topic: &Topic, mastery: &BTreeMap<String, f64>, state: &LearnerState) -> String {
    let missing: Vec<String> = topic
        .prerequisites
        .iter()
        .filter(|prerequisite| mastery.get(**prerequisite).copied().unwrap_or(PRIOR) < READY)
        .map(|prerequisite| format!("“{}”", curriculum::title(prerequisite)))
        .collect();
    let mut line = level_of(topic, mastery);
    if let Some(knowledge) = state.knowledge.get(topic.id) {
        line.push_str(&format!(", {} of {} tries went well", knowledge.successes, knowledge.attempts));
    }
    if !missing.is_empty() {
        line.push_str(&format!("; it builds on {}, which may be what is missing", listed(&missing)));
    }
    line
}

fn recommendation(at: usize, found: &Recommendation) -> String {
    let why = match found.reason {
        Reason::Repair => "this is where things got stuck; a small exercise here pays off most",
        Reason::Continue => "begun, and nearly there",
        Reason::Next => "new, and you have everything it builds on",
    };
    format!("{}. **{}**: {} ({why})", at + 1, found.topic.title, found.topic.summary)
}

fn encouragement(state: &LearnerState, mastery: &BTreeMap<String, f64>) -> String {
    // The latest of the weightiest.
    let best = state.achievements.iter().max_by_key(|id| achievement::weight(id));
    match best {
        Some(id) => format!("You {}. That is yours to keep. On to the next one!", achievement::describe(id)),
        None if mastery.is_empty() => {
            "Everybody starts with one line: try `print(\"Hello\")` and see what happens.".to_owned()
        }
        None => format!(
            "You have already dared to start on {}. Solve one exercise, and your first achievement is yours.",
            counted(mastery.len() as u64, "topic")
        ),
    }
}

/// Mean mastery of each module that something was seen of, in percent; unseen topics count as 0.
fn modules(mastery: &BTreeMap<String, f64>) -> Vec<serde_json::Value> {
    curriculum::modules()
        .iter()
        .filter(|module| module.topics.iter().any(|topic| mastery.contains_key(topic.id)))
        .map(|module| {
            let sum: f64 = module.topics.iter().filter_map(|topic| mastery.get(topic.id)).sum();
            json!({ "module": module.id, "title": module.title, "mastery": percent(sum / module.topics.len() as f64) })
        })
        .collect()
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.map(|line| format!("- {line}")).collect();
    format!("**{title}**\n\n{}", lines.join("\n"))
}

fn level_of(topic: &Topic, mastery: &BTreeMap<String, f64>) -> String {
    let level = mastery.get(topic.id).copied().unwrap_or(PRIOR);
    format!("{} ({} %)", topic.title, percent(level))
}

fn in_words(level: f64) -> &'static str {
    match level {
        level if level >= MASTERED => "mastered",
        level if level >= READY => "good enough to build on",
        level if level >= 0.35 => "on the way",
        _ => "still open",
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
