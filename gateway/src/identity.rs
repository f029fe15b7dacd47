//! Who is calling: from the access token of a request to the user behind it.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header, request::Parts};

use crate::{
    app::{App, Shared},
    limits::Remaining,
    problem::Problem,
    token::{Claims, Role, TokenError},
};

/// How long a user is taken to exist without asking PostgreSQL again.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// Users that are remembered; then all are forgotten and asked for again.
const KNOWN_USERS: usize = 20_000;

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    /// When the token expires, in seconds since 1970 (UTC).
    pub(crate) expires_at_s: u64,
}

impl Identity {
    /// Refuses whoever has less than `role`.
    pub(crate) fn require(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            Ok(())
        } else {
            Err(Problem::forbidden(format!(
                "This needs the role {role}; you are logged in as {}.",
                self.role
            )))
        }
    }
}

/// Users that PostgreSQL is known to have.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<String, Instant>>);

impl Known {
    fn has(&self, user_id: &str) -> bool {
        let users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(user_id).is_some_and(|since| since.elapsed() < KNOWN_FOR)
    }

    fn remember(&self, user_id: &str) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= KNOWN_USERS {
            users.clear();
        }
        users.insert(user_id.to_owned(), Instant::now());
    }

    pub(crate) fn forget(&self, user_id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(user_id);
    }
}

impl App {
    /// The user behind an access token. A subject without an account gets one.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Identity, Problem> {
        let claims = self.keys.verify(token).map_err(|error| match error {
            TokenError::KeyFile { .. } => Problem::bug(error.to_string()),
            TokenError::Expired => {
                Problem::unauthorized("The access token has expired; refresh it or log in again.")
            }
            TokenError::Invalid(_) => Problem::unauthorized(format!("Log in again: {error}.")),
        })?;
        if !self.known.has(&claims.sub) {
            self.ensure_user(&claims).await?;
            self.known.remember(&claims.sub);
        }
        Ok(Identity { user_id: claims.sub, name: claims.name, role: claims.role, expires_at_s: claims.exp })
    }

    /// Refuses whoever has no account any more, and asks PostgreSQL: a socket, and what this replica remembers of its
    /// users, may outlive an erasure.
    pub(crate) async fn require_account(&self, identity: &Identity) -> Result<(), Problem> {
        let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM users WHERE user_id = $1)")
            .bind(&identity.user_id)
            .fetch_one(&self.db)
            .await?;
        if there {
            return Ok(());
        }
        self.known.forget(&identity.user_id);
        Err(Problem::unauthorized("This account was deleted."))
    }

    async fn ensure_user(&self, claims: &Claims) -> Result<(), Problem> {
        let name: String = claims.name.chars().filter(|c| !c.is_control()).take(80).collect();
        let issued = chrono::DateTime::from_timestamp(i64::try_from(claims.iat).unwrap_or(i64::MAX), 0)
            .ok_or_else(|| Problem::unauthorized("Log in again: the token's time is not valid."))?;
        let erased: bool = sqlx::query_scalar(
            "WITH erased AS (SELECT 1 FROM erased_users WHERE user_id = $1 AND erased_at > $3),
                  made AS (INSERT INTO users (user_id, display_name, role)
                           SELECT $1, $2, 'student' WHERE NOT EXISTS (SELECT FROM erased)
                           ON CONFLICT (user_id) DO NOTHING)
             SELECT EXISTS (SELECT FROM erased)",
        )
        .bind(&claims.sub)
        .bind(if name.is_empty() { "student" } else { &name })
        .bind(issued)
        .fetch_one(&self.db)
        .await?;
        if erased { Err(Problem::unauthorized("This account was deleted.")) } else { Ok(()) }
    }
}

/// The address a request came from, behind as many proxies as the configuration says there are.
pub(crate) fn client_address(headers: &HeaderMap, peer: SocketAddr, forwarded_hops: usize) -> IpAddr {
    let peer = peer.ip().to_canonical();
    if forwarded_hops == 0 {
        return peer;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    // Only what our own proxies appended can be believed: the last entries.
    forwarded
        .len()
        .checked_sub(forwarded_hops)
        .and_then(|place| forwarded[place].parse::<IpAddr>().ok())
        .map_or(peer, |address| address.to_canonical())
}

/// The network address of the caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) IpAddr);

/// Middleware: finds out who calls, and takes the call out of their buckets.
pub(crate) async fn identify(
    State(app): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = client_address(request.headers(), peer, app.config.forwarded_hops);
    app.limits.address.take(&address)?;
    request.extensions_mut().insert(Address(address));
    let mut remaining: Option<Remaining> = None;
    if let Some(token) = bearer(request.headers())? {
        let identity = app.authenticate(token).await?;
        remaining = Some(app.limits.user.take(&identity.user_id)?);
        request.extensions_mut().insert(identity);
    }
    let mut response = next.run(request).await;
    if let Some(remaining) = remaining {
        remaining.tell(response.headers_mut());
    }
    Ok(response)
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Some(token.trim()))
        .ok_or_else(|| Problem::unauthorized("Send the access token as: Authorization: Bearer <token>."))
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::unauthorized("Log in, and send the access token as: Authorization: Bearer <token>.")
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| Problem::bug("no client address"))
    }
}

/// A caller who is a teacher, or more.
pub(crate) struct Teacher(pub(crate) Identity);

impl<S: Send + Sync> FromRequestParts<S> for Teacher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let identity = Identity::from_request_parts(parts, state).await?;
        identity.require(Role::Teacher)?;
        Ok(Self(identity))
    }
}

/// A caller who is an admin.
pub(crate) struct Admin(pub(crate) Identity);

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let identity = Identity::from_request_parts(parts, state).await?;
        identity.require(Role::Admin)?;
        Ok(Self(identity))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_entries_of_our_own_proxies_are_believed() {
        let peer: SocketAddr = "10.0.0.9:4000".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 203.0.113.7"));
        assert_eq!(client_address(&headers, peer, 0).to_string(), "10.0.0.9");
        assert_eq!(client_address(&headers, peer, 1).to_string(), "203.0.113.7");
        headers.append("x-forwarded-for", HeaderValue::from_static("10.0.0.1"));
        assert_eq!(client_address(&headers, peer, 2).to_string(), "203.0.113.7");
        assert_eq!(client_address(&headers, peer, 9).to_string(), "10.0.0.9");
    }
}
