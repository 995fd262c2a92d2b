//! Users whom the operator's application knows: a token's subject is one of ours, always the same, and a token for one sign-in is
//! good for one.

use std::sync::Arc;

use super::jwks::{Jwks, JwksError};
use super::keys::{Key, KeySet};
use super::token::{self, Fault, Rules, Token};
use super::{AuthError, DRAWS_MAX, SignedIn, draw_user_id};
use crate::clock;
use crate::config::TokenAuth;
use crate::id::UserId;
use crate::metrics::Metrics;
use crate::signaling::hub::Identity;
use crate::signaling::names::clean_name;
use crate::signaling::person::Person;
use crate::store::{Store, StoreError};

/// What tokens are judged by.
#[derive(Debug)]
pub struct Tokens {
    secrets: KeySet,
    jwks: Option<Jwks>,
    rules: Rules,
}

impl Tokens {
    /// Reads the key set, if there is one.
    ///
    /// # Errors
    /// The file of the key set, or of the authority, cannot be used.
    pub async fn start(config: &TokenAuth, metrics: &Arc<Metrics>) -> Result<Tokens, JwksError> {
        let jwks = match &config.jwks {
            Some(source) => Some(Jwks::start(source.clone(), Arc::clone(metrics)).await?),
            None => None,
        };
        Ok(Tokens {
            secrets: KeySet::of_secrets(&config.keys),
            jwks,
            rules: Rules {
                issuer: config.issuer.clone(),
                audience: config.audience.clone(),
                leeway_s: config.leeway.as_secs(),
            },
        })
    }

    /// What a token says, if it is good.
    pub(super) async fn prove(&self, text: Option<&str>) -> Result<Token, Fault> {
        let unproven = token::read(text.ok_or(Fault::Missing)?)?;
        let key = self.key(&unproven.key_id).await.ok_or(Fault::UnknownKey)?;
        unproven.prove(&key, &self.rules)
    }

    /// A secret of the operator's goes before what a provider publishes under the same id.
    async fn key(&self, id: &str) -> Option<Key> {
        if let Some(key) = self.secrets.find(id) {
            return Some(key.clone());
        }
        let jwks = self.jwks.as_ref()?;
        if let Some(key) = jwks.current().find(id) {
            return Some(key.clone());
        }
        jwks.refreshed().await.find(id).cloned()
    }
}

/// The user whom a token speaks for. One that may be used once is used by this.
pub(super) async fn sign_in(store: &Store, token: Token) -> Result<SignedIn, AuthError> {
    let name = token.name.as_deref().map(clean_name);
    let (user_id, known_as, missed) = user_of(store, &token.subject, name.as_deref().unwrap_or_default()).await?;
    if let Some(once) = &token.once
        && !store.use_token(&once.id, once.until_unix, clock::unix_s()).await?
    {
        return Err(AuthError::BadToken(Fault::Replayed));
    }
    let name = match name {
        Some(name) => {
            if name != known_as {
                store.set_name(user_id, &name).await?;
            }
            name
        }
        None => known_as,
    };
    Ok(SignedIn {
        identity: Identity {
            user_id,
            name,
            grants: token.grants,
            person: Person::default(),
        },
        new_secret: None,
        missed,
        used: token.once.map(|once| once.id),
        device: None,
    })
}

/// Which user a subject is, the name that is kept of them, and how many calls they missed. One who comes for the first time is made.
pub(super) async fn user_of(store: &Store, subject: &str, name: &str) -> Result<(UserId, String, u32), AuthError> {
    let mut draws = 0;
    loop {
        if let Some(found) = store.identity(subject).await? {
            return Ok(found);
        }
        let user_id = draw_user_id()?;
        match store.create_identity(subject, user_id, name, clock::unix_s()).await {
            Ok(()) => return Ok((user_id, name.to_owned(), 0)),
            // Two tabs of somebody who is new, or an id that is taken.
            Err(StoreError::Taken) if draws + 1 < DRAWS_MAX => draws += 1,
            Err(error) => return Err(error.into()),
        }
    }
}
