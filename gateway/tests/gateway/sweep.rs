//! Turns that wait too long, and rows whose time is over.

use std::time::Duration;

use learnflow_events::{EventType, ids};
use learnflow_gateway::{Gateway, GatewayConfig, SweepConfig};
use learnflow_testkit::wait_until;
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::harness::{DEADLINE, Harness, Seen, json_answer};

fn quick() -> SweepConfig {
    SweepConfig {
        every: Duration::from_millis(50),
        received_deadline: Duration::from_secs(3600),
        routed_deadline: Duration::from_secs(7200),
        ..SweepConfig::default()
    }
}

/// Makes a turn older.
async fn age(harness: &Harness, turn: Uuid, minutes: i32) {
    sqlx::query(
        "UPDATE query_history SET created_at = created_at - make_interval(mins => $2) WHERE query_id = $1",
    )
    .bind(turn)
    .bind(minutes)
    .execute(&harness.database.pool)
    .await
    .unwrap();
}

fn published(harness: &Harness, turn: Uuid) -> Vec<Seen> {
    let of_turn = |seen: &Seen| seen.header("ce-subject") == Some(turn.to_string().as_str());
    harness.upstream.seen().into_iter().filter(of_turn).collect()
}

#[tokio::test]
async fn a_turn_that_waits_too_long_is_published_again_under_its_own_ids() {
    let harness = Harness::start_with(|config| config.sweep = quick()).await;
    let received = harness.receive("ada", "why?").await;
    let routed = harness.receive("ada", "and why?").await;
    harness.route(routed).await;
    let fresh = harness.receive("ada", "just now").await;
    let patient = harness.receive("ada", "being answered").await;
    harness.route(patient).await;
    age(&harness, received, 61).await;
    age(&harness, routed, 121).await;
    age(&harness, patient, 61).await;

    let submitted = wait_until(DEADLINE, async || published(&harness, received).pop()).await;
    assert_eq!(submitted.header("ce-type"), Some(EventType::QuerySubmitted.as_str()));
    assert_eq!(submitted.header("ce-partitionkey"), Some("ada"));
    assert_eq!(submitted.json()["payload"]["query_text"], "why?");

    let again = wait_until(DEADLINE, async || published(&harness, routed).pop()).await;
    let id = ids::caused_event(&routed.to_string(), EventType::QueryRouted).to_string();
    assert_eq!(again.header("ce-id"), Some(id.as_str()));
    assert_eq!(
        (again.header("ce-source"), again.header("ce-agent")),
        (Some("/learnflow/triage"), Some("debug"))
    );
    let payload = &again.json()["payload"];
    assert_eq!(
        (&payload["seq"], &payload["target_agent"], &payload["confidence"]),
        (&json!(2), &json!("debug"), &json!(0.9))
    );

    // A published turn waits for its next deadline, and one that is in time is left alone: several sweeps later
    // nothing more has come.
    let before = sweeps(&harness).await;
    wait_until(DEADLINE, async || (sweeps(&harness).await >= before + 5.0).then_some(())).await;
    assert_eq!((published(&harness, received).len(), published(&harness, routed).len()), (1, 1));
    assert!(published(&harness, fresh).is_empty() && published(&harness, patient).is_empty());
}

/// Sweeps that the gateway has finished.
async fn sweeps(harness: &Harness) -> f64 {
    let text = harness.client.get(harness.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.starts_with("gateway_sweeps_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_broker_that_is_away_costs_no_attempt() {
    let harness = Harness::start_with(|config| config.sweep = SweepConfig { attempts: 1, ..quick() }).await;
    for _ in 0..5 {
        harness.upstream.answer(json_answer(http::StatusCode::SERVICE_UNAVAILABLE, &json!({})));
    }
    let turn = harness.receive("ada", "why?").await;
    age(&harness, turn, 61).await;
    wait_until(DEADLINE, async || (published(&harness, turn).len() >= 6).then_some(())).await;
    assert_eq!(harness.status(turn).await, "received");
}

#[tokio::test]
async fn a_turn_that_nothing_helps_is_given_up_and_its_student_told() {
    let harness = Harness::start_with(|config| {
        config.sweep = SweepConfig { attempts: 2, received_deadline: Duration::ZERO, ..quick() };
    })
    .await;
    let turn = harness.receive("ada", "why?").await;
    let failed = wait_until(DEADLINE, async || {
        published(&harness, turn)
            .into_iter()
            .find(|seen| seen.header("ce-type") == Some(EventType::QueryFailed.as_str()))
    })
    .await;
    assert_eq!(failed.json()["student_id"], "ada");
    assert_eq!(harness.status(turn).await, "failed");
    let destination: String = sqlx::query_scalar("SELECT destination FROM dead_letters WHERE query_id = $1")
        .bind(turn)
        .fetch_one(&harness.database.pool)
        .await
        .unwrap();
    assert_eq!(destination, "gateway-sweep");
    assert_eq!(published(&harness, turn).len(), 3);
}

#[tokio::test]
async fn two_replicas_publish_a_turn_once() {
    let harness = Harness::start_with(|config| config.sweep = quick()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut second = GatewayConfig::new(
        ([127, 0, 0, 1], 0).into(),
        &harness.database.url,
        harness.log.clone(),
        &harness.upstream.url,
        &harness.upstream.url,
        format!("{}/broker", harness.upstream.url),
        folder.path().join("keys.json"),
    );
    second.sweep = quick();
    second.replica_id = "1".to_owned();
    let second = Gateway::start(second).await.unwrap();
    let mut turns = Vec::new();
    for _ in 0..40 {
        turns.push(harness.receive("ada", "why?").await);
    }
    sqlx::query("UPDATE query_history SET created_at = created_at - INTERVAL '2 hours'")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    wait_until(DEADLINE, async || {
        turns.iter().all(|turn| !published(&harness, *turn).is_empty()).then_some(())
    })
    .await;
    second.shutdown().await;
    for turn in turns {
        assert_eq!(published(&harness, turn).len(), 1);
    }
}

#[tokio::test]
async fn rows_go_when_their_time_is_over() {
    let harness = Harness::start_with(|config| {
        config.sweep = SweepConfig { retention_every: Duration::from_millis(50), ..quick() };
    })
    .await;
    let kept = harness.receive("ada", "kept").await;
    let lives: bool = sqlx::query_scalar(
        "SELECT expires_at = created_at + INTERVAL '90 days' FROM query_history WHERE query_id = $1",
    )
    .bind(kept)
    .fetch_one(&harness.database.pool)
    .await
    .unwrap();
    assert!(lives, "a turn is kept for 90 days");
    let expired = harness.receive("ada", "expired").await;
    sqlx::query("UPDATE query_history SET expires_at = now() - INTERVAL '1 second' WHERE query_id = $1")
        .bind(expired)
        .execute(&harness.database.pool)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO inbox (consumer, event_id, handled_at)
         VALUES ('x', 'old', now() - INTERVAL '9 days'), ('x', 'new', now() - INTERVAL '7 days')",
    )
    .execute(&harness.database.pool)
    .await
    .unwrap();
    for days in [91, 89] {
        for statement in [
            "INSERT INTO code_submissions (run_id, student_id, code, outcome, exit_code, stdout, stderr, duration_us, created_at)
             VALUES (gen_random_uuid(), 'ada', 'x', 'ok', 0, '', '', 1, now() - make_interval(days => $1))",
            "INSERT INTO exercise_attempts (attempt_id, student_id, exercise_id, code, passed, tests_passed, tests_total, verdict, created_at)
             VALUES (gen_random_uuid(), 'ada', 'e', 'mine', true, 1, 1, '{\"topic\": \"lists\", \"said\": \"mine\"}', now() - make_interval(days => $1))",
            "INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence, created_at)
             VALUES (gen_random_uuid(), 'ada', 'lists', 'rule' || $1, 'low', '', '', '{}', now() - make_interval(days => $1))",
            "INSERT INTO usage_ledger (entry_id, student_id, agent, kind, created_at)
             VALUES (gen_random_uuid(), 'ada', 'debug', 'llm', now() - make_interval(days => $1))",
            "INSERT INTO usage_days (day, scope) SELECT utc_today() - $1, s FROM unnest(ARRAY['site', 'student:ada']) s",
            "INSERT INTO dead_letters (dead_letter_id, event_id, event_type, event, created_at)
             VALUES (gen_random_uuid(), 'e' || $1, 't', '{}', now() - make_interval(days => $1))",
        ] {
            sqlx::query(statement).bind(days).execute(&harness.database.pool).await.unwrap();
        }
    }
    wait_until(DEADLINE, async || {
        let left: (Vec<Uuid>, Vec<String>) = sqlx::query_as(
            "SELECT (SELECT array_agg(query_id) FROM query_history), (SELECT array_agg(event_id) FROM inbox)",
        )
        .fetch_one(&harness.database.pool)
        .await
        .unwrap();
        let rows: Vec<i64> = sqlx::query_scalar(
            "SELECT count(*) FROM code_submissions UNION ALL
             SELECT count(*) FROM exercise_attempts WHERE code <> '' UNION ALL
             SELECT count(*) FROM exercise_attempts WHERE verdict::text LIKE '%mine%' UNION ALL
             SELECT count(*) FROM struggle_alerts UNION ALL
             SELECT count(*) FROM usage_ledger UNION ALL
             SELECT count(*) FROM usage_days WHERE scope <> 'site' UNION ALL
             SELECT count(*) FROM dead_letters",
        )
        .fetch_all(&harness.database.pool)
        .await
        .unwrap();
        (left == (vec![kept], vec!["new".to_owned()]) && rows == [1; 7]).then_some(())
    })
    .await;
    // What was learnt, and what the site used, stays.
    let stays: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM exercise_attempts WHERE passed), (SELECT count(*) FROM usage_days WHERE scope = 'site')",
    )
    .fetch_one(&harness.database.pool)
    .await
    .unwrap();
    assert_eq!(stays, (2, 2));
}

#[tokio::test]
async fn what_is_kept_for_security_and_for_speed_goes_when_its_time_is_over() {
    let harness = Harness::start_with(|config| {
        config.sweep = SweepConfig { retention_every: Duration::from_millis(50), ..quick() };
    })
    .await;
    // The column of its time, the age of a row whose time is over, and of one whose time is not; a negative age has not come yet.
    let tables = [
        (
            "audit_log",
            "at",
            "366 days",
            "364 days",
            "INSERT INTO audit_log (audit_id, action, at) VALUES (gen_random_uuid(), 'x', $2)",
        ),
        (
            "refresh_tokens",
            "expires_at",
            "1 minute",
            "-1 hour",
            "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)
             VALUES (sha256(convert_to($1, 'UTF8')), gen_random_uuid(), 'ada', $2)",
        ),
        (
            "response_cache",
            "expires_at",
            "1 minute",
            "-1 hour",
            "INSERT INTO response_cache (cache_key, agent, response, expires_at) VALUES ($1, 'concepts', '{}', $2)",
        ),
        (
            "oidc_logins",
            "expires_at",
            "1 minute",
            "-1 hour",
            "INSERT INTO oidc_logins (state_hash, nonce, code_verifier, expires_at)
             VALUES (sha256(convert_to($1, 'UTF8')), 'n', 'v', $2)",
        ),
        (
            "erased_users",
            "erased_at",
            "9 days",
            "7 days",
            "INSERT INTO erased_users (user_id, erased_at) VALUES ($1, $2)",
        ),
        (
            "llm_deferrals",
            "updated_at",
            "9 days",
            "7 days",
            "INSERT INTO llm_deferrals (consumer, event_id, tries, updated_at) VALUES ('debug', $1, 1, $2)",
        ),
    ];
    harness.get("ada", "/api/me").await;
    for (.., over, valid, insert) in tables {
        for age in [over, valid] {
            let statement =
                insert.replace("$1", &format!("'{age}'")).replace("$2", &format!("now() - INTERVAL '{age}'"));
            sqlx::query(AssertSqlSafe(statement)).execute(&harness.database.pool).await.unwrap();
        }
    }
    for (table, column, over, ..) in tables {
        let all_and_valid = format!(
            "SELECT count(*), count(*) FILTER (WHERE {column} > now() - INTERVAL '{over}') FROM {table}"
        );
        wait_until(DEADLINE, async || {
            let rows: (i64, i64) = sqlx::query_as(AssertSqlSafe(all_and_valid.as_str()))
                .fetch_one(&harness.database.pool)
                .await
                .unwrap();
            (rows == (1, 1)).then_some(())
        })
        .await;
    }
}
