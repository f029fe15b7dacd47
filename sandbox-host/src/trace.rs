//! Recorded steps as the JSON of docs/trace.md.

use learnflow_events::code::Outcome;
use serde_json::{Value, json};

/// Puts the steps that the guest sent together. Texts that are not JSON are left out: a program can call
/// the host's functions too, and then spoils only its own trace.
pub(crate) fn assemble(steps: &[String], refused: bool, outcome: Outcome) -> Value {
    let mut ended = false;
    let mut cut = Value::Null;
    let mut parsed: Vec<Value> = Vec::with_capacity(steps.len());
    for step in steps {
        match serde_json::from_str::<Value>(step) {
            Ok(Value::Object(end)) if end.contains_key("end") => {
                ended = true;
                cut = end.get("cut").cloned().unwrap_or(Value::Null);
            }
            Ok(step @ Value::Object(_)) => parsed.push(step),
            _ => {}
        }
    }
    if refused {
        cut = json!("bytes");
    } else if !ended && cut.is_null() {
        // The last words of a program that was stopped are missing.
        cut = json!("stopped");
    }
    json!({ "version": 1, "file": "main.py", "steps": parsed, "cut": cut, "outcome": outcome })
}
