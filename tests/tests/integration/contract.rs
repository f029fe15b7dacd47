//! The contract of the events on a running system: what every producer writes is valid, and every consumer takes
//! examples of what it subscribes to, of this version and of earlier ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use learnflow_event_log::{Delivered, EventLog, Start, postgres::PostgresLog};
use learnflow_events::{Event, EventType, Incoming, Topic, message};
use learnflow_testkit::{Protocol, Provider, Reply};
use learnflow_tests::{Backend, System, repository};
use learnflow_topology::{Destination, Filter, Trigger};
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(90);
const BROKER_TOPIC: &str = "knative-broker-learnflow-default";

/// What is wrong with an event's data by the schema of its type.
fn faults(event_type: EventType, data: &Value) -> anyhow::Result<Vec<String>> {
    let file = repository().join(format!("crates/events/schemas/{event_type}.json"));
    let schema: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let validator = jsonschema::validator_for(&schema)?;
    Ok(validator.iter_errors(data).map(|error| format!("{}: {error}", error.instance_path())).collect())
}

/// Holds an event to the contract: its type, its data, and attributes that agree with the data.
fn check(headers: &HeaderMap, body: Vec<u8>) -> anyhow::Result<EventType> {
    let data: Value = serde_json::from_slice(&body)?;
    let incoming = Incoming::from_http(headers, body)?;
    let attribute = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let what = format!("{} of {}", incoming.event_type, attribute("ce-source"));
    let faults = faults(incoming.event_type, &data)?;
    ensure!(faults.is_empty(), "{what}: {}\n{data:#}", faults.join("; "));
    ensure!(data["message_id"] == attribute("ce-id"), "{what}: message_id is not the event's id");
    ensure!(!attribute("ce-time").is_empty(), "{what}: there is no time");
    let key = incoming.extension(message::extension::PARTITION_KEY).unwrap_or_default();
    ensure!(
        data["student_id"] == key.as_str(),
        "{what}: the key is {key:?}, its student {}",
        data["student_id"]
    );
    Ok(incoming.event_type)
}

/// A record of a topic as an event in HTTP's binary mode.
fn headers_of(record: &Delivered) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &record.record.headers {
        let name = HeaderName::try_from(name.replacen("ce_", "ce-", 1))?;
        headers.insert(name, HeaderValue::from_bytes(value)?);
    }
    Ok(headers)
}

fn example(folder: &str, event_type: EventType) -> anyhow::Result<Value> {
    let file = repository().join(format!("crates/events/{folder}/{event_type}.json"));
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// Everything that makes an agent, the sandbox or the gateway write an event.
async fn drive(system: &System) -> anyhow::Result<()> {
    let failing = "names = ['a']\nprint(names[1])\n";
    let mut turns = Vec::new();
    for body in [
        json!({"query_text": "what is a list comprehension?"}),
        json!({"query_text": "review my code", "code": "total = 0\nfor n in [1, 2]:\n    total += n\nprint(total)\n"}),
        json!({"query_text": "give me an exercise on loops"}),
        json!({"query_text": "how am I doing?"}),
        json!({"query_text": "run this", "code": "print(1)\n", "route": "code-runner"}),
        json!({"query_text": "who wins the election?"}),
    ] {
        turns.push(system.ask("ada", &body).await?);
    }
    // The same error again and again: somebody is stuck.
    for _ in 0..6 {
        turns.push(system.ask("bob", &json!({"query_text": "why does it fail?", "code": failing})).await?);
    }
    for turn in &turns {
        system.finished_turn(*turn, DEADLINE).await?;
    }
    let gateway = &system.running.gateway_url;
    let feedback = json!({"query_id": turns[0], "helpful": true});
    let response = system
        .http
        .post(format!("{gateway}/api/feedback"))
        .bearer_auth(system.token("ada")?)
        .json(&feedback)
        .send()
        .await?;
    ensure!(response.status().is_success(), "feedback: {}", response.status());
    let event: Event = serde_json::from_value(example("examples", EventType::CodeSubmitted)?)?;
    ensure!(system.publish(&event).await? == StatusCode::ACCEPTED, "the broker refused a program");
    let event: Event = serde_json::from_value(example("examples", EventType::QuerySubmitted)?)?;
    ensure!(system.publish(&event).await? == StatusCode::ACCEPTED, "the broker refused a question");
    // A routed event that no agent can read: a dead letter, and a failure that its student is told.
    let mut broken = example("examples", EventType::QueryRouted)?;
    broken["id"] = json!(Uuid::new_v4());
    broken["subject"] = json!(Uuid::new_v4());
    broken["data"]["schema_version"] = json!("9.0");
    let event: Event = serde_json::from_value(broken)?;
    ensure!(system.publish(&event).await? == StatusCode::ACCEPTED, "the broker refused what agents refuse");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_producers_write_is_valid() -> anyhow::Result<()> {
    // A provider that takes no key of ours: agents tell the operator so, and answer by themselves.
    let provider = Provider::start().await;
    provider.otherwise(|_| Reply::error(401, "authentication_error"));
    let system = System::start_with(provider.environment(Protocol::Anthropic, "key")).await?;
    let log = PostgresLog::open(&system.running.database_url).await?;
    let topics = [BROKER_TOPIC, Topic::AGENT_LOGS.name, Topic::RESPONSE_DELTAS.name];
    let mut records = log.subscribe("contract", &topics, Start::Earliest).await?;
    drive(&system).await?;
    let mut missing: BTreeSet<EventType> = EventType::ALL.into();
    let mut seen: BTreeMap<EventType, usize> = BTreeMap::new();
    let all = async {
        while !missing.is_empty() {
            let record = records.next().await?;
            let headers = headers_of(&record)?;
            // What the test itself broke.
            if String::from_utf8_lossy(&record.record.value).contains("\"schema_version\":\"9.0\"") {
                continue;
            }
            let event_type = check(&headers, record.record.value)?;
            *seen.entry(event_type).or_default() += 1;
            missing.remove(&event_type);
        }
        anyhow::Ok(())
    };
    let ended = tokio::time::timeout(DEADLINE, all).await;
    ended.with_context(|| format!("never written: {missing:?}; seen: {seen:?}"))??;
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}

/// Each type that a Trigger's filters name, with the extension attributes that they ask for besides.
fn matching(trigger: &Trigger) -> Vec<(EventType, BTreeMap<String, String>)> {
    fn collect(filters: &[Filter], found: &mut Vec<(EventType, BTreeMap<String, String>)>) {
        for filter in filters {
            match filter {
                Filter::Exact(attributes) => {
                    let mut attributes = attributes.clone();
                    if let Some(Ok(event_type)) = attributes.remove("type").map(|name| name.parse()) {
                        found.push((event_type, attributes));
                    }
                }
                Filter::All(nested) | Filter::Any(nested) => collect(nested, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(&trigger.filters, &mut found);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_take_what_they_subscribe_to() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let graph = learnflow_topology::load(repository(), "container").map_err(anyhow::Error::msg)?;
    let mut delivered = 0;
    for trigger in &graph.triggers {
        let Destination::Service { name, path, .. } = &trigger.subscriber else { continue };
        let base = match name.as_str() {
            "sandbox-host" => &system.running.sandbox_url,
            _ => &system.running.functions_url,
        };
        for (event_type, attributes) in matching(trigger) {
            for folder in ["examples", "compatibility/1.0"] {
                let mut event = example(folder, event_type)?;
                // Its own id and turn, so that nobody answers from the inbox.
                let id = Uuid::new_v4();
                (event["id"], event["data"]["message_id"]) = (json!(id), json!(id));
                if !event["data"]["payload"]["query_id"].is_null() {
                    event["data"]["payload"]["query_id"] = json!(Uuid::new_v4());
                }
                for (attribute, value) in &attributes {
                    event[attribute] = json!(value);
                    if attribute == "agent" && event_type == EventType::QueryRouted {
                        event["data"]["payload"]["target_agent"] = json!(value);
                        event["data"]["payload"]["query"]["code"] = json!("print(1)\n");
                    }
                }
                let (headers, body) = message::to_http(&serde_json::from_value(event)?);
                let mut request = system.http.post(format!("{base}{path}")).body(body);
                for (header, value) in headers {
                    request = request.header(header, value);
                }
                let response = request.send().await?;
                let what = format!("{event_type} of {folder} at {name}{path}");
                let (status, headers) = (response.status(), response.headers().clone());
                let body = response.bytes().await?.to_vec();
                ensure!(status.is_success(), "{what}: {status} {}", String::from_utf8_lossy(&body));
                if !body.is_empty() {
                    check(&headers, body).with_context(|| format!("the answer to {what}"))?;
                }
                delivered += 1;
            }
        }
    }
    ensure!(delivered >= 20, "only {delivered} deliveries: what do the Triggers say?");
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
