//! Recorded steps as the JSON of docs/trace.md.

use learnflow_events::code::Outcome;
use serde_json::{Value, json};

/// Puts the steps that the guest sent together. Texts that are not JSON are left out: a program can call
/// the host's functions too, and then spoils only its own trace.
pub(crate) fn assemble(steps: &[String], outcome: Outcome) -> Value {
    let mut complete = false;
    let mut cut = None;
    let mut parsed: Vec<Value> = Vec::with_capacity(steps.len());
    for step in steps {
        match serde_json::from_str::<Value>(step) {
            Ok(Value::Object(end)) if end.contains_key("end") => {
                complete = true;
                cut = end.get("cut").filter(|cut| !cut.is_null()).cloned();
            }
            Ok(step @ Value::Object(_)) => parsed.push(step),
            _ => {}
        }
    }
    if !complete && cut.is_none() {
        cut = Some(json!(if outcome == Outcome::Ok { "bytes" } else { "stopped" }));
    }
    json!({ "version": 1, "file": "main.py", "steps": parsed, "cut": cut })
}
