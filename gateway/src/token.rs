//! Access tokens: short-lived JSON Web Tokens, signed with a key out of a file that is only ours to read.
//!
//! The file holds several keys. The first signs; all verify, so that a new key can be put in front while
//! tokens of the old one are still about ([`rotate`]). A command on the same machine that may read the file
//! may issue tokens for itself ([`mint`]).

use std::{
    fmt, fs,
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, RwLock},
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long an access token of a login is valid.
pub const ACCESS_TTL: Duration = Duration::from_secs(15 * 60);
/// The longest time for which any token is valid; an erased account's tokens are remembered that long.
pub const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// `iss` and `aud` of every token.
const ISSUER: &str = "learnflow";
/// Bytes of a signing key: the size of HMAC-SHA-256's output (RFC 7518, section 3.2).
const KEY_BYTES: usize = 32;
/// Keys that are kept; older ones are dropped by a rotation.
const KEYS_KEPT: usize = 3;

/// What somebody may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Learns.
    Student,
    /// Sees the students' work and alerts.
    Teacher,
    /// Runs the system.
    Admin,
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 3] = [Self::Student, Self::Teacher, Self::Admin];

    /// The lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Teacher => "teacher",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = TokenError;

    fn from_str(name: &str) -> Result<Self, TokenError> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or(TokenError::Invalid("it names an unknown role"))
    }
}

/// Why a token could not be made or was refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The key file cannot be used.
    #[error("the key file {path}: {problem}")]
    KeyFile {
        /// Where it is.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The token is not one of ours.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// The token was valid once.
    #[error("the token has expired")]
    Expired,
}

/// What a token says about who carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's id.
    pub sub: String,
    /// The name to show.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// When it was issued, in seconds since 1970 (UTC).
    pub iat: u64,
    /// When it expires, in seconds since 1970 (UTC).
    pub exp: u64,
    /// Unique for each token.
    pub jti: Uuid,
    iss: String,
    aud: String,
}

impl Claims {
    /// Claims that begin now. `ttl` is cut to [`LONGEST_TTL`].
    pub fn new(subject: &str, name: &str, role: Role, ttl: Duration) -> Self {
        let now = jsonwebtoken::get_current_timestamp();
        Self {
            sub: subject.to_owned(),
            name: name.to_owned(),
            role,
            iat: now,
            exp: now + ttl.min(LONGEST_TTL).as_secs(),
            jti: Uuid::now_v7(),
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
        }
    }
}

/// Issues a token on the machine that holds the key file; makes the file when there is none.
///
/// A subject without an account gets one (role student) when the token is first used.
///
/// # Errors
/// When the key file cannot be read or made, or others may read it.
pub fn mint(
    key_file: &Path,
    subject: &str,
    name: &str,
    role: Role,
    ttl: Duration,
) -> Result<String, TokenError> {
    KeyRing::open(key_file)?.sign(&Claims::new(subject, name, role, ttl))
}

/// Puts a new key in front. Tokens of the keys before it stay valid until they expire.
///
/// # Errors
/// When the key file cannot be read or written.
pub fn rotate(key_file: &Path) -> Result<(), TokenError> {
    let mut file = read(key_file)?;
    file.keys.insert(0, Key::random(key_file)?);
    file.keys.truncate(KEYS_KEPT);
    let beside = write_beside(key_file, &file)?;
    fs::rename(&beside, key_file).map_err(|error| at(key_file, &error))
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    /// Newest first.
    keys: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
struct Key {
    kid: String,
    /// Base64 (URL-safe, no padding) of [`KEY_BYTES`] random bytes.
    secret: String,
    created_at: DateTime<Utc>,
}

impl Key {
    fn random(path: &Path) -> Result<Self, TokenError> {
        let mut secret = [0; KEY_BYTES];
        getrandom::fill(&mut secret).map_err(|error| at(path, &error))?;
        Ok(Self {
            kid: Uuid::now_v7().to_string(),
            secret: BASE64_URL_SAFE_NO_PAD.encode(secret),
            created_at: Utc::now(),
        })
    }
}

fn at(path: &Path, problem: &dyn fmt::Display) -> TokenError {
    TokenError::KeyFile { path: path.to_owned(), problem: problem.to_string() }
}

fn read(path: &Path) -> Result<KeyFile, TokenError> {
    let mode = fs::metadata(path).map_err(|error| at(path, &error))?.permissions().mode();
    if mode & 0o007 != 0 || mode & 0o020 != 0 {
        return Err(at(path, &"others may read or change it; run chmod 600 on it"));
    }
    let text = fs::read(path).map_err(|error| at(path, &error))?;
    let file: KeyFile = serde_json::from_slice(&text).map_err(|error| at(path, &error))?;
    if file.keys.is_empty() {
        return Err(at(path, &"it holds no key; remove it, and a new one is made"));
    }
    Ok(file)
}

/// Writes a new file next to `path`, which then takes its place in one step.
fn write_beside(path: &Path, file: &KeyFile) -> Result<PathBuf, TokenError> {
    let beside = path.with_extension(format!("{}.new", Uuid::now_v7()));
    let text = serde_json::to_vec_pretty(file).map_err(|error| at(path, &error))?;
    let mut options = fs::OpenOptions::new();
    let mut output = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|error| at(&beside, &error))?;
    output.write_all(&text).and_then(|()| output.sync_all()).map_err(|error| at(&beside, &error))?;
    Ok(beside)
}

fn create(path: &Path) -> Result<(), TokenError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    }
    let beside = write_beside(path, &KeyFile { keys: vec![Key::random(path)?] })?;
    // A link fails when somebody else was first; then theirs is the key file.
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside).map_err(|error| at(&beside, &error))?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(at(path, &error)),
        _ => Ok(()),
    }
}

/// Tells one content of the file from another: a rotation puts a new file in its place, and two of them within
/// a tick of the file system's clock still differ in their inodes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    modified: SystemTime,
    inode: u64,
}

struct Loaded {
    version: Version,
    keys: Vec<(String, EncodingKey, DecodingKey)>,
}

/// The keys of a key file, read again when the file changes.
#[derive(Clone)]
pub struct KeyRing {
    path: PathBuf,
    loaded: Arc<RwLock<Loaded>>,
}

impl KeyRing {
    /// Reads a key file; makes it when there is none.
    ///
    /// # Errors
    /// When it cannot be read or made, or others may read it.
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        if !path.exists() {
            create(path)?;
        }
        Ok(Self { path: path.to_owned(), loaded: Arc::new(RwLock::new(load(path)?)) })
    }

    /// Signs with the newest key.
    ///
    /// # Errors
    /// When the key file has become unusable.
    pub fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        self.refresh()?;
        let loaded = self.loaded.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (kid, key, _) = &loaded.keys[0];
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, key).map_err(|error| at(&self.path, &error))
    }

    /// What a token says, when one of our keys signed it and it has not expired.
    ///
    /// # Errors
    /// Says what is wrong with the token.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid("it is not a JWT"))?;
        let kid = header.kid.ok_or(TokenError::Invalid("it names no key"))?;
        let key = match self.decoding_key(&kid) {
            Some(key) => key,
            None => {
                self.refresh()?;
                self.decoding_key(&kid).ok_or(TokenError::Invalid("it is signed with an unknown key"))?
            }
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 5;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => TokenError::Expired,
                jsonwebtoken::errors::ErrorKind::InvalidSignature => {
                    TokenError::Invalid("its signature is wrong")
                }
                _ => TokenError::Invalid("its claims are not ours"),
            })?
            .claims;
        if claims.sub.is_empty() || learnflow_events::message::check_id("sub", &claims.sub).is_err() {
            return Err(TokenError::Invalid("its subject is not a user's id"));
        }
        Ok(claims)
    }

    fn decoding_key(&self, kid: &str) -> Option<DecodingKey> {
        let loaded = self.loaded.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        loaded.keys.iter().find(|(known, _, _)| known == kid).map(|(_, _, key)| key.clone())
    }

    /// Reads the file again when it has changed since it was read.
    fn refresh(&self) -> Result<(), TokenError> {
        let version = version(&self.path)?;
        let stale = self.loaded.read().unwrap_or_else(std::sync::PoisonError::into_inner).version != version;
        if stale {
            let fresh = load(&self.path)?;
            *self.loaded.write().unwrap_or_else(std::sync::PoisonError::into_inner) = fresh;
        }
        Ok(())
    }
}

fn version(path: &Path) -> Result<Version, TokenError> {
    let metadata = fs::metadata(path).map_err(|error| at(path, &error))?;
    let modified = metadata.modified().map_err(|error| at(path, &error))?;
    Ok(Version { modified, inode: metadata.ino() })
}

fn load(path: &Path) -> Result<Loaded, TokenError> {
    let version = version(path)?;
    let keys = read(path)?
        .keys
        .into_iter()
        .map(|key| {
            let secret = BASE64_URL_SAFE_NO_PAD.decode(&key.secret).map_err(|error| at(path, &error))?;
            if secret.len() < KEY_BYTES {
                return Err(at(path, &format!("key {} is shorter than {KEY_BYTES} bytes", key.kid)));
            }
            Ok((key.kid, EncodingKey::from_secret(&secret), DecodingKey::from_secret(&secret)))
        })
        .collect::<Result<_, _>>()?;
    Ok(Loaded { version, keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_token_is_accepted_and_the_file_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let token = mint(&path, "ada", "Ada", Role::Teacher, Duration::from_secs(60)).unwrap();
        let claims = KeyRing::open(&path).unwrap().verify(&token).unwrap();
        assert_eq!((claims.sub.as_str(), claims.name.as_str(), claims.role), ("ada", "Ada", Role::Teacher));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_rotation_keeps_old_tokens_valid_and_running_rings_see_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let ring = KeyRing::open(&path).unwrap();
        let claims = Claims::new("ada", "Ada", Role::Student, ACCESS_TTL);
        let old = ring.sign(&claims).unwrap();
        rotate(&path).unwrap();
        let new = mint(&path, "ada", "Ada", Role::Student, ACCESS_TTL).unwrap();
        ring.verify(&new).unwrap();
        ring.verify(&old).unwrap();
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid;
        assert_ne!(kid(&old), kid(&new));
        assert_eq!(kid(&ring.sign(&claims).unwrap()), kid(&new));
    }

    #[test]
    fn a_key_is_dropped_after_enough_rotations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let old = mint(&path, "ada", "Ada", Role::Student, ACCESS_TTL).unwrap();
        for _ in 0..KEYS_KEPT {
            rotate(&path).unwrap();
        }
        let error = KeyRing::open(&path).unwrap().verify(&old).unwrap_err();
        assert_eq!(error.to_string(), "the token is not valid: it is signed with an unknown key");
    }

    #[test]
    fn forged_expired_and_foreign_tokens_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let ring = KeyRing::open(&path).unwrap();
        let token = mint(&path, "ada", "Ada", Role::Student, ACCESS_TTL).unwrap();
        let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();

        let mut claims: serde_json::Value =
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(&parts[1]).unwrap()).unwrap();
        claims["role"] = "admin".into();
        parts[1] = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        let raised = parts.join(".");
        parts[0] = BASE64_URL_SAFE_NO_PAD.encode(
            serde_json::json!({"alg": "none", "kid": jsonwebtoken::decode_header(&token).unwrap().kid})
                .to_string(),
        );
        let unsigned = format!("{}.{}.", parts[0], parts[1]);

        let mut expired = Claims::new("ada", "Ada", Role::Student, ACCESS_TTL);
        expired.exp = expired.iat - 60;
        let expired = ring.sign(&expired).unwrap();
        let mut foreign = Claims::new("ada", "Ada", Role::Student, ACCESS_TTL);
        foreign.aud = "elsewhere".to_owned();
        let foreign = ring.sign(&foreign).unwrap();

        let refused = [&raised, &unsigned, &expired, &foreign, &String::new(), &"a.b.c".to_owned()]
            .map(|token| ring.verify(token).unwrap_err().to_string())
            .join("\n");
        insta::assert_snapshot!(refused, @r"
        the token is not valid: its signature is wrong
        the token is not valid: it is not a JWT
        the token has expired
        the token is not valid: its claims are not ours
        the token is not valid: it is not a JWT
        the token is not valid: it is not a JWT
        ");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        KeyRing::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = KeyRing::open(&path).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
