//! Checks curriculum.toml and writes it as constants, so that a component that lives for one request parses
//! nothing.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Curriculum {
    module: Vec<Module>,
    exceptions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Module {
    id: String,
    title: String,
    topic: Vec<Topic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    id: String,
    title: String,
    summary: String,
    aliases: Vec<String>,
    keywords: Vec<String>,
    prerequisites: Vec<String>,
}

fn main() {
    println!("cargo:rerun-if-changed=curriculum.toml");
    println!("cargo:rerun-if-changed=build.rs");
    let text = fs::read_to_string("curriculum.toml").expect("curriculum.toml is beside build.rs");
    let curriculum: Curriculum =
        toml::from_str(&text).unwrap_or_else(|error| panic!("curriculum.toml: {error}"));
    check(&curriculum);
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("curriculum.rs");
    fs::write(out, constants(&curriculum)).expect("OUT_DIR is writable");
}

/// Ids are unique, prerequisites and exceptions name topics, and no topic is its own prerequisite by any path.
fn check(curriculum: &Curriculum) {
    let mut topics = BTreeMap::new();
    for topic in curriculum.module.iter().flat_map(|module| &module.topic) {
        assert!(
            topics.insert(topic.id.as_str(), topic).is_none(),
            "curriculum.toml: topic {} twice",
            topic.id
        );
    }
    for (exception, topic) in &curriculum.exceptions {
        assert!(topics.contains_key(topic.as_str()), "curriculum.toml: {exception} names no topic: {topic}");
    }
    // Repeatedly take away what needs nothing that is left; a rest is a cycle.
    let mut left: BTreeMap<&str, &Topic> = topics.clone();
    loop {
        let free: Vec<&str> = left
            .values()
            .filter(|topic| topic.prerequisites.iter().all(|p| !left.contains_key(p.as_str())))
            .map(|topic| topic.id.as_str())
            .collect();
        if free.is_empty() {
            break;
        }
        for id in free {
            left.remove(id);
        }
    }
    assert!(left.is_empty(), "curriculum.toml: prerequisites go in a circle: {:?}", left.keys());
    for topic in topics.values() {
        for prerequisite in &topic.prerequisites {
            assert!(
                topics.contains_key(prerequisite.as_str()),
                "curriculum.toml: {} needs {prerequisite}, which is no topic",
                topic.id
            );
        }
    }
}

fn constants(curriculum: &Curriculum) -> String {
    let mut code = String::new();
    writeln!(code, "static MODULES: &[Module] = &[").expect("strings grow");
    for module in &curriculum.module {
        writeln!(code, "Module {{ id: {:?}, title: {:?}, topics: &[", module.id, module.title)
            .expect("strings grow");
        for topic in &module.topic {
            writeln!(
                code,
                "Topic {{ id: {:?}, module: {:?}, title: {:?}, summary: {:?}, aliases: &{:?}, keywords: &{:?}, \
                 prerequisites: &{:?} }},",
                topic.id,
                module.id,
                topic.title,
                topic.summary,
                topic.aliases,
                topic.keywords,
                topic.prerequisites
            )
            .expect("strings grow");
        }
        writeln!(code, "] }},").expect("strings grow");
    }
    writeln!(code, "];").expect("strings grow");
    let exceptions: Vec<(&String, &String)> = curriculum.exceptions.iter().collect();
    writeln!(code, "static EXCEPTIONS: &[(&str, &str)] = &{exceptions:?};").expect("strings grow");
    code
}
