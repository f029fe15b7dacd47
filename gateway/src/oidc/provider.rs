//! The identity provider: where its endpoints are (OpenID Connect Discovery 1.0), its keys, and the exchange of a
//! code for an ID token.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, de::DeserializeOwned};
use url::{Url, form_urlencoded};

use super::{
    OidcError,
    id_token::{self, Person},
    is_confidential,
};
use crate::config::OidcConfig;

/// How long the provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer of the provider.
const ANSWER_BYTES: usize = 256 * 1024;
/// How long its endpoints and keys are believed.
const BELIEVED_FOR: Duration = Duration::from_secs(3600);

/// What we need of the provider's metadata (OpenID Connect Discovery 1.0, section 3).
#[derive(Debug, Deserialize)]
pub(crate) struct Endpoints {
    issuer: String,
    pub(crate) authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// Something that is asked for seldom.
struct Cached<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Cached<T> {
    fn get(&self) -> Option<Arc<T>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(since, _)| since.elapsed() < BELIEVED_FOR).map(|(_, value)| value.clone())
    }

    fn set(&self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), value.clone()));
        value
    }
}

/// The provider as we know it.
pub(crate) struct Provider {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoints: Cached<Endpoints>,
    keys: Cached<JwkSet>,
}

impl Default for Provider {
    fn default() -> Self {
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .expect("ring has the cipher suites of TLS 1.2 and 1.3");
        let connector = builder.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, endpoints: Cached::default(), keys: Cached::default() }
    }
}

impl Provider {
    /// Where the provider's endpoints are.
    pub(crate) async fn endpoints(&self, config: &OidcConfig) -> Result<Arc<Endpoints>, OidcError> {
        if let Some(known) = self.endpoints.get() {
            return Ok(known);
        }
        let issuer = config.issuer.trim_end_matches('/');
        let url = parse(&format!("{issuer}/.well-known/openid-configuration"))?;
        let found: Endpoints = self.get(&url).await?;
        if found.issuer != config.issuer {
            return Err(OidcError::Provider(format!("its metadata is of {}", found.issuer)));
        }
        for url in [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri] {
            if !is_confidential(url) {
                return Err(OidcError::Provider(format!("{url} is neither TLS nor this machine")));
            }
        }
        Ok(self.endpoints.set(found))
    }

    /// Exchanges a code for an ID token (RFC 6749, section 4.1.3, with RFC 7636's verifier).
    pub(crate) async fn exchange(
        &self,
        config: &OidcConfig,
        code: &str,
        verifier: &str,
    ) -> Result<String, OidcError> {
        let endpoints = self.endpoints(config).await?;
        self.call::<Tokens>(token_request(&endpoints, config, code, verifier)?)
            .await
            .map(|tokens| tokens.id_token)
    }
    /// Who an ID token is about, when the provider signed it for us and this login.
    pub(crate) async fn verify(
        &self,
        config: &OidcConfig,
        token: &str,
        nonce: &str,
    ) -> Result<Person, OidcError> {
        let known = match self.keys.get() {
            Some(keys) => keys,
            None => self.fetch_keys(config).await?,
        };
        let key = match id_token::key_of(token, &known)? {
            Some(key) => key,
            // The provider has changed its keys.
            None => id_token::key_of(token, &*self.fetch_keys(config).await?)?
                .ok_or_else(|| OidcError::Token("no key of the provider signed it".to_owned()))?,
        };
        id_token::verify(token, &key, config, nonce)
    }

    async fn fetch_keys(&self, config: &OidcConfig) -> Result<Arc<JwkSet>, OidcError> {
        let endpoints = self.endpoints(config).await?;
        let keys = self.get(&endpoints.jwks_uri).await?;
        Ok(self.keys.set(keys))
    }

    async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<T, OidcError> {
        self.call(request(Method::GET, url, Bytes::new())?).await
    }

    async fn call<T: DeserializeOwned>(&self, request: Request<Full<Bytes>>) -> Result<T, OidcError> {
        let url = request.uri().clone();
        let failed = |problem: String| OidcError::Provider(format!("{url}: {problem}"));
        let answer = async {
            let response = self.client.request(request).await.map_err(|error| failed(error.to_string()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES)
                .collect()
                .await
                .map_err(|error| failed(error.to_string()))?
                .to_bytes();
            if !status.is_success() {
                return Err(failed(format!("it answered {status}")));
            }
            serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .map_err(|_| failed(format!("no answer within {PATIENCE:?}")))?
    }
}

fn parse(url: &str) -> Result<Url, OidcError> {
    let parsed = Url::parse(url).map_err(|error| OidcError::Provider(format!("{url}: {error}")))?;
    if is_confidential(&parsed) {
        Ok(parsed)
    } else {
        Err(OidcError::Provider(format!("{url} is neither TLS nor this machine")))
    }
}

fn request(method: Method, url: &Url, body: Bytes) -> Result<Request<Full<Bytes>>, OidcError> {
    Request::builder()
        .method(method)
        .uri(url.as_str())
        .header(header::ACCEPT, "application/json")
        .body(Full::new(body))
        .map_err(|error| OidcError::Provider(format!("{url}: {error}")))
}

fn token_request(
    endpoints: &Endpoints,
    config: &OidcConfig,
    code: &str,
    verifier: &str,
) -> Result<Request<Full<Bytes>>, OidcError> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code)
        .append_pair("redirect_uri", &config.redirect_url)
        .append_pair("client_id", &config.client_id)
        .append_pair("code_verifier", verifier);
    let methods = &endpoints.token_endpoint_auth_methods_supported;
    // Basic is what a provider has that does not say.
    let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
    let mut authorization = None;
    match &config.client_secret {
        Some(secret) if basic => {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encode(&config.client_id), encode(secret));
            let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
            let mut value =
                HeaderValue::from_str(&value).map_err(|error| OidcError::Provider(error.to_string()))?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        Some(secret) => {
            form.append_pair("client_secret", secret);
        }
        None => {}
    }
    let mut request = request(Method::POST, &endpoints.token_endpoint, form.finish().into())?;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    if let Some(value) = authorization {
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}
