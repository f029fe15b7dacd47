//! The statements of docs/queries.md use the indexes that it names.

use learnflow_testkit::database;
use serde_json::Value;
use sqlx::AssertSqlSafe;

#[tokio::test]
async fn every_documented_query_uses_its_index() {
    let database = database().await;
    // Few of many rows fit, as in a school: for a handful of rows PostgreSQL reads the whole table, and is right.
    for filling in [
        "INSERT INTO student_progress (student_id, struggle_topics, topics_covered, mastery_levels)
         SELECT 'student-' || n,
                CASE WHEN n % 500 = 0 THEN ARRAY['recursion', 'for-loops'] ELSE ARRAY['topic-' || n % 40] END,
                CASE WHEN n % 500 = 0 THEN ARRAY['recursion', 'reading-files'] ELSE ARRAY['topic-' || n % 40] END,
                CASE WHEN n % 500 = 0 THEN '{\"recursion\": 0.2}'::jsonb
                     ELSE jsonb_build_object('topic-' || n % 40, 0.5) END
           FROM generate_series(1, 10000) n",
        "INSERT INTO query_history (query_id, student_id, seq, status, query_text, query, created_at)
         SELECT gen_random_uuid(), 'student-' || 1 + n % 1000, n,
                CASE WHEN n % 2000 = 0 THEN 'routed' ELSE 'answered' END,
                CASE WHEN n % 2000 = 16 THEN 'a needle in it' ELSE 'what is number ' || n END, '{}',
                now() - make_interval(secs => n)
           FROM generate_series(1, 20000) n",
        "INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence)
         SELECT gen_random_uuid(), 'student-' || n, 'recursion', 'same-error', 'low', '', '', '{}'
           FROM generate_series(1, 5000) n",
        "ANALYZE",
    ] {
        sqlx::query(filling).execute(&database.pool).await.unwrap();
    }
    let page = std::fs::read_to_string(learnflow_testkit::checkout().join("docs/queries.md")).unwrap();
    let mut statements = 0;
    for section in page.split("```sql\n").skip(1) {
        let (statement, rest) = section.split_once("```").unwrap();
        let index = rest.trim_start().strip_prefix("Index: `").unwrap().split_once('`').unwrap().0;
        let plan: Value =
            sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) {}", statement.trim())))
                .fetch_one(&database.pool)
                .await
                .unwrap();
        let mut used = Vec::new();
        indexes(&plan, &mut used);
        assert!(used.iter().any(|name| name == index), "{statement}\nuses {used:?}, not {index}: {plan:#}");
        let found = sqlx::query(AssertSqlSafe(statement.trim().to_owned())).fetch_all(&database.pool).await;
        assert!(!found.unwrap().is_empty(), "{statement} finds nothing");
        statements += 1;
    }
    assert!(statements >= 7, "{statements}");
}

fn indexes(plan: &Value, used: &mut Vec<String>) {
    match plan {
        Value::Object(fields) => {
            used.extend(fields.get("Index Name").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| indexes(field, used));
        }
        Value::Array(items) => items.iter().for_each(|item| indexes(item, used)),
        _ => {}
    }
}
