//! Users who are nobody but an id and a secret: made on the first visit, and checked at every later one.

use aws_lc_rs::constant_time;

use super::{AuthError, DRAWS_MAX, SignedIn, draw_user_id, random_secret, secret_hash};
use crate::clock;
use crate::grants::Grants;
use crate::metrics::Metrics;
use crate::signaling::hub::Identity;
use crate::signaling::person::Person;
use crate::signaling::protocol::Credentials;
use crate::store::{Store, StoreError};

/// Who these credentials belong to.
pub(super) async fn check(store: &Store, metrics: &Metrics, credentials: &Credentials) -> Result<SignedIn, AuthError> {
    let hash = secret_hash(&credentials.secret);
    let row = store.user(credentials.user_id).await?;
    // An unknown id is compared too, so that it takes the same time.
    let kept = row.as_ref().map_or([0; 32], |row| row.secret_hash);
    let same = constant_time::verify_slices_are_equal(&kept, &hash).is_ok();
    let Some(row) = row else {
        return Err(AuthError::NotSignedIn);
    };
    // Else it is that of another browser, which came to this user by a code.
    let device = match same {
        true => None,
        false => {
            let found = store.device_with(credentials.user_id, &hash, clock::unix_s()).await?;
            Some(found.ok_or(AuthError::NotSignedIn)?)
        }
    };
    if let Some(device) = device
        && let Err(error) = store.touch_device(device, clock::unix_s()).await
    {
        metrics.store_failures.with_label_values(&["touch"]).inc();
        tracing::warn!(error = &error as &dyn std::error::Error, "sign-in time not kept");
    }
    if let Err(error) = store.touch(credentials.user_id, clock::unix_s()).await {
        // A full disk is no reason to turn someone away.
        metrics.store_failures.with_label_values(&["touch"]).inc();
        tracing::warn!(error = &error as &dyn std::error::Error, "sign-in time not kept");
    }
    Ok(SignedIn {
        identity: Identity {
            user_id: credentials.user_id,
            name: row.name,
            grants: Grants::ALL,
            person: Person::default(),
        },
        new_secret: None,
        missed: row.missed,
        used: None,
        device,
    })
}

/// A new user with this name.
pub(super) async fn make(store: &Store, name: &str) -> Result<SignedIn, AuthError> {
    let secret = random_secret()?;
    let hash = secret_hash(&secret);
    let mut draws = 0;
    loop {
        let user_id = draw_user_id()?;
        match store.create_user(user_id, &hash, name, clock::unix_s()).await {
            Ok(()) => {
                return Ok(SignedIn {
                    identity: Identity {
                        user_id,
                        name: name.to_owned(),
                        grants: Grants::ALL,
                        person: Person::default(),
                    },
                    new_secret: Some(secret),
                    missed: 0,
                    used: None,
                    device: None,
                });
            }
            Err(StoreError::Taken) if draws + 1 < DRAWS_MAX => draws += 1,
            Err(e) => return Err(e.into()),
        }
    }
}
