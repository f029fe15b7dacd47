//! What the demo's teacher has done: notes, an exercise of the class's own, how far help may go, an alert that is
//! dealt with.

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};

use super::people::{Gateway, Login};

/// Gives a class what its pages show. What is there already stays as it is.
pub async fn prepare(gateway: &Gateway<'_>, teacher: &Login, class_id: &str) -> anyhow::Result<()> {
    let of_class = |what: &str| format!("/api/instructor/classes/{class_id}/{what}");
    for (kind, made) in [("notes", note()), ("exercises", exercise())] {
        let known = gateway.answer(Method::GET, &of_class(kind), teacher, &Value::Null).await?;
        if known[kind].as_array().is_none_or(Vec::is_empty) {
            gateway.answer(Method::POST, &of_class(kind), teacher, &made).await?;
        }
    }
    gateway.answer(Method::PUT, &of_class("policy"), teacher, &policy()).await?;
    Ok(())
}

/// Deals with the alert that has been open for longest.
pub async fn look_after(gateway: &Gateway<'_>, teacher: &Login) -> anyhow::Result<()> {
    let alerts = |state: &str| format!("/api/instructor/alerts?state={state}");
    let resolved = gateway.answer(Method::GET, &alerts("resolved"), teacher, &Value::Null).await?;
    if resolved["alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()) {
        return Ok(());
    }
    let open = gateway.answer(Method::GET, &alerts("open"), teacher, &Value::Null).await?;
    let Some(oldest) = open["alerts"].as_array().and_then(|alerts| alerts.last()) else { return Ok(()) };
    let id = oldest["alert_id"].as_str().context("an alert has an id")?;
    let note = json!({ "note": "We drew the indices on the board; it works now." });
    gateway.answer(Method::POST, &format!("/api/instructor/alerts/{id}/resolve"), teacher, &note).await?;
    Ok(())
}

/// What the course says about loops.
fn note() -> Value {
    json!({
        "title": "How we write loops",
        "text": "We loop over the items themselves, `for name in names`, and use `range(len(names))` only when the \
                 position is needed. In the second week we draw every loop as a table before we write it.",
        "topics": ["for-loops", "while-loops"],
    })
}

/// An exercise of the class's own.
fn exercise() -> Value {
    json!({
        "title": "The school's bus",
        "topics": ["for-loops", "functions"],
        "difficulty": "beginner",
        "statement": "Our bus has `seats` seats, and at each stop as many children wait as the list `waiting` says. \
                      Write `left_behind(seats, waiting)`, which gives how many children the bus has to leave behind \
                      in all.",
        "starter": "def left_behind(seats, waiting):\n    pass\n",
        "solution": "def left_behind(seats, waiting):\n    behind = 0\n    for children in waiting:\n        \
                     boarding = min(seats, children)\n        seats = seats - boarding\n        \
                     behind = behind + children - boarding\n    return behind\n",
        "hints": [
            "What does the driver have to remember from one stop to the next?",
            "At each stop, as many get on as there are seats, or as there are children: whichever is less.",
            "Keep two numbers: the seats that are free, and how many were left behind so far.",
        ],
        "tests": "call",
        "shown": [
            { "given": "left_behind(10, [3, 4])", "expected": "0" },
            { "given": "left_behind(5, [3, 4])", "expected": "2" },
        ],
        "hidden": [
            { "given": "left_behind(0, [2, 1])", "expected": "3" },
            { "given": "left_behind(6, [])", "expected": "0" },
            { "given": "left_behind(4, [4, 1, 1])", "expected": "2" },
        ],
        "wrong": [{
            "code": "def left_behind(seats, waiting):\n    return sum(waiting) - seats\n",
            "misconception": "When there are seats for everybody, nobody is left behind: the result is never below 0.",
        }],
    })
}

/// Swapping two values is what the next lesson is about, so help stops early there.
fn policy() -> Value {
    json!({ "default": "worked-part", "exercises": { "swap-ends": "pointer" } })
}
