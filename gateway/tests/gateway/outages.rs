//! What people see while something is away.

use std::time::Duration;

use learnflow_testkit::{ChaosProxy, database, wait_until};
use serde_json::json;

use crate::harness::{DEADLINE, Harness, detail};

#[tokio::test]
async fn without_postgres_requests_are_told_to_come_back_and_then_served() {
    let other = database().await;
    let host = other.url.split('@').next_back().unwrap().split('/').next().unwrap().to_owned();
    let chaos = ChaosProxy::start(host).await;
    let harness = Harness::start_with(|config| config.database_url = chaos.url(&config.database_url)).await;
    assert_eq!(harness.get("ada", "/api/history").await.status(), 200);
    chaos.cut();
    let response = harness.get("bob", "/api/history").await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let text = detail(response).await;
    assert!(!text.to_lowercase().contains("postgres"), "{text}");
    assert_eq!(harness.client.get(harness.url("/ready")).send().await.unwrap().status(), 503);
    assert_eq!(harness.client.get(harness.url("/health")).send().await.unwrap().status(), 200);
    chaos.restore();
    wait_until(DEADLINE, async || (harness.get("bob", "/api/history").await.status() == 200).then_some(()))
        .await;
}

#[tokio::test]
async fn without_the_broker_feedback_says_so() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    harness.upstream.stop();
    let response = harness.post("ada", "/api/feedback", &json!({ "query_id": turn, "helpful": true })).await;
    assert_eq!(response.status(), 503);
}

#[tokio::test]
async fn stopping_ends_streams_soon() {
    let harness = Harness::start().await;
    let turn = harness.receive("ada", "why?").await;
    let stream = harness.get("ada", &format!("/api/turns/{turn}/events")).await;
    tokio::time::timeout(Duration::from_secs(10), harness.gateway.shutdown()).await.unwrap();
    // The stream ends, well or with an error, but it does not hang.
    let _ = tokio::time::timeout(DEADLINE, stream.bytes()).await.unwrap();
}

#[tokio::test]
async fn a_dropped_gateway_keeps_no_connection() {
    let harness = Harness::start_with(|config| {
        let sign = if config.database_url.contains('?') { '&' } else { '?' };
        config.database_url.push_str(&format!("{sign}application_name=dropped"));
    })
    .await;
    let Harness { database, gateway, .. } = harness;
    let connected = async || {
        sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dropped'",
        )
        .fetch_one(&database.pool)
        .await
        .unwrap()
    };
    assert!(connected().await > 0);
    drop(gateway);
    wait_until(DEADLINE, async || (connected().await == 0).then_some(())).await;
}
