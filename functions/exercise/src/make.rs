//! Exercises made by a model: asked for as data, and believed only after the sandbox has tried them.

use learnflow_agent::{
    Answer, Fault, Question, Sandbox, SkillLevel,
    llm::{
        Message, ModelRequest, Tool,
        prompt::{Prompts, Rendered, SystemView},
        tokens,
    },
    write::{about_the_student, notes_for},
};
use learnflow_exercise_bank::draft::{Case, Draft, Tests, Wrong};
use learnflow_learner::curriculum;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{bank::Exercise, grade, request::Request, select};

/// The prompts.
pub const PROMPTS: Prompts = Prompts {
    system: include_str!("../prompts/make-system.md"),
    user: include_str!("../prompts/make-user.md"),
};

/// The longest text of an exercise, in bytes.
const TEXT_BYTES: usize = 4_000;

/// What to ask a model for, when the message asks for a new task; with the topic and the difficulty.
///
/// # Errors
/// When a prompt does not fit its values.
pub fn ask_for(
    question: &Question,
) -> Result<Option<(ModelRequest, Rendered, &'static str, SkillLevel)>, Fault> {
    let request = Request::read(&question.query.query_text);
    if question.query.exercise_id.is_some() || request.hint || request.parsons {
        return Ok(None);
    }
    // The bank's choice says what is due; a topic that is asked for comes first.
    let due = || select::choose(question, &request).map(|choice| choice.exercise.topics[0]);
    let Some(topic) = request.topics.first().copied().or_else(due) else { return Ok(None) };
    let level = request.difficulty.unwrap_or(question.student.skill_level);
    let view = SystemView { level, style: question.student.learning_style, tier: question.tier };
    let values = json!({
        "topic": curriculum::title(topic),
        "student": about_the_student(question),
        "notes": notes_for(question, &[topic.to_owned()]),
        "message": tokens::fit(&question.query.query_text, tokens::MESSAGE),
    });
    let rendered = PROMPTS.render(view, &values)?;
    let request = ModelRequest {
        system: rendered.system.clone(),
        messages: vec![Message::user(rendered.user.clone())],
        tool: Some(form()),
        max_tokens: tokens::ANSWER,
    };
    Ok(Some((request, rendered, topic, level)))
}

fn form() -> Tool {
    let text = json!({"type": "string", "maxLength": TEXT_BYTES});
    let tests = |least: u32, most: u32| {
        json!({"type": "array", "minItems": least, "maxItems": most, "items": {
            "type": "object", "required": ["call", "expected"],
            "properties": {"call": text, "expected": text},
        }})
    };
    Tool {
        name: "exercise",
        description: "One exercise, complete",
        schema: json!({
            "type": "object",
            "required": ["title", "statement", "starter", "solution", "wrong", "misconception", "hints", "shown", "hidden"],
            "properties": {
                "title": text, "statement": text, "starter": text, "solution": text,
                "wrong": text, "misconception": text,
                "hints": {"type": "array", "minItems": 3, "maxItems": 3, "items": text},
                "shown": tests(3, 5), "hidden": tests(4, 12),
            },
        }),
    }
}

#[derive(Deserialize)]
struct Form {
    title: String,
    statement: String,
    starter: String,
    solution: String,
    wrong: String,
    misconception: String,
    hints: [String; 3],
    shown: Vec<Test>,
    hidden: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    call: String,
    expected: String,
}

/// Reads what a model put into the form.
///
/// # Errors
/// What is wrong with it, for the operator.
pub fn read(input: &Value, topic: &str, difficulty: SkillLevel) -> Result<Draft, String> {
    let form: Form = serde_json::from_value(input.clone()).map_err(|error| error.to_string())?;
    let texts =
        [&form.title, &form.statement, &form.starter, &form.solution, &form.wrong, &form.misconception];
    let tests = form.shown.iter().chain(&form.hidden).flat_map(|test| [&test.call, &test.expected]);
    if texts
        .into_iter()
        .chain(&form.hints)
        .chain(tests)
        .any(|text| text.trim().is_empty() || text.len() > TEXT_BYTES)
    {
        return Err("a text is empty or too long".to_owned());
    }
    if !(3..=5).contains(&form.shown.len()) || !(4..=12).contains(&form.hidden.len()) {
        return Err("there are too few tests, or too many".to_owned());
    }
    let cases = |tests: Vec<Test>| -> Vec<Case> {
        tests.into_iter().map(|test| Case { given: test.call, expected: test.expected }).collect()
    };
    let program = |text: &str| format!("{}\n", text.trim_matches('\n').trim_end());
    Ok(Draft {
        title: form.title,
        topics: vec![topic.to_owned()],
        difficulty,
        // Markup in it is text: see `plain` of the writer.
        statement: learnflow_agent::write::plain(&form.statement),
        starter: program(&form.starter),
        solution: program(&form.solution),
        hints: form.hints.map(|hint| learnflow_agent::write::plain(&hint)),
        shown: cases(form.shown),
        hidden: cases(form.hidden),
        wrong: vec![Wrong { code: program(&form.wrong), misconception: form.misconception }],
        tests: Tests::Call,
    })
}

/// Whether an exercise does what it must: its solution passes all tests, its starter and its wrong program do not.
///
/// # Errors
/// When the sandbox is away.
pub async fn verified(exercise: &Exercise, sandbox: &impl Sandbox) -> Result<bool, Fault> {
    if !sandbox.test(&grade::request(exercise, exercise.solution)).await?.passed {
        return Ok(false);
    }
    let fail = [exercise.starter].into_iter().chain(exercise.wrong.iter().map(|wrong| wrong.code));
    for program in fail {
        if sandbox.test(&grade::request(exercise, program)).await?.passed {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sets a verified exercise.
pub fn set(question: &Question, exercise: &'static Exercise) -> Answer {
    crate::set(
        question,
        exercise,
        crate::Form::Code,
        question.tier,
        "It was made for this message and verified in the sandbox.",
    )
}
