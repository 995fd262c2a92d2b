//! Users who are nobody but an id and a secret: made on the first visit, and checked at every later one.

use super::{AuthError, DRAWS_MAX, SignedIn, draw_device_id, draw_user_id, note_sign_in, random_secret, secret_hash};
use crate::clock;
use crate::grants::Grants;
use crate::metrics::Metrics;
use crate::signaling::hub::Identity;
use crate::signaling::person::Person;
use crate::signaling::protocol::Credentials;
use crate::store::{NewDevice, Store, StoreError};

/// Who these credentials belong to.
pub(super) async fn check(
    store: &Store,
    metrics: &Metrics,
    credentials: &Credentials,
    agent: &str,
) -> Result<SignedIn, AuthError> {
    let hash = secret_hash(&credentials.secret);
    let row = store.device_with(credentials.user_id, &hash, clock::unix_s()).await?;
    let row = row.ok_or(AuthError::NotSignedIn)?;
    note_sign_in(store, metrics, &row, agent).await;
    Ok(SignedIn {
        identity: Identity {
            user_id: row.user,
            name: row.user_name,
            grants: Grants::ALL,
            person: Person::default(),
        },
        new_secret: None,
        missed: row.missed,
        used: None,
        device: Some(row.device),
    })
}

/// A new user with this name, in the first browser of theirs.
pub(super) async fn make(store: &Store, name: &str, agent: &str) -> Result<SignedIn, AuthError> {
    let secret = random_secret()?;
    let mut draws = 0;
    loop {
        let first = NewDevice {
            device: draw_device_id()?,
            user: draw_user_id()?,
            secret_hash: secret_hash(&secret),
            name: agent.to_owned(),
            until_unix: None,
            id_token: None,
        };
        match store.create_user(name, &first, clock::unix_s()).await {
            Ok(()) => {
                return Ok(SignedIn {
                    identity: Identity {
                        user_id: first.user,
                        name: name.to_owned(),
                        grants: Grants::ALL,
                        person: Person::default(),
                    },
                    new_secret: Some(secret),
                    missed: 0,
                    used: None,
                    device: Some(first.device),
                });
            }
            Err(StoreError::Taken) if draws + 1 < DRAWS_MAX => draws += 1,
            Err(e) => return Err(e.into()),
        }
    }
}
