//! Classes: made, joined, left; and what they mean for who sees whom.

use learnflow_events::{
    Topic,
    payload::{StruggleLevel, StudentStruggling},
};
use learnflow_gateway::{Rate, token::Role};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    driver::Driver,
    harness::{Harness, answer, detail, event},
};

#[tokio::test]
async fn a_class_is_joined_with_its_code_as_long_as_the_code_is_valid() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &[]).await;
    let classes = harness.read("grace", "/api/classes").await;
    let code = classes["classes"][0]["join_code"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 9);

    // As people type it.
    let typed = json!({ "code": format!(" {} ", code.to_lowercase().replace('-', " ")) });
    let joined: Value = harness.post("ada", "/api/classes/join", &typed).await.json().await.unwrap();
    assert_eq!(
        (&joined["class_id"], &joined["role"], &joined["members"], &joined["join_code"]),
        (&json!(class), &json!("student"), &json!(1), &Value::Null)
    );
    // Twice is once.
    assert_eq!(harness.post("ada", "/api/classes/join", &typed).await.status(), 200);
    let own: Value = harness.get("ada", "/api/classes").await.json().await.unwrap();
    assert_eq!(own["classes"].as_array().unwrap().len(), 1);

    let path = format!("/api/classes/{class}/code");
    let renewed: Value = harness.teach("grace", Method::POST, &path, None).await.json().await.unwrap();
    assert_ne!(renewed["join_code"], json!(code));
    let late = harness.post("bob", "/api/classes/join", &json!({ "code": code })).await;
    assert_eq!(late.status(), 404);
    let valid = renewed["join_code"].clone();
    assert_eq!(harness.post("bob", "/api/classes/join", &json!({ "code": valid })).await.status(), 200);
    let closed: Value = harness.teach("grace", Method::DELETE, &path, None).await.json().await.unwrap();
    assert_eq!(closed["join_code"], Value::Null);
    assert_eq!(harness.post("eve", "/api/classes/join", &json!({ "code": valid })).await.status(), 404);
    // No code is not the code of a class that has none.
    assert_eq!(harness.post("eve", "/api/classes/join", &json!({ "code": "" })).await.status(), 404);

    let members = harness.read("grace", &format!("/api/classes/{class}/members")).await;
    let names = |who: &str| -> Vec<String> {
        members[who].as_array().unwrap().iter().map(|m| m["user_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names("teachers"), names("students")),
        (vec!["grace".into()], vec!["ada".into(), "bob".into()])
    );
}

#[tokio::test]
async fn guessing_codes_is_slow_and_written_down() {
    let harness = Harness::start_with(|config| config.rates.joins = Rate::new(3, 1)).await;
    for _ in 0..3 {
        let wrong = harness.post("mallory", "/api/classes/join", &json!({ "code": "ABCD-2345" })).await;
        assert_eq!(wrong.status(), 404);
    }
    let slowed = harness.post("mallory", "/api/classes/join", &json!({ "code": "ABCD-2346" })).await;
    assert_eq!(slowed.status(), 429);
    let refused: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit_log WHERE action = 'join-refused' AND actor = 'mallory'",
    )
    .fetch_one(&harness.database.pool)
    .await
    .unwrap();
    assert_eq!(refused, 3);
}

#[tokio::test]
async fn people_leave_and_are_taken_out() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada", "bob"]).await;
    let as_student = async |student: &str, path: String| {
        let token = harness.token(student, Role::Student);
        harness.client.delete(harness.url(&path)).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    // Oneself, and nobody else.
    assert_eq!(as_student("ada", format!("/api/classes/{class}/members/bob")).await, 403);
    assert_eq!(as_student("ada", format!("/api/classes/{class}/members/ada")).await, 204);
    let out =
        harness.teach("grace", Method::DELETE, &format!("/api/classes/{class}/members/bob"), None).await;
    assert_eq!(out.status(), 204);
    let classes = harness.read("grace", "/api/classes").await;
    assert_eq!(classes["classes"][0]["members"], 0);

    // A second teacher must be one, and the last one stays.
    let teachers = format!("/api/classes/{class}/teachers");
    harness.get("ada", "/api/me").await;
    assert_eq!(harness.teach("grace", Method::PUT, &format!("{teachers}/ada"), None).await.status(), 404);
    harness.read("alan", "/api/me").await;
    let role = json!({ "role": "teacher" });
    harness.operate(Method::PUT, "/api/operator/users/alan/role", Some(&role)).await;
    let alone = harness.teach("grace", Method::DELETE, &format!("{teachers}/grace"), None).await;
    assert_eq!(alone.status(), 409);
    assert_eq!(harness.teach("grace", Method::PUT, &format!("{teachers}/alan"), None).await.status(), 204);
    assert_eq!(harness.teach("alan", Method::DELETE, &format!("{teachers}/grace"), None).await.status(), 204);
    assert_eq!(
        harness.teach("grace", Method::GET, &format!("/api/classes/{class}/members"), None).await.status(),
        404
    );
    let deleted = harness.teach("alan", Method::DELETE, &format!("/api/classes/{class}"), None).await;
    assert_eq!(deleted.status(), 204);
}

#[tokio::test]
async fn an_alert_reaches_the_teachers_of_the_students_classes_and_admins_only() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada"]).await;
    harness.class("other", &["bob"]).await;
    let mut driver = Driver::start().await;
    for teacher in ["grace", "other"] {
        driver.connect(teacher, &harness.url(""), &harness.token(teacher, Role::Teacher)).await;
        assert_eq!(driver.emit(teacher, "join-instructors", json!([])).await["ok"], true);
    }
    driver.connect("root", &harness.url(""), &harness.token("root", Role::Admin)).await;
    driver.emit("root", "join-instructors", json!([])).await;
    let struggle = || StudentStruggling {
        topic: "lists".to_owned(),
        struggle_level: StruggleLevel::High,
        recommendation: "Talk.".to_owned(),
        context: "Asked three times.".to_owned(),
        turns: Vec::new(),
        runs: Vec::new(),
    };
    let turn = Uuid::now_v7();
    harness.append(Topic::STUDENT_STRUGGLE, &event("ada", turn, struggle())).await;
    assert_eq!(driver.event("grace", "student-struggle").await["student_id"], "ada");
    assert_eq!(driver.event("root", "student-struggle").await["student_id"], "ada");
    // Of somebody in no class all teachers hear; and by then the other would have heard of ada.
    harness.append(Topic::STUDENT_STRUGGLE, &event("loner", turn, struggle())).await;
    for socket in ["grace", "other", "root"] {
        assert_eq!(driver.event(socket, "student-struggle").await["student_id"], "loner");
        assert_eq!(driver.unasked(socket), Vec::<String>::new(), "{socket}");
    }

    // Who watches a student stops when the student has left, here at once.
    driver.emit("grace", "join-class", json!([class])).await;
    assert_eq!(driver.emit("grace", "join-student", json!(["ada"])).await["ok"], true);
    harness.class("third", &["ada"]).await;
    let path = format!("/api/classes/{class}/members/ada");
    assert_eq!(harness.teach("grace", Method::DELETE, &path, None).await.status(), 204);
    assert_eq!(driver.emit("grace", "join-student", json!(["ada"])).await["ok"], false);
    harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, answer(turn, "Private."))).await;
    harness.append(Topic::STUDENT_STRUGGLE, &event("loner", turn, struggle())).await;
    driver.event("grace", "student-struggle").await;
    assert!(!driver.unasked("grace").contains(&"agent-response".to_owned()));
}

#[tokio::test]
async fn a_renewed_token_leaves_the_rooms_that_are_closed_now() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada"]).await;
    harness.class("third", &["ada"]).await;
    let mut driver = Driver::start().await;
    driver.connect("grace", &harness.url(""), &harness.token("grace", Role::Teacher)).await;
    driver.emit("grace", "join-student", json!(["ada"])).await;
    // As if another replica had been asked.
    sqlx::query("DELETE FROM class_members WHERE class_id = $1")
        .bind(class)
        .execute(&harness.database.pool)
        .await
        .unwrap();
    let token = harness.token("grace", Role::Teacher);
    assert_eq!(driver.emit("grace", "authenticate", json!([{ "token": token }])).await["ok"], true);
    let turn = Uuid::now_v7();
    harness.append(Topic::AGENT_RESPONSES, &event("ada", turn, answer(turn, "Private."))).await;
    driver.emit("grace", "join-student", json!(["grace"])).await;
    harness.append(Topic::AGENT_RESPONSES, &event("grace", turn, answer(turn, "Own."))).await;
    assert_eq!(driver.event("grace", "agent-response").await["response_text"], "Own.");
}

#[tokio::test]
async fn a_class_needs_a_name() {
    let harness = Harness::start().await;
    for name in ["", "  ", "a\nb", &"x".repeat(81)] {
        let refused =
            harness.teach("grace", Method::POST, "/api/classes", Some(&json!({ "name": name }))).await;
        assert_eq!(refused.status(), 422, "{name:?}");
        assert!(detail(refused).await.contains("1 to 80"));
    }
}
