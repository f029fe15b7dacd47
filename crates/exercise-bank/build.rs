//! Checks the bank and writes it as constants: a component lives for one request and should not spend it on
//! reading files.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use serde::Deserialize;

/// Where authors write them, from the folder of this crate.
const BANK: &str = "../../functions/exercise/bank";

/// An exercise as its author wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exercise {
    title: String,
    /// The main topic first.
    topics: Vec<String>,
    difficulty: String,
    statement: String,
    starter: String,
    solution: String,
    hints: Vec<String>,
    tests: Tests,
    /// What students see: a call and its value, or an input and its output.
    shown: Vec<(String, String)>,
    hidden: Vec<(String, String)>,
    wrong: Vec<Wrong>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Tests {
    Call,
    Io,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrong {
    code: String,
    misconception: String,
}

fn main() {
    println!("cargo:rerun-if-changed={BANK}");
    println!("cargo:rerun-if-changed=build.rs");
    let mut bank = BTreeMap::new();
    for entry in fs::read_dir(BANK).expect("functions/exercise/bank is part of the checkout") {
        let path = entry.expect("bank/ is readable").path();
        let id = path.file_stem().and_then(|name| name.to_str()).expect("ids are UTF-8").to_owned();
        let text = fs::read_to_string(&path).expect("exercises are UTF-8");
        let exercise: Exercise =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check(&id, &exercise);
        bank.insert(id, exercise);
    }
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("bank.rs");
    fs::write(out, constants(&bank)).expect("OUT_DIR is writable");
}

fn check(id: &str, exercise: &Exercise) {
    for topic in &exercise.topics {
        assert!(
            learnflow_curriculum::topic(topic).is_some(),
            "bank/{id}.toml: no topic {topic} in the curriculum"
        );
    }
    assert!(!exercise.topics.is_empty(), "bank/{id}.toml: a topic");
    assert!(
        ["beginner", "intermediate", "advanced"].contains(&exercise.difficulty.as_str()),
        "bank/{id}.toml: difficulty is beginner, intermediate or advanced"
    );
    assert!((3..=5).contains(&exercise.shown.len()), "bank/{id}.toml: three to five shown tests");
    assert!(exercise.hidden.len() >= 5, "bank/{id}.toml: five hidden tests or more");
    assert_eq!(exercise.hints.len(), 3, "bank/{id}.toml: three hints");
    assert_eq!(exercise.wrong.len(), 3, "bank/{id}.toml: three wrong answers");
    for (input, _) in &exercise.hidden {
        assert!(
            exercise.shown.iter().all(|(shown, _)| shown != input),
            "bank/{id}.toml: the hidden test {input:?} is shown"
        );
    }
}

fn constants(bank: &BTreeMap<String, Exercise>) -> String {
    let mut code = "static BANK: &[Exercise] = &[\n".to_owned();
    for (id, exercise) in bank {
        let mut difficulty = exercise.difficulty.clone();
        difficulty[..1].make_ascii_uppercase();
        let wrong: String = exercise
            .wrong
            .iter()
            .map(|wrong| {
                format!(
                    "WrongAnswer {{ code: {:?}, misconception: {:?} }}, ",
                    program(&wrong.code),
                    wrong.misconception.trim()
                )
            })
            .collect();
        writeln!(
            code,
            "Exercise {{ id: {id:?}, title: {:?}, topics: &{:?}, difficulty: SkillLevel::{difficulty}, \
             statement: {:?}, starter: {:?}, solution: {:?}, hints: [{:?}, {:?}, {:?}], tests: TestKind::{:?}, \
             shown: &{:?}, hidden: &{:?}, wrong: &[{wrong}] }},",
            exercise.title,
            exercise.topics,
            exercise.statement.trim(),
            program(&exercise.starter),
            program(&exercise.solution),
            exercise.hints[0].trim(),
            exercise.hints[1].trim(),
            exercise.hints[2].trim(),
            exercise.tests,
            exercise.shown,
            exercise.hidden,
        )
        .expect("strings grow");
    }
    code.push_str("];\n");
    code
}

fn program(text: &str) -> String {
    format!("{}\n", text.trim())
}
