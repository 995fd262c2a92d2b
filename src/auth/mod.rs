//! Which user a websocket is, and what it may do: a user of ours by an id and its secret (`open.rs`), one of the operator's by a
//! token that their application signed (`token.rs`), or one whom a provider signed in with this browser (`oidc/`, `browsers.rs`).

mod browsers;
mod follower;
mod identities;
pub mod issue;
pub mod jwks;
mod keys;
pub mod oidc;
mod open;
pub mod token;
pub mod vapid;

use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::{digest, rand};

use self::identities::Tokens;
use self::jwks::JwksError;
use self::oidc::fault::Fault as OidcFault;
use self::oidc::{Answer, Begun, Oidc};
use self::token::Fault;
use crate::clock;
use crate::config::AuthMode;
use crate::fetch::FetchError;
use crate::grants::Grants;
use crate::id::{DeviceId, LinkId, UserId};
use crate::metrics::Metrics;
use crate::signaling::hub::Identity;
use crate::signaling::names::clean_name;

use crate::signaling::protocol::Credentials;
use crate::signaling::reader::person;
use crate::store::{DeviceRow, Store, StoreError, WhichDevices};

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
    /// None, or one that is not good: whoever presents it is not told what is wrong.
    #[error("this server takes people in with a good token of its operator's")]
    BadToken(Fault),
    /// No cookie of a browser that is signed in, and nothing else that lets anybody in.
    #[error("this server takes people in who have signed in: open its page in a browser")]
    SignInNeeded,
    #[error("no random numbers")]
    Random,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody can be signed in at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("tokens cannot be checked: auth.jwks")]
    Jwks(#[from] JwksError),
    #[error("the provider cannot be asked: auth.oidc.ca")]
    Provider(#[source] FetchError),
}

/// A user who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub identity: Identity,
    /// For a user that was just made: shown once, and kept by the browser.
    pub new_secret: Option<String>,
    /// The id of the token that was used up by it.
    pub used: Option<String>,
    /// Missed calls that the user has not seen.
    pub missed: u32,
    /// The browser that was signed in by the provider.
    pub device: Option<DeviceId>,
}

/// Who a `hello` says it comes from, where nothing else proves it.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// None: a user is to be made, ...
    pub user: Option<&'a Credentials>,
    /// ... of this name.
    pub name: Option<&'a str>,
    /// Which browser it is, as far as it says.
    pub agent: &'a str,
}

/// A browser that was signed out.
#[derive(Debug)]
pub struct SignedOut {
    pub user: UserId,
    pub device: DeviceId,
    /// Where it signs out of the provider too.
    pub url: Option<String>,
}

/// Signs users in against the store. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    store: Store,
    metrics: Arc<Metrics>,
    way: Way,
}

/// How people come in.
#[derive(Clone)]
enum Way {
    /// Users are ours.
    Open,
    Tokens(Arc<Tokens>),
    Provider(Arc<Oidc>),
}

impl Authenticator {
    /// # Errors
    /// The key set of tokens, or the file with the authority of the provider, cannot be used.
    pub async fn start(mode: &AuthMode, store: Store, metrics: Arc<Metrics>) -> Result<Authenticator, StartError> {
        let way = match mode {
            AuthMode::Open => Way::Open,
            AuthMode::Token(config) => Way::Tokens(Arc::new(Tokens::start(config, &metrics).await?)),
            AuthMode::Oidc(config) => {
                let oidc = Oidc::start(config, Arc::clone(&metrics)).map_err(StartError::Provider)?;
                Way::Provider(Arc::new(oidc))
            }
        };
        Ok(Authenticator { store, metrics, way })
    }

    /// Whether people come with tokens, and not otherwise.
    pub fn takes_tokens(&self) -> bool {
        matches!(self.way, Way::Tokens(_))
    }

    /// The provider that signs people in, if it is one that does.
    pub fn provider(&self) -> Option<&Oidc> {
        match &self.way {
            Way::Provider(oidc) => Some(oidc),
            Way::Open | Way::Tokens(_) => None,
        }
    }

    /// Whether whoever has a room's link comes in by it alone.
    pub fn takes_guests(&self) -> bool {
        match &self.way {
            Way::Open => true,
            Way::Tokens(_) => false,
            Way::Provider(oidc) => oidc.config.guests,
        }
    }

    /// Checks who a `hello` says it comes from, or makes a user with this name if it does not say.
    pub async fn sign_in(&self, presented: Presented<'_>) -> Result<SignedIn, AuthError> {
        match &self.way {
            Way::Open => self.sign_in_here(presented).await,
            Way::Tokens(_) => self.sign_in_by_token(None).await,
            Way::Provider(_) => Err(AuthError::SignInNeeded),
        }
    }

    /// Takes somebody into one room by its link, and nowhere else, where the operator lets people in so.
    pub async fn sign_in_as_guest(&self, presented: Presented<'_>, room: LinkId) -> Result<SignedIn, AuthError> {
        if !self.takes_guests() {
            return Err(AuthError::SignInNeeded);
        }
        let mut signed_in = self.sign_in_here(presented).await?;
        signed_in.identity.grants = Grants::guest(room);
        Ok(signed_in)
    }

    async fn sign_in_here(&self, presented: Presented<'_>) -> Result<SignedIn, AuthError> {
        let Presented { user, name, agent } = presented;
        let done = match user {
            Some(credentials) => open::check(&self.store, &self.metrics, credentials, agent).await,
            None => open::make(&self.store, &clean_name(name.unwrap_or_default()), agent).await,
        };
        let done = self.with_person(done).await;
        self.count_failure(&done, "sign_in");
        done
    }

    /// Who is signed in with the browser that shows this.
    pub async fn sign_in_by_browser(&self, shown: Option<&str>, agent: &str) -> Result<SignedIn, AuthError> {
        let Way::Provider(oidc) = &self.way else {
            return Err(AuthError::SignInNeeded);
        };
        let is_named = !oidc.config.name_claim.is_empty();
        let done = browsers::check(&self.store, &self.metrics, shown, agent, is_named).await;
        let done = self.with_person(done).await;
        self.count_failure(&done, "sign_in");
        done
    }

    /// Sends somebody to the provider. `to`: a path of ours to go on to.
    pub async fn begin_at_provider(&self, redirect_uri: String, to: String, now: Instant) -> Result<Begun, OidcFault> {
        let Way::Provider(oidc) = &self.way else {
            return Err(OidcFault::Failed);
        };
        let begun = oidc.begin(redirect_uri, to, now).await;
        if let Err(fault) = begun {
            self.count_sign_in(fault.as_str());
        }
        begun
    }

    /// Takes somebody back from the provider, and signs their browser in: the path to go on to, and what the browser shows from now on.
    pub async fn finish_at_provider(
        &self,
        answer: Answer,
        browser: Option<&str>,
        device_name: String,
        now: Instant,
    ) -> (String, Result<String, OidcFault>) {
        let Way::Provider(oidc) = &self.way else {
            return ("/".to_owned(), Err(OidcFault::Failed));
        };
        let (to, person) = oidc.finish(answer, browser, now).await;
        let lasts_s = i64::try_from(oidc.config.session_lasts.as_secs()).unwrap_or(i64::MAX);
        let shown = match person {
            Ok(person) => browsers::sign_in(&self.store, &person, device_name, lasts_s).await,
            Err(fault) => Err(fault),
        };
        match &shown {
            Ok(_) => self.count_sign_in("accepted"),
            Err(fault) => {
                tracing::debug!(reason = fault.as_str(), "somebody was not signed in: {fault}");
                self.count_sign_in(fault.as_str());
            }
        }
        (to, shown)
    }

    /// Signs the browser out that shows this; none: it was not signed in. `back_to`: where the provider sends it afterwards.
    pub async fn sign_out(&self, shown: Option<&str>, back_to: &str) -> Result<Option<SignedOut>, AuthError> {
        let Way::Provider(oidc) = &self.way else {
            return Ok(None);
        };
        let done = async {
            let Some(row) = browsers::find(&self.store, shown).await? else {
                return Ok(None);
            };
            self.store.forget_devices(row.user, WhichDevices::One(row.device)).await?;
            let url = row.id_token.and_then(|id_token| oidc.sign_out_url(&id_token, back_to));
            let (user, device) = (row.user, row.device);
            Ok(Some(SignedOut { user, device, url }))
        };
        let done = done.await;
        self.count_failure(&done, "sign_out");
        done
    }

    pub fn count_sign_in(&self, outcome: &str) {
        self.metrics.sign_ins.with_label_values(&[outcome]).inc();
    }

    /// Checks whom a token speaks for. Every one that is not good is refused alike, as is none.
    pub async fn sign_in_by_token(&self, token: Option<&str>) -> Result<SignedIn, AuthError> {
        let proven = match &self.way {
            Way::Tokens(tokens) => tokens.prove(token).await,
            Way::Open | Way::Provider(_) => Err(Fault::Missing),
        };
        let done = match proven {
            Ok(token) => identities::sign_in(&self.store, token).await,
            Err(fault) => Err(AuthError::BadToken(fault)),
        };
        let done = self.with_person(done).await;
        self.count_failure(&done, "sign_in");
        let outcome = match &done {
            Ok(_) => "accepted",
            Err(AuthError::BadToken(fault)) => {
                tracing::debug!(reason = fault.as_str(), "a token was refused: {fault}");
                fault.as_str()
            }
            Err(_) => "failed",
        };
        self.metrics.tokens.with_label_values(&[outcome]).inc();
        done
    }

    /// Nothing came of a sign-in that used a token up: it is good once more.
    pub async fn give_back(&self, used: &str) {
        let done = self.store.forget_use(used).await.map_err(AuthError::from);
        self.count_failure(&done, "sign_in");
    }

    /// With what belongs to the user. Without it nobody comes in: whom they have blocked is not to ring.
    async fn with_person(&self, done: Result<SignedIn, AuthError>) -> Result<SignedIn, AuthError> {
        let mut signed_in = done?;
        if signed_in.new_secret.is_none() {
            signed_in.identity.person = person(self.store.person(signed_in.identity.user_id).await?);
        }
        Ok(signed_in)
    }

    fn count_failure<T>(&self, done: &Result<T, AuthError>, operation: &str) {
        if let Err(AuthError::Store(_)) = done {
            self.metrics.store_failures.with_label_values(&[operation]).inc();
        }
    }
}

/// Notes that a browser signed its user in once more.
async fn note_sign_in(store: &Store, metrics: &Metrics, browser: &DeviceRow, agent: &str) {
    if let Err(error) = store.touch_device(browser.user, browser.device, agent, clock::unix_s()).await {
        // A full disk is no reason to turn someone away.
        metrics.store_failures.with_label_values(&["touch"]).inc();
        tracing::warn!(error = &error as &dyn std::error::Error, "sign-in time not kept");
    }
}

fn draw_user_id() -> Result<UserId, AuthError> {
    random_bits().map(UserId::from_random)
}

fn draw_device_id() -> Result<DeviceId, AuthError> {
    random_bits().map(DeviceId::from_random)
}

fn random_bits() -> Result<u64, AuthError> {
    let mut bits = [0; 8];
    rand::fill(&mut bits).map_err(|_| AuthError::Random)?;
    Ok(u64::from_be_bytes(bits))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Place;

    async fn authenticator(directory: &std::path::Path) -> Authenticator {
        let store = Store::open(&Place::Folder(directory.to_owned())).await.expect("it opens");
        Authenticator::start(&AuthMode::Open, store, Arc::new(Metrics::new()))
            .await
            .expect("it needs no keys")
    }

    fn newcomer(name: Option<&str>) -> Presented<'_> {
        Presented {
            user: None,
            name,
            agent: "Firefox, Linux",
        }
    }

    fn with(credentials: &Credentials) -> Presented<'_> {
        Presented {
            user: Some(credentials),
            ..newcomer(Some("Eve"))
        }
    }

    #[tokio::test]
    async fn a_user_comes_back_with_the_secret_and_only_with_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let auth = authenticator(directory.path()).await;
        let made = auth.sign_in(newcomer(Some(" Ada\u{202e} "))).await.expect("a user is made");
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
            .sign_in(with(&credentials(user_id, &secret)))
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
            let refused = auth.sign_in(with(&credentials(user_id, secret))).await;
            assert!(matches!(refused, Err(AuthError::NotSignedIn)), "{user_id} {secret:?}");
        }
    }

    #[tokio::test]
    async fn the_secret_is_not_in_the_database() {
        let directory = tempfile::tempdir().expect("a directory");
        let auth = authenticator(directory.path()).await;
        let made = auth.sign_in(newcomer(None)).await.expect("a user is made");
        let secret = made.new_secret.expect("a secret");
        let device = made.device.expect("a browser");
        let row = auth.store.device(device).await.expect("it is read").expect("it is there");
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
        assert!(matches!(auth.sign_in(newcomer(None)).await, Err(AuthError::Store(_))));
        assert_eq!(auth.metrics.store_failures.with_label_values(&["sign_in"]).get(), 1);
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        let mut bytes = [0; SECRET_BYTES];
        bytes[..5].copy_from_slice(b"fooba");
        assert_eq!(&base32(&bytes)[..8], "mzxw6ytb");
    }
}
