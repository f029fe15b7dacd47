//! Who may call what, as one table.

use learnflow_gateway::token::Role;
use reqwest::Method;
use serde_json::json;

use crate::harness::Harness;

/// Expected statuses for nobody, a student, a teacher and an admin. 2xx, 404 and 422 all mean: allowed to ask. A
/// documented operation without a row fails the test.
#[tokio::test]
async fn every_endpoint_has_its_callers() {
    let harness = Harness::start().await;
    let turn = harness.receive("somebody", "what is a list?").await;
    let mine = harness.class("teacher", &["student"]).await;
    let theirs = harness.class("colleague", &["pupil"]).await;
    let their_turn = harness.receive("pupil", "what is a tuple?").await;
    let letter = uuid::Uuid::now_v7();
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let table: Vec<(&Method, String, [u16; 4])> = vec![
        (&get, "/health".into(), [200, 200, 200, 200]),
        (&get, "/ready".into(), [200, 200, 200, 200]),
        (&get, "/docs".into(), [200, 200, 200, 200]),
        (&get, "/docs/openapi.json".into(), [200, 200, 200, 200]),
        (&post, "/api/auth/register".into(), [422, 422, 422, 422]),
        (&post, "/api/auth/login".into(), [422, 422, 422, 422]),
        (&post, "/api/auth/refresh".into(), [401, 401, 401, 401]),
        (&post, "/api/auth/logout".into(), [204, 204, 204, 204]),
        (&get, "/api/auth/providers".into(), [200, 200, 200, 200]),
        (&get, "/api/auth/oidc/login".into(), [404, 404, 404, 404]),
        (&get, "/api/auth/oidc/callback".into(), [404, 404, 404, 404]),
        (&get, "/api/me".into(), [401, 200, 200, 200]),
        (&get, "/api/me/quotas".into(), [401, 200, 200, 200]),
        (&put, "/api/me/consent".into(), [401, 422, 422, 422]),
        (&get, "/api/me/export".into(), [401, 200, 200, 200]),
        (&post, "/api/me/delete".into(), [401, 422, 422, 422]),
        (&post, "/api/triage/analyze".into(), [401, 202, 202, 202]),
        (&post, "/api/progress/report".into(), [401, 202, 202, 202]),
        (&post, "/api/triage/events".into(), [401, 404, 404, 404]),
        (&post, "/api/code/run".into(), [401, 422, 422, 422]),
        (&post, format!("/api/code/runs/{letter}/stdin"), [401, 202, 202, 202]),
        (&post, format!("/api/code/runs/{letter}/interrupt"), [401, 202, 202, 202]),
        (&get, "/api/history".into(), [401, 200, 200, 200]),
        (&post, "/api/feedback".into(), [401, 422, 422, 422]),
        // A student who is in no class is looked after by all teachers, one of another's class is not.
        (&get, format!("/api/turns/{turn}"), [401, 404, 200, 200]),
        (&get, format!("/api/turns/{turn}/events"), [401, 404, 200, 200]),
        (&get, format!("/api/turns/{their_turn}"), [401, 404, 404, 200]),
        (&get, format!("/api/turns/{their_turn}/events"), [401, 404, 404, 200]),
        (&get, "/api/progress".into(), [401, 200, 200, 200]),
        (&get, "/api/curriculum".into(), [401, 200, 200, 200]),
        (&get, "/api/exercises".into(), [401, 200, 200, 200]),
        (&get, "/api/exercises/fizz-buzz".into(), [401, 200, 200, 200]),
        (&get, "/api/classes".into(), [401, 200, 200, 200]),
        (&get, "/api/classes?all=true".into(), [401, 403, 403, 200]),
        (&post, "/api/classes".into(), [401, 403, 422, 422]),
        (&post, "/api/classes/join".into(), [401, 422, 422, 422]),
        (&put, format!("/api/classes/{mine}"), [401, 403, 422, 422]),
        (&delete, format!("/api/classes/{letter}"), [401, 403, 404, 404]),
        (&post, format!("/api/classes/{mine}/code"), [401, 403, 200, 200]),
        (&post, format!("/api/classes/{theirs}/code"), [401, 403, 404, 200]),
        (&delete, format!("/api/classes/{mine}/code"), [401, 403, 200, 200]),
        (&get, format!("/api/classes/{mine}/members"), [401, 403, 200, 200]),
        (&get, format!("/api/classes/{theirs}/members"), [401, 403, 404, 200]),
        (&delete, format!("/api/classes/{mine}/members/nobody"), [401, 403, 404, 404]),
        (&delete, format!("/api/classes/{theirs}/members/nobody"), [401, 403, 404, 404]),
        (&put, format!("/api/classes/{mine}/teachers/nobody"), [401, 403, 404, 404]),
        (&delete, format!("/api/classes/{mine}/teachers/nobody"), [401, 403, 404, 404]),
        (&get, format!("/api/instructor/classes/{mine}/overview"), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/classes/{theirs}/overview"), [401, 403, 404, 200]),
        (&get, format!("/api/instructor/classes/{mine}/heatmap"), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/classes/{theirs}/heatmap"), [401, 403, 404, 200]),
        (&get, format!("/api/instructor/classes/{mine}/errors"), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/classes/{theirs}/errors"), [401, 403, 404, 200]),
        (&get, format!("/api/instructor/classes/{mine}/export.csv?what=overview"), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/classes/{theirs}/export.csv?what=overview"), [401, 403, 404, 200]),
        (&get, format!("/api/instructor/classes/{mine}/policy"), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/classes/{theirs}/policy"), [401, 403, 404, 200]),
        (&put, format!("/api/instructor/classes/{mine}/policy"), [401, 403, 422, 422]),
        (&get, format!("/api/instructor/classes/{mine}/notes"), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/classes/{theirs}/notes"), [401, 403, 404, 200]),
        (&post, format!("/api/instructor/classes/{mine}/notes"), [401, 403, 422, 422]),
        (&put, format!("/api/instructor/classes/{mine}/notes/{letter}"), [401, 403, 422, 422]),
        (&delete, format!("/api/instructor/classes/{mine}/notes/{letter}"), [401, 403, 404, 404]),
        (&get, format!("/api/instructor/classes/{mine}/exercises"), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/classes/{theirs}/exercises"), [401, 403, 404, 200]),
        (&post, format!("/api/instructor/classes/{mine}/exercises"), [401, 403, 422, 422]),
        (&post, format!("/api/instructor/classes/{mine}/exercises/verify"), [401, 403, 422, 422]),
        (&put, format!("/api/instructor/classes/{mine}/exercises/x"), [401, 403, 422, 422]),
        (&delete, format!("/api/instructor/classes/{mine}/exercises/x"), [401, 403, 404, 404]),
        (&get, "/api/instructor/alerts".into(), [401, 403, 200, 200]),
        (&get, format!("/api/instructor/alerts?class_id={theirs}"), [401, 403, 404, 200]),
        (&get, format!("/api/instructor/alerts/{letter}"), [401, 403, 404, 404]),
        (&post, format!("/api/instructor/alerts/{letter}/resolve"), [401, 403, 422, 422]),
        (&get, "/api/instructor/students?struggling=for-loops".into(), [401, 403, 200, 200]),
        (&get, "/api/instructor/students/student/progress".into(), [401, 403, 200, 200]),
        (&get, "/api/instructor/students/pupil/progress".into(), [401, 403, 404, 200]),
        (&get, "/api/instructor/students/somebody/progress".into(), [401, 403, 200, 200]),
        (&get, "/api/instructor/students/student/timeline".into(), [401, 403, 200, 200]),
        (&get, "/api/instructor/students/pupil/timeline".into(), [401, 403, 404, 200]),
        (&get, "/api/operator/agents".into(), [401, 403, 403, 200]),
        (&get, "/api/operator/lag".into(), [401, 403, 403, 200]),
        (&get, "/api/operator/budget".into(), [401, 403, 403, 200]),
        (&get, "/api/operator/dead-letters".into(), [401, 403, 403, 200]),
        (&post, "/api/operator/dead-letters/replay".into(), [401, 403, 403, 422]),
        (&post, format!("/api/operator/dead-letters/{letter}/replay"), [401, 403, 403, 404]),
        (&put, "/api/operator/users/nobody/role".into(), [401, 403, 403, 422]),
        (&get, "/api/nowhere".into(), [404, 404, 404, 404]),
        (&delete, "/api/history".into(), [405, 405, 405, 405]),
    ];
    let document = learnflow_gateway::openapi();
    let mut ids = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(ids.insert(id), "{method} {path} has the id of another operation");
            let has_row = table.iter().any(|(of_row, path_of_row, _)| {
                of_row.as_str().eq_ignore_ascii_case(method) && is_of(path_of_row, path)
            });
            assert!(has_row, "{method} {path} has no row that says who may call it");
        }
    }
    for (method, path, expected) in table {
        let callers = [None, Some(Role::Student), Some(Role::Teacher), Some(Role::Admin)];
        let mut statuses = [0; 4];
        for (status, role) in statuses.iter_mut().zip(callers) {
            let mut request = harness.client.request(method.clone(), harness.url(&path));
            if let Some(role) = role {
                request = request.bearer_auth(harness.token(role.as_str(), role));
            }
            if matches!(*method, Method::POST | Method::PUT) {
                request = request.json(&json!({ "confirm": false }));
            }
            *status = request.send().await.unwrap().status().as_u16();
        }
        assert_eq!(statuses, expected, "{method} {path}");
    }
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
