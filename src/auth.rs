//! Which user a websocket is: makes an identity on the first visit, and checks the one that is presented later.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{constant_time, digest, rand};

use crate::id::UserId;
use crate::metrics::Metrics;
use crate::signaling::hub::Identity;
use crate::signaling::names::clean_name;
use crate::signaling::protocol::Credentials;
use crate::store::{Store, StoreError};

/// Random bytes in a user's secret: 160 bits are 32 digits of base 32.
const SECRET_BYTES: usize = 20;

/// Base-32 digits in lower case (RFC 4648 section 6).
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Draws of a 60-bit id that is not taken. The second is needed about once in a million years.
const DRAWS_MAX: u32 = 3;

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No such user, or not their secret: the answer is the same.
    #[error("the user id and the secret do not belong together")]
    NotSignedIn,
    #[error("no random numbers")]
    Random,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub identity: Identity,
    /// For a user that was just made: shown once, and kept by the browser.
    pub new_secret: Option<String>,
    /// Missed calls that the user has not seen.
    pub missed: u32,
}

/// Signs users in against the store. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    store: Store,
    metrics: Arc<Metrics>,
}

impl Authenticator {
    pub fn new(store: Store, metrics: Arc<Metrics>) -> Authenticator {
        Authenticator { store, metrics }
    }

    /// Checks who a `hello` says it comes from, or makes a user with this name if it does not say.
    pub async fn sign_in(&self, user: Option<&Credentials>, name: Option<&str>) -> Result<SignedIn, AuthError> {
        let done = match user {
            Some(credentials) => self.check(credentials).await,
            None => self.make(&clean_name(name.unwrap_or_default())).await,
        };
        if let Err(AuthError::Store(_)) = &done {
            self.metrics.store_failures.with_label_values(&["sign_in"]).inc();
        }
        done
    }

    async fn check(&self, credentials: &Credentials) -> Result<SignedIn, AuthError> {
        let hash = secret_hash(&credentials.secret);
        let row = self.store.user(credentials.user_id).await?;
        // An unknown id is compared too, so that it takes the same time.
        let kept = row.as_ref().map_or([0; 32], |row| row.secret_hash);
        let same = constant_time::verify_slices_are_equal(&kept, &hash).is_ok();
        let Some(row) = row.filter(|_| same) else {
            return Err(AuthError::NotSignedIn);
        };
        if let Err(error) = self.store.touch(credentials.user_id, now_unix()).await {
            // A full disk is no reason to turn someone away.
            self.metrics.store_failures.with_label_values(&["touch"]).inc();
            tracing::warn!(error = &error as &dyn std::error::Error, "sign-in time not kept");
        }
        Ok(SignedIn {
            identity: Identity {
                user_id: credentials.user_id,
                name: row.name,
            },
            new_secret: None,
            missed: row.missed,
        })
    }

    async fn make(&self, name: &str) -> Result<SignedIn, AuthError> {
        let secret = random_secret()?;
        let hash = secret_hash(&secret);
        let mut draws = 0;
        loop {
            let mut bits = [0; 8];
            rand::fill(&mut bits).map_err(|_| AuthError::Random)?;
            let user_id = UserId::from_random(u64::from_be_bytes(bits));
            match self.store.create_user(user_id, &hash, name, now_unix()).await {
                Ok(()) => {
                    let name = name.to_owned();
                    return Ok(SignedIn {
                        identity: Identity { user_id, name },
                        new_secret: Some(secret),
                        missed: 0,
                    });
                }
                Err(StoreError::Taken) if draws + 1 < DRAWS_MAX => draws += 1,
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// 160 random bits as text.
pub fn random_secret() -> Result<String, AuthError> {
    let mut bytes = [0; SECRET_BYTES];
    rand::fill(&mut bytes).map_err(|_| AuthError::Random)?;
    Ok(base32(&bytes))
}

/// Five bytes are eight digits.
fn base32(bytes: &[u8; SECRET_BYTES]) -> String {
    let digits = bytes.chunks_exact(5).flat_map(|five| {
        let bits = five.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
        (0..8)
            .rev()
            .map(move |n| char::from(ALPHABET[((bits >> (5 * n)) & 31) as usize]))
    });
    digits.collect()
}

/// The secret has all the entropy that it needs: a slow hash would only slow the server down.
fn secret_hash(secret: &str) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

#[expect(clippy::disallowed_methods, reason = "auth is glue: it notes when a user signed in")]
fn now_unix() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn authenticator(directory: &std::path::Path) -> Authenticator {
        let store = Store::open(directory).await.expect("it opens");
        Authenticator::new(store, Arc::new(Metrics::new()))
    }

    #[tokio::test]
    async fn a_user_comes_back_with_the_secret_and_only_with_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let auth = authenticator(directory.path()).await;
        let made = auth.sign_in(None, Some(" Ada\u{202e} ")).await.expect("a user is made");
        assert_eq!(made.identity.name, "Ada");
        let secret = made.new_secret.expect("a secret");
        assert_eq!(secret.len(), 32);
        let user_id = made.identity.user_id;

        let auth = authenticator(directory.path()).await;
        let credentials = |user_id, secret: &str| Credentials {
            user_id,
            secret: secret.to_owned(),
        };
        let again = auth
            .sign_in(Some(&credentials(user_id, &secret)), None)
            .await
            .expect("she is known");
        assert_eq!(again.identity, made.identity);
        assert_eq!(again.new_secret, None);

        let stranger = UserId::from_random(1);
        let almost = format!("{}!", &secret[..31]);
        for (user_id, secret) in [
            (user_id, ""),
            (user_id, almost.as_str()),
            (user_id, &secret[..31]),
            (stranger, &secret),
            (stranger, ""),
        ] {
            let refused = auth.sign_in(Some(&credentials(user_id, secret)), Some("Eve")).await;
            assert!(matches!(refused, Err(AuthError::NotSignedIn)), "{user_id} {secret:?}");
        }
    }

    #[tokio::test]
    async fn the_secret_is_not_in_the_database() {
        let directory = tempfile::tempdir().expect("a directory");
        let auth = authenticator(directory.path()).await;
        let made = auth.sign_in(None, None).await.expect("a user is made");
        let secret = made.new_secret.expect("a secret");
        let row = auth
            .store
            .user(made.identity.user_id)
            .await
            .expect("it is read")
            .expect("it is there");
        assert_eq!(row.secret_hash, secret_hash(&secret));
        for entry in std::fs::read_dir(directory.path()).expect("it is listed") {
            let bytes = std::fs::read(entry.expect("an entry").path()).expect("it is read");
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }

    #[tokio::test]
    async fn a_broken_store_is_an_error_and_counted() {
        let directory = tempfile::tempdir().expect("a directory");
        let auth = authenticator(directory.path()).await;
        auth.store.close().await;
        assert!(matches!(auth.sign_in(None, None).await, Err(AuthError::Store(_))));
        assert_eq!(auth.metrics.store_failures.with_label_values(&["sign_in"]).get(), 1);
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        let mut bytes = [0; SECRET_BYTES];
        bytes[..5].copy_from_slice(b"fooba");
        assert_eq!(&base32(&bytes)[..8], "mzxw6ytb");
    }
}
