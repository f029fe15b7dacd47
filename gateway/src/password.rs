//! Password hashing (argon2id), off the event loop and a few at a time.

use std::sync::{Arc, LazyLock};

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use tokio::sync::Semaphore;

use crate::problem::Problem;

/// Hashes computed at the same time: each takes a core for some 20 ms and 19 MiB.
const AT_ONCE: usize = 2;
/// Callers that may wait for one; more are turned away.
const WAITING: usize = 64;
/// Bytes of salt (RFC 9106, section 4).
const SALT_BYTES: usize = 16;

/// Computes and checks password hashes.
#[derive(Clone)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING + AT_ONCE)),
        }
    }
}

/// What an unknown account's password is compared with, so that it takes as long as a known one's.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody's password").ok());

fn hash(password: &str) -> Result<String, String> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    // The library's default is argon2id with OWASP's second choice: 19 MiB, two passes, one lane.
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

fn verify(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
}

impl Passwords {
    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.compute(move || hash(&password)).await?.map_err(|error| Problem::bug(format!("argon2: {error}")))
    }

    /// Whether a password is the stored one's. Without a stored one it takes as long, and is wrong.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        self.compute(move || match (&stored, &*NOBODY) {
            (Some(stored), _) => verify(&password, stored),
            (None, Some(nobody)) => {
                verify(&password, nobody);
                false
            }
            (None, None) => false,
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let _place = self
            .waiting
            .clone()
            .try_acquire_owned()
            .map_err(|_| Problem::away("too many logins wait for their password to be checked"))?;
        let _turn = self
            .running
            .clone()
            .acquire_owned()
            .await
            .map_err(|error| Problem::bug(format!("the password queue is closed: {error}")))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Problem::bug(format!("hashing a password: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::default();
        let stored = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify("correct horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("wrong horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("nobody's password".to_owned(), None).await.unwrap());
        assert_ne!(stored, passwords.hash("correct horse".to_owned()).await.unwrap());
    }
}
