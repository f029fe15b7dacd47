//! All of one's data: taken along, and deleted.

use learnflow_gateway::token::Role;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::harness::{Harness, answer, event, routed};

/// Tables of the schema that hold `needle` in any column.
async fn tables_with(harness: &Harness, needle: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
          WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
    )
    .fetch_all(&harness.database.pool)
    .await
    .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let holds: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT EXISTS (SELECT FROM {table} t WHERE position($1 IN t::text) > 0)"
        )))
        .bind(needle)
        .fetch_one(&harness.database.pool)
        .await
        .unwrap();
        if holds {
            found.push(table);
        }
    }
    found
}

/// A student with something in every table that can hold something.
async fn fill(harness: &Harness, student: &str) {
    let turn = harness.receive(student, "why?").await;
    harness.route(turn).await;
    harness.commit(&answer(turn, "Because.")).await;
    harness.dead_letter(&event(student, turn, routed(turn)), "500").await;
    for statement in [
        "INSERT INTO observations VALUES ($1, 1, 0, 'lists', 'question', false, NULL, now())",
        "INSERT INTO progress VALUES ($1, 'basics', 'lists', 40)",
        "INSERT INTO code_submissions (run_id, student_id, code, outcome, exit_code, stdout, stderr, duration_us)
         VALUES (gen_random_uuid(), $1, 'print(1)', 'ok', 0, '1', '', 10)",
        "INSERT INTO exercise_attempts (attempt_id, student_id, exercise_id, code, passed, tests_passed, tests_total, verdict)
         VALUES (gen_random_uuid(), $1, 'e', 'x', true, 1, 1, '{}')",
        "INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence)
         VALUES (gen_random_uuid(), $1, 'lists', 'rule', 'low', 'talk', 'asked twice', '{}')",
        "INSERT INTO usage_ledger (entry_id, student_id, agent, kind) VALUES (gen_random_uuid(), $1, 'debug', 'run')",
        "INSERT INTO inbox VALUES ('debug', gen_random_uuid()::text, jsonb_build_object('partitionkey', $1))",
    ] {
        sqlx::query(statement).bind(student).execute(&harness.database.pool).await.unwrap();
    }
}

#[tokio::test]
async fn deleting_leaves_nothing_but_the_refusal_of_old_tokens() {
    let harness = Harness::start().await;
    let ada = "0192f3aa-1111-7000-8000-00000000ada0";
    let bob = "0192f3aa-2222-7000-8000-00000000b0b0";
    let token = harness.token(ada, Role::Student);
    for student in [ada, bob] {
        harness.get(student, "/api/me/export").await;
        fill(&harness, student).await;
    }
    let before = tables_with(&harness, ada).await;
    assert!(before.len() >= 11, "{before:?}");

    let unconfirmed = harness.post(ada, "/api/me/delete", &json!({ "confirm": false })).await;
    assert_eq!(unconfirmed.status(), 422);
    let deleted = harness.post(ada, "/api/me/delete", &json!({ "confirm": true })).await;
    assert_eq!(deleted.status(), 204);
    assert_eq!(tables_with(&harness, ada).await, ["erased_users"]);
    assert_eq!(tables_with(&harness, bob).await, before);

    let me = harness.client.get(harness.url("/api/me")).bearer_auth(token).send().await.unwrap();
    assert_eq!(me.status(), 401);
    assert_eq!(tables_with(&harness, ada).await, ["erased_users"]);
}

#[tokio::test]
async fn an_export_holds_every_row_and_no_secret() {
    let harness = Harness::start().await;
    let registration =
        json!({ "email": "ada@example.org", "password": "a few words in a row", "name": "Ada" });
    let session: Value = harness
        .client
        .post(harness.url("/api/auth/register"))
        .json(&registration)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let student = session["user"]["user_id"].as_str().unwrap();
    fill(&harness, student).await;
    let response = harness
        .client
        .get(harness.url("/api/me/export"))
        .bearer_auth(session["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert!(response.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let text = response.text().await.unwrap();
    assert!(!text.contains("argon2"), "{text}");
    let export: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(export["account"]["email"], "ada@example.org");
    for table in ["query_history", "code_submissions", "exercise_attempts", "struggle_alerts", "progress"] {
        assert_eq!(export["tables"][table].as_array().unwrap().len(), 1, "{table}");
    }
}
