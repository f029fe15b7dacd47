//! What a day has, and whether a model may be asked.

use learnflow_gateway::{ModelOffer, token::Role};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    driver::Driver,
    harness::{Harness, json_answer, report},
};

async fn put(harness: &Harness, student: &str, path: &str, body: &Value) -> reqwest::Response {
    harness
        .client
        .request(Method::PUT, harness.url(path))
        .bearer_auth(harness.token(student, Role::Student))
        .json(body)
        .send()
        .await
        .unwrap()
}

fn remaining<'a>(response: &'a reqwest::Response, what: &str) -> &'a str {
    response.headers()[format!("x-learnflow-{what}-remaining")].to_str().unwrap()
}

#[tokio::test]
async fn runs_are_counted_down_to_nothing_for_one_student_only() {
    let harness = Harness::start_with(|config| config.runs_per_day = 2).await;
    let program = json!({ "code": "print(1)" });
    // More than there are runs: what each run publishes afterwards takes an answer too.
    for _ in 0..12 {
        harness.upstream.answer(json_answer(StatusCode::OK, &report()));
    }
    for left in ["1", "0"] {
        let response = harness.post("ada", "/api/code/run", &program).await;
        assert_eq!((response.status(), remaining(&response, "runs")), (StatusCode::OK, left));
    }
    let refused = harness.post("ada", "/api/code/run", &program).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=24 * 3600).contains(&wait), "{wait}");
    assert_eq!(remaining(&refused, "runs"), "0");
    assert!(refused.text().await.unwrap().contains("2 programs today"));

    assert_eq!(harness.post("bob", "/api/code/run", &program).await.status(), StatusCode::OK);
    let quotas: Value = harness.get("ada", "/api/me/quotas").await.json().await.unwrap();
    assert_eq!(quotas["runs"], json!({ "limit": 2, "remaining": 0 }));
    assert_eq!(quotas["tokens"], json!({ "limit": 0, "remaining": 0 }));

    // Another day is another quota.
    sqlx::query("UPDATE usage_days SET day = day - 1").execute(&harness.database.pool).await.unwrap();
    let tomorrow = harness.post("ada", "/api/code/run", &program).await;
    assert_eq!((tomorrow.status(), remaining(&tomorrow, "runs")), (StatusCode::OK, "1"));
}

#[tokio::test]
async fn a_program_that_could_not_run_costs_none_of_the_day() {
    let harness = Harness::start_with(|config| config.runs_per_day = 2).await;
    let mut driver = Driver::start().await;
    driver.connect("ada", &harness.url(""), &harness.token("ada", Role::Student)).await;
    let program = json!({ "code": "print(1)" });
    let run = |accept: &'static str| {
        let request = harness.client.post(harness.url("/api/code/run")).header("accept", accept);
        request.bearer_auth(harness.token("ada", Role::Student)).json(&program).send()
    };
    let away = || json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({}));
    for accept in ["application/json", "text/event-stream"] {
        harness.upstream.answer(away());
        assert_eq!(run(accept).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE, "{accept}");
    }
    harness.upstream.answer(json_answer(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": "too long" })));
    assert_eq!(run("application/json").await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    harness.upstream.answer(away());
    let ack = driver.emit("ada", "run-code", json!([program])).await;
    assert_eq!(ack["problem"]["status"], 503, "{ack}");

    let quotas: Value = harness.get("ada", "/api/me/quotas").await.json().await.unwrap();
    assert_eq!(quotas["runs"], json!({ "limit": 2, "remaining": 2 }));
    harness.upstream.answer(json_answer(StatusCode::OK, &report()));
    assert_eq!(remaining(&run("application/json").await.unwrap(), "runs"), "1");
}

#[tokio::test]
async fn an_operator_sees_what_is_left_of_the_sites_budget() {
    let budget = async |harness: &Harness| -> Value {
        let page = harness.operate(Method::GET, "/api/operator/budget", None).await;
        page.json().await.unwrap()
    };
    let harness = Harness::start_with(|config| config.site_micros_per_day = Some(20_000_000)).await;
    let site = budget(&harness).await["site"].clone();
    assert_eq!((&site["used_micros"], &site["remaining_micros"]), (&json!(0), &json!(20_000_000)));
    // A call that is being made counts with its estimate, as it does for the agents.
    for cost in [5_000_000_i64, 18_000_000] {
        sqlx::query(
            "SELECT reserve_usage(gen_random_uuid(), 'ada', 'debug', NULL, 'm', 1, 1, $1, 1000, 100000000)",
        )
        .bind(cost)
        .execute(&harness.database.pool)
        .await
        .unwrap();
        let site = budget(&harness).await["site"].clone();
        assert_eq!(site["limit_micros"], 20_000_000);
        let used = site["used_micros"].as_i64().unwrap();
        assert_eq!(site["remaining_micros"], (20_000_000 - used).max(0), "{site}");
        assert!(used >= cost && site["resets_at"].is_string(), "{site}");
    }
    // Whoever was told of no model knows no limit.
    assert_eq!(budget(&Harness::start().await).await["site"], Value::Null);
}

#[tokio::test]
async fn tokens_that_are_left_are_told_with_every_question() {
    let harness =
        Harness::start_with(|config| config.model = Some(ModelOffer { student_tokens_per_day: 1_000 })).await;
    let question = json!({ "query_text": "what is a list?" });
    let first = harness.post("ada", "/api/triage/analyze", &question).await;
    assert_eq!(remaining(&first, "tokens"), "1000");
    // What the agents write when a model was asked.
    sqlx::query("SELECT add_usage('ada', utc_today(), 300, 5, 0)")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    let second = harness.post("ada", "/api/triage/analyze", &question).await;
    assert_eq!(remaining(&second, "tokens"), "700");
    let quotas: Value = harness.get("ada", "/api/me/quotas").await.json().await.unwrap();
    assert_eq!(quotas["tokens"], json!({ "limit": 1_000, "remaining": 700 }));

    let without = Harness::start().await;
    let response = without.post("ada", "/api/triage/analyze", &question).await;
    assert!(!response.headers().contains_key("x-learnflow-tokens-remaining"));
}

/// What the agents are told before they ask a model.
async fn consents(harness: &Harness, student: &str) -> bool {
    sqlx::query_scalar("SELECT (tutoring($1, NULL) ->> 'consent')::boolean")
        .bind(student)
        .fetch_one(&harness.database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn no_model_is_asked_for_an_account_before_it_consented() {
    let harness =
        Harness::start_with(|config| config.model = Some(ModelOffer { student_tokens_per_day: 1_000 })).await;
    harness.get("ada", "/api/me").await;
    sqlx::query("UPDATE users SET email = 'ada@example.org' WHERE user_id = 'ada'")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    let me: Value = harness.get("ada", "/api/me").await.json().await.unwrap();
    assert_eq!(me["llm"], json!({ "offered": true, "consent": null }));
    assert!(!consents(&harness, "ada").await);

    for decision in [true, false] {
        let decided = put(&harness, "ada", "/api/me/consent", &json!({ "llm": decision })).await;
        assert_eq!(decided.status(), StatusCode::OK);
        assert_eq!(consents(&harness, "ada").await, decision);
        let me: Value = harness.get("ada", "/api/me").await.json().await.unwrap();
        assert_eq!(me["llm"]["consent"], decision);
    }
    let written: Vec<Value> =
        sqlx::query_scalar("SELECT detail FROM audit_log WHERE actor = 'ada' ORDER BY audit_id")
            .fetch_all(&harness.database.pool)
            .await
            .unwrap();
    assert_eq!(written, [json!({ "llm": true }), json!({ "llm": false })]);

    // Whoever logs in elsewhere, without an address of which we know that it is theirs, is asked as well.
    harness.get("bob", "/api/me").await;
    assert!(consents(&harness, "bob").await, "somebody else's student");
    sqlx::query("INSERT INTO external_identities (issuer, subject, user_id) VALUES ('https://id.example', 'b', 'bob')")
        .execute(&harness.database.pool)
        .await
        .unwrap();
    assert!(!consents(&harness, "bob").await);
}
