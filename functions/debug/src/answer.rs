//! The answer of the debug agent: what happened, where to look, what to think about, as far as the hint tier goes.
//!
//! | tier | what is added |
//! |---|---|
//! | nudge | what happened, and a question |
//! | pointer | the lines to look at |
//! | explanation | the cause, and the direction of a way out |
//! | worked part | the recorded last steps with their values |
//! | full | the change after which all tests pass |

use learnflow_agent::{Answer, Fault, Question, Sandbox, SkillLevel};
use learnflow_events::{
    code::Outcome,
    payload::{HintTier, Observation, ObservationKind, ResponseType},
};
use learnflow_learner::curriculum;
use serde_json::json;

use crate::{
    diagnosis::{Diagnosis, Suspect, diagnose},
    findings::Tool,
    message::{self, PastedError},
    module_name,
};

/// Recorded steps that an answer shows.
const SHOWN_STEPS: usize = 8;

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
    let module = module_name(query.tests.as_deref().unwrap_or_default());
    let diagnosis = diagnose(&code, &module, query.tests.as_deref(), sandbox).await?;
    Ok(with_diagnosis(question, &diagnosis, pasted.error.as_ref()))
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

fn with_diagnosis(question: &Question, diagnosis: &Diagnosis, pasted: Option<&PastedError>) -> Answer {
    let mut answer = Answer::authored(ResponseType::Diagnosis, text(question, diagnosis, pasted));
    let top = diagnosis.suspects.first();
    answer.confidence = top.map_or(0.4, |suspect| suspect.confidence);
    answer.reasoning = match (&diagnosis.tests, &diagnosis.error) {
        (Some(tests), _) => {
            format!("The program was run and tested: {} of {} tests pass.", tests.passed, tests.total)
        }
        (None, Some(error)) => format!("The program was run and ended with {}.", error.kind),
        (None, None) => format!("The program was run; outcome {:?}.", diagnosis.outcome),
    };
    answer.hint_tier = Some(question.tier);
    answer.evidence = evidence(question.tier, diagnosis);
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

/// What the answer rests on. A fix is the solution, so below the last tier only its place is told.
fn evidence(tier: HintTier, diagnosis: &Diagnosis) -> serde_json::Value {
    let mut evidence = serde_json::to_value(diagnosis).unwrap_or_default();
    if tier < HintTier::Full
        && let Some(fixes) = evidence.get_mut("fixes").and_then(serde_json::Value::as_array_mut)
    {
        for fix in fixes {
            *fix = json!({ "line": fix["line"], "verified": fix["verified"] });
        }
    }
    evidence
}

fn text(question: &Question, diagnosis: &Diagnosis, pasted: Option<&PastedError>) -> String {
    let tier = question.tier;
    let mut parts = Vec::new();
    let what = diagnosis.explanation.split(" Look at line ").next().unwrap_or_default();
    let what = what.split(" Perhaps look at line ").next().unwrap_or_default();
    parts.push(format!("**I ran your program.** {what}"));
    if diagnosis.sample_input.is_some() {
        parts.push("It asks for input, so I typed 5, 3, 8, … one number for each question.".to_owned());
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
    let worth: Vec<_> =
        diagnosis.suspects.iter().filter(|suspect| suspect.confidence >= 0.3).take(3).collect();
    match worth.split_first() {
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

/// What a tool that reads programs without running them adds about the named line, as a sentence after the cause.
fn seconded(suspect: &Suspect, diagnosis: &Diagnosis, level: SkillLevel) -> String {
    let Some(finding) = diagnosis.linted.iter().find(|finding| finding.line == suspect.line) else {
        return String::new();
    };
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
