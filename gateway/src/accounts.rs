//! Accounts: register, log in, refresh, log out.
//!
//! The access token goes into the `Authorization` header and lives for minutes. The refresh token is a cookie
//! that scripts cannot read and other sites cannot send; it is used once, and one that comes back after it was
//! used ends the whole login, for then two parties have it.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::{App, Shared},
    audit::Action,
    classes::Class,
    identity::{Address, Identity},
    problem::{Body, Problem},
    quotas::ModelConsent,
    token::{ACCESS_TTL, Claims, Role},
};

const COOKIE: &str = "learnflow_refresh";
/// How long somebody who comes back within it stays logged in.
const REFRESH_DAYS: i32 = 30;
/// Two tabs may refresh at the same moment: within this time a used token is not taken for a stolen one.
const REUSE_GRACE_S: f64 = 10.0;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 10..=200;
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=80;
const EMAIL_BYTES: usize = 254;

/// The routes of this module.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(me))
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    /// An e-mail address, which logs in.
    email: String,
    /// 10 to 200 characters.
    password: String,
    /// The name to show, 1 to 80 characters.
    name: String,
}

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    email: String,
    password: String,
}

/// An account as its owner sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Account {
    /// Also the student id in events.
    user_id: String,
    name: String,
    email: Option<String>,
    role: Role,
    llm: ModelConsent,
}

/// A login.
#[derive(Serialize, ToSchema)]
struct Session {
    /// For the header `Authorization: Bearer …`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// After this many seconds, refresh.
    expires_in_s: u64,
    user: Account,
}

/// Makes an account (role student) and logs in.
#[utoipa::path(post, path = "/api/auth/register", tag = "accounts", request_body = Registration,
    responses((status = 201, description = "Made", body = Session), (status = 409, description = "The address has an account"),
              (status = 422, description = "A field breaks a rule")))]
async fn register(
    State(app): State<Shared>,
    address: Address,
    Body(new): Body<Registration>,
) -> Result<Response, Problem> {
    app.limits.login_address.take(&address.0)?;
    let email = checked_email(&new.email)?;
    let name = checked_name(&new.name)?;
    checked_password(&new.password)?;
    let password_hash = app.passwords.hash(new.password).await?;
    let user_id = Uuid::now_v7().to_string();
    let made = sqlx::query(
        "INSERT INTO users (user_id, email, display_name, role, password_hash) VALUES ($1, $2, $3, 'student', $4)
         ON CONFLICT (email) DO NOTHING",
    )
    .bind(&user_id)
    .bind(&email)
    .bind(&name)
    .bind(password_hash)
    .execute(&app.db)
    .await?;
    if made.rows_affected() == 0 {
        return Err(Problem::reject(
            StatusCode::CONFLICT,
            "This e-mail address already has an account; log in instead.",
        ));
    }
    let llm = app.model_consent(None);
    let account = Account { user_id, name, email: Some(email), role: Role::Student, llm };
    app.audit(None, address, Action::Registered, Some(&account.user_id), json!({})).await;
    let session = app.start_session(account, Uuid::now_v7()).await?;
    Ok((StatusCode::CREATED, session).into_response())
}

/// Logs in.
#[utoipa::path(post, path = "/api/auth/login", tag = "accounts", request_body = Credentials,
    responses((status = 200, description = "As asked", body = Session), (status = 401, description = "Unknown address or wrong password"),
              (status = 429, description = "Too many tries")))]
async fn login(
    State(app): State<Shared>,
    address: Address,
    Body(credentials): Body<Credentials>,
) -> Result<Response, Problem> {
    app.limits.login_address.take(&address.0)?;
    let email = checked_email(&credentials.email)?;
    app.limits.login_account.take(&email)?;
    checked_password_length(&credentials.password)?;
    let found: Option<(String, Option<String>)> =
        sqlx::query_as("SELECT user_id, password_hash FROM users WHERE email = $1")
            .bind(&email)
            .fetch_optional(&app.db)
            .await?;
    let stored = found.as_ref().and_then(|(_, hash)| hash.clone());
    let right = app.passwords.verify(credentials.password, stored).await?;
    let tried = found.map(|(user_id, _)| user_id);
    let Some(user_id) = tried.clone().filter(|_| right) else {
        // Never the address that was typed: one without an account may be that of somebody who was erased, and
        // nothing would find it here again.
        let reason = if tried.is_some() { "wrong password" } else { "unknown address" };
        app.audit(None, address, Action::LoginRefused, tried.as_deref(), json!({ "reason": reason })).await;
        return Err(Problem::unauthorized("The e-mail address or the password is wrong."));
    };
    let account = app.account(&user_id).await?;
    app.audit(None, address, Action::LoggedIn, Some(&user_id), json!({})).await;
    app.start_session(account, Uuid::now_v7()).await
}

/// Exchanges the refresh cookie for a new access token and a new cookie.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "accounts",
    responses((status = 200, description = "As asked", body = Session), (status = 401, description = "No cookie, or no longer valid")))]
async fn refresh(
    State(app): State<Shared>,
    address: Address,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let over = || Problem::unauthorized("The login is over; log in again.");
    let presented = cookie(&headers, COOKIE).ok_or_else(over)?;
    let taken: Option<(Uuid, String)> = sqlx::query_as(
        "UPDATE refresh_tokens SET used_at = coalesce(used_at, now())
          WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > now()
            AND (used_at IS NULL OR used_at > now() - make_interval(secs => $2))
      RETURNING family_id, user_id",
    )
    .bind(hash(&presented))
    .bind(REUSE_GRACE_S)
    .fetch_optional(&app.db)
    .await?;
    let Some((family_id, user_id)) = taken else {
        app.revoke_if_reused(&presented, address).await?;
        return Err(over());
    };
    let account = app.account(&user_id).await?;
    app.start_session(account, family_id).await
}

/// Ends the login that the refresh cookie belongs to.
#[utoipa::path(post, path = "/api/auth/logout", tag = "accounts",
    responses((status = 204, description = "Logged out; also when nobody was logged in")))]
async fn logout(
    State(app): State<Shared>,
    address: Address,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(presented) = cookie(&headers, COOKIE) {
        let users: Vec<String> = sqlx::query_scalar(
            "UPDATE refresh_tokens SET revoked_at = now()
              WHERE family_id = (SELECT family_id FROM refresh_tokens WHERE token_hash = $1)
                AND revoked_at IS NULL
          RETURNING user_id",
        )
        .bind(hash(&presented))
        .fetch_all(&app.db)
        .await?;
        if let Some(user_id) = users.first() {
            app.audit(None, address, Action::LoggedOut, Some(user_id), json!({})).await;
        }
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, app.cookie("", 0)?)]).into_response())
}

/// One's account with one's classes.
#[derive(Serialize, ToSchema)]
struct Me {
    #[serde(flatten)]
    account: Account,
    classes: Vec<Class>,
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/me", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, description = "As asked", body = Me), (status = 401, description = "Not logged in")))]
async fn me(State(app): State<Shared>, identity: Identity) -> Result<Json<Me>, Problem> {
    let classes = app.classes(&identity, false, None).await?;
    // What the token grants is what holds, until it is renewed.
    let account = Account { role: identity.role, ..app.account(&identity.user_id).await? };
    Ok(Json(Me { account, classes }))
}

impl App {
    /// An account by its id.
    pub(crate) async fn account(&self, user_id: &str) -> Result<Account, Problem> {
        let (name, email, role, consent): (String, Option<String>, String, Option<bool>) =
            sqlx::query_as("SELECT display_name, email, role, llm_consent FROM users WHERE user_id = $1")
                .bind(user_id)
                .fetch_optional(&self.db)
                .await?
                .ok_or_else(|| Problem::unauthorized("This account was deleted."))?;
        let llm = self.model_consent(consent);
        Ok(Account { user_id: user_id.to_owned(), name, email, role: parse_role(&role)?, llm })
    }

    /// Logs somebody in: an access token in the body, and the refresh token as a cookie.
    pub(crate) async fn start_session(&self, user: Account, family_id: Uuid) -> Result<Response, Problem> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Problem::bug(format!("random bytes: {error}")))?;
        let refresh_token = BASE64_URL_SAFE_NO_PAD.encode(secret);
        sqlx::query(
            "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)
             VALUES ($1, $2, $3, now() + make_interval(days => $4))",
        )
        .bind(hash(&refresh_token))
        .bind(family_id)
        .bind(&user.user_id)
        .bind(REFRESH_DAYS)
        .execute(&self.db)
        .await?;
        let claims = Claims::new(&user.user_id, &user.name, user.role, ACCESS_TTL);
        let access_token = self.keys.sign(&claims).map_err(|error| Problem::bug(error.to_string()))?;
        let session =
            Session { access_token, token_type: "Bearer", expires_in_s: ACCESS_TTL.as_secs(), user };
        let max_age_s = i64::from(REFRESH_DAYS) * 24 * 3600;
        let headers = [
            (header::SET_COOKIE, self.cookie(&refresh_token, max_age_s)?),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        Ok((headers, Json(session)).into_response())
    }

    /// A used token that comes back means that two parties have it: the login ends for both.
    async fn revoke_if_reused(&self, presented: &str, address: Address) -> Result<(), Problem> {
        let users: Vec<String> = sqlx::query_scalar(
            "UPDATE refresh_tokens SET revoked_at = now()
              WHERE revoked_at IS NULL
                AND family_id = (SELECT family_id FROM refresh_tokens
                                  WHERE token_hash = $1 AND used_at IS NOT NULL)
          RETURNING user_id",
        )
        .bind(hash(presented))
        .fetch_all(&self.db)
        .await?;
        if let Some(user_id) = users.first() {
            self.audit(None, address, Action::RefreshReused, Some(user_id), json!({})).await;
        }
        Ok(())
    }

    /// Whether people come here over TLS, so that cookies need no other way.
    pub(crate) fn has_tls(&self) -> bool {
        self.config.public_origins.iter().any(|origin| origin.starts_with("https://"))
    }

    fn cookie(&self, value: &str, max_age_s: i64) -> Result<HeaderValue, Problem> {
        let secure = if self.has_tls() { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Path=/api/auth; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}")
            .parse()
            .map_err(|error| Problem::bug(format!("the refresh cookie: {error}")))
    }
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == wanted && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

fn parse_role(role: &str) -> Result<Role, Problem> {
    role.parse().map_err(|_| Problem::bug(format!("users.role is {role:?}")))
}

fn refuse(detail: impl Into<String>) -> Problem {
    Problem::reject(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

pub(crate) fn checked_email(email: &str) -> Result<String, Problem> {
    let email = email.trim().to_lowercase();
    let well_formed = email.len() <= EMAIL_BYTES
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
        && email
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if well_formed {
        Ok(email)
    } else {
        Err(refuse("email is not an e-mail address, such as name@example.org."))
    }
}

fn checked_name(name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if NAME_CHARS.contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(refuse("name must have 1 to 80 printable characters."))
    }
}

fn checked_password_length(password: &str) -> Result<(), Problem> {
    if password.chars().count() <= *PASSWORD_CHARS.end() {
        Ok(())
    } else {
        Err(refuse("password must have at most 200 characters."))
    }
}

fn checked_password(password: &str) -> Result<(), Problem> {
    if PASSWORD_CHARS.contains(&password.chars().count()) {
        Ok(())
    } else {
        Err(refuse("password must have 10 to 200 characters; a few words in a row are a good one."))
    }
}
