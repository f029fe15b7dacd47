//! ID tokens: whose signature is good, and what they say (OpenID Connect Core 1.0, section 3.1.3.7).

use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::Deserialize;
use serde_json::Value;

use super::OidcError;
use crate::config::OidcConfig;

/// Signatures that are made with a key that we do not have. The others (`HS…`, `none`) are no proof.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How far the provider's clock may be off, in seconds.
const LEEWAY_S: u64 = 60;
/// Longest subject (OpenID Connect Core 1.0, section 2).
const SUBJECT_BYTES: usize = 255;

/// Somebody whom the provider knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) subject: String,
    /// An address of which the provider says that it is this person's.
    pub(crate) verified_email: Option<String>,
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: Value,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    /// A boolean; some providers write it as text.
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    preferred_username: Option<String>,
}

fn wrong(problem: impl ToString) -> OidcError {
    OidcError::Token(problem.to_string())
}

/// The key that a token says it is signed with; `None` when it is not among these.
pub(crate) fn key_of(token: &str, keys: &JwkSet) -> Result<Option<DecodingKey>, OidcError> {
    let header = jsonwebtoken::decode_header(token).map_err(wrong)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(wrong(format!("it is signed with {:?}", header.alg)));
    }
    let jwk = match &header.kid {
        Some(kid) => keys.find(kid),
        // A token need not name its key when there is only one.
        None => keys.keys.first().filter(|_| keys.keys.len() == 1),
    };
    jwk.map(DecodingKey::from_jwk).transpose().map_err(wrong)
}

/// Who a token is about.
pub(crate) fn verify(
    token: &str,
    key: &DecodingKey,
    config: &OidcConfig,
    nonce: &str,
) -> Result<Person, OidcError> {
    let header = jsonwebtoken::decode_header(token).map_err(wrong)?;
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY_S;
    validation.set_issuer(&[&config.issuer]);
    validation.set_audience(&[&config.client_id]);
    validation.set_required_spec_claims(&["exp", "iat", "iss", "aud", "sub"]);
    let claims = jsonwebtoken::decode::<Claims>(token, key, &validation).map_err(wrong)?.claims;
    let several = claims.aud.as_array().is_some_and(|audiences| audiences.len() > 1);
    if several && claims.azp.is_none() || claims.azp.as_ref().is_some_and(|azp| *azp != config.client_id) {
        return Err(wrong("it was made for another client"));
    }
    if claims.nonce.as_deref() != Some(nonce) {
        return Err(wrong("it is of another login"));
    }
    if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES || claims.sub.contains('\0') {
        return Err(wrong("its subject is not one"));
    }
    let verified = claims.email_verified == Value::Bool(true) || claims.email_verified == "true";
    Ok(Person {
        subject: claims.sub,
        verified_email: claims.email.filter(|_| verified),
        name: claims.name.or(claims.preferred_username),
    })
}
