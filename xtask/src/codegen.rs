//! Files that are generated from the code, committed, and checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use learnflow_events::code::{CodeExecuted, CodeSubmitted};
use learnflow_events::payload::{
    AgentLogged, AgentResponded, FeedbackGiven, MasteryUpdated, QueryFailed, QueryRouted, QuerySubmitted,
    ResponseDelta, StudentStruggling,
};
use learnflow_events::{Envelope, EventType};
use schemars::{JsonSchema, Schema, schema_for};

use crate::{asyncapi, openapi, typescript};

/// One JSON Schema for the `data` of each type of event, named after the type.
const SCHEMAS: &str = "crates/events/schemas";
/// The same as TypeScript, and the types of the gateway's API, for the web app.
const TYPES: &str = "web/src/generated";
/// Documents of the events and of the HTTP surfaces, which the gateway serves below `/docs`.
const DOCUMENTS: &str = "docs/api";
/// The document among them that the gateway makes of its routes: a test of the gateway keeps it up to date.
const GATEWAY: &str = "docs/api/gateway.openapi.json";

/// Writes every generated file and removes those that are no longer generated.
pub fn write(checkout: &Path) -> Result<()> {
    for difference in differences(checkout)? {
        println!("{difference}");
        match difference {
            Difference::Outdated(path, content) | Difference::Missing(path, content) => {
                let path = checkout.join(path);
                std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
                std::fs::write(&path, content).with_context(|| path.display().to_string())?;
            }
            Difference::Superfluous(path) => std::fs::remove_file(checkout.join(path))?,
        }
    }
    Ok(())
}

/// Fails when a committed file is not what [`write`] would write.
pub fn check(checkout: &Path) -> Result<()> {
    let differences = differences(checkout)?;
    for difference in &differences {
        println!("{difference}");
    }
    if !differences.is_empty() {
        bail!("generated files are out of date; run `cargo xtask codegen` and commit what it writes");
    }
    Ok(())
}

/// How a file in the checkout differs from what is generated.
enum Difference {
    Outdated(PathBuf, String),
    Missing(PathBuf, String),
    Superfluous(PathBuf),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Outdated(path, _) => write!(f, "outdated    {}", path.display()),
            Self::Missing(path, _) => write!(f, "missing     {}", path.display()),
            Self::Superfluous(path) => write!(f, "superfluous {}", path.display()),
        }
    }
}

fn differences(checkout: &Path) -> Result<Vec<Difference>> {
    let mut generated = generated()?;
    let mut differences = Vec::new();
    let mut known = existing(checkout, SCHEMAS)?;
    known.extend(existing(checkout, TYPES)?);
    known.extend(existing(checkout, DOCUMENTS)?);
    known.retain(|path| path != Path::new(GATEWAY));
    for path in known {
        let content = std::fs::read_to_string(checkout.join(&path))?;
        match generated.remove(&path) {
            Some(wanted) if wanted == content => {}
            Some(wanted) => differences.push(Difference::Outdated(path, wanted)),
            None => differences.push(Difference::Superfluous(path)),
        }
    }
    differences.extend(generated.into_iter().map(|(path, content)| Difference::Missing(path, content)));
    Ok(differences)
}

/// The files of a folder of generated files, relative to the checkout, in order.
fn existing(checkout: &Path, folder: &str) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(checkout.join(folder)) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(Path::new(folder).join(entry?.file_name()));
    }
    paths.sort();
    Ok(paths)
}

/// The generated files and their contents.
fn generated() -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for event_type in EventType::ALL {
        let mut schema = schema_of(event_type).to_value();
        schema["title"] = event_type.as_str().into();
        // The order of keys must not depend on which features of serde_json other crates switch on.
        schema.sort_all_objects();
        let path = Path::new(SCHEMAS).join(format!("{event_type}.json"));
        files.insert(path, format!("{}\n", serde_json::to_string_pretty(&schema)?));
        schemas.insert(event_type.to_string(), schema);
    }
    files.insert(Path::new(TYPES).join("events.ts"), typescript::module(&schemas)?);
    // What is not generated here is read in the checkout that this was built from.
    let sources = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let gateway = std::fs::read(sources.join(GATEWAY)).context(GATEWAY)?;
    let api = typescript::api(&serde_json::from_slice(&gateway).context(GATEWAY)?, &schemas)?;
    files.insert(Path::new(TYPES).join("api.ts"), api);
    let documents = Path::new(DOCUMENTS);
    files.insert(documents.join("asyncapi.json"), asyncapi::document(sources, &schemas)?);
    files.insert(documents.join("functions.openapi.json"), openapi::functions()?);
    files.insert(documents.join("sandbox.openapi.json"), openapi::sandbox()?);
    Ok(files)
}

/// The schema of an event's `data`. A new type of event does not compile until it is listed here.
fn schema_of(event_type: EventType) -> Schema {
    fn envelope<Payload: JsonSchema>() -> Schema {
        schema_for!(Envelope<Payload>)
    }
    match event_type {
        EventType::QuerySubmitted => envelope::<QuerySubmitted>(),
        EventType::QueryRouted => envelope::<QueryRouted>(),
        EventType::AgentResponded => envelope::<AgentResponded>(),
        EventType::ResponseDelta => envelope::<ResponseDelta>(),
        EventType::CodeSubmitted => envelope::<CodeSubmitted>(),
        EventType::CodeExecuted => envelope::<CodeExecuted>(),
        EventType::MasteryUpdated => envelope::<MasteryUpdated>(),
        EventType::StudentStruggling => envelope::<StudentStruggling>(),
        EventType::FeedbackGiven => envelope::<FeedbackGiven>(),
        EventType::AgentLogged => envelope::<AgentLogged>(),
        EventType::QueryFailed => envelope::<QueryFailed>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_passes_the_check_and_what_was_changed_does_not() {
        let checkout = tempfile::tempdir().unwrap();
        assert!(check(checkout.path()).is_err(), "nothing is there yet");
        write(checkout.path()).unwrap();
        check(checkout.path()).unwrap();

        let folder = checkout.path().join(SCHEMAS);
        let file = folder.join("learnflow.query.submitted.v1.json");
        std::fs::write(&file, "{}").unwrap();
        assert!(check(checkout.path()).is_err(), "a file was changed by hand");
        std::fs::write(folder.join("learnflow.query.submitted.v0.json"), "{}").unwrap();
        write(checkout.path()).unwrap();
        check(checkout.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), EventType::ALL.len());
    }
}
