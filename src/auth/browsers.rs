//! Browsers that a provider signed somebody in with: each has a secret of its own in a cookie, for as long as the operator says.

use aws_lc_rs::constant_time;

use super::identities::user_of;
use super::oidc::Person as Signed;
use super::oidc::fault::Fault;
use super::{AuthError, DRAWS_MAX, SignedIn, draw_device_id, note_sign_in, random_secret, secret_hash};
use crate::clock;
use crate::grants::Grants;
use crate::id::DeviceId;
use crate::metrics::Metrics;
use crate::signaling::hub::Identity;
use crate::signaling::names::clean_name;
use crate::signaling::person::Person;
use crate::store::{DeviceRow, NewDevice, Store, StoreError};

/// What a browser shows to be let in: which one it is, and its secret.
fn proof(device: DeviceId, secret: &str) -> String {
    format!("{device}.{secret}")
}

/// Signs a browser in: what it shows from now on.
pub(super) async fn sign_in(store: &Store, signed: &Signed, device_name: String, lasts_s: i64) -> Result<String, Fault> {
    let failed = |error: AuthError| {
        tracing::warn!(error = &error as &dyn std::error::Error, "nobody was signed in");
        Fault::Failed
    };
    let name = signed.name.as_deref().map(clean_name);
    let (user, known_as, _) = user_of(store, &signed.subject, name.as_deref().unwrap_or_default())
        .await
        .map_err(failed)?;
    let of_store = |error: StoreError| failed(error.into());
    if store
        .listed_user(user)
        .await
        .map_err(of_store)?
        .is_some_and(|user| user.blocked_at_unix.is_some())
    {
        return Err(Fault::Blocked);
    }
    if let Some(name) = name.filter(|name| *name != known_as) {
        store.set_name(user, &name).await.map_err(of_store)?;
    }
    let secret = random_secret().map_err(failed)?;
    let now = clock::unix_s();
    let mut draws = 0;
    loop {
        let device = draw_device_id().map_err(failed)?;
        let new = NewDevice {
            device,
            user,
            secret_hash: secret_hash(&secret),
            name: device_name.clone(),
            until_unix: Some(now.saturating_add(lasts_s)),
            id_token: Some(signed.id_token.clone()),
        };
        match store.add_device(&new, now).await {
            Ok(()) => return Ok(proof(device, &secret)),
            Err(StoreError::Taken) if draws + 1 < DRAWS_MAX => draws += 1,
            Err(error) => return Err(of_store(error)),
        }
    }
}

/// The browser that shows this, if it is signed in.
pub(super) async fn find(store: &Store, shown: Option<&str>) -> Result<Option<DeviceRow>, AuthError> {
    let parts = shown.and_then(|shown| shown.split_once('.'));
    let Some((device, secret)) = parts.and_then(|(device, secret)| Some((device.parse().ok()?, secret))) else {
        return Ok(None);
    };
    let row = store.device(device).await?;
    let hash = secret_hash(secret);
    let kept = row.as_ref().map_or([0; 32], |row| row.secret_hash);
    let same = constant_time::verify_slices_are_equal(&kept, &hash).is_ok();
    let now = clock::unix_s();
    let is_good = |row: &DeviceRow| same && row.until_unix.is_some_and(|until| now < until);
    Ok(row.filter(is_good))
}

/// Who is signed in with the browser that shows this. `named`: the provider says what they are called.
pub(super) async fn check(
    store: &Store,
    metrics: &Metrics,
    shown: Option<&str>,
    agent: &str,
    named: bool,
) -> Result<SignedIn, AuthError> {
    let row = find(store, shown).await?.ok_or(AuthError::SignInNeeded)?;
    note_sign_in(store, metrics, &row, agent).await;
    let rename = !named || row.user_name.is_empty();
    Ok(SignedIn {
        identity: Identity {
            user_id: row.user,
            name: row.user_name,
            grants: Grants { rename, ..Grants::ALL },
            person: Person::default(),
        },
        new_secret: None,
        missed: row.missed,
        used: None,
        device: Some(row.device),
    })
}
