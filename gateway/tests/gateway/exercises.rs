//! Exercises: what students see of them, and those that teachers write.

use http::StatusCode;
use learnflow_exercise_bank::{bank, exercise};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Harness, json_answer};

/// An exercise that keeps the rules.
pub fn draft() -> Value {
    json!({
        "title": "Twice", "topics": ["functions"], "difficulty": "beginner",
        "statement": "Write `twice(n)`.", "starter": "def twice(n):\n    pass\n",
        "solution": "def twice(n):\n    return 2 * n\n", "hints": ["Multiply.", "By two.", "2 * n"],
        "tests": "call", "shown": [{ "given": "twice(1)", "expected": "2" }],
        "hidden": [{ "given": "twice(21)", "expected": "42" }],
        "wrong": [{ "code": "def twice(n):\n    return n\n", "misconception": "Returns it as it is." }],
    })
}

/// The sandbox's verdicts on one program.
pub fn verdicts(harness: &Harness, passed: bool) {
    let verdict = |name: &str| json!({ "name": name, "passed": passed, "message": "expected 42", "outcome": "ok", "duration_us": 1 });
    let report = json!({ "passed": passed, "verdicts": [verdict("example 1"), verdict("hidden 1")] });
    harness.upstream.answer(json_answer(StatusCode::OK, &report));
}

async fn attempt(harness: &Harness, student: &str, exercise: &str, passed: i32) {
    sqlx::query("SELECT commit_attempt($1, $2, NULL, $3, 'x = 1', $4 = 8, $4, 8, '{}')")
        .bind(Uuid::now_v7())
        .bind(student)
        .bind(exercise)
        .bind(passed)
        .execute(&harness.database.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_bank_is_listed_with_what_one_has_done() {
    let harness = Harness::start().await;
    attempt(&harness, "ada", "fizz-buzz", 3).await;
    attempt(&harness, "ada", "swap-ends", 8).await;
    let list = async |query: &str| -> Vec<Value> {
        let page: Value = harness.get("ada", &format!("/api/exercises{query}")).await.json().await.unwrap();
        page["exercises"].as_array().unwrap().clone()
    };
    let ids = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["exercise_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list("").await.len(), bank().len());
    let tried = list("?state=tried").await;
    assert_eq!(ids(&tried), ["fizz-buzz"]);
    assert_eq!((&tried[0]["attempts"], &tried[0]["best_passed"]), (&json!(1), &json!(3)));
    assert_eq!(ids(&list("?state=passed").await), ["swap-ends"]);
    assert_eq!(list("?state=new").await.len(), bank().len() - 2);
    assert!(list("?difficulty=advanced").await.iter().all(|row| row["difficulty"] == "advanced"));
    assert!(ids(&list("?q=swap%20ends").await).contains(&"swap-ends".to_owned()));
    let topic = list("?topic=for-loops").await;
    assert!(
        !topic.is_empty()
            && topic.iter().all(|row| row["topics"].as_array().unwrap().contains(&json!("for-loops")))
    );
    assert_eq!(harness.get("ada", "/api/exercises?state=lost").await.status(), 400);
}

#[tokio::test]
async fn hidden_tests_and_solutions_are_nowhere_in_what_a_student_reads() {
    let harness = Harness::start().await;
    for known in bank() {
        let response = harness.get("ada", &format!("/api/exercises/{}", known.id)).await;
        let shown: Value = response.json().await.unwrap();
        assert_eq!(shown["tests"]["shown"].as_array().unwrap().len(), known.shown.len());
        assert_eq!(shown["tests_total"], known.shown.len() + known.hidden.len());
        let mut strings = Vec::new();
        collect(&shown, &mut strings);
        // A hidden call that the statement has as an example is no secret.
        let public = |given: &str| {
            known.statement.contains(given) || known.starter.contains(given) || known.hints[0].contains(given)
        };
        // A short input is an ordinary word.
        for (given, _) in known.hidden.iter().filter(|(given, _)| given.len() > 8 && !public(given)) {
            assert!(!strings.iter().any(|text| text.contains(given)), "{}: {given}", known.id);
        }
        assert!(!strings.iter().any(|text| text.contains(known.solution.trim())), "{}", known.id);
    }
}

fn collect(value: &Value, strings: &mut Vec<String>) {
    match value {
        Value::String(text) => strings.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, strings)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, strings)),
        _ => {}
    }
}

#[tokio::test]
async fn hints_unfold_with_tries_as_far_as_the_course_allows() {
    let harness = Harness::start().await;
    let known = exercise("fizz-buzz").unwrap();
    let hints = async |student: &str| -> Value {
        let shown: Value = harness.get(student, "/api/exercises/fizz-buzz").await.json().await.unwrap();
        shown["hints"].clone()
    };
    assert_eq!(hints("ada").await, json!(&known.hints[..1]));
    attempt(&harness, "ada", "fizz-buzz", 3).await;
    assert_eq!(hints("ada").await, json!(&known.hints[..2]));
    let class = harness.class("grace", &["ada"]).await;
    let policy = json!({ "default": "full", "exercises": { "fizz-buzz": "nudge" } });
    let path = format!("/api/instructor/classes/{class}/policy");
    harness.teach("grace", Method::PUT, &path, Some(&policy)).await;
    assert_eq!(hints("ada").await, json!(&known.hints[..1]));
    attempt(&harness, "ada", "fizz-buzz", 8).await;
    assert_eq!(hints("ada").await, json!(known.hints));
    let shown: Value = harness.get("ada", "/api/exercises/fizz-buzz").await.json().await.unwrap();
    assert_eq!((&shown["max_tier"], &shown["state"]), (&json!("nudge"), &json!("passed")));
    let tries: Vec<&Value> =
        shown["submissions"].as_array().unwrap().iter().map(|one| &one["tests_passed"]).collect();
    assert_eq!(tries, [8, 3]);
}

#[tokio::test]
async fn an_exercise_of_a_class_is_kept_when_the_sandbox_has_seen_it_work() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada"]).await;
    let path = format!("/api/instructor/classes/{class}/exercises");

    // Its wrong answer passes: not kept.
    for passed in [true, false, true] {
        verdicts(&harness, passed);
    }
    let refused = harness.teach("grace", Method::POST, &path, Some(&draft())).await;
    assert_eq!(refused.status(), 422);
    let problem: Value = refused.json().await.unwrap();
    let checks: Vec<(&Value, &Value)> = problem["verification"]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (&check["what"], &check["ok"]))
        .collect();
    let ok = json!(true);
    assert_eq!(
        checks,
        [(&json!("solution"), &ok), (&json!("starter"), &ok), (&json!("wrong"), &json!(false))]
    );
    let seen = harness.upstream.last();
    assert_eq!(seen.path, "/sandbox/tests");
    assert_eq!(seen.json()["tests"][1]["call"], "twice(21)");
    assert_eq!(harness.read("grace", &path).await["exercises"], json!([]));

    for passed in [true, false, false] {
        verdicts(&harness, passed);
    }
    let made = harness.teach("grace", Method::POST, &path, Some(&draft())).await;
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    let id = made["exercise_id"].as_str().unwrap().to_owned();
    assert!(made["verified_at"].is_string());
    // What the page sends back is what it got.
    let mut kept = harness.read("grace", &path).await["exercises"][0].clone();
    for added in ["exercise_id", "class_id", "verified_at", "updated_at"] {
        kept.as_object_mut().unwrap().remove(added);
    }
    assert_eq!(kept, draft());

    let shown: Value = harness.get("ada", &format!("/api/exercises/{id}")).await.json().await.unwrap();
    assert_eq!((&shown["title"], &shown["class_id"]), (&json!("Twice"), &json!(class)));
    assert!(!shown.to_string().contains("twice(21)") && !shown.to_string().contains("2 * n"), "{shown}");
    let listed: Value =
        harness.get("ada", &format!("/api/exercises?class_id={class}")).await.json().await.unwrap();
    assert_eq!(listed["exercises"][0]["exercise_id"], json!(id));
    // Others do not know it, nor do the agents for them.
    assert_eq!(harness.get("bob", &format!("/api/exercises/{id}")).await.status(), 404);
    let kept = async |student: &str, exercise: Option<&str>| -> Value {
        sqlx::query_scalar("SELECT kept_exercises($1, $2)")
            .bind(student)
            .bind(exercise)
            .fetch_one(&harness.database.pool)
            .await
            .unwrap()
    };
    assert_eq!(kept("ada", Some(&id)).await[&id]["solution"], draft()["solution"]);
    assert_eq!(kept("ada", None).await[&id]["title"], "Twice");
    assert_eq!(kept("bob", Some(&id)).await, json!({}));
    sqlx::query("UPDATE class_exercises SET verified_at = NULL")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    assert_eq!(kept("ada", Some(&id)).await, json!({}));
    assert_eq!(harness.get("ada", &format!("/api/exercises/{id}")).await.status(), 404);

    for passed in [true, false, false] {
        verdicts(&harness, passed);
    }
    let one = format!("{path}/{id}");
    let replaced = harness.teach("grace", Method::PUT, &one, Some(&draft())).await;
    assert!(replaced.json::<Value>().await.unwrap()["verified_at"].is_string());
    assert_eq!(harness.teach("grace", Method::DELETE, &one, None).await.status(), 204);
    assert_eq!(harness.get("ada", &format!("/api/exercises/{id}")).await.status(), 404);
}

#[tokio::test]
async fn a_draft_is_held_to_its_rules_before_anything_runs() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &[]).await;
    let path = format!("/api/instructor/classes/{class}/exercises/verify");
    for (field, value, said) in [
        ("title", json!(""), "title"),
        ("topics", json!([]), "topics"),
        ("topics", json!(["swimming"]), "swimming"),
        ("solution", json!(" "), "solution is empty"),
        ("statement", json!("x".repeat(16 * 1024 + 1)), "statement"),
        ("hidden", json!([]), "1 to 40"),
        ("hidden", json!([{ "given": "twice(1)", "expected": "2" }]), "shown as well"),
        ("hints", json!(["a"]), "length 3"),
        ("difficulty", json!("hard"), "beginner"),
        ("wrong", json!([{ "code": "", "misconception": "x" }]), "wrong answer is empty"),
    ] {
        let mut draft = draft();
        draft[field] = value;
        let refused = harness.teach("grace", Method::POST, &path, Some(&draft)).await;
        assert_eq!(refused.status(), 422, "{field}");
        let detail = crate::harness::detail(refused).await;
        assert!(detail.contains(said), "{field}: {detail}");
    }
    assert!(harness.upstream.seen().is_empty());
}
