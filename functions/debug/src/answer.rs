//! The answer of the debug agent: what happened, where to look, what to think about, as far as the hint tier goes.
//!
//! | tier | what is added |
//! |---|---|
//! | nudge | what happened, and a question |
//! | pointer | the lines to look at |
//! | explanation | the cause, and the direction of a way out |
//! | worked part | the recorded last steps with their values |
//! | full | the change after which all tests pass |
//!
//! The data behind an answer says no more than its text, since whoever reads the one can read the other.

use learnflow_agent::{Answer, Fault, Question, Sandbox, SkillLevel};
use learnflow_events::{
    code::Outcome,
    payload::{HintTier, Observation, ObservationKind, QuerySubmitted, ResponseType},
};
use learnflow_exercise_bank::{Exercise, TestKind, exercise, exercise_of};
use learnflow_learner::curriculum;
use serde_json::{Value, json};

use crate::{
    Budget,
    diagnosis::{Diagnosis, Suspect, diagnose_against},
    findings::{Finding, Tool},
    message::{self, PastedError},
    module_name,
    suite::Suite,
};

/// Recorded steps that an answer shows.
const SHOWN_STEPS: usize = 8;
/// Lines that an answer names, and how sure it has to be of each.
const NAMED: usize = 3;
const SURE: f64 = 0.3;

/// Answers a student whose program does not do what was meant. Runs the program first; asks for it when
/// there is none.
///
/// # Errors
/// Only when the sandbox cannot be reached.
pub async fn answer(question: &Question, sandbox: &impl Sandbox) -> Result<Answer, Fault> {
    let query = &question.query;
    let pasted = message::read(&query.query_text);
    let given = query.code.clone().filter(|code| !code.trim().is_empty());
    let Some(code) = given.or(pasted.code) else {
        return Ok(match pasted.error {
            Some(error) => without_program(&error),
            None => ask_for_program(),
        });
    };
    let suite = suite_of(query, &code);
    let diagnosis = diagnose_against(&code, suite.as_ref(), Budget::default(), sandbox).await?;
    let error = pasted.error.as_ref();
    Ok(Answer::by_degrees(question.tier, |tier| at_tier(question, tier, &diagnosis, error)))
}

/// What says whether the program is right: the student's own tests, or those of the exercise that it is a try at.
fn suite_of(query: &QuerySubmitted, code: &str) -> Option<Suite> {
    let own = query.tests.as_deref().and_then(|tests| Suite::of_file(&module_name(tests), tests));
    own.or_else(|| {
        let about = QuerySubmitted { code: Some(code.to_owned()), ..query.clone() };
        exercise_of(&about).map(Suite::of_exercise)
    })
}

fn ask_for_program() -> Answer {
    let mut answer = Answer::authored(
        ResponseType::Clarification,
        "To find the mistake I need to run your program. Please send\n\n\
         1. the code (all of it, or the smallest part that still goes wrong),\n\
         2. what you expected it to do,\n\
         3. what it does instead; if there is an error, its whole text.",
    );
    answer.confidence = 0.9;
    answer.reasoning = "The message holds neither a program nor an error text.".to_owned();
    answer.evidence = json!({ "missing": ["code"] });
    answer.topics = vec!["debugging".to_owned()];
    answer
}

/// A traceback came without its program.
fn without_program(error: &PastedError) -> Answer {
    let place = match (error.line, &error.source_line) {
        (Some(line), Some(source)) => format!(" It happened on line {line}: `{source}`."),
        (Some(line), None) => format!(" It happened on line {line}."),
        _ => String::new(),
    };
    let what = meaning(&error.kind);
    let mut answer = Answer::authored(
        ResponseType::Clarification,
        format!(
            "Python stopped with **{}**.{place} {what}\n\nSend the program as well, and I can run it and say which line is to blame.",
            error.kind
        ),
    );
    answer.confidence = 0.6;
    answer.reasoning = "The message holds an error text but no program.".to_owned();
    answer.evidence = json!({
        "pasted_error": { "type": error.kind, "message": error.message, "line": error.line },
        "missing": ["code"],
    });
    answer.concept = curriculum::topic_of_exception(&error.kind).map(|_| error.kind.clone());
    answer.topics = curriculum::topic_of_exception(&error.kind).map(str::to_owned).into_iter().collect();
    answer
}

/// What an exception means, for one that cannot be reproduced here; the sandbox explains the others.
fn meaning(kind: &str) -> &'static str {
    match kind {
        "IndexError" => "A position was asked for that the list or text does not have; positions start at 0.",
        "KeyError" => "A dictionary was asked for a key that it does not have.",
        "NameError" => "A name was used that has no value yet; often it is spelt in two ways.",
        "UnboundLocalError" => "A variable of a function was read before it got a value in that function.",
        "TypeError" => "A value of one kind was used where another kind is needed.",
        "ValueError" => {
            "The value has the right kind but cannot be used here, such as a text that is no number."
        }
        "AttributeError" => "The value does not have what was asked for after the dot; often it is None.",
        "ZeroDivisionError" => "Something was divided by zero.",
        "SyntaxError" => "The text is not valid Python; look at that line and the end of the one before it.",
        "IndentationError" => "A line stands too far to the left or to the right.",
        "RecursionError" => "A function kept calling itself and never came to an end.",
        "ModuleNotFoundError" | "ImportError" => "Something that is imported was not found.",
        "FileNotFoundError" => "There is no file of that name where the program looks.",
        "EOFError" => "The program asked for input and there was none left.",
        _ => "",
    }
}

fn at_tier(
    question: &Question,
    tier: HintTier,
    diagnosis: &Diagnosis,
    pasted: Option<&PastedError>,
) -> Answer {
    let mut answer = Answer::authored(ResponseType::Diagnosis, text(question, tier, diagnosis, pasted));
    let top = diagnosis.suspects.first();
    answer.confidence = top.map_or(0.4, |suspect| suspect.confidence);
    answer.reasoning = match (&diagnosis.tests, &diagnosis.error) {
        (Some(tests), _) => {
            let what = if diagnosis.exercise.is_some() { "of the exercise's examples" } else { "tests" };
            format!("The program was run and tested: {} of {} {what} pass.", tests.passed, tests.total)
        }
        (None, Some(error)) => format!("The program was run and ended with {}.", error.kind),
        (None, None) => format!("The program was run; outcome {:?}.", diagnosis.outcome),
    };
    answer.hint_tier = Some(tier);
    answer.evidence = evidence(tier, diagnosis);
    let error = diagnosis.error.as_ref().map(|error| error.kind.as_str());
    answer.topics = topics(diagnosis);
    answer.observations = answer
        .topics
        .iter()
        .take(2)
        .map(|topic| Observation { topic: topic.clone(), kind: ObservationKind::Run, correct: false })
        .collect();
    // Wakes concepts: for the error's class, or for the idea when nothing was raised and the suspicion is strong.
    answer.concept =
        error.filter(|kind| curriculum::topic_of_exception(kind).is_some()).map(str::to_owned).or_else(
            || top.filter(|suspect| suspect.confidence >= 0.6).and_then(|suspect| suspect.concept.clone()),
        );
    answer
}

fn topics(diagnosis: &Diagnosis) -> Vec<String> {
    let mut topics: Vec<String> = Vec::new();
    let of_suspects = diagnosis
        .suspects
        .iter()
        .filter(|suspect| suspect.confidence >= 0.5)
        .filter_map(|suspect| suspect.concept.as_deref());
    let of_error = diagnosis.error.iter().map(|error| error.kind.as_str());
    for name in of_suspects.chain(of_error) {
        let topic =
            curriculum::topic_of_exception(name).or_else(|| curriculum::topic(name).map(|topic| topic.id));
        if let Some(topic) = topic.filter(|topic| !topics.iter().any(|known| known == topic)) {
            topics.push(topic.to_owned());
        }
    }
    topics
}

/// What the answer rests on, as far as its text goes at this tier.
fn evidence(tier: HintTier, diagnosis: &Diagnosis) -> Value {
    let mut evidence = json!(diagnosis);
    if tier == HintTier::Full {
        return evidence;
    }
    let named = named(diagnosis);
    let suspects: Vec<Value> = named
        .iter()
        .enumerate()
        .map(|(place, suspect)| match (tier, place) {
            (HintTier::Nudge, _) => Value::Null,
            (HintTier::Pointer, _) => json!({ "line": suspect.line }),
            // What to think about is told of the first line only.
            (_, 0) => json!(suspect),
            _ => json!(Suspect { direction: String::new(), ..(*suspect).clone() }),
        })
        .filter(Value::is_object)
        .collect();
    evidence["suspects"] = suspects.into();
    evidence["fixes"] = json!([]);
    let explains = tier >= HintTier::Explanation;
    let seconded = named.first().and_then(|first| seconding(first, diagnosis)).filter(|_| explains);
    evidence["linted"] = seconded.into_iter().map(|finding| json!(finding)).collect();
    // The cause is with the suspects, and what to do about an error where the text says it.
    evidence["explanation"] = what_happened(diagnosis).into();
    if let Some(error) = evidence["error"].as_object_mut() {
        error.remove("explanation");
    }
    let from = diagnosis.last_steps.len().saturating_sub(SHOWN_STEPS);
    let steps = if tier >= HintTier::WorkedPart { &diagnosis.last_steps[from..] } else { &[] };
    evidence["last_steps"] = json!(steps);
    if let Some(failures) = evidence.pointer_mut("/tests/failures").and_then(Value::as_array_mut) {
        failures.truncate(1);
    }
    evidence
}

/// The lines that an answer may name, best first.
fn named(diagnosis: &Diagnosis) -> Vec<&Suspect> {
    diagnosis.suspects.iter().filter(|suspect| suspect.confidence >= SURE).take(NAMED).collect()
}

/// What happened, without where to look.
fn what_happened(diagnosis: &Diagnosis) -> &str {
    let what = diagnosis.explanation.split(" Look at line ").next().unwrap_or_default();
    what.split(" Perhaps look at line ").next().unwrap_or_default()
}

fn text(question: &Question, tier: HintTier, diagnosis: &Diagnosis, pasted: Option<&PastedError>) -> String {
    let mut parts = Vec::new();
    parts.push(format!("**I ran your program.** {}", what_happened(diagnosis)));
    if diagnosis.sample_input.is_some() {
        let exercise = diagnosis.exercise.as_ref().and_then(|tried| exercise(tried.id));
        parts.push(match exercise {
            Some(Exercise { tests: TestKind::Io, .. }) => {
                "It asks for input, so I typed that of the first example.".to_owned()
            }
            _ => "It asks for input, so I typed 5, 3, 8, … one number for each question.".to_owned(),
        });
    }
    if let (Some(pasted), Some(error)) = (pasted, &diagnosis.error)
        && pasted.kind != error.kind
    {
        parts.push(format!(
            "You wrote of {}; here it was {}. The input or the code may differ.",
            pasted.kind, error.kind
        ));
    }
    if diagnosis.error.is_none() && !diagnosis.stdout.trim().is_empty() {
        parts.push(format!("It printed:\n\n```text\n{}\n```", head(&diagnosis.stdout, 12)));
    }
    if let Some(failure) = diagnosis.tests.iter().flat_map(|tests| &tests.failures).next() {
        parts.push(format!("The first test that fails is `{}`: {}", failure.name, failure.message.trim()));
    }
    match named(diagnosis).split_first() {
        Some((first, _)) if tier == HintTier::Nudge => {
            parts.push(format!("*Think about this:* {}", nudge(first)));
        }
        Some((first, others)) if tier == HintTier::Pointer => {
            parts.push(format!("**Look at line {}.**", first.line));
            if !others.is_empty() {
                let lines: Vec<String> = others.iter().map(|suspect| suspect.line.to_string()).collect();
                parts.push(format!("If that is not it: line {}.", lines.join(", then line ")));
            }
        }
        Some((first, others)) => {
            let seconded = seconded(first, diagnosis, question.student.skill_level);
            parts.push(format!("**Look at line {}.** {}{seconded}", first.line, first.cause));
            if !first.direction.is_empty() {
                parts.push(format!("*Think about this:* {}", first.direction));
            }
            if !others.is_empty() {
                let list: Vec<String> = others
                    .iter()
                    .map(|suspect| format!("- Line {}: {}", suspect.line, suspect.cause))
                    .collect();
                parts.push(format!("If that is not it, these are worth a look:\n\n{}", list.join("\n")));
            }
        }
        None if diagnosis.outcome == Outcome::Ok => parts.push(
            "I see nothing suspicious. What did you expect it to print, and for which input? \
             With that, or with a test, I can look for the line."
                .to_owned(),
        ),
        None => {}
    }
    if tier >= HintTier::WorkedPart && !diagnosis.last_steps.is_empty() {
        parts.push(last_steps(diagnosis));
    }
    let unreadable = diagnosis.outcome == Outcome::SyntaxError;
    let fix = diagnosis.fixes.iter().find(|fix| fix.verified || unreadable);
    match fix {
        Some(fix) if tier == HintTier::Full => parts.push(format!(
            "**A change after which {}**, at line {}:\n\n```python\n{}\n```",
            if unreadable { "Python can read the program" } else { "all tests pass" },
            fix.line,
            fix.replacement
        )),
        _ if tier > HintTier::Nudge => parts.push(next_step(question.student.skill_level, diagnosis)),
        _ => {}
    }
    parts.join("\n\n")
}

/// A question that leads to the line without naming it.
fn nudge(suspect: &Suspect) -> &str {
    if suspect.direction.is_empty() {
        "Which line ran last before it went wrong, and which values did it see?"
    } else {
        &suspect.direction
    }
}

fn seconding<'a>(suspect: &Suspect, diagnosis: &'a Diagnosis) -> Option<&'a Finding> {
    diagnosis.linted.iter().find(|finding| finding.line == suspect.line)
}

/// What a tool that reads programs without running them adds about the named line, as a sentence after the cause.
fn seconded(suspect: &Suspect, diagnosis: &Diagnosis, level: SkillLevel) -> String {
    let Some(finding) = seconding(suspect, diagnosis) else { return String::new() };
    let (tool, rule) = match finding.tool {
        Tool::Ruff => {
            ("Ruff, which reads programs without running them,", format!(" (rule {})", finding.rule))
        }
        Tool::Compiler => ("Python's compiler", String::new()),
    };
    // Codes of rules are for those who want to look them up.
    let rule = if level == SkillLevel::Beginner { String::new() } else { rule };
    if suspect.cause == finding.cause {
        format!(" {tool} says so{rule}.")
    } else {
        format!(" {tool} points at this line too{rule}: {}", finding.cause)
    }
}

/// What ran before the first failure, with the values that changed.
fn last_steps(diagnosis: &Diagnosis) -> String {
    let mut rows =
        vec!["**The last steps before it went wrong:**\n\n| line | what changed |\n|---|---|".to_owned()];
    let from = diagnosis.last_steps.len().saturating_sub(SHOWN_STEPS);
    for step in &diagnosis.last_steps[from..] {
        let values: Vec<String> = step
            .values
            .iter()
            .map(|(name, value)| format!("`{name} = {}`", value.replace('`', "'").replace('|', "\\|")))
            .collect();
        rows.push(format!("| {} | {} |", step.line, values.join(", ")));
    }
    rows.join("\n")
}

/// What to do with it, by how far the student is.
fn next_step(level: SkillLevel, diagnosis: &Diagnosis) -> String {
    let line = diagnosis.suspects.first().map(|suspect| suspect.line);
    if diagnosis.outcome == Outcome::SyntaxError {
        return "Mend that place and run it again: Python reads the whole program before it starts, and says where \
                it could not go on."
            .to_owned();
    }
    match (level, line) {
        (SkillLevel::Beginner, Some(line)) => {
            format!(
                "Try it: put a `print()` just before line {line} that shows the values used there, run it again, and compare with what you expected."
            )
        }
        (SkillLevel::Intermediate, Some(line)) => {
            format!(
                "Say in your own words what line {line} should do, then check with one small input by hand."
            )
        }
        (SkillLevel::Advanced, Some(line)) => {
            format!("Write the smallest test that shows it, and check the assumption that line {line} makes.")
        }
        (_, None) => "Tell me what you expected, and I look further.".to_owned(),
    }
}

fn head(text: &str, lines: usize) -> String {
    let mut kept: Vec<&str> = text.lines().take(lines).collect();
    if text.lines().nth(lines).is_some() {
        kept.push("…");
    }
    kept.join("\n")
}
