//! All of one's data: taken along, and deleted.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    time::Duration,
};

use learnflow_events::{
    Topic,
    payload::{QueryRouted, QuerySubmitted},
};
use learnflow_gateway::token::Role;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::harness::{DEADLINE, Harness, answer, event, routed};

/// Tables, of every schema, that hold `needle` in any column, also as bytes. Those of `public` without its name.
async fn tables_with(harness: &Harness, needle: &str) -> Vec<String> {
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT CASE table_schema WHEN 'public' THEN table_name ELSE table_schema || '.' || table_name END,
                format('%I.%I', table_schema, table_name)
           FROM information_schema.tables
          WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE' ORDER BY 1",
    )
    .fetch_all(&harness.database.pool)
    .await
    .unwrap();
    assert!(tables.len() > 15 && tables.iter().any(|(name, _)| name == "event_log.records"), "{tables:?}");
    let mut found = Vec::new();
    for (name, table) in tables {
        let holds: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT EXISTS (SELECT FROM {table} t
                             WHERE position($1 IN t::text) > 0
                                OR position(encode(convert_to($1, 'UTF8'), 'hex') IN t::text) > 0)"
        )))
        .bind(needle)
        .fetch_one(&harness.database.pool)
        .await
        .unwrap();
        if holds {
            found.push(name);
        }
    }
    found
}

/// Somebody, with words that are nobody else's.
struct Person {
    id: &'static str,
    email: &'static str,
    name: &'static str,
    /// In every text that the person wrote or was answered.
    question: &'static str,
    /// In every program, and what it printed.
    program: &'static str,
}

impl Person {
    fn needles(&self) -> [&'static str; 5] {
        [self.id, self.email, self.name, self.question, self.program]
    }
}

const ADA: Person = Person {
    id: "0192f3aa-1111-7000-8000-00000000ada0",
    email: "ada.l@school.example",
    name: "Ada Quillfeather",
    question: "question-zanzibar",
    program: "program_zeppelin",
};
const BOB: Person = Person {
    id: "0192f3aa-2222-7000-8000-00000000b0b0",
    email: "bob.b@school.example",
    name: "Bob Underhill",
    question: "question-yucatan",
    program: "program_yesterday",
};

/// Somebody with something in every table that can hold something.
async fn fill(harness: &Harness, person: &Person) {
    harness.get(person.id, "/api/me").await;
    let query = QuerySubmitted {
        query_text: format!("why? {}", person.question),
        code: Some(person.program.to_owned()),
        ..QuerySubmitted::default()
    };
    let turn = harness.receive(person.id, &query.query_text).await;
    harness.route(turn).await;
    harness.commit(&answer(turn, &format!("Because of {}.", person.question))).await;
    let lost = event(person.id, turn, QueryRouted { query: query.clone(), ..routed(turn) });
    harness.dead_letter(&lost, "500").await;
    harness.append(Topic::TRIAGE_ROUTING, &lost).await;
    for statement in [
        "UPDATE users SET email = :email, display_name = :name WHERE user_id = :id",
        "UPDATE query_history
            SET query = query || jsonb_build_object('code', :program), evidence = jsonb_build_object('run', :program),
                feedback = jsonb_build_object('comment', :question)
          WHERE student_id = :id",
        "INSERT INTO observations VALUES (:id, 1, 0, 'lists', 'question', false, NULL, now())",
        "INSERT INTO progress VALUES (:id, 'basics', 'lists', 40)",
        "INSERT INTO code_submissions (run_id, student_id, code, stdin, outcome, exit_code, stdout, stderr, error, duration_us)
         VALUES (gen_random_uuid(), :id, :program, :program, 'raised', 1, :program, :program,
                 jsonb_build_object('message', :program), 10)",
        "INSERT INTO exercise_attempts (attempt_id, student_id, exercise_id, code, passed, tests_passed, tests_total, verdict)
         VALUES (gen_random_uuid(), :id, 'e', :program, true, 1, 1, jsonb_build_object('said', :program))",
        "INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence, note)
         VALUES (gen_random_uuid(), :id, 'lists', 'rule', 'low', 'talk', :question, jsonb_build_object('said', :question), :name)",
        "INSERT INTO usage_ledger (entry_id, student_id, agent, kind) VALUES (gen_random_uuid(), :id, 'debug', 'run')",
        "INSERT INTO inbox VALUES ('debug', gen_random_uuid()::text,
                                   jsonb_build_object('partitionkey', :id, 'said', :question, 'ran', :program))",
        "SELECT take_run(:id, 10)",
        "WITH c AS (INSERT INTO classes (class_id, name) VALUES (gen_random_uuid(), 'c') RETURNING class_id)
         INSERT INTO class_members (class_id, student_id) SELECT class_id, :id FROM c",
        // The class of a single teacher would keep its teacher.
        "INSERT INTO users (user_id, display_name, role) VALUES ('colleague', 'A colleague', 'teacher') ON CONFLICT DO NOTHING",
        "WITH c AS (INSERT INTO classes (class_id, name) VALUES (gen_random_uuid(), 'c') RETURNING class_id)
         INSERT INTO class_teachers (class_id, user_id) SELECT class_id, who FROM c, unnest(ARRAY[:id, 'colleague']) who",
        "INSERT INTO class_notes (note_id, class_id, title, text, author_id)
         SELECT gen_random_uuid(), class_id, 't', 't', :id FROM class_teachers WHERE user_id = :id",
        "INSERT INTO class_exercises (exercise_id, class_id, author_id, exercise)
         SELECT 'c-' || class_id, class_id, :id, '{}' FROM class_teachers WHERE user_id = :id",
        "UPDATE struggle_alerts SET resolved_by = :id, resolved_at = now() WHERE student_id = :id",
        "INSERT INTO external_identities (issuer, subject, user_id) VALUES ('https://id.example', :email, :id)",
        "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)
         VALUES (sha256(convert_to(:id, 'UTF8')), gen_random_uuid(), :id, now() + INTERVAL '1 day')",
        "INSERT INTO audit_log (audit_id, actor, action, address) VALUES (gen_random_uuid(), :id, 'x', '192.0.2.1')",
    ] {
        let statement = [
            (":id", person.id),
            (":email", person.email),
            (":name", person.name),
            (":question", person.question),
            (":program", person.program),
        ]
        .iter()
        .fold(statement.to_owned(), |text, (name, value)| text.replace(name, &format!("'{value}'")));
        sqlx::query(AssertSqlSafe(statement)).execute(&harness.database.pool).await.unwrap();
    }
}

/// A try to log in with somebody's address and a password that is not the account's.
async fn guess(harness: &Harness, person: &Person) {
    let guess = json!({ "email": person.email, "password": "let me in, please" });
    let refused = harness.client.post(harness.url("/api/auth/login")).json(&guess).send().await.unwrap();
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn deleting_leaves_nothing_but_the_refusal_of_old_tokens() {
    let harness = Harness::start().await;
    let token = harness.token(ADA.id, Role::Student);
    for person in [&ADA, &BOB] {
        fill(&harness, person).await;
        harness.get(person.id, "/api/me/export").await;
        guess(&harness, person).await;
    }
    let everywhere = async |person: &Person| {
        let mut found = Vec::new();
        for needle in person.needles() {
            found.push((needle, tables_with(&harness, needle).await));
        }
        found
    };
    let before = everywhere(&BOB).await;
    for (needle, tables) in everywhere(&ADA).await.into_iter().chain(before.clone()) {
        assert!(!tables.is_empty(), "{needle} is nowhere: searching for it shows nothing");
    }
    assert!(tables_with(&harness, ADA.id).await.len() >= 16);
    assert!(tables_with(&harness, ADA.question).await.contains(&"event_log.records".to_owned()));

    let unconfirmed = harness.post(ADA.id, "/api/me/delete", &json!({ "confirm": false })).await;
    assert_eq!(unconfirmed.status(), 422);
    let deleted = harness.post(ADA.id, "/api/me/delete", &json!({ "confirm": true })).await;
    assert_eq!(deleted.status(), 204);
    // Somebody who does not know yet that the account is gone.
    guess(&harness, &ADA).await;
    let expected = ADA.needles().map(|needle| {
        let left = if needle == ADA.id { vec!["erased_users".to_owned()] } else { Vec::new() };
        (needle, left)
    });
    assert_eq!(everywhere(&ADA).await, expected);
    assert_eq!(everywhere(&BOB).await, before);

    let me = harness.client.get(harness.url("/api/me")).bearer_auth(token).send().await.unwrap();
    assert_eq!(me.status(), 401);
    assert_eq!(everywhere(&ADA).await, expected);
}

#[tokio::test]
async fn the_only_teacher_of_a_class_hands_it_over_or_deletes_it_first() {
    let harness = Harness::start().await;
    let class = harness.class("grace", &["ada"]).await;
    let delete = async |teacher: &str| {
        harness.teach(teacher, Method::POST, "/api/me/delete", Some(&json!({ "confirm": true }))).await
    };
    let refused = delete("grace").await;
    assert_eq!(refused.status(), 409);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["classes"], json!([{ "class_id": class, "name": "Class of grace" }]));
    assert!(problem["detail"].as_str().unwrap().contains("“Class of grace”"), "{problem}");
    // Nothing of the account has gone.
    let members = harness.read("grace", &format!("/api/classes/{class}/members")).await;
    assert_eq!(members["teachers"][0]["user_id"], "grace");

    harness.read("alan", "/api/me").await;
    let role = json!({ "role": "teacher" });
    harness.operate(Method::PUT, "/api/operator/users/alan/role", Some(&role)).await;
    let added =
        harness.teach("grace", Method::PUT, &format!("/api/classes/{class}/teachers/alan"), None).await;
    assert_eq!(added.status(), 204);
    // Both at once: one of them stays with the class.
    let (grace, alan) = tokio::join!(delete("grace"), delete("alan"));
    let mut statuses = [grace.status().as_u16(), alan.status().as_u16()];
    let stays = if statuses[0] == 409 { "grace" } else { "alan" };
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    let members = harness.read(stays, &format!("/api/classes/{class}/members")).await;
    assert_eq!(members["teachers"].as_array().unwrap().len(), 1, "{members}");
    assert_eq!(members["teachers"][0]["user_id"], stays);

    let path = format!("/api/classes/{class}");
    assert_eq!(harness.teach(stays, Method::DELETE, &path, None).await.status(), 204);
    assert_eq!(delete(stays).await.status(), 204);
}

/// Tables that hold nothing of a single student. Whoever adds a table adds it here, or a row of it to [`fill`].
const IMPERSONAL: [&str; 14] = [
    "_sqlx_migrations",
    "agent_counters",
    "agent_metrics",
    "agent_requests",
    "agent_usage",
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
        config.sweep.every = Duration::from_millis(50);
    })
    .await;
    harness.get(ADA.id, "/api/me").await;
    assert_eq!(harness.post(ADA.id, "/api/me/delete", &json!({ "confirm": true })).await.status(), 204);
    // A turn that an agent was still working on.
    harness.receive(ADA.id, "why?").await;
    learnflow_testkit::wait_until(DEADLINE, async || {
        (tables_with(&harness, ADA.id).await == ["erased_users"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_an_outage_kept_for_days_goes_as_well() {
    let harness = Harness::start_with(|config| {
        config.sweep.every = Duration::from_secs(3600);
        config.sweep.retention_every = Duration::from_millis(50);
    })
    .await;
    harness.get(ADA.id, "/api/me").await;
    assert_eq!(harness.post(ADA.id, "/api/me/delete", &json!({ "confirm": true })).await.status(), 204);
    sqlx::query("UPDATE erased_users SET erased_at = now() - INTERVAL '7 days'")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    harness.receive(ADA.id, "why?").await;
    learnflow_testkit::wait_until(DEADLINE, async || {
        (tables_with(&harness, ADA.id).await == ["erased_users"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_erasure_that_ended_half_done_is_finished_and_a_newer_account_left_alone() {
    let harness = Harness::start_with(|config| {
        config.sweep.every = Duration::from_millis(50);
    })
    .await;
    for person in [&ADA, &BOB] {
        fill(&harness, person).await;
    }
    // As if PostgreSQL had gone away after the decision; bob's account is one that was made since.
    sqlx::query(
        "INSERT INTO erased_users VALUES ($1, now()), ($2, (SELECT created_at FROM users WHERE user_id = $2) - INTERVAL '1 second')",
    )
    .bind(ADA.id)
    .bind(BOB.id)
    .execute(&harness.database.pool)
    .await
    .unwrap();
    learnflow_testkit::wait_until(DEADLINE, async || {
        (tables_with(&harness, ADA.id).await == ["erased_users"]).then_some(())
    })
    .await;
    assert!(tables_with(&harness, BOB.id).await.len() >= 16);
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
    let token = harness.token(ADA.id, Role::Student);
    fill(&harness, &ADA).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
          WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1",
    )
    .fetch_all(&harness.database.pool)
    .await
    .unwrap();
    let with_rows: Vec<String> =
        tables_with(&harness, ADA.id).await.into_iter().filter(|table| !table.contains('.')).collect();
    for table in &tables {
        assert!(
            with_rows.contains(table) != IMPERSONAL.contains(&table.as_str()),
            "{table}: fill() puts a student's row in, or it is IMPERSONAL"
        );
    }

    sqlx::query("UPDATE users SET password_hash = '$argon2id$x' WHERE user_id = $1")
        .bind(ADA.id)
        .execute(&harness.database.pool)
        .await
        .unwrap();
    let response = harness.client.get(harness.url("/api/me/export")).bearer_auth(token).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/zip");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"learnflow-data.zip\"");
    let files = unpacked(response).await;
    let account: Value = serde_json::from_str(&files["account.json"]).unwrap();
    assert_eq!(account["account"]["email"], ADA.email);
    for table in with_rows.iter().filter(|table| *table != "users") {
        let rows = rows(&files, table);
        assert!(!rows.is_empty(), "{table}");
        // One's own row is there once, also where it mentions oneself besides.
        assert!(rows.len() == 1 || table == "audit_log" || table == "inbox", "{table}: {rows:?}");
    }
    let program = files.keys().find(|name| name.starts_with("programs/")).unwrap();
    assert_eq!(files[program], ADA.program);
    for (name, text) in &files {
        assert!(!text.contains("argon2id") && !text.contains("token_hash"), "{name}: {text}");
    }
}

/// The files of an export.
async fn unpacked(response: reqwest::Response) -> BTreeMap<String, String> {
    assert_eq!(response.status(), 200);
    let mut archive = zip::ZipArchive::new(Cursor::new(response.bytes().await.unwrap())).unwrap();
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    names
        .into_iter()
        .map(|name| {
            let mut text = String::new();
            archive.by_name(&name).unwrap().read_to_string(&mut text).unwrap();
            (name, text)
        })
        .collect()
}

fn rows(files: &BTreeMap<String, String>, table: &str) -> Vec<Value> {
    serde_json::from_str(&files[&format!("tables/{table}.json")]).unwrap()
}

#[tokio::test]
async fn an_export_holds_of_others_rows_only_what_concerns_the_caller() {
    let harness = Harness::start().await;
    let (student, teacher) = ("pupil-ada", "teacher-grace");
    let class = harness.class(teacher, &[student, "pupil-bob"]).await;
    let alert = harness.alert(student).await;
    let note = json!({ "note": "a word about zanzibar" });
    let path = format!("/api/instructor/alerts/{alert}/resolve");
    assert_eq!(harness.teach(teacher, Method::POST, &path, Some(&note)).await.status(), 200);
    let written = json!({ "title": "Lists", "text": "Look at slices first." });
    let path = format!("/api/instructor/classes/{class}/notes");
    assert_eq!(harness.teach(teacher, Method::POST, &path, Some(&written)).await.status(), 201);
    let path = format!("/api/classes/{class}/members/pupil-bob");
    assert_eq!(harness.teach(teacher, Method::DELETE, &path, None).await.status(), 204);
    for user in [teacher, student] {
        let path = format!("/api/operator/users/{user}/role");
        harness.operate(Method::PUT, &path, Some(&json!({ "role": "teacher" }))).await;
    }
    // The administrator's address, and that of a stranger who tried to log in as the student.
    for statement in [
        "UPDATE audit_log SET address = '198.51.100.7' WHERE actor = 'operator'",
        "INSERT INTO audit_log (audit_id, action, target, address)
         VALUES (gen_random_uuid(), 'login-refused', 'pupil-ada', '198.51.100.8')",
        "INSERT INTO audit_log (audit_id, action, target, address)
         VALUES (gen_random_uuid(), 'logged-in', 'pupil-ada', '192.0.2.4')",
    ] {
        sqlx::query(statement).execute(&harness.database.pool).await.unwrap();
    }

    let of_teacher = unpacked(harness.teach(teacher, Method::GET, "/api/me/export", None).await).await;
    for (name, text) in &of_teacher {
        for others in ["pupil-", "zanzibar", "operator", "198.51.100"] {
            assert!(!text.contains(others), "{name} has {others}: {text}");
        }
    }
    let resolved = rows(&of_teacher, "struggle_alerts");
    assert_eq!((resolved.len(), &resolved[0]["alert_id"]), (1, &json!(alert)));
    assert!(resolved[0]["resolved_at"].is_string());
    assert_eq!(rows(&of_teacher, "class_notes")[0]["text"], "Look at slices first.");
    let audit = rows(&of_teacher, "audit_log");
    let entry = |action: &str| {
        audit
            .iter()
            .find(|entry| entry["action"] == action)
            .unwrap_or_else(|| panic!("{action} in {audit:?}"))
    };
    assert_eq!(entry("class-made")["target"], json!(class));
    assert_eq!(entry("member-removed")["address"], "127.0.0.1");
    assert_eq!(entry("role-changed")["target"], teacher);

    let of_student = unpacked(harness.get(student, "/api/me/export").await).await;
    assert_eq!(rows(&of_student, "struggle_alerts")[0]["context"], "Asked about zanzibar.");
    let audit = &of_student["tables/audit_log.json"];
    for others in ["operator", "198.51.100", "teacher-grace"] {
        assert!(!audit.contains(others), "{audit}");
    }
    for own in ["role-changed", "login-refused", "class-joined", "192.0.2.4"] {
        assert!(audit.contains(own), "{own}: {audit}");
    }
}
