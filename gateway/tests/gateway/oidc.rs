//! Logging in at an identity provider, as a browser does it.

use learnflow_gateway::OidcConfig;
use reqwest::{Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    harness::Harness,
    identity_provider::{CLIENT, IdentityProvider, SECRET},
};

/// What the provider sends a browser back to; tests take the path and ask the gateway themselves.
const CALLBACK: &str = "https://learn.example.org/api/auth/oidc/callback";

struct Setup {
    harness: Harness,
    provider: IdentityProvider,
    browser: reqwest::Client,
}

impl Setup {
    async fn start() -> Self {
        let provider = IdentityProvider::start().await;
        let issuer = provider.issuer.clone();
        let harness = Harness::start_with(|config| {
            config.oidc = Some(OidcConfig {
                name: "School".to_owned(),
                issuer,
                client_id: CLIENT.to_owned(),
                client_secret: Some(SECRET.to_owned()),
                redirect_url: CALLBACK.to_owned(),
            });
        })
        .await;
        let browser = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { harness, provider, browser }
    }

    async fn get(&self, url: &str, cookie: &str) -> Response {
        self.browser.get(url).header("cookie", cookie).send().await.unwrap()
    }

    /// Goes to the provider and back; the path that it sends back to, and the cookie of the login.
    async fn go_there(&self) -> (String, String) {
        let begun = self.get(&self.harness.url("/api/auth/oidc/login"), "").await;
        assert_eq!(begun.status(), StatusCode::SEE_OTHER);
        let cookie = cookies(&begun).remove(0);
        assert!(
            cookie.starts_with("learnflow_oidc=") && cookie.contains("HttpOnly; SameSite=Lax"),
            "{cookie}"
        );
        let back = self.get(&location(&begun), "").await;
        assert_eq!(back.status(), StatusCode::SEE_OTHER);
        let path = location(&back).strip_prefix("https://learn.example.org").unwrap().to_owned();
        (path, pair(&cookie))
    }

    async fn log_in(&self) -> Response {
        let (path, cookie) = self.go_there().await;
        self.get(&self.harness.url(&path), &cookie).await
    }

    /// The account of a login that succeeded.
    async fn account(&self, login: Response) -> Value {
        assert_eq!((login.status(), location(&login).as_str()), (StatusCode::SEE_OTHER, "/"));
        let refresh =
            cookies(&login).into_iter().find(|cookie| cookie.starts_with("learnflow_refresh=")).unwrap();
        let session = self
            .browser
            .post(self.harness.url("/api/auth/refresh"))
            .header("cookie", pair(&refresh))
            .send()
            .await
            .unwrap();
        assert_eq!(session.status(), StatusCode::OK);
        session.json::<Value>().await.unwrap()["user"].clone()
    }

    /// Whether a login came to nothing, and why, as the audit log has it.
    async fn refused(&self, login: Response) -> String {
        assert!(location(&login).starts_with("/?login_error="), "{}", location(&login));
        assert!(!cookies(&login).iter().any(|cookie| cookie.starts_with("learnflow_refresh=")));
        sqlx::query_scalar(
            "SELECT detail ->> 'reason' FROM audit_log WHERE action = 'login-refused' ORDER BY audit_id DESC LIMIT 1",
        )
        .fetch_one(&self.harness.database.pool)
        .await
        .unwrap()
    }
}

fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

fn cookies(response: &Response) -> Vec<String> {
    let values = response.headers().get_all("set-cookie");
    values.iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_login_elsewhere_makes_an_account_and_finds_it_again() {
    let setup = Setup::start().await;
    let providers: Value = setup
        .browser
        .get(setup.harness.url("/api/auth/providers"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        providers,
        json!({ "password": true, "oidc": { "name": "School", "login": "/api/auth/oidc/login" } })
    );
    setup.provider.person(
        json!({ "sub": "42", "email": "Ada@Example.org", "email_verified": true, "name": "Ada Lovelace" }),
    );
    let first = setup.account(setup.log_in().await).await;
    assert_eq!(
        (&first["email"], &first["name"], &first["role"]),
        (&json!("ada@example.org"), &json!("Ada Lovelace"), &json!("student"))
    );
    // Another address, another name, another key of the provider: the same person.
    setup.provider.person(json!({ "sub": "42", "email": "a@example.org", "email_verified": true }));
    setup.provider.rotate();
    let second = setup.account(setup.log_in().await).await;
    assert_eq!(first, second);
    let actions: Vec<String> = sqlx::query_scalar("SELECT action FROM audit_log ORDER BY audit_id")
        .fetch_all(&setup.harness.database.pool)
        .await
        .unwrap();
    assert_eq!(actions, ["registered", "logged-in", "logged-in"]);
}

#[tokio::test]
async fn accounts_are_linked_by_a_verified_address_only_and_taken_over_by_its_owner() {
    let setup = Setup::start().await;
    let registration =
        json!({ "email": "ada@example.org", "password": "a few words in a row", "name": "Ada" });
    let post = async |path: &str, body: &Value| {
        setup.browser.post(setup.harness.url(path)).json(body).send().await.unwrap()
    };
    let registered = post("/api/auth/register", &registration).await;
    let squatter = pair(&cookies(&registered)[0]);
    let local: Value = registered.json::<Value>().await.unwrap()["user"].clone();

    for unverified in [json!(false), json!(null), json!("false")] {
        setup.provider.person(
            json!({ "sub": format!("not {unverified}"), "email": "ada@example.org", "email_verified": unverified }),
        );
        let other = setup.account(setup.log_in().await).await;
        assert_ne!(other["user_id"], local["user_id"]);
        assert_eq!(other["email"], json!(null));
    }
    setup.provider.person(json!({ "sub": "42", "email": "ada@example.org", "email_verified": true }));
    let linked = setup.account(setup.log_in().await).await;
    assert_eq!(linked["user_id"], local["user_id"]);

    // Whoever had registered the address without owning it is out.
    let login = json!({ "email": "ada@example.org", "password": "a few words in a row" });
    assert_eq!(post("/api/auth/login", &login).await.status(), StatusCode::UNAUTHORIZED);
    let refresh = setup.browser.post(setup.harness.url("/api/auth/refresh")).header("cookie", squatter);
    assert_eq!(refresh.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn only_the_browser_that_began_a_login_ends_it_and_once() {
    let setup = Setup::start().await;
    setup.provider.person(json!({ "sub": "42" }));
    let (path, cookie) = setup.go_there().await;
    let (_, other) = setup.go_there().await;
    let stale = "the browser brought no login that was begun here and is still open";
    for wrong in ["", "learnflow_oidc=", other.as_str()] {
        assert_eq!(setup.refused(setup.get(&setup.harness.url(&path), wrong).await).await, stale);
    }
    setup.account(setup.get(&setup.harness.url(&path), &cookie).await).await;
    assert_eq!(setup.refused(setup.get(&setup.harness.url(&path), &cookie).await).await, stale);

    let (path, cookie) = setup.go_there().await;
    sqlx::query("UPDATE oidc_logins SET expires_at = now()")
        .execute(&setup.harness.database.pool)
        .await
        .unwrap();
    assert_eq!(setup.refused(setup.get(&setup.harness.url(&path), &cookie).await).await, stale);

    let (path, cookie) = setup.go_there().await;
    let state = path.split("state=").nth(1).unwrap();
    let declined = format!("/api/auth/oidc/callback?error=access_denied&state={state}");
    let reason = setup.refused(setup.get(&setup.harness.url(&declined), &cookie).await).await;
    assert_eq!(reason, "the provider says \"access_denied\"");
}

#[tokio::test]
async fn a_code_of_somebody_elses_login_is_worth_nothing() {
    let setup = Setup::start().await;
    setup.provider.person(json!({ "sub": "42" }));
    let (victim, _) = setup.go_there().await;
    let (own, cookie) = setup.go_there().await;
    let code = victim.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let state = own.split("state=").nth(1).unwrap();
    let injected = format!("/api/auth/oidc/callback?code={code}&state={state}");
    let reason = setup.refused(setup.get(&setup.harness.url(&injected), &cookie).await).await;
    assert!(reason.contains("it answered 400"), "{reason}");
    assert_eq!(setup.provider.refused(), ["invalid_grant"]);
}

#[tokio::test]
async fn id_tokens_that_are_not_for_this_login_are_refused() {
    type Forge = fn(&mut Value);
    let forgeries: [(&str, Forge); 8] = [
        ("another issuer", |claims| claims["iss"] = json!("https://id.example")),
        ("another client", |claims| claims["aud"] = json!("somebody-else")),
        ("another presenter", |claims| claims["azp"] = json!("somebody-else")),
        ("several clients", |claims| claims["aud"] = json!([CLIENT, "somebody-else"])),
        ("another login", |claims| claims["nonce"] = json!("replayed")),
        ("no login", |claims| drop(claims.as_object_mut().unwrap().remove("nonce"))),
        ("over", |claims| claims["exp"] = json!(1_700_000_000)),
        ("nobody", |claims| claims["sub"] = json!("")),
    ];
    let setup = Setup::start().await;
    setup.provider.person(json!({ "sub": "42" }));
    for (what, forge) in forgeries {
        setup.provider.forge(forge);
        let reason = setup.refused(setup.log_in().await).await;
        assert!(reason.starts_with("the ID token is not valid: "), "{what}: {reason}");
    }
    setup.provider.forge(|_| {});
    setup.provider.sign_with_a_foreign_key();
    let reason = setup.refused(setup.log_in().await).await;
    assert_eq!(reason, "the ID token is not valid: InvalidSignature");
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(&setup.harness.database.pool)
        .await
        .unwrap();
    assert_eq!(users, 0);
}
