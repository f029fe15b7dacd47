//! Who may call what, as one table.

use learnflow_gateway::token::Role;
use reqwest::Method;
use serde_json::json;

use crate::harness::Harness;

/// Expected statuses for nobody, a student, a teacher and an admin. 2xx and 404 both mean: allowed to ask.
#[tokio::test]
async fn every_endpoint_has_its_callers() {
    let harness = Harness::start().await;
    let turn = harness.receive("somebody", "what is a list?").await;
    let letter = uuid::Uuid::now_v7();
    let table: [(Method, String, [u16; 4]); 24] = [
        (Method::GET, "/health".into(), [200, 200, 200, 200]),
        (Method::GET, "/ready".into(), [200, 200, 200, 200]),
        (Method::GET, "/docs".into(), [200, 200, 200, 200]),
        (Method::GET, "/docs/openapi.json".into(), [200, 200, 200, 200]),
        (Method::POST, "/api/auth/refresh".into(), [401, 401, 401, 401]),
        (Method::POST, "/api/auth/logout".into(), [204, 204, 204, 204]),
        (Method::GET, "/api/me".into(), [401, 200, 200, 200]),
        (Method::GET, "/api/me/export".into(), [401, 200, 200, 200]),
        (Method::POST, "/api/me/delete".into(), [401, 422, 422, 422]),
        (Method::POST, "/api/triage/analyze".into(), [401, 202, 202, 202]),
        (Method::POST, "/api/progress/report".into(), [401, 202, 202, 202]),
        (Method::POST, "/api/triage/events".into(), [401, 404, 404, 404]),
        (Method::POST, "/api/code/run".into(), [401, 422, 422, 422]),
        (Method::POST, format!("/api/code/runs/{letter}/stdin"), [401, 202, 202, 202]),
        (Method::POST, format!("/api/code/runs/{letter}/interrupt"), [401, 202, 202, 202]),
        (Method::GET, "/api/history".into(), [401, 200, 200, 200]),
        (Method::POST, "/api/feedback".into(), [401, 422, 422, 422]),
        (Method::GET, format!("/api/turns/{turn}"), [401, 404, 200, 200]),
        (Method::GET, format!("/api/turns/{turn}/events"), [401, 404, 200, 200]),
        (Method::GET, "/api/operator/dead-letters".into(), [401, 403, 403, 200]),
        (Method::POST, format!("/api/operator/dead-letters/{letter}/replay"), [401, 403, 403, 404]),
        (Method::PUT, "/api/operator/users/nobody/role".into(), [401, 403, 403, 422]),
        (Method::GET, "/api/nowhere".into(), [404, 404, 404, 404]),
        (Method::DELETE, "/api/history".into(), [405, 405, 405, 405]),
    ];
    for (method, path, expected) in table {
        let callers = [None, Some(Role::Student), Some(Role::Teacher), Some(Role::Admin)];
        let mut statuses = [0; 4];
        for (status, role) in statuses.iter_mut().zip(callers) {
            let mut request = harness.client.request(method.clone(), harness.url(&path));
            if let Some(role) = role {
                request = request.bearer_auth(harness.token(role.as_str(), role));
            }
            if matches!(method, Method::POST | Method::PUT) {
                request = request.json(&json!({ "confirm": false }));
            }
            *status = request.send().await.unwrap().status().as_u16();
        }
        assert_eq!(statuses, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn every_documented_operation_is_refused_to_nobody_or_open_on_purpose() {
    let harness = Harness::start().await;
    let document = serde_json::to_value(learnflow_gateway::openapi()).unwrap();
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            let path = path
                .replace("{id}", "0192aaaa-0000-7000-8000-000000000000")
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
