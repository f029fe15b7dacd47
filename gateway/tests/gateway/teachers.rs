//! What teachers see of their classes and students.

use chrono::{Duration, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Harness, answer};

/// What a student did, as the agents store it.
struct Student<'a> {
    harness: &'a Harness,
    id: &'a str,
}

impl Student<'_> {
    async fn knows(&self, levels: Value, struggles: &[&str]) {
        let covered: Vec<&String> = levels.as_object().unwrap().keys().collect();
        sqlx::query(
            "INSERT INTO student_progress (student_id, mastery_levels, struggle_topics, topics_covered)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (student_id) DO UPDATE SET mastery_levels = excluded.mastery_levels,
                 struggle_topics = excluded.struggle_topics, topics_covered = excluded.topics_covered",
        )
        .bind(self.id)
        .bind(&levels)
        .bind(struggles)
        .bind(covered)
        .execute(&self.harness.database.pool)
        .await
        .unwrap();
    }

    async fn runs(&self, error: Option<&str>, days_ago: i64) -> Uuid {
        let run_id = Uuid::now_v7();
        let error = error.map(|kind| json!({ "type": kind, "message": format!("{kind} it is"), "line": 2 }));
        sqlx::query(
            "INSERT INTO code_submissions (run_id, student_id, code, outcome, exit_code, stdout, stderr, error,
                                           duration_us, created_at)
             VALUES ($1, $2, 'print(x)', $3, 0, '', '', $4, 5, $5)",
        )
        .bind(run_id)
        .bind(self.id)
        .bind(if error.is_some() { "raised" } else { "ok" })
        .bind(error)
        .bind(Utc::now() - Duration::days(days_ago))
        .execute(&self.harness.database.pool)
        .await
        .unwrap();
        run_id
    }

    async fn attempts(&self, exercise: &str, query_id: Uuid, passed: i32) {
        sqlx::query(
            "SELECT commit_attempt($1, $2, $3, $4, 'def f(): ...', $5 = 8, $5, 8, '{\"topic\": \"for-loops\"}')",
        )
        .bind(Uuid::now_v7())
        .bind(self.id)
        .bind(query_id)
        .bind(exercise)
        .bind(passed)
        .execute(&self.harness.database.pool)
        .await
        .unwrap();
    }

    async fn is_stuck(&self, topic: &str, turns: &[Uuid], runs: &[Uuid]) -> Uuid {
        let alert_id = Uuid::new_v4();
        sqlx::query(
            "INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence)
             VALUES ($1, $2, $3, 'same-error', 'high', 'Talk.', 'Five times.', $4)",
        )
        .bind(alert_id)
        .bind(self.id)
        .bind(topic)
        .bind(json!({ "turns": turns, "runs": runs }))
        .execute(&self.harness.database.pool)
        .await
        .unwrap();
        alert_id
    }
}

fn column<'a>(rows: &'a Value, name: &str) -> Vec<&'a Value> {
    rows.as_array().unwrap().iter().map(|row| &row[name]).collect()
}

#[tokio::test]
async fn a_class_is_seen_at_a_glance_and_topic_by_topic() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada", "bob"]).await;
    let ada = Student { harness: &harness, id: "ada" };
    ada.knows(json!({ "variables": 0.9, "for-loops": 0.3 }), &["for-loops"]).await;
    ada.runs(None, 0).await;
    ada.runs(Some("IndexError"), 8).await;
    let turn = harness.receive("ada", "why?").await;
    ada.attempts("fizz-buzz", turn, 8).await;
    ada.is_stuck("for-loops", &[], &[]).await;
    Student { harness: &harness, id: "bob" }.knows(json!({ "variables": 0.5 }), &[]).await;

    let overview = harness.read("grace", &format!("/api/instructor/classes/{class}/overview")).await;
    assert_eq!(overview["class"]["members"], 2);
    let row = &overview["students"][0];
    assert_eq!(
        (
            &row["student_id"],
            &row["turns_week"],
            &row["runs_week"],
            &row["exercises_passed"],
            &row["open_alerts"]
        ),
        (&json!("ada"), &json!(1), &json!(1), &json!(1), &json!(1))
    );
    assert!(row["last_seen"].is_string() && row["mastery"]["first-programs"].as_u64() > Some(0), "{row}");
    assert_eq!(overview["students"][1]["open_alerts"], 0);

    let heat = harness.read("grace", &format!("/api/instructor/classes/{class}/heatmap")).await;
    assert_eq!(column(&heat["topics"], "topic"), ["variables", "for-loops"]);
    assert_eq!(column(&heat["students"], "mastery"), [&json!([90, 30]), &json!([50, null])]);
    assert_eq!(heat["mean"], json!([70, 30]));
}

#[tokio::test]
async fn errors_that_many_run_into_come_first_with_examples() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada", "bob"]).await;
    harness.class("other", &["eve"]).await;
    for (id, error, days_ago) in [
        ("ada", "IndexError", 0),
        ("ada", "IndexError", 1),
        ("bob", "IndexError", 2),
        ("bob", "KeyError", 1),
        ("bob", "KeyError", 20),
        ("eve", "TypeError", 0),
    ] {
        Student { harness: &harness, id }.runs(Some(error), days_ago).await;
    }
    let path = format!("/api/instructor/classes/{class}/errors");
    let errors = harness.read("grace", &path).await;
    assert_eq!(column(&errors["errors"], "error"), ["IndexError", "KeyError"]);
    let first = &errors["errors"][0];
    assert_eq!(
        (&first["count"], &first["students"], &first["topic"]),
        (&json!(3), &json!(2), &json!("list-indexing"))
    );
    assert_eq!(column(&first["examples"], "student_id"), ["ada", "ada", "bob"]);
    assert_eq!((&first["examples"][0]["line"], &errors["errors"][1]["count"]), (&json!(2), &json!(1)));
    let month = harness.read("grace", &format!("{path}?days=30")).await;
    assert_eq!(month["errors"][1]["count"], 2);
    let never = harness.teach("grace", Method::GET, &format!("{path}?days=0"), None).await;
    assert_eq!(never.status(), 400);
}

#[tokio::test]
async fn an_alert_has_its_evidence_and_is_closed_once() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada"]).await;
    let other = harness.class("other", &["bob"]).await;
    let ada = Student { harness: &harness, id: "ada" };
    let turn = harness.receive("ada", "why is it out of range?").await;
    harness.commit(&answer(turn, "Because.")).await;
    let run = ada.runs(Some("IndexError"), 0).await;
    ada.attempts("fizz-buzz", turn, 3).await;
    let bobs = Student { harness: &harness, id: "bob" }.runs(None, 0).await;
    // What is somebody else's is no evidence, whatever the alert says.
    let alert = ada.is_stuck("list-indexing", &[turn], &[run, bobs]).await;

    let list = harness.read("grace", &format!("/api/instructor/alerts?class_id={class}&state=open")).await;
    assert_eq!(column(&list["alerts"], "alert_id"), [&json!(alert)]);
    let one = &list["alerts"][0];
    assert_eq!((&one["name"], &one["classes"]), (&json!("ada"), &json!(["Class of grace"])));
    assert_ne!(one["topic_title"], one["topic"]);
    let path = format!("/api/instructor/alerts/{alert}");
    let shown = harness.read("grace", &path).await;
    let evidence = &shown["evidence"];
    assert_eq!(column(&evidence["turns"], "query_id"), [&json!(turn)]);
    assert_eq!(column(&evidence["runs"], "run_id"), [&json!(run)]);
    assert_eq!(
        (&evidence["attempts"][0]["exercise_id"], &evidence["attempts"][0]["tests_passed"]),
        (&json!("fizz-buzz"), &json!(3))
    );
    for (method, path) in [(Method::GET, path.clone()), (Method::POST, format!("{path}/resolve"))] {
        let strange = harness.teach("other", method, &path, Some(&json!({}))).await;
        assert_eq!(strange.status(), 404, "{path}");
    }
    assert_eq!(harness.read("other", "/api/instructor/alerts").await["alerts"], json!([]));
    let others = format!("/api/instructor/alerts?class_id={other}");
    assert_eq!(harness.teach("grace", Method::GET, &others, None).await.status(), 404);

    let note = json!({ "note": "Drew the list together." });
    let resolve = format!("{path}/resolve");
    let closed: Value =
        harness.teach("grace", Method::POST, &resolve, Some(&note)).await.json().await.unwrap();
    assert_eq!((&closed["resolved_by"], &closed["note"]), (&json!("grace"), &note["note"]));
    let again: Value =
        harness.teach("grace", Method::POST, &resolve, Some(&json!({}))).await.json().await.unwrap();
    assert_eq!((&again["resolved_at"], &again["note"]), (&closed["resolved_at"], &note["note"]));
    assert_eq!(harness.read("grace", "/api/instructor/alerts").await["alerts"], json!([]));
    let resolved = harness.read("grace", "/api/instructor/alerts?state=resolved").await;
    assert_eq!(resolved["alerts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_timeline_comes_in_pages_and_misses_nothing() {
    let harness = Harness::start().await;
    harness.class("grace", &["ada"]).await;
    let ada = Student { harness: &harness, id: "ada" };
    let turn = harness.receive("ada", "why?").await;
    for days_ago in 0..5 {
        ada.runs(Some("IndexError"), days_ago).await;
    }
    ada.attempts("fizz-buzz", turn, 3).await;
    ada.is_stuck("for-loops", &[turn], &[]).await;
    // Two at one moment.
    sqlx::query(
        "UPDATE code_submissions SET created_at = date_trunc('day', created_at) WHERE student_id = 'ada'",
    )
    .execute(&harness.database.pool)
    .await
    .unwrap();
    sqlx::query("UPDATE struggle_alerts SET created_at = (SELECT max(created_at) FROM code_submissions)")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut path = "/api/instructor/students/ada/timeline?limit=3".to_owned();
    loop {
        let page = harness.read("grace", &path).await;
        assert_eq!(page["student"], json!({ "student_id": "ada", "name": "ada" }));
        for event in page["events"].as_array().unwrap() {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            if event["kind"] == "run" {
                assert_eq!(text("title"), "IndexError: IndexError it is");
                assert_eq!(event["detail"]["code"], "print(x)");
            }
            seen.push((text("at"), text("id")));
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/instructor/students/ada/timeline?limit=3&before={next}");
    }
    let mut sorted = seen.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (8, &sorted));
    let wrong = harness
        .teach("grace", Method::GET, "/api/instructor/students/ada/timeline?before=yesterday", None)
        .await;
    assert_eq!(wrong.status(), 400);
}

#[tokio::test]
async fn students_are_found_by_what_they_struggle_with() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada", "bob", "cid"]).await;
    harness.class("other", &["eve"]).await;
    for (id, levels, struggles) in [
        ("ada", json!({ "for-loops": 0.2, "recursion": 0.1 }), vec!["for-loops", "recursion"]),
        ("bob", json!({ "for-loops": 0.2, "recursion": 0.9 }), vec!["for-loops"]),
        ("cid", json!({ "while-loops": 0.2, "recursion": 0.3 }), vec!["while-loops", "recursion"]),
        ("eve", json!({ "for-loops": 0.2, "recursion": 0.1 }), vec!["for-loops", "recursion"]),
    ] {
        Student { harness: &harness, id }.knows(levels, &struggles).await;
    }
    for (query, expected) in [
        ("struggling=for-loops,recursion", vec!["ada"]),
        // A module stands for any of its topics: the seeds' loops and recursion.
        ("struggling=loops,recursion", vec!["ada", "cid"]),
        ("struggling=for-loops", vec!["ada", "bob"]),
        ("covered=while-loops", vec!["cid"]),
        ("topic=recursion&below=50", vec!["ada", "cid"]),
        ("topic=recursion&below=20&struggling=loops", vec!["ada"]),
    ] {
        let path = format!("/api/instructor/students?class_id={class}&{query}");
        let found = harness.read("grace", &path).await;
        let mut ids = column(&found["students"], "student_id");
        ids.sort_by_key(|id| id.to_string());
        assert_eq!(ids, expected, "{query}");
    }
    let found = harness.read("grace", "/api/instructor/students?topic=recursion&below=20").await;
    assert_eq!(found["students"][0]["mastery"], json!({ "recursion": 10 }));
    for wrong in ["", "struggling=swimming", "topic=x", "topic=recursion&below=0", "struggling=a,b,c,d,e,f"] {
        let path = format!("/api/instructor/students?{wrong}");
        assert_eq!(harness.teach("grace", Method::GET, &path, None).await.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn spreadsheets_run_nothing_of_an_export() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada"]).await;
    let ada = Student { harness: &harness, id: "ada" };
    ada.knows(json!({ "variables": 0.9 }), &[]).await;
    ada.attempts("fizz-buzz", Uuid::now_v7(), 3).await;
    ada.is_stuck("for-loops", &[], &[]).await;
    sqlx::query(
        "UPDATE users SET display_name = '=HYPERLINK(\"http://evil.example\")' WHERE user_id = 'ada'",
    )
    .execute(&harness.database.pool)
    .await
    .unwrap();
    for (what, cells) in [
        ("overview", "beginner"),
        ("mastery", "\"90\""),
        ("attempts", "\"fizz-buzz\""),
        ("alerts", "\"same-error\""),
    ] {
        let path = format!("/api/instructor/classes/{class}/export.csv?what={what}");
        let response = harness.teach("grace", Method::GET, &path, None).await;
        assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
        assert!(response.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
        let text = response.text().await.unwrap();
        assert!(text.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""), "{text}");
        assert!(text.contains(cells), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}

#[tokio::test]
async fn the_course_is_what_the_agents_read() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada"]).await;
    let base = format!("/api/instructor/classes/{class}");
    let context = async |student: &str, exercise: Option<&str>| -> Value {
        sqlx::query_scalar("SELECT tutoring($1, $2)")
            .bind(student)
            .bind(exercise)
            .fetch_one(&harness.database.pool)
            .await
            .unwrap()
    };
    assert_eq!(context("ada", None).await["max_tier"], Value::Null);
    let policy = harness.read("grace", &format!("{base}/policy")).await;
    assert_eq!(policy, json!({ "default": "worked-part", "exercises": {} }));
    let policy = json!({ "default": "explanation", "exercises": { "fizz-buzz": "nudge" } });
    let set = harness.teach("grace", Method::PUT, &format!("{base}/policy"), Some(&policy)).await;
    assert_eq!(set.json::<Value>().await.unwrap(), policy);
    assert_eq!(context("ada", None).await["max_tier"], "explanation");
    assert_eq!(context("ada", Some("fizz-buzz")).await["max_tier"], "nudge");
    assert_eq!(context("bob", Some("fizz-buzz")).await["max_tier"], Value::Null);
    // The strictest of several classes counts.
    let second = harness.class("alan", &["ada"]).await;
    let strict = json!({ "default": "pointer", "exercises": {} });
    harness
        .teach("alan", Method::PUT, &format!("/api/instructor/classes/{second}/policy"), Some(&strict))
        .await;
    assert_eq!(context("ada", None).await["max_tier"], "pointer");
    let unknown = json!({ "default": "full", "exercises": { "no-such": "full" } });
    let refused = harness.teach("grace", Method::PUT, &format!("{base}/policy"), Some(&unknown)).await;
    assert_eq!(refused.status(), 422);

    let note = json!({ "title": "Style", "text": "We write `snake_case`.", "topics": ["variables"] });
    let made = harness.teach("grace", Method::POST, &format!("{base}/notes"), Some(&note)).await;
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    assert_eq!(made["author"], "grace");
    let path = format!("{base}/notes/{}", made["note_id"].as_str().unwrap());
    let changed = json!({ "title": "Style", "text": "We write docstrings.", "topics": [] });
    assert_eq!(harness.teach("grace", Method::PUT, &path, Some(&changed)).await.status(), 200);
    assert_eq!(context("ada", None).await["notes"], json!([changed]));
    assert_eq!(harness.read("grace", &format!("{base}/notes")).await["notes"][0]["text"], changed["text"]);
    assert_eq!(harness.teach("grace", Method::DELETE, &path, None).await.status(), 204);
    assert_eq!(context("ada", None).await["notes"], json!([]));
    for wrong in [
        json!({ "title": "", "text": "x", "topics": [] }),
        json!({ "title": "x", "text": "y".repeat(8_001), "topics": [] }),
        json!({ "title": "x", "text": "y", "topics": ["swimming"] }),
    ] {
        let refused = harness.teach("grace", Method::POST, &format!("{base}/notes"), Some(&wrong)).await;
        assert_eq!(refused.status(), 422);
    }
}
