//! All of one's data: taken along, and deleted.

use std::io::{Cursor, Read};

use learnflow_events::Topic;
use learnflow_gateway::token::Role;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::harness::{DEADLINE, Harness, answer, event, routed};

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
        "SELECT take_run($1, 10)",
        "INSERT INTO users (user_id, display_name, role) VALUES ($1, 'somebody', 'student') ON CONFLICT DO NOTHING",
        "WITH c AS (INSERT INTO classes (class_id, name) VALUES (gen_random_uuid(), 'c') RETURNING class_id)
         INSERT INTO class_members (class_id, student_id) SELECT class_id, $1 FROM c",
        "WITH c AS (INSERT INTO classes (class_id, name) VALUES (gen_random_uuid(), 'c') RETURNING class_id)
         INSERT INTO class_teachers (class_id, user_id) SELECT class_id, $1 FROM c",
        "INSERT INTO class_notes (note_id, class_id, title, text, author_id)
         SELECT gen_random_uuid(), class_id, 't', 't', $1 FROM class_teachers WHERE user_id = $1",
        "INSERT INTO class_exercises (exercise_id, class_id, author_id, exercise)
         SELECT 'c-' || class_id, class_id, $1, '{}' FROM class_teachers WHERE user_id = $1",
        "UPDATE struggle_alerts SET resolved_by = $1, resolved_at = now() WHERE student_id = $1",
        "INSERT INTO external_identities (issuer, subject, user_id) VALUES ('https://id.example', $1, $1)",
        "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)
         VALUES (sha256(convert_to($1, 'UTF8')), gen_random_uuid(), $1, now() + INTERVAL '1 day')",
        "INSERT INTO audit_log (audit_id, actor, action, address) VALUES (gen_random_uuid(), $1, 'x', '192.0.2.1')",
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

/// Tables that hold nothing of a single student. Whoever adds a table adds it here, or a row of it to [`fill`].
const IMPERSONAL: [&str; 12] = [
    "_sqlx_migrations",
    "agent_counters",
    "agent_metrics",
    // Sums over everybody.
    "card_scores",
    "circuit_breakers",
    // Classes and what they say: people are in class_members and class_teachers.
    "class_policies",
    "classes",
    // Nothing but the refusal of old tokens.
    "erased_users",
    // Exercises that a model made, for everybody.
    "exercises",
    // Ids of events.
    "llm_deferrals",
    // Logins on their way, which know nobody yet.
    "oidc_logins",
    // Answers that hold nothing of one student.
    "response_cache",
];

#[tokio::test]
async fn what_arrives_after_the_deletion_goes_as_well() {
    let harness = Harness::start_with(|config| {
        config.sweep.every = std::time::Duration::from_millis(50);
    })
    .await;
    let ada = "0192f3aa-1111-7000-8000-00000000ada0";
    harness.get(ada, "/api/me").await;
    assert_eq!(harness.post(ada, "/api/me/delete", &json!({ "confirm": true })).await.status(), 204);
    // A turn that an agent was still working on.
    harness.receive(ada, "why?").await;
    learnflow_testkit::wait_until(DEADLINE, async || {
        (tables_with(&harness, ada).await == ["erased_users"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_log_forgets_who_is_erased() {
    let harness = Harness::start().await;
    harness.get("ada", "/api/me").await;
    for student in ["ada", "bob"] {
        let turn = uuid::Uuid::now_v7();
        harness.append(Topic::TRIAGE_ROUTING, &event(student, turn, routed(turn))).await;
    }
    assert_eq!(harness.post("ada", "/api/me/delete", &json!({ "confirm": true })).await.status(), 204);
    let keys: Vec<Vec<u8>> = sqlx::query_scalar("SELECT key FROM event_log.records")
        .fetch_all(&harness.database.pool)
        .await
        .unwrap();
    assert_eq!(keys, [b"bob"]);
}

#[tokio::test]
async fn an_export_holds_every_row_and_no_secret() {
    let harness = Harness::start().await;
    let student = "0192f3aa-1111-7000-8000-00000000ada0";
    let token = harness.token(student, Role::Student);
    fill(&harness, student).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
          WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
    )
    .fetch_all(&harness.database.pool)
    .await
    .unwrap();
    let with_rows = tables_with(&harness, student).await;
    for table in &tables {
        assert!(
            with_rows.contains(table) != IMPERSONAL.contains(&table.as_str()),
            "{table}: fill() puts a student's row in, or it is IMPERSONAL"
        );
    }

    sqlx::query(
        "UPDATE users SET email = 'ada@example.org', password_hash = '$argon2id$x' WHERE user_id = $1",
    )
    .bind(student)
    .execute(&harness.database.pool)
    .await
    .unwrap();
    let response = harness.client.get(harness.url("/api/me/export")).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/zip");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"learnflow-data.zip\"");
    let mut archive = zip::ZipArchive::new(Cursor::new(response.bytes().await.unwrap())).unwrap();
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let mut read = |name: &str| {
        let mut text = String::new();
        archive
            .by_name(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .read_to_string(&mut text)
            .unwrap();
        text
    };
    let account: Value = serde_json::from_str(&read("account.json")).unwrap();
    assert_eq!(account["account"]["email"], "ada@example.org");
    for table in with_rows.iter().filter(|table| *table != "users") {
        let rows: Vec<Value> = serde_json::from_str(&read(&format!("tables/{table}.json"))).unwrap();
        assert!(!rows.is_empty(), "{table}");
    }
    let program = names.iter().find(|name| name.starts_with("programs/")).unwrap();
    assert_eq!(read(program), "print(1)");
    for name in &names {
        let text = read(name);
        assert!(!text.contains("argon2id") && !text.contains("token_hash"), "{name}: {text}");
    }
}
