//! Sign-in with an OpenID Connect provider: the authorization code flow with PKCE (OpenID Connect Core 1.0 section 3.1, RFC 7636, and
//! what RFC 9700 asks of a client). docs/sign-in.md tells it to those who run it.

mod attempts;
mod exchange;
pub mod fault;
mod id_token;
mod metadata;
pub mod provider;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_lc_rs::{constant_time, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use url::Url;

use self::attempts::{Attempt, Attempts};
use self::fault::Fault;
use self::id_token::{Expected, Subject};
use self::provider::{Known, Provider};
use super::{random_secret, secret_hash, token};
use crate::config::OidcAuth;
use crate::fetch::{FetchError, Fetcher};
use crate::metrics::Metrics;

/// How long what strangers give back may be.
const STATE_BYTES_MAX: usize = 256;
const CODE_BYTES_MAX: usize = 8 * 1024;

/// How long an attempt to sign in lasts.
pub const ATTEMPT_LASTS: std::time::Duration = attempts::LASTS;

/// The provider, and those who are on their way to it and back.
pub struct Oidc {
    pub config: OidcAuth,
    provider: Provider,
    fetcher: Fetcher,
    attempts: Mutex<Attempts>,
}

/// Somebody is sent to the provider.
#[derive(Debug)]
pub struct Begun {
    /// Where.
    pub url: String,
    /// What their browser has to bring back.
    pub browser: String,
}

/// What the provider had them bring (RFC 6749 section 4.1.2).
#[derive(Debug, Default, serde::Deserialize)]
pub struct Answer {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    #[serde(default)]
    error_description: String,
    /// RFC 9207.
    iss: Option<String>,
}

/// Somebody has come back.
#[derive(Debug, PartialEq)]
pub struct Person {
    /// The provider and its subject.
    pub subject: String,
    /// None: the provider names nobody, or is not to.
    pub name: Option<String>,
    /// By which the provider knows what to sign out of.
    pub id_token: String,
}

impl Oidc {
    /// # Errors
    /// The file of the authority cannot be used.
    pub fn start(config: &OidcAuth, metrics: Arc<Metrics>) -> Result<Oidc, FetchError> {
        let fetcher = Fetcher::new(config.authority.as_deref())?;
        Ok(Oidc {
            config: config.clone(),
            provider: Provider::start(config, fetcher.clone(), metrics),
            fetcher,
            attempts: Mutex::default(),
        })
    }

    /// Whether the provider was heard, so that somebody may sign in.
    pub fn is_there(&self) -> bool {
        self.provider.current().is_some()
    }

    /// Sends somebody to the provider. `to`: a path of ours, to go on to.
    ///
    /// # Errors
    /// The provider is away, or there are no random numbers.
    pub async fn begin(&self, redirect_uri: String, to: String, now: Instant) -> Result<Begun, Fault> {
        let known = self.provider.known().await.ok_or(Fault::ProviderAway)?;
        let random = || random_secret().map_err(|_| Fault::Failed);
        let (state, nonce, browser) = (random()?, random()?, random()?);
        // RFC 7636 section 4.1: 43 characters or more.
        let verifier = random()? + &random()?;
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let mut url = Url::parse(&known.metadata.authorization_endpoint).map_err(|_| Fault::ProviderAway)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("scope", &self.config.scopes.join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let attempt = Attempt {
            browser_hash: secret_hash(&browser),
            nonce,
            verifier,
            redirect_uri,
            to,
        };
        self.attempts().begin(state, attempt, now);
        Ok(Begun {
            url: url.into(),
            browser,
        })
    }

    /// Takes somebody back, with what their browser brings of the attempt; and the path to go on to, where that is known.
    pub async fn finish(&self, answer: Answer, browser: Option<&str>, now: Instant) -> (String, Result<Person, Fault>) {
        let is_short = answer.state.len() <= STATE_BYTES_MAX;
        let attempt = is_short.then(|| self.attempts().take(&answer.state, now)).flatten();
        let Some(attempt) = attempt else {
            return ("/".to_owned(), Err(Fault::Attempt));
        };
        // Else somebody could be signed in as whoever sent them a link.
        let presented = secret_hash(browser.unwrap_or_default());
        if constant_time::verify_slices_are_equal(&attempt.browser_hash, &presented).is_err() {
            return ("/".to_owned(), Err(Fault::Attempt));
        }
        let person = self.redeem(answer, &attempt).await;
        (attempt.to, person)
    }

    async fn redeem(&self, answer: Answer, attempt: &Attempt) -> Result<Person, Fault> {
        let known = self.provider.current().ok_or(Fault::ProviderAway)?;
        let names_issuer = known.metadata.authorization_response_iss_parameter_supported;
        match &answer.iss {
            Some(issuer) if *issuer != self.config.issuer => return Err(Fault::Issuer),
            None if names_issuer => return Err(Fault::Issuer),
            Some(_) | None => {}
        }
        if let Some(error) = answer.error {
            let said = exchange::words(&error, &answer.error_description);
            tracing::debug!(said, "the provider signed nobody in");
            return Err(Fault::Declined);
        }
        let code = answer.code.filter(|code| (1..=CODE_BYTES_MAX).contains(&code.len()));
        let code = code.ok_or(Fault::Exchange)?;
        let redeemed = exchange::redeem(&self.fetcher, &known.metadata, &self.config, attempt, &code).await;
        let redeemed = redeemed.map_err(|error| {
            tracing::warn!(%error, "nobody was signed in");
            Fault::Exchange
        })?;
        let mut subject = self
            .prove(&known, &redeemed.id_token, &attempt.nonce)
            .await
            .map_err(|refused| {
                tracing::warn!(reason = %refused, "a token of the provider was refused");
                Fault::IdToken
            })?;
        if let Some(endpoint) = known
            .metadata
            .userinfo_endpoint
            .as_ref()
            .filter(|_| self.lacks(&subject.claims))
        {
            let told = exchange::user_info(&self.fetcher, endpoint, &redeemed.access_token).await;
            let told = told.map_err(|error| {
                tracing::warn!(%error, "nobody was signed in");
                Fault::Exchange
            })?;
            // Section 5.3.2: what is of somebody else is not to be used.
            if told.get("sub").and_then(Value::as_str) != Some(subject.id.as_str()) {
                tracing::warn!("what the provider tells of the user is of somebody else");
                return Err(Fault::Exchange);
            }
            for (name, value) in told {
                subject.claims.entry(name).or_insert(value);
            }
        }
        self.admit(&subject.claims)?;
        let name = subject.claims.get(&self.config.name_claim).and_then(Value::as_str);
        Ok(Person {
            // A URL has no space in it.
            subject: format!("{} {}", self.config.issuer, subject.id),
            name: name.filter(|name| !name.trim().is_empty()).map(str::to_owned),
            id_token: redeemed.id_token,
        })
    }

    async fn prove(&self, known: &Known, text: &str, nonce: &str) -> Result<Subject, id_token::Refused> {
        let unproven = token::read(text)?;
        let found = known.keys.current().find(&unproven.key_id).cloned();
        let key = match found {
            Some(key) => key,
            None => {
                let keys = known.keys.refreshed().await;
                keys.find(&unproven.key_id).cloned().ok_or(token::Fault::UnknownKey)?
            }
        };
        let expected = Expected {
            issuer: &self.config.issuer,
            client_id: &self.config.client_id,
            nonce,
            leeway_s: self.config.leeway.as_secs(),
        };
        id_token::prove(&unproven, &key, expected)
    }

    /// Whether more has to be asked of the provider: most tell little in the token itself.
    fn lacks(&self, claims: &Map<String, Value>) -> bool {
        let config = &self.config;
        let wants = |name: &str| !name.is_empty() && !claims.contains_key(name);
        let email = !config.email_domains.is_empty() && (wants("email") || wants("email_verified"));
        wants(&config.name_claim) || email || config.required_claim.as_ref().is_some_and(|(name, _)| wants(name))
    }

    /// Whether whoever has these claims may come in.
    fn admit(&self, claims: &Map<String, Value>) -> Result<(), Fault> {
        if let Some((name, wanted)) = &self.config.required_claim {
            let has = match claims.get(name) {
                Some(Value::Array(values)) => values.iter().any(|value| is(value, wanted)),
                Some(value) => is(value, wanted),
                None => false,
            };
            if !has {
                return Err(Fault::NotAllowed);
            }
        }
        if !self.config.email_domains.is_empty() {
            // Some providers write the truth as text.
            let is_verified = claims.get("email_verified").is_some_and(|value| is(value, "true"));
            let email = claims.get("email").and_then(Value::as_str).filter(|_| is_verified);
            let domain = email
                .and_then(|email| email.rsplit_once('@'))
                .map(|(_, domain)| domain.to_ascii_lowercase());
            if !domain.is_some_and(|domain| self.config.email_domains.contains(&domain)) {
                return Err(Fault::NotAllowed);
            }
        }
        Ok(())
    }

    /// Where a browser signs out of the provider too, if that is possible, and where it comes back to.
    pub fn sign_out_url(&self, id_token: &str, back_to: &str) -> Option<String> {
        let known = self.provider.current()?;
        let mut url = Url::parse(known.metadata.end_session_endpoint.as_ref()?).ok()?;
        url.query_pairs_mut()
            .append_pair("id_token_hint", id_token)
            .append_pair("client_id", &self.config.client_id)
            .append_pair("post_logout_redirect_uri", back_to);
        Some(url.into())
    }

    fn attempts(&self) -> std::sync::MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text, a number or a truth that is written so.
fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Number(_) | Value::Bool(_) => format!("{value}") == wanted,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
