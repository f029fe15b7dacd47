//! What the audit log says, and who reads it.

use std::collections::BTreeSet;

use http::StatusCode;
use learnflow_gateway::token::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    exercises::{draft, verdicts},
    harness::{Harness, event, routed},
};

/// A page of the log as an administrator reads it.
async fn page(harness: &Harness, query: &str) -> Value {
    let page = harness.operate(Method::GET, &format!("/api/audit{query}"), None).await;
    assert_eq!(page.status(), 200, "{query}");
    page.json().await.unwrap()
}

fn entries(page: &Value) -> &Vec<Value> {
    page["entries"].as_array().unwrap()
}

/// Actions that other tests bring about: a stolen refresh token (accounts.rs), a login elsewhere (oidc.rs).
const ELSEWHERE: [&str; 2] = ["refresh-token-reused", "account-linked"];

#[tokio::test]
async fn everything_that_matters_is_written_down() {
    let harness = Harness::start().await;
    let mut expected: Vec<(&str, Option<&str>, Option<String>)> = Vec::new();
    let mut happened = |action: &'static str, actor: Option<&'static str>, target: Option<String>| {
        expected.push((action, actor, target));
    };
    let ok = |response: reqwest::Response| {
        assert!(response.status().is_success(), "{}: {}", response.url(), response.status());
        response
    };

    // Whoever registers or logs in is nobody yet.
    let public = async |path: &str, body: Value, cookie: &str| {
        let request = harness.client.post(harness.url(path)).header("cookie", cookie);
        request.json(&body).send().await.unwrap()
    };
    let account = json!({ "email": "eve@school.example", "password": "a few words in a row", "name": "Eve" });
    let session: Value = ok(public("/api/auth/register", account, "").await).json().await.unwrap();
    let eve = session["user"]["user_id"].as_str().unwrap().to_owned();
    happened("registered", None, Some(eve.clone()));
    let login = |email: &str, password: &str| json!({ "email": email, "password": password });
    for (email, target) in [("eve@school.example", Some(eve.clone())), ("nobody@school.example", None)] {
        let refused = public("/api/auth/login", login(email, "not the password"), "").await;
        assert_eq!(refused.status(), 401);
        happened("login-refused", None, target);
    }
    let right = login("eve@school.example", "a few words in a row");
    let session = ok(public("/api/auth/login", right, "").await);
    happened("logged-in", None, Some(eve.clone()));
    let cookie = session.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    ok(public("/api/auth/logout", json!({}), &cookie).await);
    happened("logged-out", None, Some(eve.clone()));

    let teach = async |method: Method, path: &str, body: Value| {
        ok(harness.teach("grace", method, path, Some(&body)).await)
    };
    let class = json!({ "name": "Class 7b" });
    let class: Value = teach(Method::POST, "/api/classes", class).await.json().await.unwrap();
    let id = class["class_id"].as_str().unwrap().to_owned();
    happened("class-made", Some("grace"), Some(id.clone()));
    teach(Method::PUT, &format!("/api/classes/{id}"), json!({ "name": "Class 8b" })).await;
    happened("class-renamed", Some("grace"), Some(id.clone()));
    teach(Method::DELETE, &format!("/api/classes/{id}/code"), json!({})).await;
    happened("code-closed", Some("grace"), Some(id.clone()));
    let class: Value =
        teach(Method::POST, &format!("/api/classes/{id}/code"), json!({})).await.json().await.unwrap();
    happened("code-renewed", Some("grace"), Some(id.clone()));
    let code = class["join_code"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        ok(harness.post("ada", "/api/classes/join", &json!({ "code": code })).await);
    }
    // Twice is once.
    happened("class-joined", Some("ada"), Some(id.clone()));
    let refused = harness.post("ada", "/api/classes/join", &json!({ "code": "NONE-2345" })).await;
    assert_eq!(refused.status(), 404);
    happened("join-refused", Some("ada"), None);

    let course = format!("/api/instructor/classes/{id}");
    let policy = json!({ "default": "nudge", "exercises": { "fizz-buzz": "full" } });
    teach(Method::PUT, &format!("{course}/policy"), policy).await;
    happened("policy-set", Some("grace"), Some(id.clone()));
    let note = json!({ "title": "Lists", "text": "Slices first." });
    let made: Value =
        teach(Method::POST, &format!("{course}/notes"), note.clone()).await.json().await.unwrap();
    let note_id = made["note_id"].as_str().unwrap().to_owned();
    happened("note-made", Some("grace"), Some(note_id.clone()));
    teach(Method::PUT, &format!("{course}/notes/{note_id}"), note).await;
    happened("note-changed", Some("grace"), Some(note_id.clone()));
    teach(Method::DELETE, &format!("{course}/notes/{note_id}"), json!({})).await;
    happened("note-deleted", Some("grace"), Some(note_id));
    let try_it = || [true, false, false].into_iter().for_each(|passed| verdicts(&harness, passed));
    try_it();
    let made: Value =
        teach(Method::POST, &format!("{course}/exercises"), draft()).await.json().await.unwrap();
    let exercise = made["exercise_id"].as_str().unwrap().to_owned();
    happened("exercise-made", Some("grace"), Some(exercise.clone()));
    try_it();
    teach(Method::PUT, &format!("{course}/exercises/{exercise}"), draft()).await;
    happened("exercise-changed", Some("grace"), Some(exercise.clone()));
    teach(Method::DELETE, &format!("{course}/exercises/{exercise}"), json!({})).await;
    happened("exercise-deleted", Some("grace"), Some(exercise));

    let alert = harness.alert("ada").await;
    teach(Method::POST, &format!("/api/instructor/alerts/{alert}/resolve"), json!({})).await;
    happened("alert-resolved", Some("grace"), Some(alert.to_string()));
    ok(harness.get("alan", "/api/me").await);
    let role = json!({ "role": "teacher" });
    ok(harness.operate(Method::PUT, "/api/operator/users/alan/role", Some(&role)).await);
    happened("role-changed", Some("operator"), Some("alan".to_owned()));
    for (method, action) in [(Method::PUT, "teacher-added"), (Method::DELETE, "teacher-removed")] {
        teach(method, &format!("/api/classes/{id}/teachers/alan"), json!({})).await;
        happened(action, Some("grace"), Some("alan".to_owned()));
    }
    teach(Method::DELETE, &format!("/api/classes/{id}/members/ada"), json!({})).await;
    happened("member-removed", Some("grace"), Some("ada".to_owned()));
    teach(Method::DELETE, &format!("/api/classes/{id}"), json!({})).await;
    happened("class-deleted", Some("grace"), Some(id));

    let turn = harness.receive("ada", "why?").await;
    harness.dead_letter(&event("ada", turn, routed(turn)), "503").await;
    let letters = harness.operate(Method::GET, "/api/operator/dead-letters", None).await;
    let letters: Value = letters.json().await.unwrap();
    let letter = letters["dead_letters"][0]["dead_letter_id"].as_str().unwrap().to_owned();
    ok(harness.operate(Method::POST, &format!("/api/operator/dead-letters/{letter}/replay"), None).await);
    happened("dead-letter-replayed", Some("operator"), Some(letter));
    let consent = json!({ "llm": false });
    let decided = harness.client.put(harness.url("/api/me/consent")).json(&consent);
    ok(decided.bearer_auth(harness.token("bob", Role::Student)).send().await.unwrap());
    happened("consent-decided", Some("bob"), None);
    ok(harness.get("bob", "/api/me/export").await);
    happened("exported", Some("bob"), None);
    ok(harness.post("cy", "/api/me/delete", &json!({ "confirm": true })).await);
    happened("erased", None, None);

    let log = page(&harness, "?limit=200").await;
    let mut written: Vec<&Value> = entries(&log).iter().collect();
    written.reverse();
    let said: Vec<(&str, Option<&str>, Option<String>)> = written
        .iter()
        .map(|entry| {
            let target = entry["target"].as_str().map(str::to_owned);
            (entry["action"].as_str().unwrap(), entry["actor"].as_str(), target)
        })
        .collect();
    assert_eq!(said, expected);
    for entry in &written {
        assert_eq!(entry["address"], "127.0.0.1", "{entry}");
        assert_eq!(entry["actor"].is_string(), entry["actor_role"].is_string(), "{entry}");
    }
    // Neither what people are called, nor how they log in or join, nor what they wrote.
    for secret in ["school.example", "Eve", "Class 7b", "Slices", code.as_str()] {
        assert!(!log.to_string().contains(secret), "{secret}");
    }

    // Whoever adds an action brings it about here.
    let document = learnflow_gateway::openapi();
    let known = document["components"]["schemas"]["AuditAction"]["enum"].as_array().unwrap();
    let known: BTreeSet<&str> = known.iter().map(|action| action.as_str().unwrap()).collect();
    let seen: BTreeSet<&str> = expected.iter().map(|(action, ..)| *action).chain(ELSEWHERE).collect();
    assert_eq!(known, seen);
}

#[tokio::test]
async fn an_administrator_reads_the_log_page_by_page_and_finds_one_action_or_user() {
    let harness = Harness::start().await;
    for teacher in ["grace", "alan", "grace"] {
        harness.class(teacher, &["ada"]).await;
    }
    let actions = |page: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        entries(page).iter().map(|entry| (text(&entry["action"]), text(&entry["actor"]))).collect()
    };
    let all = page(&harness, "").await;
    assert_eq!((entries(&all).len(), &all["next"]), (6, &Value::Null));
    let first = page(&harness, "?limit=4").await;
    let second = page(&harness, &format!("?limit=4&before={}", first["next"].as_str().unwrap())).await;
    assert_eq!((entries(&first).len(), entries(&second).len()), (4, 2));
    assert_eq!([actions(&first), actions(&second)].concat(), actions(&all));
    assert_eq!(second["next"], Value::Null);

    let made = page(&harness, "?action=class-made").await;
    let by: Vec<String> = actions(&made).into_iter().map(|(_, actor)| actor).collect();
    assert_eq!(by, ["grace", "alan", "grace"]);
    assert_eq!(entries(&page(&harness, "?user=grace").await).len(), 2);
    assert_eq!(entries(&page(&harness, "?user=grace&action=class-joined").await).len(), 0);
    // Also what was done to somebody.
    harness.operate(Method::PUT, "/api/operator/users/grace/role", Some(&json!({ "role": "teacher" }))).await;
    assert_eq!(entries(&page(&harness, "?user=grace").await).len(), 3);

    for wrong in ["?action=nothing", "?limit=0", "?limit=201", "?before=x", "?colour=red"] {
        let refused = harness.operate(Method::GET, &format!("/api/audit{wrong}"), None).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    let unknown = page(&harness, &format!("?before={}", Uuid::nil())).await;
    assert_eq!((entries(&unknown).len(), &unknown["next"]), (0, &Value::Null));
}
