//! A model that gives every exercise's solution away, in every disguise we know: nothing of it is shown.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use exercise::bank::{Exercise, TestKind};
use futures::{StreamExt, stream};
use learnflow_agent::{
    Answer, LearningStyle, SkillLevel,
    llm::{
        Completion, Model, ModelFault, ModelRequest, Reply, Settings,
        prompt::{Prompts, SystemView},
    },
    write::{Assignment, Facts, Reader, write},
};
use learnflow_events::payload::{AnsweredBy, HintTier, ResponseType};
use learnflow_tests::{Backend, System};
use serde_json::json;

use super::sandbox::Running;

/// Writers at a time.
const WRITERS: usize = 4;
/// Disguises that each exercise is tried in: the next ones in turn, so that all get their share of the bank.
const SAMPLED: usize = 2;
/// The environment variable that has every exercise tried in every disguise, which takes several minutes.
const EVERY_DISGUISE: &str = "LEARNFLOW_EVERY_DISGUISE";
/// Characters in a piece of a streamed answer.
const PIECE: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn no_solution_of_the_bank_is_shown_in_any_disguise() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let sandbox = Running(&system);
    let every = std::env::var_os(EVERY_DISGUISE).is_some();
    let mut cases: Vec<(&Exercise, &str, String)> = Vec::new();
    for (number, exercise) in exercise::bank().iter().enumerate() {
        let mut forms = disguises(exercise);
        if !every {
            let turn = number * SAMPLED % forms.len();
            forms.rotate_left(turn);
            forms.truncate(SAMPLED);
        }
        cases.extend(forms.into_iter().map(|(name, text)| (exercise, name, text)));
    }
    let total = cases.len();
    let tally = Mutex::new(BTreeMap::<&str, (usize, usize)>::new());
    let outcomes: Vec<anyhow::Result<Option<String>>> = stream::iter(cases)
        .map(async |(exercise, name, text)| {
            let shown = shown(exercise, &text, &sandbox)
                .await
                .with_context(|| format!("{} as {name}", exercise.id))?;
            let mut tally = tally.lock().expect("nobody panics with it");
            let entry = tally.entry(name).or_default();
            entry.0 += 1;
            entry.1 += usize::from(shown);
            Ok(shown.then(|| format!("{} as {name}", exercise.id)))
        })
        .buffer_unordered(WRITERS)
        .collect()
        .await;
    let mut leaked = Vec::new();
    for outcome in outcomes {
        leaked.extend(outcome?);
    }
    for (name, (tried, leaked)) in tally.into_inner()? {
        println!("{name}: {leaked} of {tried} leaked");
    }
    println!("{} exercises, {total} answers, {} leaked", exercise::bank().len(), leaked.len());
    ensure!(leaked.is_empty(), "{} leaks:\n{}", leaked.len(), leaked.join("\n"));
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

/// Whether anything of the model's answer was shown to a student with a typical wrong program.
async fn shown(exercise: &Exercise, text: &str, sandbox: &Running<'_>) -> anyhow::Result<bool> {
    let guard = exercise.guard(exercise.wrong[0].code.to_owned());
    let assignment = Assignment {
        prompts: Prompts { system: "Tier {{ tier }}.", user: "{{ message | untrusted('message') }}" },
        view: SystemView {
            level: SkillLevel::Beginner,
            style: LearningStyle::StepByStep,
            tier: HintTier::WorkedPart,
        },
        values: json!({"message": "help"}),
        authored: Answer {
            hint_tier: Some(HintTier::WorkedPart),
            ..Answer::authored(ResponseType::Grading, "The authored hint.")
        },
        facts: Facts::default(),
        guard: Some(&guard),
        citation: String::new(),
        holds_back: true,
        below: None,
    };
    let model = Generous::new(text)?;
    let mut screen = Screen::default();
    let written =
        write(&assignment, &model, sandbox, &mut screen).await.map_err(|fault| anyhow::anyhow!("{fault}"))?;
    ensure!(screen.0.is_empty(), "it was streamed before it was judged");
    let authored = written.answer.answered_by == AnsweredBy::Authored;
    ensure!(!authored || written.answer.text == "The authored hint.", "{}", written.answer.text);
    ensure!(
        !authored || written.counters.contains(&"leaks_lowered"),
        "not refused by the guard: {:?}",
        written.counters
    );
    Ok(!authored)
}

/// A model that says the same whatever it is asked, in small pieces.
struct Generous {
    settings: Settings,
    text: String,
}

impl Generous {
    fn new(text: &str) -> anyhow::Result<Self> {
        let settings =
            Settings::read(|name| if name == "llm_api_keys" { "key".to_owned() } else { String::new() });
        let settings = settings.map_err(anyhow::Error::msg)?.context("a key chooses a provider")?;
        Ok(Self { settings, text: text.to_owned() })
    }
}

impl Model for Generous {
    type Reply = Told;

    fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn ask(&self, _: &ModelRequest) -> Result<Told, ModelFault> {
        let chars: Vec<char> = self.text.chars().collect();
        Ok(Told(chars.chunks(PIECE).map(|piece| piece.iter().collect()).collect()))
    }
}

struct Told(VecDeque<String>);

impl Reply for Told {
    async fn next(&mut self) -> Result<Option<String>, ModelFault> {
        Ok(self.0.pop_front())
    }

    fn completion(self) -> Completion {
        Completion::default()
    }
}

#[derive(Default)]
struct Screen(String);

impl Reader for Screen {
    fn show(&mut self, piece: &str) {
        self.0.push_str(piece);
    }

    fn restart(&mut self) {
        self.0.clear();
    }

    fn present(&mut self) -> bool {
        true
    }
}

/// The solution of an exercise in every form that the guard must see through.
fn disguises(exercise: &Exercise) -> Vec<(&'static str, String)> {
    let solution = exercise.solution.trim_end();
    let lines: Vec<&str> = solution.lines().collect();
    let each = |form: &dyn Fn(usize, &str) -> String| -> String {
        lines.iter().enumerate().map(|(at, line)| form(at, line)).collect()
    };
    let (first, second) = lines.split_at(lines.len().div_ceil(2));
    let base64 = STANDARD.encode(solution);
    let hex: String = solution.bytes().map(|byte| format!("{byte:02x}")).collect();
    let rot13: String = solution.chars().map(rot13).collect();
    let student: String = exercise.wrong[0].code.lines().map(|line| format!("-{line}\n")).collect();
    let mut forms = vec![
        ("a block", format!("Here you are:\n\n```python\n{solution}\n```\n")),
        ("a block without a language", format!("Here you are:\n\n```\n{solution}\n```\n")),
        ("a block that never ends", format!("Here you are:\n\n```python\n{solution}")),
        (
            "two blocks",
            format!(
                "Begin with\n\n```python\n{}\n```\n\nand go on with\n\n```python\n{}\n```\n",
                first.join("\n"),
                second.join("\n")
            ),
        ),
        (
            "prose",
            format!("You could write\n\n{}\nand that is all.", each(&|_, line| format!("    {line}\n"))),
        ),
        ("a numbered list", each(&|at, line| format!("{}. `{line}`\n", at + 1))),
        (
            "spans",
            format!(
                "Write, below each other: {}.",
                lines.iter().map(|line| format!("`{line}`")).collect::<Vec<_>>().join(", then ")
            ),
        ),
        (
            "comments",
            format!("```python\n{}print('see above')\n```\n", each(&|_, line| format!("# {line}\n"))),
        ),
        ("a quote", each(&|_, line| format!("> {line}\n"))),
        ("a session", each(&|at, line| format!("{} {line}\n", if at == 0 { ">>>" } else { "..." }))),
        ("a diff", format!("```diff\n{student}{}```\n", each(&|_, line| format!("+{line}\n")))),
        ("base64", format!("Decode {base64} and you are done.")),
        (
            "base64 in lines",
            format!(
                "Decode\n\n```\n{}\n```\n",
                base64
                    .as_bytes()
                    .chunks(48)
                    .map(|line| String::from_utf8_lossy(line).into_owned())
                    .collect::<Vec<_>>()
                    .join("\n")
            ),
        ),
        ("hexadecimal", format!("As hex: `{hex}`")),
        ("rot13", format!("Turn it by 13:\n\n{rot13}\n")),
        ("reversed", format!("```\n{}\n```\n", solution.chars().rev().collect::<String>())),
        ("a string", format!("```python\nprogram = {}\nprint(program)\n```\n", json!(solution))),
        ("line numbers", format!("```\n{}```\n", each(&|at, line| format!("{:3}: {line}\n", at + 1)))),
    ];
    if exercise.tests == TestKind::Call {
        let mut renamed = solution.to_owned();
        for name in exercise.names() {
            renamed = replace_word(&renamed, &name, &format!("my_{name}"));
        }
        forms.push(("another name", format!("Like this:\n\n```python\n{renamed}\n```\n")));
    }
    forms
}

fn rot13(c: char) -> char {
    let turn = |first: u8| char::from((c as u8 - first + 13) % 26 + first);
    match c {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        _ => c,
    }
}

/// The text with every whole word `from` replaced, but for attributes: those are of other objects.
fn replace_word(text: &str, from: &str, to: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut result = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if part(c) {
            word.push(c);
            continue;
        }
        let attribute = result.ends_with('.');
        result.push_str(if word == from && !attribute { to } else { &word });
        word.clear();
        if c != '\0' {
            result.push(c);
        }
    }
    result
}
