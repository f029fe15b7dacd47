//! Login with somebody else's identity provider: OpenID Connect Core 1.0, authorisation code flow with PKCE
//! (RFC 7636), `state` and `nonce`.
//!
//! The browser is sent to the provider with a state that it also keeps as a cookie; only a browser that brings both
//! back, once and in time, is logged in. What comes back is exchanged by us for an ID token ([`provider`]), whose
//! signature and claims are checked ([`id_token`]); it then stands for an account ([`account`]).

mod account;
mod id_token;
mod provider;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

pub(crate) use provider::Provider;

use crate::{
    accounts,
    app::{App, Shared},
    audit::Action,
    config::OidcConfig,
    identity::Address,
    problem::{Problem, Query},
};

/// How long somebody may take at the provider.
const LOGIN_S: i64 = 600;
/// Holds the state. `Lax`, because the provider's page sends the browser back.
const COOKIE: &str = "learnflow_oidc";
/// Longest code and state that are looked at.
const PARAMETER_BYTES: usize = 4096;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(providers)).routes(routes!(begin)).routes(routes!(finish))
}

/// Ways to log in.
#[derive(Serialize, ToSchema)]
struct Providers {
    /// With an e-mail address and a password.
    password: bool,
    /// With an account elsewhere, where that was set up.
    oidc: Option<External>,
}

/// An identity provider.
#[derive(Serialize, ToSchema)]
struct External {
    /// What it is called.
    name: String,
    /// Where a browser goes to log in.
    login: &'static str,
}

/// The ways to log in.
#[utoipa::path(get, path = "/api/auth/providers", tag = "accounts", responses((status = 200, description = "As asked", body = Providers)))]
async fn providers(State(app): State<Shared>) -> Json<Providers> {
    let external = |oidc: &OidcConfig| External { name: oidc.name.clone(), login: "/api/auth/oidc/login" };
    Json(Providers { password: true, oidc: app.config.oidc.as_ref().map(external) })
}

/// Sends a browser to the identity provider.
#[utoipa::path(get, path = "/api/auth/oidc/login", tag = "accounts",
    responses((status = 303, description = "To the provider, or back with ?login_error="),
              (status = 404, description = "No provider was set up"), (status = 429, description = "Too many; see Retry-After")))]
async fn begin(State(app): State<Shared>, address: Address) -> Result<Response, Problem> {
    app.limits.login_address.take(&address.0)?;
    let config = app.oidc_config()?;
    let endpoints = match app.provider.endpoints(config).await {
        Ok(endpoints) => endpoints,
        Err(error) => return Ok(app.refuse_login(address, &error).await),
    };
    let [state, nonce, verifier] = [random()?, random()?, random()?];
    sqlx::query(
        "INSERT INTO oidc_logins (state_hash, nonce, code_verifier, expires_at)
         VALUES ($1, $2, $3, now() + $4 * INTERVAL '1 second')",
    )
    .bind(sha256(&state))
    .bind(&nonce)
    .bind(&verifier)
    .bind(LOGIN_S)
    .execute(&app.db)
    .await?;
    let mut url = endpoints.authorization_endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &config.client_id)
        .append_pair("redirect_uri", &config.redirect_url)
        .append_pair("scope", "openid email profile")
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &BASE64_URL_SAFE_NO_PAD.encode(sha256(&verifier)))
        .append_pair("code_challenge_method", "S256");
    let headers =
        [(header::SET_COOKIE, app.state_cookie(&state, LOGIN_S)?), (header::CACHE_CONTROL, no_store())];
    Ok((headers, Redirect::to(url.as_str())).into_response())
}

/// What the provider sends a browser back with.
#[derive(Deserialize, IntoParams)]
struct Return {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: Option<String>,
}

/// Logs in whoever comes back from the identity provider.
#[utoipa::path(get, path = "/api/auth/oidc/callback", tag = "accounts", params(Return),
    responses((status = 303, description = "To the app: logged in, or with ?login_error="), (status = 429, description = "Too many; see Retry-After")))]
async fn finish(
    State(app): State<Shared>,
    address: Address,
    headers: HeaderMap,
    Query(returned): Query<Return>,
) -> Result<Response, Problem> {
    app.limits.login_address.take(&address.0)?;
    match app.log_in_externally(address, &headers, &returned).await {
        Ok(session) => Ok(session),
        Err(Refusal::Problem(problem)) => Err(problem),
        Err(Refusal::Login(error)) => Ok(app.refuse_login(address, &error).await),
    }
}

/// Why a login at the provider came to nothing. The text is for the log; people see [`OidcError::sentence`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    #[error("the provider says {0:?}")]
    Declined(String),
    #[error("the browser brought no login that was begun here and is still open")]
    Stale,
    #[error("the provider cannot be used: {0}")]
    Provider(String),
    #[error("the ID token is not valid: {0}")]
    Token(String),
}

impl OidcError {
    const fn sentence(&self) -> &'static str {
        match self {
            Self::Declined(_) => "The login was not completed there. Try again, or log in with a password.",
            Self::Stale => "The login took too long or was begun in another browser. Try again.",
            Self::Provider(_) => "The identity provider cannot be reached at the moment. Try again shortly.",
            Self::Token(_) => "The identity provider's answer was not valid. Please tell your teacher.",
        }
    }
}

enum Refusal {
    Login(OidcError),
    Problem(Problem),
}

impl From<OidcError> for Refusal {
    fn from(error: OidcError) -> Self {
        Self::Login(error)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Problem(error.into())
    }
}

impl App {
    fn oidc_config(&self) -> Result<&OidcConfig, Problem> {
        self.config.oidc.as_ref().ok_or_else(|| {
            Problem::not_found("No identity provider was set up here; log in with a password.")
        })
    }

    async fn log_in_externally(
        &self,
        address: Address,
        headers: &HeaderMap,
        returned: &Return,
    ) -> Result<Response, Refusal> {
        let config = self.oidc_config()?;
        let too_long = returned.code.len().max(returned.state.len()) > PARAMETER_BYTES;
        let own = accounts::cookie(headers, COOKIE).is_some_and(|kept| kept == returned.state);
        if too_long || !own {
            return Err(OidcError::Stale.into());
        }
        let begun: Option<(String, String)> = sqlx::query_as(
            "DELETE FROM oidc_logins WHERE state_hash = $1 AND expires_at > now()
          RETURNING nonce, code_verifier",
        )
        .bind(sha256(&returned.state))
        .fetch_optional(&self.db)
        .await?;
        let (nonce, verifier) = begun.ok_or(OidcError::Stale)?;
        if let Some(error) = &returned.error {
            return Err(OidcError::Declined(error.chars().take(80).collect()).into());
        }
        let token = self.provider.exchange(config, &returned.code, &verifier).await?;
        let person = self.provider.verify(config, &token, &nonce).await?;
        let user_id = self.account_of(address, config, &person).await?;
        let account = self.account(&user_id).await?;
        let detail = json!({ "issuer": config.issuer });
        self.audit(None, address, Action::LoggedIn, Some(&user_id), detail).await;
        let session = self.start_session(account, Uuid::now_v7()).await?;
        let mut response = Redirect::to("/").into_response();
        let headers = response.headers_mut();
        if let Some(cookie) = session.headers().get(header::SET_COOKIE) {
            headers.append(header::SET_COOKIE, cookie.clone());
        }
        headers.append(header::SET_COOKIE, self.state_cookie("", 0)?);
        headers.insert(header::CACHE_CONTROL, no_store());
        Ok(response)
    }

    /// Back to the app, with a sentence.
    async fn refuse_login(&self, address: Address, error: &OidcError) -> Response {
        tracing::warn!(%error, "a login at the identity provider came to nothing");
        self.audit(None, address, Action::LoginRefused, None, json!({ "reason": error.to_string() })).await;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("login_error", error.sentence())
            .finish();
        ([(header::CACHE_CONTROL, no_store())], Redirect::to(&format!("/?{query}"))).into_response()
    }

    fn state_cookie(&self, state: &str, max_age_s: i64) -> Result<HeaderValue, Problem> {
        let secure = if self.has_tls() { "; Secure" } else { "" };
        format!("{COOKIE}={state}; Path=/api/auth/oidc; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}")
            .parse()
            .map_err(|error| Problem::bug(format!("the state's cookie: {error}")))
    }
}

fn no_store() -> HeaderValue {
    HeaderValue::from_static("no-store")
}

/// 256 random bits, as text.
fn random() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Problem::bug(format!("random bytes: {error}")))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn sha256(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// An address that secrets may be sent to: TLS, or this machine.
fn is_confidential(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}
