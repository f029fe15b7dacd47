//! Who may call what, as one table.

use learnflow_gateway::token::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    exercises::{draft, verdicts},
    harness::Harness,
};

/// Who may call a method of a path.
struct Row {
    method: Method,
    path: String,
    /// What is sent; a body that is not valid is refused to whoever may call, so that it says nothing about classes.
    body: Option<Value>,
    /// The sandbox is asked, and says that a draft does what it must.
    verified: bool,
    /// Expected statuses for nobody, a student, a teacher and an admin. 2xx, 404 and 422 all mean: allowed to ask.
    expected: [u16; 4],
}

fn row(method: Method, path: impl Into<String>, expected: [u16; 4]) -> Row {
    let body = matches!(method, Method::POST | Method::PUT).then(|| json!({ "confirm": false }));
    Row { method, path: path.into(), body, verified: false, expected }
}

fn get(path: impl Into<String>, expected: [u16; 4]) -> Row {
    row(Method::GET, path, expected)
}

fn post(path: impl Into<String>, expected: [u16; 4]) -> Row {
    row(Method::POST, path, expected)
}

fn put(path: impl Into<String>, expected: [u16; 4]) -> Row {
    row(Method::PUT, path, expected)
}

fn delete(path: impl Into<String>, expected: [u16; 4]) -> Row {
    row(Method::DELETE, path, expected)
}

impl Row {
    fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    fn verified(self) -> Self {
        Self { verified: true, ..self }
    }
}

/// Calls that change one class, with bodies that are valid: its own teacher and an admin may, and to the teacher of
/// another class it is as unknown as one that does not exist. `who` is a member, and a teacher who does not teach it.
fn changes(class: Uuid, own: bool, who: &str, note: Uuid, exercise: &str) -> Vec<Row> {
    let [ok, made, done] = [200, 201, 204].map(|status| [401, 403, if own { status } else { 404 }, status]);
    // What is removed is removed once: the admin, who comes second, finds nothing more.
    let removed = [401, 403, if own { 204 } else { 404 }, if own { 404 } else { 204 }];
    let (classes, course) = (format!("/api/classes/{class}"), format!("/api/instructor/classes/{class}"));
    let policy = json!({ "default": "nudge", "exercises": { "fizz-buzz": "full" } });
    let written = json!({ "title": "Lists", "text": "Slices first." });
    vec![
        put(&classes, ok).with(json!({ "name": "Renamed" })),
        post(format!("{classes}/code"), ok),
        delete(format!("{classes}/code"), ok),
        put(format!("{classes}/teachers/{who}"), done),
        delete(format!("{classes}/teachers/{who}"), removed),
        delete(format!("{classes}/members/{who}"), removed),
        put(format!("{course}/policy"), ok).with(policy),
        post(format!("{course}/notes"), made).with(written.clone()),
        put(format!("{course}/notes/{note}"), ok).with(written),
        delete(format!("{course}/notes/{note}"), removed),
        post(format!("{course}/exercises/verify"), ok).with(draft()).verified(),
        post(format!("{course}/exercises"), made).with(draft()).verified(),
        put(format!("{course}/exercises/{exercise}"), ok).with(draft()).verified(),
        delete(format!("{course}/exercises/{exercise}"), removed),
        delete(&classes, removed),
    ]
}

/// Puts something into a class that can be changed: a member who is a teacher elsewhere, a note and an exercise.
async fn furnish(harness: &Harness, teacher: &str, class: Uuid, who: &str) -> (Uuid, String) {
    harness.get(who, "/api/me").await;
    sqlx::query("UPDATE users SET role = 'teacher' WHERE user_id = $1")
        .bind(who)
        .execute(&harness.database.pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO class_members (class_id, student_id) VALUES ($1, $2)")
        .bind(class)
        .bind(who)
        .execute(&harness.database.pool)
        .await
        .unwrap();
    let course = format!("/api/instructor/classes/{class}");
    let written = json!({ "title": "Lists", "text": "Slices first." });
    let note: Value = harness
        .teach(teacher, Method::POST, &format!("{course}/notes"), Some(&written))
        .await
        .json()
        .await
        .unwrap();
    verify(harness);
    let exercise: Value = harness
        .teach(teacher, Method::POST, &format!("{course}/exercises"), Some(&draft()))
        .await
        .json()
        .await
        .unwrap();
    (note["note_id"].as_str().unwrap().parse().unwrap(), exercise["exercise_id"].as_str().unwrap().to_owned())
}

/// What the sandbox says of a draft's solution, its starter and its wrong answer.
fn verify(harness: &Harness) {
    [true, false, false].into_iter().for_each(|passed| verdicts(harness, passed));
}

/// A documented operation without a row fails the test.
#[tokio::test]
async fn every_endpoint_has_its_callers() {
    let harness = Harness::start().await;
    let turn = harness.receive("somebody", "what is a list?").await;
    let mine = harness.class("teacher", &["student"]).await;
    let theirs = harness.class("colleague", &["pupil"]).await;
    let their_turn = harness.receive("pupil", "what is a tuple?").await;
    let (my_alert, their_alert) = (harness.alert("student").await, harness.alert("pupil").await);
    let letter = Uuid::now_v7();
    let mut table: Vec<Row> = vec![
        get("/", [200, 200, 200, 200]),
        get("/health", [200, 200, 200, 200]),
        get("/ready", [200, 200, 200, 200]),
        get("/docs", [200, 200, 200, 200]),
        get("/docs/openapi.json", [200, 200, 200, 200]),
        get("/docs/functions.json", [200, 200, 200, 200]),
        get("/docs/sandbox.json", [200, 200, 200, 200]),
        get("/docs/asyncapi.json", [200, 200, 200, 200]),
        get("/docs/nothing.json", [404, 404, 404, 404]),
        // For the broker and for monitoring, on this machine or on an address of their own (the next test).
        get("/metrics", [200, 200, 200, 200]),
        post("/events/dead-letters", [422, 422, 422, 422]),
        get("/socket.io/?EIO=4&transport=polling", [200, 200, 200, 200]),
        post("/api/auth/register", [422, 422, 422, 422]),
        post("/api/auth/login", [422, 422, 422, 422]),
        post("/api/auth/refresh", [401, 401, 401, 401]),
        post("/api/auth/logout", [204, 204, 204, 204]),
        get("/api/auth/providers", [200, 200, 200, 200]),
        get("/api/auth/oidc/login", [404, 404, 404, 404]),
        get("/api/auth/oidc/callback", [404, 404, 404, 404]),
        get("/api/me", [401, 200, 200, 200]),
        get("/api/me/quotas", [401, 200, 200, 200]),
        put("/api/me/consent", [401, 200, 200, 200]).with(json!({ "llm": false })),
        get("/api/me/export", [401, 200, 200, 200]),
        post("/api/me/delete", [401, 422, 422, 422]),
        post("/api/triage/analyze", [401, 202, 202, 202]),
        post("/api/progress/report", [401, 202, 202, 202]),
        post("/api/triage/events", [401, 404, 404, 404]),
        post("/api/code/run", [401, 422, 422, 422]),
        post(format!("/api/code/runs/{letter}/stdin"), [401, 202, 202, 202]),
        post(format!("/api/code/runs/{letter}/interrupt"), [401, 202, 202, 202]),
        get("/api/history", [401, 200, 200, 200]),
        // One's own turn only.
        post("/api/feedback", [401, 404, 404, 404]).with(json!({ "query_id": turn, "helpful": true })),
        // A student who is in no class is looked after by all teachers, one of another's class is not.
        get(format!("/api/turns/{turn}"), [401, 404, 200, 200]),
        get(format!("/api/turns/{turn}/events"), [401, 404, 200, 200]),
        get(format!("/api/turns/{their_turn}"), [401, 404, 404, 200]),
        get(format!("/api/turns/{their_turn}/events"), [401, 404, 404, 200]),
        get("/api/progress", [401, 200, 200, 200]),
        get("/api/curriculum", [401, 200, 200, 200]),
        get("/api/exercises", [401, 200, 200, 200]),
        get("/api/exercises/fizz-buzz", [401, 200, 200, 200]),
        get("/api/classes", [401, 200, 200, 200]),
        get("/api/classes?all=true", [401, 403, 403, 200]),
        post("/api/classes", [401, 403, 201, 201]).with(json!({ "name": "A new class" })),
        post("/api/classes/join", [401, 404, 404, 404]).with(json!({ "code": "NONE-2345" })),
        delete(format!("/api/classes/{letter}"), [401, 403, 404, 404]),
        get(format!("/api/classes/{mine}/members"), [401, 403, 200, 200]),
        get(format!("/api/classes/{theirs}/members"), [401, 403, 404, 200]),
        delete(format!("/api/classes/{mine}/members/nobody"), [401, 403, 404, 404]),
        put(format!("/api/classes/{mine}/teachers/nobody"), [401, 403, 404, 404]),
        // The last teacher of a class.
        delete(format!("/api/classes/{mine}/teachers/teacher"), [401, 403, 409, 409]),
        delete(format!("/api/classes/{theirs}/teachers/colleague"), [401, 403, 404, 409]),
        get(format!("/api/instructor/alerts?class_id={mine}"), [401, 403, 200, 200]),
        get(format!("/api/instructor/alerts?class_id={theirs}"), [401, 403, 404, 200]),
        get("/api/instructor/alerts", [401, 403, 200, 200]),
        get(format!("/api/instructor/alerts/{my_alert}"), [401, 403, 200, 200]),
        get(format!("/api/instructor/alerts/{their_alert}"), [401, 403, 404, 200]),
        post(format!("/api/instructor/alerts/{my_alert}/resolve"), [401, 403, 200, 200]).with(json!({})),
        post(format!("/api/instructor/alerts/{their_alert}/resolve"), [401, 403, 404, 200]).with(json!({})),
        get("/api/instructor/students?struggling=for-loops", [401, 403, 200, 200]),
        get("/api/instructor/students/student/progress", [401, 403, 200, 200]),
        get("/api/instructor/students/pupil/progress", [401, 403, 404, 200]),
        get("/api/instructor/students/somebody/progress", [401, 403, 200, 200]),
        get("/api/instructor/students/student/timeline", [401, 403, 200, 200]),
        get("/api/instructor/students/pupil/timeline", [401, 403, 404, 200]),
        get("/api/operator/agents", [401, 403, 403, 200]),
        get("/api/operator/lag", [401, 403, 403, 200]),
        get("/api/operator/budget", [401, 403, 403, 200]),
        get("/api/operator/dead-letters", [401, 403, 403, 200]),
        get("/api/audit", [401, 403, 403, 200]),
        post("/api/operator/dead-letters/replay", [401, 403, 403, 202]).with(json!({})),
        post(format!("/api/operator/dead-letters/{letter}/replay"), [401, 403, 403, 404]),
        put("/api/operator/users/nobody/role", [401, 403, 403, 404]).with(json!({ "role": "teacher" })),
        get("/api/nowhere", [404, 404, 404, 404]),
        delete("/api/history", [405, 405, 405, 405]),
    ];
    for what in ["overview", "heatmap", "errors", "export.csv?what=overview", "policy", "notes", "exercises"]
    {
        table.push(get(format!("/api/instructor/classes/{mine}/{what}"), [401, 403, 200, 200]));
        table.push(get(format!("/api/instructor/classes/{theirs}/{what}"), [401, 403, 404, 200]));
    }
    // Last, since it ends with the classes.
    for (class, teacher, who) in [(mine, "teacher", "assistant"), (theirs, "colleague", "trainee")] {
        let (note, exercise) = furnish(&harness, teacher, class, who).await;
        table.extend(changes(class, class == mine, who, note, &exercise));
    }
    let document = learnflow_gateway::openapi();
    let mut ids = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(ids.insert(id), "{method} {path} has the id of another operation");
            let rows = table
                .iter()
                .filter(|row| row.method.as_str().eq_ignore_ascii_case(method) && is_of(&row.path, path));
            let mut rows = rows.peekable();
            assert!(rows.peek().is_some(), "{method} {path} has no row that says who may call it");
            // Whatever is of one class is closed to the teacher of another.
            let of_class = path.contains("/classes/{id}");
            let closed = rows.any(|row| row.path.contains(&theirs.to_string()) && row.expected[2] == 404);
            assert!(!of_class || closed, "{method} {path} has no row of somebody else's class");
        }
    }
    for Row { method, path, body, verified, expected } in table {
        let callers = [None, Some(Role::Student), Some(Role::Teacher), Some(Role::Admin)];
        let mut statuses = [0; 4];
        for ((status, wanted), role) in statuses.iter_mut().zip(expected).zip(callers) {
            let mut request = harness.client.request(method.clone(), harness.url(&path));
            if let Some(role) = role {
                request = request.bearer_auth(harness.token(role.as_str(), role));
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            if verified && wanted < 300 {
                verify(&harness);
            }
            *status = request.send().await.unwrap().status().as_u16();
        }
        assert_eq!(statuses, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn what_the_broker_and_monitoring_call_is_not_for_people() {
    let harness = Harness::start().await;
    for path in ["/metrics", "/events/dead-letters"] {
        // As through a reverse proxy, or from a page.
        for header in ["x-forwarded-for", "forwarded", "origin"] {
            let own = format!("http://{}", harness.gateway.address());
            let method = if path == "/metrics" { Method::GET } else { Method::POST };
            let request = harness.client.request(method, harness.url(path)).header(header, own);
            assert_eq!(request.send().await.unwrap().status(), 403, "{path} with {header}");
        }
    }
    // With an address of its own it is nowhere else.
    let apart = Harness::start_with(|config| config.internal_listen = Some(([127, 0, 0, 1], 0).into())).await;
    assert_eq!(apart.client.get(apart.url("/metrics")).send().await.unwrap().status(), 404);
    let internal = format!("http://{}/metrics", apart.gateway.internal_address());
    assert_eq!(apart.client.get(internal).send().await.unwrap().status(), 200);
}

/// Whether a path is one of those that a documented path with `{parameters}` stands for.
fn is_of(path: &str, documented: &str) -> bool {
    let path = path.split('?').next().unwrap();
    path.split('/').count() == documented.split('/').count()
        && path
            .split('/')
            .zip(documented.split('/'))
            .all(|(part, known)| part == known || known.starts_with('{'))
}

#[tokio::test]
async fn every_documented_operation_is_refused_to_nobody_or_open_on_purpose() {
    let harness = Harness::start().await;
    let document = learnflow_gateway::openapi();
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let path = path
                .replace("{id}", "0192aaaa-0000-7000-8000-000000000000")
                .replace("{note_id}", "0192aaaa-0000-7000-8000-000000000000")
                .replace("{agent}/{action}", "triage/analyze");
            let method: Method = method.to_uppercase().parse().unwrap();
            let response = harness
                .client
                .request(method.clone(), harness.url(&path))
                .json(&json!({}))
                .send()
                .await
                .unwrap();
            let refused = response.status() == 401;
            let open = path.starts_with("/api/auth/");
            assert!(refused || open, "{method} {path}: {}", response.status());
            assert_eq!(operation["security"].is_array(), !open, "{method} {path} documents its security");
        }
    }
    assert!(operations >= 15, "{operations}");
}

#[tokio::test]
async fn a_token_creates_its_account_as_a_student_whatever_it_says() {
    let harness = Harness::start().await;
    harness.operate(Method::GET, "/api/me", None).await;
    let role: String = sqlx::query_scalar("SELECT role FROM users WHERE user_id = 'operator'")
        .fetch_one(&harness.database.pool)
        .await
        .unwrap();
    assert_eq!(role, "student");
}

#[tokio::test]
async fn a_role_is_changed_by_an_admin_and_written_down() {
    let harness = Harness::start().await;
    harness.get("ada", "/api/me").await;
    let body = json!({ "role": "teacher" });
    let changed = harness.operate(Method::PUT, "/api/operator/users/ada/role", Some(&body)).await;
    assert_eq!(changed.status(), 204);
    let (role, actor): (String, String) = sqlx::query_as(
        "SELECT u.role, a.actor FROM users u, audit_log a WHERE u.user_id = 'ada' AND a.target = 'ada'",
    )
    .fetch_one(&harness.database.pool)
    .await
    .unwrap();
    assert_eq!((role.as_str(), actor.as_str()), ("teacher", "operator"));
    let unknown = harness.operate(Method::PUT, "/api/operator/users/nobody/role", Some(&body)).await;
    assert_eq!(unknown.status(), 404);
}
