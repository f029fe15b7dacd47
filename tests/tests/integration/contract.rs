//! The contract of the events on a running system: every producer writes what docs/api/asyncapi.json says it does, all of it
//! is valid, and every consumer takes examples of what it subscribes to, of this version and of earlier ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use learnflow_event_log::{Delivered, EventLog, Record, Start, postgres::PostgresLog};
use learnflow_events::{Event, EventType, Incoming, Topic, message};
use learnflow_testkit::{Metrics, Protocol, Provider, Reply};
use learnflow_tests::{Backend, System, repository, wait_for};
use learnflow_topology::{Destination, Filter, Trigger};
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(90);
const BROKER_TOPIC: &str = "knative-broker-learnflow-default";
const GATEWAY: &str = "/learnflow/gateway";

/// A `source`, and a type that it writes.
type Written = (String, EventType);

/// The document of the events.
fn document() -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(repository().join("docs/api/asyncapi.json"))?)?)
}

/// The types of messages that an operation or a reply refers to.
fn types_of(operation: &Value) -> Vec<EventType> {
    let messages = operation["messages"].as_array().into_iter().flatten();
    let names = messages.filter_map(|message| message["$ref"].as_str()?.rsplit('/').next());
    names.filter_map(|name| name.parse().ok()).collect()
}

/// What the document says that somebody writes; a source that ends in `*` is the beginning of many.
fn documented() -> anyhow::Result<BTreeSet<Written>> {
    let document = document()?;
    let operations = document["operations"].as_object().context("operations")?;
    let mut documented = BTreeSet::new();
    for writes in operations.values().flat_map(|operation| [operation, &operation["reply"]]) {
        for source in writes["x-sources"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            documented.extend(types_of(writes).into_iter().map(|of| (source.to_owned(), of)));
        }
    }
    ensure!(documented.len() > 20, "the document says little: {documented:?}");
    Ok(documented)
}

/// What has to be seen: all that is documented. Of the gateway, which may write in the name of all of us, what it writes in
/// its own; producers of others are none of ours.
fn expected(documented: &BTreeSet<Written>) -> BTreeSet<Written> {
    let own = |(source, event_type): &Written| match source.as_str() {
        // It sends a routed turn again in the name of triage, and replays answers in that of who gave them.
        "/learnflow/*" => {
            let of_others = [EventType::QueryRouted, EventType::AgentResponded, EventType::MasteryUpdated];
            (!of_others.contains(event_type)).then(|| (GATEWAY.to_owned(), *event_type))
        }
        source => (!source.ends_with('*')).then(|| (source.to_owned(), *event_type)),
    };
    documented.iter().filter_map(own).collect()
}

/// Whether the document has what was seen.
fn covers(documented: &BTreeSet<Written>, (source, event_type): &Written) -> bool {
    documented.iter().any(|(known, of)| {
        of == event_type
            && known.strip_suffix('*').map_or(known == source, |beginning| source.starts_with(beginning))
    })
}

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

/// A program that a student runs without an agent, feedback on an answer.
async fn post(system: &System, student: &str, path: &str, body: &Value) -> anyhow::Result<()> {
    let request = system.http.post(format!("{}{path}", system.running.gateway_url));
    let response = request.bearer_auth(system.token(student)?).json(body).send().await?;
    ensure!(response.status().is_success(), "{path}: {}", response.status());
    Ok(())
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
        // Triage is unsure of some of these, and asks the model.
        json!({"query_text": "hm"}),
        json!({"query_text": "I do not get it"}),
        json!({"query_text": "can you look at this with me?"}),
        json!({"query_text": "what now, my loop?"}),
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
    post(system, "ada", "/api/feedback", &json!({"query_id": turns[0], "helpful": true})).await?;
    post(system, "ada", "/api/code/run", &json!({"code": "print(1)\n"})).await?;
    // Somebody sits still over an exercise, and a turn was lost on its way to triage: the gateway's sweep sees both.
    let exercise = system.ask("eve", &json!({"query_text": "give me an exercise on loops"})).await?;
    system.finished_turn(exercise, DEADLINE).await?;
    sqlx::query("UPDATE query_history SET created_at = now() - INTERVAL '20 minutes' WHERE query_id = $1")
        .bind(exercise)
        .execute(&system.database)
        .await?;
    let lost = Uuid::new_v4();
    sqlx::query("SELECT receive_turn($1, 'fay', '{\"query_text\": \"what is a loop?\"}', NULL)")
        .bind(lost)
        .execute(&system.database)
        .await?;
    sqlx::query("UPDATE query_history SET created_at = now() - INTERVAL '1 hour' WHERE query_id = $1")
        .bind(lost)
        .execute(&system.database)
        .await?;
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
    let documented = documented()?;
    let mut missing = expected(&documented);
    let mut seen: BTreeMap<Written, usize> = BTreeMap::new();
    let all = async {
        while !missing.is_empty() {
            let record = records.next().await?;
            let headers = headers_of(&record)?;
            // What the test itself broke.
            if String::from_utf8_lossy(&record.record.value).contains("\"schema_version\":\"9.0\"") {
                continue;
            }
            let source = headers["ce-source"].to_str()?.to_owned();
            let written = (source, check(&headers, record.record.value)?);
            let by_us = written.0.starts_with("/learnflow/");
            ensure!(!by_us || covers(&documented, &written), "the document has no {written:?}");
            missing.remove(&written);
            *seen.entry(written).or_default() += 1;
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

/// The gateway reads topics and not a Trigger: each sample of what the document puts into them, as a record.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_takes_what_its_topics_bring() -> anyhow::Result<()> {
    let system = System::start(Backend::Embedded).await?;
    let log = PostgresLog::open(&system.running.database_url).await?;
    let document = document()?;
    let mut sent: BTreeMap<&str, f64> = BTreeMap::new();
    for topic in Topic::TOLD {
        let messages = document["channels"][topic.name]["messages"].as_object().context("messages")?;
        ensure!(!messages.is_empty(), "nothing is said to be in {}", topic.name);
        for event_type in messages.keys() {
            for folder in ["examples", "compatibility/1.0"] {
                let event: Event = serde_json::from_value(example(folder, event_type.parse()?)?)?;
                let (headers, value) = message::to_http(&event);
                let headers = headers
                    .into_iter()
                    .map(|(name, value)| (name.replacen("ce-", "ce_", 1), value.into_bytes()))
                    .collect();
                log.append(topic.name, Record { key: None, headers, value }).await?;
                *sent.entry(topic.name).or_default() += 1.0;
            }
        }
    }
    ensure!(sent.len() >= 6, "only {sent:?}");
    wait_for(DEADLINE, "the gateway to have read them", async || {
        let response = system.http.get(format!("{}/metrics", system.running.gateway_url)).send().await?;
        let metrics = Metrics::read(&response.text().await?).await?;
        for topic in sent.keys() {
            let labels = [("topic", *topic), ("outcome", "unreadable")];
            let unreadable = metrics.value("gateway_events_total", &labels);
            ensure!(unreadable.unwrap_or_default() == 0.0, "{unreadable:?} of {topic} could not be read");
        }
        let told = sent.iter().all(|(topic, number)| {
            let labels = [("topic", *topic), ("outcome", "told")];
            metrics.value("gateway_events_total", &labels).is_some_and(|told| told >= *number)
        });
        Ok(told.then_some(()))
    })
    .await?;
    drop(log);
    ensure!(system.stop().await?, "the runner did not stop cleanly");
    Ok(())
}
