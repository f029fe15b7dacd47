//! The contract of the events: examples and what earlier versions sent are valid, and are read.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use jsonschema::Validator;
use learnflow_events::{
    Envelope, Event, EventType, Incoming, MessageError, SCHEMA_VERSION,
    code::{CodeExecuted, CodeSubmitted},
    payload::{
        AgentLogged, AgentResponded, FeedbackGiven, MasteryUpdated, Payload, QueryFailed, QueryRouted,
        QuerySubmitted, ResponseDelta, StudentStruggling,
    },
};
use serde_json::{Value, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema(event_type: EventType) -> Validator {
    let schema = json(&folder("schemas").join(format!("{event_type}.json")));
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{event_type}: {error}"));
    jsonschema::validator_for(&schema).unwrap()
}

/// Every version whose samples are kept, oldest first.
fn versions() -> Vec<String> {
    let entries = fs::read_dir(folder("compatibility")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Reads an event as a consumer of its type does, and gives its data as this build would write it.
fn read(event: &Value) -> Result<Value, MessageError> {
    fn as_written<P: Payload>(incoming: &Incoming) -> Result<Value, MessageError> {
        let envelope: Envelope<P> = incoming.envelope()?;
        Ok(serde_json::to_value(envelope).unwrap())
    }
    let event: Event = serde_json::from_value(event.clone()).unwrap();
    let incoming = Incoming::new(event)?;
    match incoming.event_type {
        EventType::QuerySubmitted => as_written::<QuerySubmitted>(&incoming),
        EventType::QueryRouted => as_written::<QueryRouted>(&incoming),
        EventType::AgentResponded => as_written::<AgentResponded>(&incoming),
        EventType::ResponseDelta => as_written::<ResponseDelta>(&incoming),
        EventType::CodeSubmitted => as_written::<CodeSubmitted>(&incoming),
        EventType::CodeExecuted => as_written::<CodeExecuted>(&incoming),
        EventType::MasteryUpdated => as_written::<MasteryUpdated>(&incoming),
        EventType::StudentStruggling => as_written::<StudentStruggling>(&incoming),
        EventType::FeedbackGiven => as_written::<FeedbackGiven>(&incoming),
        EventType::AgentLogged => as_written::<AgentLogged>(&incoming),
        EventType::QueryFailed => as_written::<QueryFailed>(&incoming),
    }
}

fn assert_kept(name: &str, event_type: EventType, event: &Value) {
    assert_eq!(event["type"], event_type.as_str(), "{name}");
    let schema = schema(event_type);
    let found: Vec<String> = schema
        .iter_errors(&event["data"])
        .map(|error| format!("{} {error}", error.instance_path()))
        .collect();
    assert!(found.is_empty(), "{name}: {}", found.join("; "));
    let written = read(event).unwrap_or_else(|error| panic!("{name}: {error}"));
    // What a producer writes is valid, too: the schema describes this build's own events.
    assert!(schema.is_valid(&written), "{name} is written as {written:#}");
}

#[test]
fn every_type_has_an_example_that_is_valid_and_read() {
    for event_type in EventType::ALL {
        let event = json(&folder("examples").join(format!("{event_type}.json")));
        assert_kept(&format!("the example of {event_type}"), event_type, &event);
        assert_eq!(event["data"]["schema_version"], SCHEMA_VERSION);
        assert_eq!(event["data"]["message_id"], event["id"]);
        assert_eq!(event["data"]["student_id"], event["partitionkey"]);
        // Nothing in the example is lost on the way: it has no field that the type does not know.
        assert_eq!(read(&event).unwrap()["payload"], with_defaults(&event), "{event_type}");
    }
}

/// The payload of an example, with what serde writes for absent fields.
fn with_defaults(event: &Value) -> Value {
    let read = read(event).unwrap();
    let mut payload = event["data"]["payload"].clone();
    fn fill(known: &mut Value, all: &Value) {
        if let (Value::Object(known), Value::Object(all)) = (known, all) {
            for (name, value) in all {
                fill(known.entry(name.clone()).or_insert_with(|| value.clone()), value);
            }
        }
    }
    fill(&mut payload, &read["payload"]);
    payload
}

/// The rule of crates/events/README.md: whatever a released version sent is accepted for as long as its type is.
#[test]
fn what_earlier_versions_sent_is_still_accepted() {
    let versions = versions();
    assert_eq!(
        versions.first().map(String::as_str),
        Some("1.0"),
        "samples of the first version are never removed"
    );
    for version in versions {
        let samples: BTreeSet<String> = fs::read_dir(folder("compatibility").join(&version))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        for event_type in EventType::ALL {
            let file = format!("{event_type}.json");
            // A type that came later has no sample of this version.
            if !samples.contains(&file) {
                assert_ne!(version, "1.0", "1.0 had {event_type}");
                continue;
            }
            let event = json(&folder("compatibility").join(&version).join(file));
            assert_eq!(event["data"]["schema_version"], version.as_str());
            assert_kept(&format!("{event_type} of {version}"), event_type, &event);
        }
        for sample in &samples {
            let event_type = sample.trim_end_matches(".json").parse::<EventType>();
            assert!(
                event_type.is_ok(),
                "{sample} of {version}: a released type is not removed, its next version is added"
            );
        }
    }
}

#[test]
fn what_later_versions_add_is_ignored() {
    for event_type in EventType::ALL {
        let mut event = json(&folder("examples").join(format!("{event_type}.json")));
        event["data"]["schema_version"] = json!("1.99");
        event["data"]["mood"] = json!("good");
        event["data"]["payload"]["weather"] = json!({ "rain": true });
        event["comingextension"] = json!("x");
        assert!(schema(event_type).is_valid(&event["data"]), "{event_type}: the schema forbids new fields");
        read(&event).unwrap_or_else(|error| panic!("{event_type}: {error}"));
    }
}

#[test]
fn what_is_wrong_is_refused_by_schema_and_reader_alike() {
    for event_type in EventType::ALL {
        let event = json(&folder("examples").join(format!("{event_type}.json")));
        let schema = schema(event_type);
        let required = event["data"]["payload"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut refused = 0;
        for field in required {
            let mut wrong = event.clone();
            wrong["data"]["payload"].as_object_mut().unwrap().remove(&field);
            let by_schema = schema.is_valid(&wrong["data"]);
            assert_eq!(by_schema, read(&wrong).is_ok(), "{event_type} without {field}");
            refused += usize::from(!by_schema);
        }
        assert!(refused > 0, "{event_type} requires nothing");
        let mut other = event;
        other["data"]["schema_version"] = json!("2.0");
        assert!(matches!(read(&other), Err(MessageError::UnknownVersion(_))), "{event_type}");
    }
}
