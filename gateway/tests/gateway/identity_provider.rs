//! An identity provider that speaks OpenID Connect over HTTP: discovery, authorisation, token and keys.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderMap, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use uuid::Uuid;

pub const CLIENT: &str = "learnflow";
pub const SECRET: &str = "a secret: with odd characters";

struct Key {
    kid: String,
    signs: EncodingKey,
}

impl Key {
    fn random() -> Self {
        // PKCS #8 of an Ed25519 key is this, then the seed (RFC 8410, section 7).
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend(Uuid::new_v4().into_bytes());
        der.extend(Uuid::new_v4().into_bytes());
        Self { kid: Uuid::new_v4().to_string(), signs: EncodingKey::from_ed_der(&der) }
    }

    fn public(&self) -> Value {
        let mut key =
            serde_json::to_value(Jwk::from_encoding_key(&self.signs, Algorithm::EdDSA).unwrap()).unwrap();
        key["kid"] = json!(self.kid);
        key["use"] = json!("sig");
        key
    }
}

/// A login that was granted and not yet exchanged.
struct Grant {
    redirect_uri: String,
    challenge: String,
    nonce: String,
}

struct Inner {
    issuer: String,
    person: Value,
    key: Key,
    grants: HashMap<String, Grant>,
    /// Changes the claims before they are signed.
    forge: Box<dyn Fn(&mut Value) + Send>,
    /// Signs with a key that is not published.
    foreign_key: bool,
    /// What went wrong at the token endpoint.
    refused: Vec<String>,
}

#[derive(Clone)]
pub struct IdentityProvider {
    pub issuer: String,
    inner: Arc<Mutex<Inner>>,
}

type Parameters = HashMap<String, String>;

impl IdentityProvider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner {
            issuer: issuer.clone(),
            person: json!({}),
            key: Key::random(),
            grants: HashMap::new(),
            forge: Box::new(|_| {}),
            foreign_key: false,
            refused: Vec::new(),
        }));
        let provider = Self { issuer, inner };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// Who logs in from now on, as claims.
    pub fn person(&self, claims: Value) {
        self.inner.lock().unwrap().person = claims;
    }

    /// Changes every ID token from now on.
    pub fn forge(&self, forge: impl Fn(&mut Value) + Send + 'static) {
        self.inner.lock().unwrap().forge = Box::new(forge);
    }

    /// Signs with a key that the provider does not publish.
    pub fn sign_with_a_foreign_key(&self) {
        self.inner.lock().unwrap().foreign_key = true;
    }

    /// Takes another key.
    pub fn rotate(&self) {
        self.inner.lock().unwrap().key = Key::random();
    }

    pub fn refused(&self) -> Vec<String> {
        self.inner.lock().unwrap().refused.clone()
    }
}

async fn discovery(State(provider): State<IdentityProvider>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys(State(provider): State<IdentityProvider>) -> Json<Value> {
    Json(json!({ "keys": [provider.inner.lock().unwrap().key.public()] }))
}

async fn authorize(State(provider): State<IdentityProvider>, Query(asked): Query<Parameters>) -> Response {
    let get = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let right = get("client_id") == CLIENT
        && get("response_type") == "code"
        && get("scope").split(' ').any(|scope| scope == "openid")
        && get("code_challenge_method") == "S256";
    if !right {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let code = Uuid::new_v4().to_string();
    let grant =
        Grant { redirect_uri: get("redirect_uri"), challenge: get("code_challenge"), nonce: get("nonce") };
    let back = format!("{}?code={code}&state={}", grant.redirect_uri, get("state"));
    provider.inner.lock().unwrap().grants.insert(code, grant);
    Redirect::to(&back).into_response()
}

async fn token(
    State(provider): State<IdentityProvider>,
    headers: HeaderMap,
    Form(form): Form<Parameters>,
) -> Response {
    let mut inner = provider.inner.lock().unwrap();
    match exchange(&mut inner, &headers, &form) {
        Ok(id_token) => Json(json!({
            "access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": id_token,
        }))
        .into_response(),
        Err(error) => {
            inner.refused.push(error.to_owned());
            (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
        }
    }
}

fn exchange(inner: &mut Inner, headers: &HeaderMap, form: &Parameters) -> Result<String, &'static str> {
    let secret = "a+secret%3A+with+odd+characters";
    let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT}:{secret}")));
    assert_eq!(url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>(), secret);
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&expected) {
        return Err("invalid_client");
    }
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let grant = inner.grants.remove(get("code")).ok_or("invalid_grant")?;
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier")));
    if get("grant_type") != "authorization_code"
        || get("redirect_uri") != grant.redirect_uri
        || challenge != grant.challenge
    {
        return Err("invalid_grant");
    }
    let now = jsonwebtoken::get_current_timestamp();
    let mut claims = json!({
        "iss": inner.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": grant.nonce,
    });
    claims.as_object_mut().unwrap().extend(inner.person.as_object().unwrap().clone());
    (inner.forge)(&mut claims);
    let header = Header { kid: Some(inner.key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
    let foreign = Key::random();
    let key = if inner.foreign_key { &foreign.signs } else { &inner.key.signs };
    Ok(jsonwebtoken::encode(&header, &claims, key).unwrap())
}
