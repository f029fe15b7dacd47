//! Register, log in, refresh, log out.

use learnflow_gateway::token::Role;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Harness, detail};

async fn call(harness: &Harness, path: &str, body: &Value) -> Response {
    harness.client.post(harness.url(path)).json(body).send().await.unwrap()
}

async fn with_cookie(harness: &Harness, path: &str, cookie: &str) -> Response {
    harness.client.post(harness.url(path)).header("cookie", cookie).send().await.unwrap()
}

fn cookie(response: &Response) -> String {
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/api/auth"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

fn ada() -> Value {
    json!({ "email": "Ada@Example.org", "password": "a few words in a row", "name": "Ada" })
}

#[tokio::test]
async fn an_account_is_made_logs_in_and_stays_logged_in() {
    let harness = Harness::start().await;
    let registered = call(&harness, "/api/auth/register", &ada()).await;
    assert_eq!(registered.status(), StatusCode::CREATED);

    let again = call(&harness, "/api/auth/register", &ada()).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);

    let login = json!({ "email": "ada@example.org ", "password": "a few words in a row" });
    let session = call(&harness, "/api/auth/login", &login).await;
    assert_eq!(session.status(), StatusCode::OK);
    let first = cookie(&session);

    let refreshed = with_cookie(&harness, "/api/auth/refresh", &first).await;
    assert_eq!(refreshed.status(), StatusCode::OK);
    let second = cookie(&refreshed);
    assert_ne!(first, second);
    let session: Value = refreshed.json().await.unwrap();

    let me = harness
        .client
        .get(harness.url("/api/me"))
        .bearer_auth(session["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let me: Value = me.json().await.unwrap();
    assert_eq!(me["user_id"], session["user"]["user_id"]);
    assert_eq!(
        (&me["email"], &me["role"], &me["name"]),
        (&json!("ada@example.org"), &json!("student"), &json!("Ada"))
    );

    assert_eq!(with_cookie(&harness, "/api/auth/logout", &second).await.status(), StatusCode::NO_CONTENT);
    let after = with_cookie(&harness, "/api/auth/refresh", &second).await;
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED);

    let actions: Vec<String> = sqlx::query_scalar("SELECT action FROM audit_log ORDER BY audit_id")
        .fetch_all(&harness.database.pool)
        .await
        .unwrap();
    assert_eq!(actions, ["registered", "logged-in", "logged-out"]);
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_login_for_both() {
    let harness = Harness::start().await;
    let first = cookie(&call(&harness, "/api/auth/register", &ada()).await);
    let second = cookie(&with_cookie(&harness, "/api/auth/refresh", &first).await);
    // Two tabs at the same moment are no theft.
    assert_eq!(with_cookie(&harness, "/api/auth/refresh", &first).await.status(), StatusCode::OK);

    sqlx::query(
        "UPDATE refresh_tokens SET used_at = used_at - INTERVAL '1 minute' WHERE used_at IS NOT NULL",
    )
    .execute(&harness.database.pool)
    .await
    .unwrap();
    assert_eq!(with_cookie(&harness, "/api/auth/refresh", &first).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(with_cookie(&harness, "/api/auth/refresh", &second).await.status(), StatusCode::UNAUTHORIZED);
    let written: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit_log WHERE action = 'refresh-token-reused' AND target IS NOT NULL",
    )
    .fetch_one(&harness.database.pool)
    .await
    .unwrap();
    assert_eq!(written, 1);
}

#[tokio::test]
async fn another_sites_page_neither_refreshes_nor_ends_a_login() {
    let harness = Harness::start().await;
    let own = cookie(&call(&harness, "/api/auth/register", &ada()).await);
    for path in ["/api/auth/refresh", "/api/auth/logout"] {
        let forged = harness.client.post(harness.url(path)).header("cookie", &own);
        let answer = forged.header("origin", "https://evil.example").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(!answer.headers().contains_key("set-cookie"), "{path}");
    }
    // A page can make a browser send a GET; none of these is one.
    let got =
        harness.client.get(harness.url("/api/auth/refresh")).header("cookie", &own).send().await.unwrap();
    assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED);
    // The cookie alone opens nothing else.
    let me = harness.client.get(harness.url("/api/me")).header("cookie", &own).send().await.unwrap();
    assert_eq!(me.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(with_cookie(&harness, "/api/auth/refresh", &own).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn keys_are_changed_while_the_gateway_runs_and_old_tokens_end() {
    let harness = Harness::start().await;
    let me = async |token: &str| {
        harness.client.get(harness.url("/api/me")).bearer_auth(token).send().await.unwrap().status()
    };
    let old = harness.token("ada", Role::Student);
    learnflow_gateway::token::rotate(harness.key_file()).unwrap();
    let new = harness.token("ada", Role::Student);
    assert_eq!((me(&old).await, me(&new).await), (StatusCode::OK, StatusCode::OK));
    // A login signs with the newest key.
    let session: Value = call(&harness, "/api/auth/register", &ada()).await.json().await.unwrap();
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid;
    assert_eq!(kid(session["access_token"].as_str().unwrap()), kid(&new));
    for _ in 0..2 {
        learnflow_gateway::token::rotate(harness.key_file()).unwrap();
    }
    // Only when somebody needs a key that is not known are the keys read again; the next login is such a moment.
    harness.token("ada", Role::Student);
    call(
        &harness,
        "/api/auth/login",
        &json!({ "email": "ada@example.org", "password": "a few words in a row" }),
    )
    .await;
    assert_eq!((me(&old).await, me(&new).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
}

#[tokio::test]
async fn addresses_and_users_have_buckets_of_their_own() {
    let harness = Harness::start_with(|config| {
        config.rates.user = learnflow_gateway::Rate::new(2, 1);
        config.rates.address = learnflow_gateway::Rate::new(6, 1);
    })
    .await;
    for (expected, left) in [(200, "1"), (200, "0"), (429, "0")] {
        let response = harness.get("ada", "/api/me").await;
        assert_eq!(response.status(), expected);
        // A refusal says what is left of which limit, as every other answer does.
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!((header("ratelimit-limit"), header("ratelimit-remaining")), ("2", left));
        assert_eq!(response.headers().contains_key("retry-after"), expected == 429);
    }
    for expected in [200, 200] {
        assert_eq!(harness.get("bob", "/api/me").await.status(), expected);
    }
    let providers =
        async || harness.client.get(harness.url("/api/auth/providers")).send().await.unwrap().status();
    assert_eq!((providers().await, providers().await), (StatusCode::OK, StatusCode::TOO_MANY_REQUESTS));
}

#[tokio::test]
async fn nothing_in_the_database_logs_in() {
    let harness = Harness::start().await;
    let cookie = cookie(&call(&harness, "/api/auth/register", &ada()).await);
    let secret = cookie.split_once('=').unwrap().1;
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT to_jsonb(u)::text FROM users u UNION ALL SELECT to_jsonb(r)::text FROM refresh_tokens r",
    )
    .fetch_all(&harness.database.pool)
    .await
    .unwrap();
    let rows = rows.join("\n");
    assert!(rows.contains("$argon2id$"), "{rows}");
    assert!(!rows.contains(secret) && !rows.contains("a few words"), "{rows}");
}

#[tokio::test]
async fn wrong_input_is_refused_in_words() {
    let harness = Harness::start().await;
    call(&harness, "/api/auth/register", &ada()).await;
    let mut answers = Vec::new();
    for (path, body) in [
        ("register", json!({ "email": "nobody", "password": "a few words in a row", "name": "N" })),
        ("register", json!({ "email": "b@example.org", "password": "short", "name": "B" })),
        (
            "register",
            json!({ "email": "b@example.org", "password": "a few words in a row", "name": "a\u{0}b" }),
        ),
        (
            "register",
            json!({ "email": "b@example.org", "password": "a few words in a row", "name": "B", "role": "admin" }),
        ),
        ("login", json!({ "email": "ada@example.org", "password": "something else" })),
        ("login", json!({ "email": "nobody@example.org", "password": "something else" })),
        ("login", json!({ "email": "ada@example.org", "password": "x".repeat(5000) })),
    ] {
        let response = call(&harness, &format!("/api/auth/{path}"), &body).await;
        answers.push(format!("{} {}", response.status().as_u16(), detail(response).await));
    }
    insta::assert_snapshot!(answers.join("\n"));
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let harness = Harness::start_with(|config| {
        config.rates.login_account = learnflow_gateway::Rate::new(3, 1);
    })
    .await;
    let guess = json!({ "email": "ada@example.org", "password": "guess" });
    for _ in 0..3 {
        assert_eq!(call(&harness, "/api/auth/login", &guess).await.status(), StatusCode::UNAUTHORIZED);
    }
    let refused = call(&harness, "/api/auth/login", &guess).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
}
